use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;
use landfall_api_server::explanation::{
    ClientIdSource, ExplainRequest, ExplainResponse, ExplainedAction, ExplainedAnswer, Nearest, Statement,
    VariableValue,
};
use landfall_model::CertificateId;
use serde_json::Value;

use crate::client::Client;
use crate::text::printable;

/// What is asked about a registered device.
#[derive(Args)]
#[group(skip)]
#[command(
    next_help_heading = "May a registered device do something?",
    group(clap::ArgGroup::new("action").requires("certificate").conflicts_with_all(["files", "fleet"]))
)]
pub(crate) struct Question {
    /// The id of the device's certificate
    #[arg(long, value_name = "ID", value_parser = parse_id, requires = "action")]
    pub(super) certificate: Option<CertificateId>,
    /// May it connect as this client?
    #[arg(long, value_name = "CLIENT", group = "action", conflicts_with = "client_id")]
    connect: Option<String>,
    /// May it publish on this topic?
    #[arg(long, value_name = "TOPIC", group = "action")]
    publish: Option<String>,
    /// May it subscribe with this topic filter?
    #[arg(long, value_name = "FILTER", group = "action")]
    subscribe: Option<String>,
    /// Does it receive messages of this topic?
    #[arg(long, value_name = "TOPIC", group = "action")]
    receive: Option<String>,
    /// As which client [default: the one that it is connected as, or else the name of its thing]
    #[arg(long, value_name = "CLIENT", requires = "certificate", conflicts_with_all = ["files", "fleet"])]
    client_id: Option<String>,
}

const DENIED: u8 = 1;

/// Asks the server about a certificate, and prints its answer.
pub(super) fn run(
    certificate: CertificateId,
    question: &Question,
    data: &Path,
    json: bool,
) -> Result<ExitCode> {
    let (response, answer) = ask(&Client::find(data)?, certificate, question)?;
    if json {
        println!("{answer:#}");
    } else {
        print!("{}", as_text(&response));
    }
    Ok(match response.decision {
        ExplainedAnswer::Allowed => ExitCode::SUCCESS,
        ExplainedAnswer::ExplicitDeny | ExplainedAnswer::ImplicitDeny | ExplainedAnswer::Refused => {
            ExitCode::from(DENIED)
        }
    })
}

fn parse_id(text: &str) -> Result<CertificateId, String> {
    text.parse().map_err(|problem| format!("{problem}; `aws iot list-certificates` lists them"))
}

/// The server's answer, understood and as it came.
fn ask(client: &Client, certificate: CertificateId, question: &Question) -> Result<(ExplainResponse, Value)> {
    let Question { certificate: _, connect, publish, subscribe, receive, client_id } = question;
    let asked = [
        (ExplainedAction::Connect, connect),
        (ExplainedAction::Publish, publish),
        (ExplainedAction::Subscribe, subscribe),
        (ExplainedAction::Receive, receive),
    ];
    let mut asked = asked.into_iter().filter_map(|(action, resource)| Some((action, resource.clone()?)));
    let (action, resource) = asked.next().context("nothing is asked")?;
    let request = ExplainRequest { action, resource, client_id: client_id.clone() };
    let target = format!("/landfall/v1/certificates/{certificate}/explain");
    let answer = client.call("landfall", "POST", &target, Some(&serde_json::to_value(request)?))?;
    let response = serde_json::from_value(answer.clone()).context("the server's answer is not understood")?;
    Ok((response, answer))
}

fn as_text(response: &ExplainResponse) -> String {
    let mut lines =
        vec![format!("{}: {} on {}", word(response.decision), response.action, response.resource)];
    lines.push(format!("  {}", about(response)));
    if let Some(refusal) = &response.refusal {
        lines.push(format!("  refused, whatever its policies say: {refusal}"));
    }
    for (verb, statements) in [("denied", &response.denied_by), ("allowed", &response.allowed_by)] {
        lines.extend(statements.iter().map(|statement| format!("  {verb} by {}", statement_text(statement))));
    }
    match (&*response.policies, &*response.denied_by, &*response.allowed_by) {
        ([], ..) => lines.push("  no policy is attached".to_owned()),
        (policies, [], []) => lines.push(format!("  no statement allows it; asked: {}", policies.join(", "))),
        _ => {}
    }
    if let Some(Nearest { statement, misses }) = &response.nearest {
        lines.push(format!("  nearest: {}", statement_text(statement)));
        lines.extend(misses.iter().map(|miss| format!("    {}", miss.reason)));
    }
    if response.variables.iter().any(|variable| variable.unknown) {
        lines.push("  with what is unknown below, the answer may be another once it is connected".to_owned());
    }
    if !response.variables.is_empty() {
        lines.push("variables:".to_owned());
    }
    lines.extend(response.variables.iter().map(variable_text));
    let mut text = String::new();
    for line in lines {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}", printable(&line));
    }
    text
}

