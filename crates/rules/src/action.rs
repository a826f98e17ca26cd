//! What the actions of a rule do, and what they ask for when a message comes.

mod attribute_value;
mod cloudwatch_metric;
mod dynamo_db;
mod exec;
mod http;
mod kind;
mod lambda;
mod parameter;
mod payload;
mod problem;
mod republish;
mod request;
mod role;
mod sqs;
mod url;

pub use attribute_value::AttributeValue;
pub use kind::ActionKind;
pub use payload::Payload;
pub use problem::ActionProblem;
pub use request::{
    ActionRequest, DynamoDbKey, DynamoDbOperation, InvalidActionRequest, InvalidRepublishQos,
    RepublishProperties, RepublishQos,
};

pub(crate) use parameter::Filling;
pub(crate) use payload::RulePayload;
pub(crate) use problem::start_of;

use cloudwatch_metric::CloudwatchMetricAction;
use dynamo_db::{DynamoDbAction, DynamoDbV2Action};
use exec::ExecAction;
use http::HttpAction;
use kind::{BUILT, NOT_BUILT};
use lambda::LambdaAction;
use parameter::Place;
use problem::PayloadProblem;
use republish::RepublishAction;
use sqs::SqsAction;

use crate::document::{Fields, InvalidTopicRule};
use crate::rule::Rule;
use crate::value::Value;

/// An action of a rule, compiled.
///
/// What stands in the rule was read as what it is for, and the templates are parsed: a message fills in values, each of which
/// is read as a whole afterwards. None is ever a part of SQL, of a command line or of another value.
#[derive(Debug)]
pub struct RuleAction {
    path: Box<str>,
    form: Form,
}

#[derive(Debug)]
enum Form {
    Lambda(LambdaAction),
    Http(HttpAction),
    Republish(Box<RepublishAction>),
    Sqs(SqsAction),
    DynamoDb(Box<DynamoDbAction>),
    DynamoDbV2(DynamoDbV2Action),
    CloudwatchMetric(Box<CloudwatchMetricAction>),
    Exec(ExecAction),
}

impl RuleAction {
    /// Parses an action object, which has one member: the action.
    pub(crate) fn parse(path: String, value: &Value<'_>, rule: &Rule) -> Result<Self, InvalidTopicRule> {
        let object = Fields::of_any(path, value)?;
        let mut names = object.names();
        let (name, another) = (names.next(), names.next());
        let path = object.path();
        if let Some(error) = [name, another].into_iter().flatten().find_map(|name| unknown(path, name)) {
            return Err(error);
        }
        let count =
            |found: String| InvalidTopicRule::ActionCount { path: path.to_owned(), found, built: BUILT };
        let name = match (name, another) {
            (Some(name), None) => name,
            (Some(name), Some(another)) => return Err(count(format!("has {name} and {another}"))),
            (None, _) => return Err(count("has no action".to_owned())),
        };
        let kind = ActionKind::named(name).ok_or_else(|| count(format!("has {}", start_of(name))))?;
        let path = object.path_of(name);
        let fields = Fields::of(path.clone(), object.required(name)?, members(kind))?;
        Ok(Self { path: path.into(), form: Form::parse(kind, &fields, Place { kind, rule })? })
    }

    /// What the action does.
    pub fn kind(&self) -> ActionKind {
        match self.form {
            Form::Lambda(_) => ActionKind::Lambda,
            Form::Http(_) => ActionKind::Http,
            Form::Republish(_) => ActionKind::Republish,
            Form::Sqs(_) => ActionKind::Sqs,
            Form::DynamoDb(_) => ActionKind::DynamoDb,
            Form::DynamoDbV2(_) => ActionKind::DynamoDbV2,
            Form::CloudwatchMetric(_) => ActionKind::CloudwatchMetric,
            Form::Exec(_) => ActionKind::Exec,
        }
    }

