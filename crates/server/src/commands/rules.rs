mod create;

use std::fs::File;
use std::io::{self, Read as _, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use comfy_table::{Table, presets};
use landfall_model::{AccountId, ClientId, Clock as _, TopicName, UnixTime};
use landfall_rules::{
    BasicIngest, Context, Message, MqttProperties, PAYLOAD_BYTES_MAX, PayloadKind, Rule, RuleMatch,
    SqlParseError, SqlVersion, Template, function_table, functions,
};
use serde_json::json;
use uuid::Uuid;

use self::create::Create;
use crate::clock::SystemClock;
use crate::text::printable;

/// Create topic rules, and try their SQL without a server
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
    Test(Box<Test>),
    Functions(Functions),
}

/// Evaluate a rule's SQL for a message, and print what the rule's actions would be given
///
/// No server is needed. The exit code is 0 when the rule gives something, 1 when it does not match, and 2 when the SQL or
/// the message is at fault.
#[derive(Args)]
struct Test {
    /// The statement of the rule
    #[arg(long)]
    sql: String,
    /// The topic that the message is published to; $aws/rules/RULE/TOPIC invokes the rule whatever its FROM says
    #[arg(long)]
    topic: String,
    /// The payload of the message
    #[arg(long, default_value = "{}")]
    payload: String,
    /// The payload is written in base64
    #[arg(long)]
    base64: bool,
    /// The file with the payload, instead of --payload; - is the standard input
    #[arg(long, value_name = "FILE", conflicts_with = "payload")]
    payload_file: Option<PathBuf>,
    /// The MQTT client that sends the message [default: none, as if it came by HTTP]
    #[arg(long, value_name = "ID", value_parser = ClientId::parse)]
    client_id: Option<ClientId>,
    /// Who sends the message: for a device the id of its certificate
    #[arg(long, value_name = "TEXT")]
    principal: Option<String>,
    /// Where the message comes from
    #[arg(long, value_name = "ADDRESS")]
    source_ip: Option<IpAddr>,
    /// A user property of the message, of MQTT 5; can be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = user_property)]
    user_property: Vec<(String, String)>,
    /// The account that the rule belongs to
    #[arg(long, value_name = "ID", default_value = "000000000000", value_parser = AccountId::parse)]
    account_id: AccountId,
    /// The version of the SQL
    #[arg(long, value_name = "VERSION", default_value_t = SqlVersion::default())]
    sql_version: SqlVersion,
    /// A parameter of an action, as 'rooms/${topic(2)}', to fill in too; can be given several times
    #[arg(long, value_name = "TEXT")]
    template: Vec<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// List every function of AWS IoT SQL, and whether it is built; a rule with one that is not is refused
#[derive(Args)]
struct Functions {
    /// Print Markdown, as docs/rules.md has it
    #[arg(long)]
    markdown: bool,
}

/// What the command came to when the SQL or the message is at fault.
pub(crate) const FAULT: u8 = 2;

/// What the command came to when the rule does not match.
const NO_MATCH: u8 = 1;

/// How many bytes of a file are read: more than the longest payload has in base64.
const FILE_BYTES_MAX: u64 = 2 * PAYLOAD_BYTES_MAX as u64;

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut out = io::stdout().lock();
    let written = match &arguments.command {
        Command::Create(create) => create.run(&mut out),
        Command::Test(test) => test.run(&mut out, &mut io::stderr().lock()),
        Command::Functions(Functions { markdown: true }) => print(&mut out, &function_table()),
        Command::Functions(Functions { markdown: false }) => print(&mut out, &as_text()),
    };
    match written {
        // Whoever reads has read enough, as `head` does.
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(is_broken_pipe) => Ok(ExitCode::SUCCESS),
        other => other.map(ExitCode::from),
    }
}

fn is_broken_pipe(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

fn print(out: &mut impl Write, text: &str) -> Result<u8> {
    out.write_all(text.as_bytes())?;
    Ok(0)
}

fn as_text() -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["function", "about", "built"]);
    for function in functions() {
        let call = format!("{}({})", function.name(), function.parameters());
        let built = function.not_built().map_or("yes".to_owned(), |reason| format!("no: {reason}"));
        table.add_row([call.as_str(), function.group().name(), &built]);
    }
    format!("{table}\n")
}