fn word(decision: ExplainedAnswer) -> &'static str {
    match decision {
        ExplainedAnswer::Allowed => "allowed",
        ExplainedAnswer::ExplicitDeny | ExplainedAnswer::ImplicitDeny | ExplainedAnswer::Refused => "denied",
    }
}

/// Who was asked about, and whether it is there.
fn about(response: &ExplainResponse) -> String {
    let ExplainResponse { certificate_id, client_id, client_id_source, connected, .. } = response;
    let source = match client_id_source {
        ClientIdSource::Given => "",
        ClientIdSource::Connection => ", as which it is connected",
        ClientIdSource::Thing => ", the name of its thing",
    };
    let connection = match (connected, client_id_source) {
        (true, ClientIdSource::Connection) => "",
        (true, ClientIdSource::Given | ClientIdSource::Thing) => "; it is connected now",
        (false, _) => "; it is not connected now",
    };
    format!("certificate {certificate_id} as client {client_id}{source}{connection}")
}

fn statement_text(statement: &Statement) -> String {
    let Statement { policy, statement, sid, line } = statement;
    let sid = sid.as_ref().map(|sid| format!(" ({sid:?})")).unwrap_or_default();
    format!("statement {statement}{sid} of policy {policy}, line {line}")
}

fn variable_text(variable: &VariableValue) -> String {
    let VariableValue { name, values, origin, unknown, kept_out } = variable;
    let value = match &**values {
        [] if *unknown => {
            return format!("  {name} is unknown: it comes from {origin}, and there is none now");
        }
        [] => " has no value".to_owned(),
        [one] => format!(" = {one:?}"),
        many => format!(" = {many:?}"),
    };
    let kept_out = match kept_out {
        true => ", not put in where it would allow: it is empty, too long or has one of * $ + ? #",
        false => "",
    };
    format!("  {name}{value} (from {origin}{kept_out})")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::Duration;

    use clap::Parser;
    use landfall_api_server::THING_TYPE_DELETION_DELAY_DEFAULT;
    use landfall_model::{AccountId, Clock as _, Region, Scope};
    use landfall_pki::{
        CertificateVersion, DeviceRequest, Issuer, KeyKind, KeyPair, Subject, validity_of_days,
    };
    use landfall_registration::{InactiveCaDevices, Registrar};
    use serde_json::json;

    use super::*;
    use crate::app::Config;
    use crate::clock::SystemClock;
    use crate::settings::SettingsSources;

    /// What the device of the tests has.
    const POLICY: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {
      "Sid": "Pumps",
      "Effect": "Allow",
      "Action": "iot:Connect",
      "Resource": "arn:aws:iot:us-east-1:000000000000:client/${iot:Certificate.Subject.CommonName}"
    },
    {
      "Effect": "Allow",
      "Action": ["iot:Publish", "iot:Receive"],
      "Resource": [
        "arn:aws:iot:us-east-1:000000000000:topic/plant/*",
        "arn:aws:iot:us-east-1:000000000000:topic/thing/${iot:Connection.Thing.ThingName}/state"
      ]
    },
    {
      "Sid": "NoSecrets",
      "Effect": "Deny",
      "Action": "iot:Publish",
      "Resource": "arn:aws:iot:us-east-1:000000000000:topic/plant/*/secret"
    },
    {
      "Effect": "Deny",
      "Action": "iot:Connect",
      "Resource": "*",
      "Condition": {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    }
  ]
}"#;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: crate::commands::explain::Arguments,
    }

    fn parse(line: &[&str]) -> Result<Question, clap::Error> {
        Line::try_parse_from([&["explain"], line].concat()).map(|line| line.arguments.question)
    }

    fn asked(client: &Client, question: &Question) -> Result<(ExplainResponse, Value)> {
        ask(client, question.certificate.unwrap(), question)
    }

    fn config(data: PathBuf) -> Config {
        let any_port = ([127, 0, 0, 1], 0).into();
        Config {
            data,
            mqtt_listen: any_port,
            http_listen: any_port,
            hostname: "localhost".to_owned(),
            scope: Scope {
                account: AccountId::parse("000000000000").unwrap(),
                region: Region::parse("us-east-1").unwrap(),
            },
            settings: SettingsSources::defaults(Registrar::Builtin),
            inactive_ca_devices: InactiveCaDevices::Stay,
            policy_reasons: false,
            certificate: None,
            thing_type_deletion_delay: THING_TYPE_DELETION_DELAY_DEFAULT,
            aws_endpoint_url: None,
            no_functions: true,
            insecure_api: false,
        }
    }

    /// Registers a certificate that has the policy. Its id.
    fn register_device(client: &Client) -> String {
        let validity = validity_of_days(SystemClock.now(), 1);
        let key = || KeyPair::generate(KeyKind::P256).unwrap();
        let ca = Issuer::self_signed(&Subject::common_name("root").unwrap(), key(), validity).unwrap();
        let device_key = key();
        let request = DeviceRequest {
            subject: &Subject::common_name("pump-1").unwrap(),
            public_key: device_key.public_key(),
            validity,
            version: CertificateVersion::V3,
        };
        let pem = ca.sign_device(&request).unwrap().to_pem();
        let call = |method: &str, target: &str, body: &Value| {
            client.call("iot", method, target, Some(body)).unwrap()
        };
        let registered =
            call("POST", "/certificate/register-no-ca", &json!({"certificatePem": pem, "status": "ACTIVE"}));
        call("POST", "/policies/pumps", &json!({"policyDocument": POLICY}));
        call("PUT", "/target-policies/pumps", &json!({"target": registered["certificateArn"]}));
        registered["certificateId"].as_str().unwrap().to_owned()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn decisions_are_explained_to_people() {
        let directory = tempfile::tempdir().unwrap();
        let running = config(directory.path().join("data")).build().await.unwrap().spawn().unwrap();
        let info = running.info().clone();
        let asked = tokio::task::spawn_blocking(move || {
            let client = Client::of(&info).unwrap();
            let id = register_device(&client);
            let explain = |line: &[&str]| {
                let arguments = parse(&[&["--certificate", &id], line].concat()).unwrap();
                let (response, answer) = asked(&client, &arguments).unwrap();
                (as_text(&response).replace(&id, "<id>"), answer)
            };
            for (name, line) in [
                ("allowed", &["--connect", "pump-1"][..]),
                ("denied_by_a_statement", &["--publish", "plant/7/secret", "--client-id", "pump-1"]),
                ("denied_by_absence", &["--subscribe", "plant/#", "--client-id", "pump-1"]),
                ("denied_by_a_variable_without_value", &["--receive", "thing/x/state", "--client-id", "x"]),
            ] {
                insta::assert_snapshot!(name, explain(line).0);
            }
            let (_, mut answer) = explain(&["--publish", "thing/x/state", "--client-id", "x"]);
            answer["certificateId"] = json!("<id>");
            insta::assert_json_snapshot!("as_json", answer);
            let target = format!("/certificates/{id}?newStatus=REVOKED");
            client.call("iot", "PUT", &target, None).unwrap();
            insta::assert_snapshot!("refused", explain(&["--connect", "pump-1"]).0);
            let unknown = parse(&["--certificate", &"0".repeat(64), "--connect", "pump-1"]).unwrap();
            let error = asked(&client, &unknown).unwrap_err().to_string();
            assert!(error.starts_with("ResourceNotFoundException"), "{error}");
        });
        asked.await.unwrap();
        running.drain(Duration::from_secs(10)).await;
    }

    #[test]
    fn one_thing_is_asked_of_one_certificate() {
        let id = "0".repeat(64);
        for (line, is_right) in [
            (&["--certificate", &*id, "--connect", "a"][..], true),
            (&["--certificate", &*id, "--publish", "a", "--client-id", "b"], true),
            (&["--certificate", &*id], false),
            (&["--connect", "a"], false),
            (&["--certificate", "x", "--connect", "a"], false),
            (&["--certificate", &*id, "--connect", "a", "--publish", "b"], false),
            (&["--certificate", &*id, "--connect", "a", "--client-id", "b"], false),
        ] {
            assert_eq!(parse(line).is_ok(), is_right, "{line:?}");
        }
    }
}