    /// Where the action stands in the rule, as `actions[0].lambda`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The URL of the destination of an `http` action, if it is the same for each message: AWS IoT makes a destination of it
    /// when the rule is made.
    pub fn destination_url(&self) -> Option<&str> {
        match &self.form {
            Form::Http(http) => http.destination_url(),
            Form::Lambda(_)
            | Form::Republish(_)
            | Form::Sqs(_)
            | Form::DynamoDb(_)
            | Form::DynamoDbV2(_)
            | Form::CloudwatchMetric(_)
            | Form::Exec(_) => None,
        }
    }

    /// What the action asks for, with the payload.
    pub(crate) fn request(
        &self,
        filling: Filling<'_, '_>,
        payload: &RulePayload,
    ) -> Result<ActionRequest, ActionProblem> {
        let mut request = self.request_without_payload(filling)?;
        set_payload(&mut request, payload, &self.path)?;
        Ok(request)
    }

    /// What the action asks for, without the payload.
    pub(crate) fn request_without_payload(
        &self,
        filling: Filling<'_, '_>,
    ) -> Result<ActionRequest, ActionProblem> {
        match &self.form {
            Form::Lambda(action) => action.request(filling),
            Form::Http(action) => action.request(filling),
            Form::Republish(action) => action.request(filling),
            Form::Sqs(action) => action.request(filling),
            Form::DynamoDb(action) => action.request(filling),
            Form::DynamoDbV2(action) => action.request(filling),
            Form::CloudwatchMetric(action) => action.request(filling),
            Form::Exec(action) => action.request(filling),
        }
    }
}

impl Form {
    fn parse(kind: ActionKind, fields: &Fields<'_>, place: Place<'_>) -> Result<Self, InvalidTopicRule> {
        Ok(match kind {
            ActionKind::Lambda => Self::Lambda(LambdaAction::parse(fields, place)?),
            ActionKind::Http => Self::Http(HttpAction::parse(fields, place)?),
            ActionKind::Republish => Self::Republish(Box::new(RepublishAction::parse(fields, place)?)),
            ActionKind::Sqs => Self::Sqs(SqsAction::parse(fields, place)?),
            ActionKind::DynamoDb => Self::DynamoDb(Box::new(DynamoDbAction::parse(fields, place)?)),
            ActionKind::DynamoDbV2 => Self::DynamoDbV2(DynamoDbV2Action::parse(fields, place)?),
            ActionKind::CloudwatchMetric => {
                Self::CloudwatchMetric(Box::new(CloudwatchMetricAction::parse(fields, place)?))
            }
            ActionKind::Exec => Self::Exec(ExecAction::parse(fields, place)?),
        })
    }
}

/// Puts a payload into a request of the action at `path`.
pub(crate) fn set_payload(
    request: &mut ActionRequest,
    payload: &RulePayload,
    path: &str,
) -> Result<(), ActionProblem> {
    let action = request.action();
    request.set_payload(payload).map_err(|problem| {
        let PayloadProblem { found, right } = problem;
        ActionProblem::Payload { action, member: path.into(), found, right }
    })
}

/// The members that an action can have.
const fn members(kind: ActionKind) -> &'static [&'static str] {
    match kind {
        ActionKind::Lambda => LambdaAction::MEMBERS,
        ActionKind::Http => HttpAction::MEMBERS,
        ActionKind::Republish => RepublishAction::MEMBERS,
        ActionKind::Sqs => SqsAction::MEMBERS,
        ActionKind::DynamoDb => DynamoDbAction::MEMBERS,
        ActionKind::DynamoDbV2 => DynamoDbV2Action::MEMBERS,
        ActionKind::CloudwatchMetric => CloudwatchMetricAction::MEMBERS,
        ActionKind::Exec => ExecAction::MEMBERS,
    }
}

/// Why no action goes by a name, if none does.
fn unknown(path: &str, name: &str) -> Option<InvalidTopicRule> {
    if ActionKind::named(name).is_some() {
        return None;
    }
    let (path, built) = (path.to_owned(), BUILT);
    if NOT_BUILT.contains(&name) {
        return Some(InvalidTopicRule::ActionNotBuilt { path, name: name.to_owned(), built });
    }
    Some(InvalidTopicRule::UnknownAction { path, name: start_of(name), built })
}