fn user_property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it is written NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// Reads a payload, and little more than one can have.
fn read(file: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        io::stdin().take(FILE_BYTES_MAX).read_to_end(&mut bytes).context("cannot read the standard input")?;
    } else {
        let read = File::open(file).and_then(|opened| opened.take(FILE_BYTES_MAX).read_to_end(&mut bytes));
        read.with_context(|| format!("cannot read {}", file.display()))?;
    }
    Ok(bytes)
}

/// What became of a message.
enum Outcome<'m> {
    Match { found: RuleMatch<'m>, templates: Vec<String> },
    NoMatch { reason: String },
}

impl Test {
    fn run(&self, out: &mut impl Write, notes: &mut impl Write) -> Result<u8> {
        let rule = match Rule::parse(&self.sql, self.sql_version) {
            Ok(rule) => rule,
            Err(error) => return self.tell_fault(&error, &self.sql, out, notes),
        };
        let mut templates = Vec::new();
        for text in &self.template {
            match Template::parse_for(text, &rule) {
                Ok(template) => templates.push(template),
                Err(error) => return self.tell_fault(&error, text, out, notes),
            }
        }
        let topic = TopicName::parse(&self.topic).context("--topic is no topic name")?;
        let payload = self.payload_bytes()?;
        let ingest = BasicIngest::parse(&topic).transpose().context("--topic names no rule")?;
        let message = match &ingest {
            Some(ingest) => Message::of_basic_ingest(ingest, &payload)?,
            None => Message::new(&topic, &payload)?,
        };
        let outcome = if ingest.is_some() || rule.filter().is_some_and(|filter| filter.matches(&topic)) {
            self.evaluate(&rule, &templates, &message)?
        } else {
            Outcome::NoMatch {
                reason: match rule.filter() {
                    Some(filter) => format!("FROM '{filter}' is not for the topic {topic}"),
                    None => "without FROM, only topics of Basic Ingest invoke the rule".to_owned(),
                },
            }
        };
        let mut remarks: Vec<String> = rule.warnings().iter().map(ToString::to_string).collect();
        remarks.extend(
            message.opaque_payload().map(|reason| format!("the payload is taken as bytes: {reason}")),
        );
        if self.json {
            return tell_json(&outcome, &remarks, out);
        }
        for remark in &remarks {
            writeln!(notes, "note: {}", printable(remark))?;
        }
        tell(&outcome, out, notes)
    }

    fn payload_bytes(&self) -> Result<Vec<u8>> {
        let written = match &self.payload_file {
            Some(file) => read(file)?,
            None => self.payload.as_bytes().to_vec(),
        };
        if !self.base64 {
            return Ok(written);
        }
        STANDARD.decode(written.trim_ascii()).context("the payload is not base64")
    }

    fn evaluate<'m>(
        &self,
        rule: &Rule,
        templates: &[Template],
        message: &'m Message<'_>,
    ) -> Result<Outcome<'m>> {
        let world = World::of(self);
        let Some(found) =
            rule.evaluate(message, &world).context("the rule fails, and its error action is told")?
        else {
            return Ok(Outcome::NoMatch { reason: "WHERE is not true".to_owned() });
        };
        let fill_in = |template: &Template| template.evaluate(message, &world, &found.variables);
        let templates = templates.iter().map(fill_in).collect::<Result<_, _>>();
        let templates = templates.context("a template fails, and the rule's error action is told")?;
        Ok(Outcome::Match { found, templates })
    }

    /// Tells what is wrong with a statement or a template.
    fn tell_fault(
        &self,
        error: &SqlParseError,
        text: &str,
        out: &mut impl Write,
        notes: &mut impl Write,
    ) -> Result<u8> {
        if self.json {
            let position = json!({
                "line": error.position.line, "column": error.position.column, "byte": error.position.byte,
            });
            let problem = error.problem.to_string();
            let fault = json!({"type": "SqlParseException", "position": position, "message": problem});
            writeln!(out, "{:#}", json!({"error": fault}))?;
        } else {
            writeln!(notes, "SqlParseException: {error}\n\n{}", error.caret(text))?;
        }
        Ok(FAULT)
    }
}

