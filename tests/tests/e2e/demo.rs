//! `landfall demo`: the main job with one command.

use landfall_tests::{DEADLINE, Landfall, Process, Signal, run};

#[test]
fn the_demo_registers_fifty_of_fifty_and_exits_by_its_outcome() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut demo = Landfall::command(&["demo", "--exit"]);
    let ran = run(demo.current_dir(directory.path()).env_remove("LANDFALL_LOG"), "", DEADLINE);
    assert!(ran.success(), "{ran}");
    assert_eq!(ran.stdout.trim_end().lines().last(), Some("50 of 50 registered"), "{ran}");
    assert!(ran.stdout.contains("thing-"), "a few of the things are shown: {ran}");
    assert!(ran.stdout.contains("50 devices, 10 of them Greengrass cores,"), "{ran}");
    let groups = "Each Greengrass core has a group of its own, ready to deploy: 10 groups,";
    let (_, group) = ran.stdout.split_once(groups).expect("the groups of the cores");
    let lines: Vec<_> = group.lines().skip(1).take(3).collect();
    let (name, _) = lines[0].trim().split_once("-group  id ").expect("a group with its id");
    assert_eq!(lines[1].trim(), format!("core thing-{name}"), "{ran}");
    let loggers = "GreengrassSystem to FileSystem";
    assert!(lines[2].trim().starts_with("logs ") && lines[2].contains(loggers), "{ran}");
    let left: Vec<_> = std::fs::read_dir(directory.path()).expect("a directory").collect();
    assert!(left.is_empty(), "nothing is left where it was started: {left:?}");
}

#[test]
fn the_demo_leaves_its_server_running_until_it_is_stopped() {
    let mut demo = Process::start(&mut Landfall::command(&["demo", "--number", "5"]), "");
    let data = demo.wait_for_line("where to look", |line| {
        let (_, data) = line.split_once(" env --data ")?;
        Some(data.trim_end_matches(")\"").to_owned())
    });
    demo.wait_for_line("the outcome", |line| (line == "5 of 5 registered").then_some(()));
    let exports = Landfall::run(&["env", "--data", &data]).stdout();
    assert!(exports.contains("export AWS_ENDPOINT_URL=http://127.0.0.1:"), "{exports}");
    demo.signal(Signal::INT);
    assert!(demo.wait(DEADLINE).expect("Ctrl-C ends it").success());
}
