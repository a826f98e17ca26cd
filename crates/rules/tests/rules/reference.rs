//! The cases of `tests/reference`, which says what their lines mean.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use landfall_model::{ClientId, TopicName};
use landfall_rules::{BasicIngest, Message, PayloadKind, Rule, SqlVersion, Template, Variables};

use crate::context::Fixed;

/// What the lines of a section say before its cases.
struct Section {
    name: String,
    payload: Vec<u8>,
    /// The topic, if the section is about one.
    topic: Option<String>,
    context: Fixed,
}

impl Section {
    fn new(name: &str) -> Self {
        Self { name: name.to_owned(), payload: b"{}".to_vec(), topic: None, context: Fixed::new() }
    }

    /// Takes a line that is no case.
    fn set(&mut self, line: &str) -> bool {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match word {
            "payload" => self.payload = rest.as_bytes().to_vec(),
            "base64" => self.payload = STANDARD.decode(rest).unwrap(),
            "topic" => self.topic = Some(rest.to_owned()),
            "client" => self.context.client = Some(ClientId::parse(rest).unwrap()),
            "principal" => self.context.principal = Some(rest.to_owned()),
            "property" => {
                let (name, value) = rest.split_once(' ').unwrap();
                self.context.add_property(name, value);
            }
            _ => return false,
        }
        true
    }

    /// What a case gives, in the words of the files.
    fn outcome(&self, case: &str) -> String {
        if let Some(sql) = case.strip_prefix("refused ") {
            return match Rule::parse(sql, SqlVersion::default()) {
                Ok(_) => "not refused".to_owned(),
                Err(error) => error.to_string(),
            };
        }
        let topic = TopicName::parse(self.topic.as_deref().unwrap_or("topic/subtopic")).unwrap();
        let ingest = BasicIngest::parse(&topic).map(Result::unwrap);
        let message = match &ingest {
            Some(ingest) => Message::of_basic_ingest(ingest, &self.payload),
            None => Message::new(&topic, &self.payload),
        };
        let message = message.unwrap();
        if let Some(text) = case.strip_prefix("template ") {
            let template = Template::parse(text).unwrap();
            return template.evaluate(&message, &self.context, &Variables::default()).unwrap();
        }
        let is_statement = ["SELECT ", "SET "].iter().any(|word| case.to_uppercase().starts_with(word));
        let sql = if is_statement { case.to_owned() } else { format!("SELECT VALUE ({case})") };
        let rule = Rule::parse(&sql, SqlVersion::default()).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let is_for_another = rule.filter().is_some_and(|filter| !filter.matches(&topic));
        if self.topic.is_some() && ingest.is_none() && is_for_another {
            return "not for the topic".to_owned();
        }
        match rule.evaluate(&message, &self.context).unwrap() {
            None => "no match".to_owned(),
            Some(found) if found.payload.is_empty() => "undefined".to_owned(),
            Some(found) if found.kind == PayloadKind::Bytes => {
                format!("base64 {}", STANDARD.encode(found.payload))
            }
            Some(found) => String::from_utf8(found.payload.into_owned()).unwrap(),
        }
    }
}

#[test]
fn every_case_of_the_reference_comes_out_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference");
    let (mut cases, mut faults) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let mut lines = text.lines();
        let page = lines.next().and_then(|line| line.strip_prefix("page ")).unwrap();
        assert!(page.starts_with("https://docs.aws.amazon.com/iot/"), "{page}");
        let mut section = None;
        for line in lines.filter(|line| !line.is_empty()) {
            if let Some(name) = line.strip_prefix("# ") {
                section = Some(Section::new(name));
                continue;
            }
            let section: &mut Section = section.as_mut().expect("a section");
            if !line.contains(" => ") && section.set(line) {
                continue;
            }
            let (case, expected) = line.rsplit_once(" => ").unwrap_or_else(|| panic!("{line}"));
            let outcome = section.outcome(case);
            let is_right =
                if case.starts_with("refused ") { outcome.contains(expected) } else { outcome == expected };
            if !is_right {
                let name = &section.name;
                faults.push(format!("{page}, {name}\n  {case}\n  expected {expected}\n  found    {outcome}"));
            }
            cases += 1;
        }
    }
    assert!(faults.is_empty(), "{} of {cases}:\n{}", faults.len(), faults.join("\n"));
    assert!(cases >= 300, "{cases} cases");
    println!("{cases} cases");
}