fn tell(outcome: &Outcome<'_>, out: &mut impl Write, notes: &mut impl Write) -> Result<u8> {
    match outcome {
        Outcome::Match { found, templates } => {
            out.write_all(&found.payload)?;
            match found.kind {
                PayloadKind::Json => writeln!(out)?,
                // Bytes are written as they are.
                PayloadKind::Bytes => {}
            }
            for template in templates {
                writeln!(out, "{}", printable(template))?;
            }
            Ok(0)
        }
        Outcome::NoMatch { reason } => {
            writeln!(notes, "no match: {reason}")?;
            Ok(NO_MATCH)
        }
    }
}

/// Payloads are texts here, as a program's JSON reader could change their numbers.
fn tell_json(outcome: &Outcome<'_>, remarks: &[String], out: &mut impl Write) -> Result<u8> {
    let (told, code) = match outcome {
        Outcome::Match { found, templates } => {
            let mut told = json!({"matches": true, "templates": templates, "notes": remarks});
            match std::str::from_utf8(&found.payload) {
                Ok(text) => told["payload"] = text.into(),
                Err(_) => told["payloadBase64"] = STANDARD.encode(&found.payload).into(),
            }
            (told, 0)
        }
        Outcome::NoMatch { reason } => {
            (json!({"matches": false, "reason": reason, "notes": remarks}), NO_MATCH)
        }
    };
    writeln!(out, "{told:#}")?;
    Ok(code)
}

/// What the statement asks besides the message.
struct World<'t> {
    test: &'t Test,
    trace_id: Uuid,
    properties: Option<MqttProperties>,
}

impl<'t> World<'t> {
    fn of(test: &'t Test) -> Self {
        let user_properties = test.user_property.clone();
        let properties = (!user_properties.is_empty())
            .then(|| MqttProperties { user_properties, ..MqttProperties::default() });
        Self { test, trace_id: Uuid::new_v4(), properties }
    }
}

