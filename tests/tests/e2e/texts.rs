//! What people read of the command line, as snapshots: a changed snapshot is a changed promise.

use landfall_tests::Landfall;

#[test]
fn the_help_of_every_command_says_what_it_does() {
    for command in
        ["", "demo", "serve", "env", "ca", "ca create", "ca register", "device", "device create", "simulate"]
    {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let name = format!("help_{}", command.replace(' ', "_"));
        insta::assert_snapshot!(name.trim_end_matches('_'), Landfall::run(&arguments).stdout());
    }
}

#[test]
fn every_command_is_in_the_help_and_described() {
    let help = Landfall::run(&["--help"]).stdout();
    let (_, commands) = help.split_once("Commands:\n").expect("a list of commands");
    let (commands, _) = commands.split_once("\n\n").expect("an end of the list");
    // A description goes on in lines that are further to the right.
    for line in commands.lines().filter(|line| !line.starts_with("   ")) {
        assert!(line.split_whitespace().count() > 1, "a command without a description: {line}");
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
