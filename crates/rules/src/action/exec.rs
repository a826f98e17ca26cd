use super::kind::ActionKind;
use super::parameter::{Filling, Parameter, Place};
use super::payload::Payload;
use super::problem::{ActionProblem, Wrong, start_of};
use super::request::ActionRequest;
use crate::document::{Fields, InvalidTopicRule};
use crate::limits::{EXEC_ARGUMENT_BYTES_MAX, EXEC_ARGUMENTS_MAX};
use crate::number::Number;
use crate::value::Value;

/// `exec`: runs a program of the machine. Landfall's own.
#[derive(Debug)]
pub(super) struct ExecAction {
    /// The program is the rule's alone.
    program: Box<str>,
    arguments: Vec<Argument>,
}

#[derive(Debug)]
struct Argument {
    text: Parameter<String>,
    /// Whether the rule itself begins the argument with a hyphen.
    is_option: bool,
    /// The path of the argument in the rule.
    path: Box<str>,
}

impl ExecAction {
    pub(super) const MEMBERS: &[&str] = &["command"];

    pub(super) fn parse(fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        let items = fields.required_array("command", EXEC_ARGUMENTS_MAX + 1)?;
        let [program, arguments @ ..] = items else {
            return Err(InvalidTopicRule::Missing { path: fields.path_of("command[0]") });
        };
        let name = "command[0]";
        let Value::Text(program) = program else {
            return Err(fields.wrong_type(name, program, "a string"));
        };
        if program.contains("${") {
            return Err(InvalidTopicRule::NoTemplate { path: fields.path_of(name) });
        }
        if program.is_empty() || program.contains('\0') {
            return Err(fields.wrong(name, program, "the path of a program"));
        }
        let parse = |(at, argument): (usize, &Value<'_>)| {
            let name = format!("command[{at}]");
            let Value::Text(text) = argument else {
                return Err(fields.wrong_type(&name, argument, "a string"));
            };
            let path = fields.path_of(&name);
            let parameter = Parameter::of_text(text, path.clone(), place, read_argument)?;
            Ok(Argument { text: parameter, is_option: text.starts_with('-'), path: path.into() })
        };
        let arguments = (1..).zip(arguments).map(parse).collect::<Result<_, _>>()?;
        Ok(Self { program: program.as_ref().into(), arguments })
    }

    pub(super) fn request(&self, filling: Filling<'_, '_>) -> Result<ActionRequest, ActionProblem> {
        let arguments = self.arguments.iter().map(|argument| argument.fill(filling));
        Ok(ActionRequest::Exec {
            program: self.program.to_string(),
            arguments: arguments.collect::<Result<_, _>>()?,
            payload: Payload::default(),
        })
    }
}

impl Argument {
    /// A message makes no option of an argument: whatever it sends, programs read it as what the rule says.
    fn fill(&self, filling: Filling<'_, '_>) -> Result<String, ActionProblem> {
        let text = self.text.fill(filling)?;
        if text.starts_with('-') && !self.is_option && Number::from_text(&text).is_none() {
            return Err(ActionProblem::Value {
                action: ActionKind::Exec,
                member: self.path.clone(),
                found: start_of(&text),
                right: "text that does not begin with a hyphen, or a number; an option is written in the rule, as --name=${…}".into(),
            });
        }
        Ok(text)
    }
}

fn read_argument(text: &str) -> Result<String, Wrong> {
    if text.len() > EXEC_ARGUMENT_BYTES_MAX {
        return Err(format!("at most {EXEC_ARGUMENT_BYTES_MAX} bytes").into());
    }
    if text.contains('\0') {
        return Err("text without null characters".into());
    }
    Ok(text.to_owned())
}
