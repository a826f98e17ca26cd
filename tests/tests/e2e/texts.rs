//! What people read of the command line, as snapshots: a changed snapshot is a changed promise.

use landfall_tests::Landfall;

/// The commands that a help lists, each with the line of its description.
fn commands(help: &str) -> Vec<(&str, &str)> {
    let Some((_, commands)) = help.split_once("Commands:\n") else { return Vec::new() };
    let (commands, _) = commands.split_once("\n\n").expect("an end of the list");
    // A description goes on in lines that are further to the right.
    let lines = commands.lines().filter(|line| !line.starts_with("   "));
    let commands = lines.map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), "")));
    commands.filter(|(name, _)| *name != "help").collect()
}

#[test]
fn the_help_of_every_command_says_what_it_does() {
    let mut open = vec![String::new()];
    while let Some(command) = open.pop() {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = Landfall::run(&arguments).stdout();
        for (name, description) in commands(&help) {
            assert!(!description.is_empty(), "a command without a description:{command} {name}");
            open.push(format!("{command} {name}"));
        }
        insta::assert_snapshot!(format!("help{}", command.replace(' ', "_")), help);
    }
}

#[test]
fn env_prints_what_to_export() {
    let server = Landfall::start_with(&["--region", "eu-central-1"]);
    let data = server.data().to_string_lossy().into_owned();
    let mut printed = Landfall::run(&["env", "--data", &data]).stdout();
    let environment = server.environment();
    let value = |name: &str| &environment.iter().find(|(known, _)| known == name).expect("an export").1;
    let (key, secret) = (value("AWS_ACCESS_KEY_ID"), value("AWS_SECRET_ACCESS_KEY"));
    assert!(key.len() == 20 && secret.len() >= 40, "the lengths of AWS's own: {key}, {secret}");
    for (found, shown) in
        [(key.as_str(), "<key id>"), (secret, "<secret>"), (&server.http().to_string(), "<address>")]
    {
        printed = printed.replace(found, shown);
    }
    insta::assert_snapshot!(printed);
}
