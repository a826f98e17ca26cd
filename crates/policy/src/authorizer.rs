use std::fmt;
use std::sync::Arc;

use landfall_model::{AttachedThing, ClientId, ThingName, TopicFilter, TopicName};

use crate::action::PolicyAction;
use crate::document::{Effect, PolicyDocument, Statement};
use crate::variable::Variable;

/// What one connection may do.
#[derive(Clone, Debug)]
pub struct Authorizer {
    context: ConnectionContext,
    documents: Vec<Arc<PolicyDocument>>,
}

/// What the variables and conditions of a document stand for in one connection.
#[derive(Clone, Debug)]
pub struct ConnectionContext {
    /// What every ARN of this server begins with, as `arn:aws:iot:us-east-1:000000000000:`.
    pub arn_prefix: Arc<str>,
    /// The client id of the connection.
    pub client_id: ClientId,
    /// The things attached to the certificate. The connection is that of a thing only if the client id is its name.
    pub things: Vec<AttachedThing>,
    /// The common name of the certificate's subject.
    pub common_name: Option<Box<str>>,
}

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resource<'a> {
    /// A client id: `client/…`.
    Client(&'a ClientId),
    /// A thing: `thing/…`.
    Thing(&'a ThingName),
    /// A topic: `topic/…`.
    Topic(&'a TopicName),
    /// A topic filter: `topicfilter/…`.
    TopicFilter(&'a TopicFilter),
}

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// A statement allows it and none denies it.
    Allow,
    /// It may not be done.
    Deny(Denial),
}

/// Why something may not be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// A statement with the effect Deny matches.
    Explicit,
    /// No statement matches.
    NoStatement,
}

impl Authorizer {
    /// Joins the documents of a connection with what their variables stand for.
    pub fn new(context: ConnectionContext, documents: Vec<Arc<PolicyDocument>>) -> Self {
        Self { context, documents }
    }

    /// Whether the connection may do this: a denial wins over what allows, and what nothing allows is denied.
    pub fn decide(&self, action: PolicyAction, resource: Resource<'_>) -> Decision {
        let arn = format!("{}{resource}", self.context.arn_prefix);
        let mut decision = Decision::Deny(Denial::NoStatement);
        for statement in self.documents.iter().flat_map(|document| &document.statements) {
            if statement.actions.contains(action) && self.applies(statement, &arn) {
                match statement.effect {
                    Effect::Allow => decision = Decision::Allow,
                    Effect::Deny => return Decision::Deny(Denial::Explicit),
                }
            }
        }
        decision
    }

    fn applies(&self, statement: &Statement, arn: &str) -> bool {
        statement.is_attached.is_none_or(|expected| self.context.thing().is_some() == expected)
            && statement.resources.iter().any(|pattern| pattern.matches(arn, |variable| self.value(variable)))
    }

    fn value(&self, variable: Variable) -> Option<&str> {
        match variable {
            Variable::ClientId => Some(self.context.client_id.as_str()),
            Variable::SubjectCommonName => self.context.common_name.as_deref(),
            Variable::ThingName => Some(self.context.thing()?.name.as_str()),
            Variable::ThingTypeName => Some(self.context.thing()?.thing_type.as_ref()?.as_str()),
        }
    }
}

impl ConnectionContext {
    /// The thing that the connection is of.
    fn thing(&self) -> Option<&AttachedThing> {
        self.things.iter().find(|thing| thing.name.as_str() == self.client_id.as_str())
    }
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client(id) => write!(f, "client/{id}"),
            Self::Thing(name) => write!(f, "thing/{name}"),
            Self::Topic(name) => write!(f, "topic/{name}"),
            Self::TopicFilter(filter) => write!(f, "topicfilter/{filter}"),
        }
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Explicit => "a statement denies it",
            Self::NoStatement => "no statement allows it",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: &str = r#"{"Version":"2012-10-17","Statement":[
        {"Effect":"Allow","Action":"iot:Connect","Resource":"arn:aws:iot:us-east-1:000000000000:client/${iot:Connection.Thing.ThingName}",
         "Condition":{"Bool":{"iot:Connection.Thing.IsAttached":["true"]}}},
        {"Effect":"Allow","Action":["iot:Publish","iot:Receive"],"Resource":"arn:aws:iot:us-east-1:000000000000:topic/device/${iot:Connection.Thing.ThingName}/*"},
        {"Effect":"Deny","Action":"iot:Publish","Resource":"arn:aws:iot:us-east-1:000000000000:topic/*/secret"}]}"#;

    fn authorizer(client_id: &str, things: &[&str]) -> Authorizer {
        let thing = |name: &&str| AttachedThing { name: ThingName::parse(name).unwrap(), thing_type: None };
        let context = ConnectionContext {
            arn_prefix: "arn:aws:iot:us-east-1:000000000000:".into(),
            client_id: ClientId::parse(client_id).unwrap(),
            things: things.iter().map(thing).collect(),
            common_name: None,
        };
        Authorizer::new(context, vec![Arc::new(PolicyDocument::parse(DEVICE).unwrap())])
    }

    #[test]
    fn a_client_connects_by_the_name_of_its_thing_only() {
        for (client_id, things, expected) in [
            ("thing-1", vec!["thing-1"], Decision::Allow),
            ("thing-2", vec!["thing-1"], Decision::Deny(Denial::NoStatement)),
            ("thing-1", vec![], Decision::Deny(Denial::NoStatement)),
            ("thing-2", vec!["thing-1", "thing-2"], Decision::Allow),
        ] {
            let client = ClientId::parse(client_id).unwrap();
            let decision =
                authorizer(client_id, &things).decide(PolicyAction::Connect, Resource::Client(&client));
            assert_eq!(decision, expected, "{client_id} {things:?}");
        }
    }

    #[test]
    fn a_denial_wins_and_what_nothing_allows_is_denied() {
        let authorizer = authorizer("thing-1", &["thing-1"]);
        for (action, topic, expected) in [
            (PolicyAction::Publish, "device/thing-1/data", Decision::Allow),
            (PolicyAction::Publish, "device/thing-1/secret", Decision::Deny(Denial::Explicit)),
            (PolicyAction::Receive, "device/thing-1/secret", Decision::Allow),
            (PolicyAction::Publish, "device/thing-2/data", Decision::Deny(Denial::NoStatement)),
            (PolicyAction::Subscribe, "device/thing-1/data", Decision::Deny(Denial::NoStatement)),
        ] {
            let topic = TopicName::parse(topic).unwrap();
            assert_eq!(authorizer.decide(action, Resource::Topic(&topic)), expected, "{action:?} {topic}");
        }
    }
}