impl Context for World<'_> {
    fn now(&self) -> UnixTime {
        SystemClock.now()
    }

    fn random(&self) -> [u8; 16] {
        Uuid::new_v4().into_bytes()
    }

    fn account_id(&self) -> &AccountId {
        &self.test.account_id
    }

    fn client_id(&self) -> Option<&ClientId> {
        self.test.client_id.as_ref()
    }

    fn principal(&self) -> Option<String> {
        self.test.principal.clone()
    }

    fn trace_id(&self) -> Option<String> {
        // Only a message of MQTT has one.
        self.test.client_id.as_ref().map(|_| self.trace_id.to_string())
    }

    fn source_ip(&self) -> Option<IpAddr> {
        self.test.source_ip
    }

    fn mqtt_properties(&self) -> Option<&MqttProperties> {
        self.properties.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        arguments: Arguments,
    }

    /// What a test prints, and its code.
    fn tested(arguments: &[&str]) -> (String, String, u8) {
        let cli = Cli::try_parse_from(["rules", "test"].iter().chain(arguments)).unwrap();
        let Command::Test(test) = cli.arguments.command else { panic!("no test") };
        let (mut out, mut notes) = (Vec::new(), Vec::new());
        let code = test.run(&mut out, &mut notes).unwrap();
        (String::from_utf8(out).unwrap(), String::from_utf8(notes).unwrap(), code)
    }

    #[test]
    fn a_rule_gives_a_payload_or_says_why_it_does_not_match() {
        let sql = "SELECT a, clientid() AS c FROM 't/+' WHERE a > 1";
        for (arguments, out, notes, code) in [
            (&["--topic", "t/1", "--payload", "{\"a\":2.50}"][..], "{\"a\":2.50,\"c\":\"n/a\"}\n", "", 0),
            (
                &["--topic", "t/1", "--payload", "eyJhIjoyfQ==", "--base64", "--client-id", "c1"],
                "{\"a\":2,\"c\":\"c1\"}\n",
                "",
                0,
            ),
            (&["--topic", "$aws/rules/r/x", "--payload", "{\"a\":2}"], "{\"a\":2,\"c\":\"n/a\"}\n", "", 0),
            (&["--topic", "t/1"], "", "no match: WHERE is not true\n", 1),
            (&["--topic", "u/1"], "", "no match: FROM 't/+' is not for the topic u/1\n", 1),
            (
                &["--topic", "t/1", "--payload", "x"],
                "",
                "note: the payload is taken as bytes: it is not JSON: byte 0 is not JSON: it must be a value\n\
                 no match: WHERE is not true\n",
                1,
            ),
            (
                &["--topic", "t/1", "--payload", "{\"a\":2}", "--template", "x/${topic(2)}/${a}"],
                "{\"a\":2,\"c\":\"n/a\"}\nx/1/2\n",
                "",
                0,
            ),
        ] {
            let arguments = [&["--sql", sql], arguments].concat();
            assert_eq!(tested(&arguments), (out.to_owned(), notes.to_owned(), code), "{arguments:?}");
        }
    }

    #[test]
    fn a_payload_can_be_in_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("payload");
        let path = file.to_str().unwrap();
        let arguments = ["--sql", "SELECT a FROM 't'", "--topic", "t", "--payload-file", path];
        std::fs::write(&file, "{\"a\":1}").unwrap();
        assert_eq!(tested(&arguments).0, "{\"a\":1}\n");
        std::fs::write(&file, "eyJhIjoyfQ==\n").unwrap();
        assert_eq!(tested(&[&arguments[..], &["--base64"]].concat()).0, "{\"a\":2}\n");
        std::fs::write(&file, " ".repeat(1_000_000)).unwrap();
        let cli = Cli::try_parse_from(["rules", "test"].iter().chain(&arguments)).unwrap();
        let Command::Test(test) = cli.arguments.command else { panic!("no test") };
        let error = test.run(&mut Vec::new(), &mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "the payload has 262144 bytes; at most 131072 are allowed");
    }

    #[test]
    fn a_fault_is_drawn_with_a_caret() {
        let drawn = "SqlParseException: line 1, column 8: there is no function tpic; topic is one\n\n\
                     SELECT tpic(1) FROM 'a'\n       ^\n";
        let (out, notes, code) = tested(&["--sql", "SELECT tpic(1) FROM 'a'", "--topic", "a"]);
        assert_eq!((out.as_str(), notes.as_str(), code), ("", drawn, FAULT));
        let (_, notes, code) = tested(&["--sql", "SELECT *", "--topic", "a", "--template", "${"]);
        assert!(notes.ends_with("${\n  ^\n"), "{notes}");
        assert_eq!(code, FAULT);
    }

    #[test]
    fn programs_are_told_all_of_it() {
        for (arguments, expected) in [
            (
                &["--sql", "SELECT a, abs() FROM 'a'", "--payload", "{\"a\":1.0}", "--template", "${a}"][..],
                json!({
                    "matches": true, "payload": "{\"a\":1.0}", "templates": ["1"],
                    "notes": ["line 1, column 11: abs(number) is called with 0 arguments; with a wrong number it is always Undefined"],
                }),
            ),
            (
                &["--sql", "SELECT * FROM 'a'", "--payload", "/w==", "--base64"],
                json!({
                    "matches": true, "payloadBase64": "/w==", "templates": [],
                    "notes": ["the payload is taken as bytes: it is not JSON: byte 0 is not UTF-8"],
                }),
            ),
            (
                &["--sql", "SELECT * FROM 'b'"],
                json!({"matches": false, "reason": "FROM 'b' is not for the topic a", "notes": []}),
            ),
            (
                &["--sql", "SELECT"],
                json!({"error": {
                    "type": "SqlParseException",
                    "position": {"line": 1, "column": 7, "byte": 6},
                    "message": "found the end, expected a value: a name, a string, a number, a function, `(`, `[`, `{`, CASE or EXISTS",
                }}),
            ),
        ] {
            let (out, notes, _) = tested(&[arguments, &["--topic", "a", "--json"]].concat());
            assert_eq!(serde_json::from_str::<serde_json::Value>(&out).unwrap(), expected);
            assert_eq!(notes, "");
        }
    }

    #[test]
    fn every_function_is_listed() {
        let text = as_text();
        assert_eq!(text.lines().count(), functions().count() + 1);
        assert!(text.contains("get_thing_shadow(thingName[, shadowName], roleArn)"), "{text}");
    }
}
