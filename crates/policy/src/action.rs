use std::fmt;

use serde::{Serialize, Serializer};

use crate::malformed::Position;
use crate::pattern::wildcards_match;
use crate::resource::ResourceKind;

/// What a device can be allowed to do.
///
/// The list is that of the developer guide, `iot-policy-actions.html`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PolicyAction {
    /// Take a role's credentials.
    AssumeRoleWithCertificate,
    /// Connect with a client id.
    Connect,
    /// Delete a shadow.
    DeleteThingShadow,
    /// Read one job execution.
    DescribeJobExecution,
    /// List the job executions that are not done.
    GetPendingJobExecutions,
    /// Read a retained message.
    GetRetainedMessage,
    /// Read a shadow.
    GetThingShadow,
    /// List a thing's named shadows.
    ListNamedShadowsForThing,
    /// List the retained messages.
    ListRetainedMessages,
    /// Publish on a topic.
    Publish,
    /// Have a message of a topic delivered.
    Receive,
    /// Publish a message that is kept for later subscribers.
    RetainPublish,
    /// Start the next job execution.
    StartNextPendingJobExecution,
    /// Subscribe with a topic filter.
    Subscribe,
    /// Change a job execution.
    UpdateJobExecution,
    /// Change a shadow.
    UpdateThingShadow,
}

/// A set of actions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ActionSet(u32);

/// An action as a document writes it, with its wildcards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ActionPattern {
    pub(crate) at: Position,
    pub(crate) written: Box<str>,
    /// What it names; nothing when it is an action of another service, or one that no device asks for.
    pub(crate) names: ActionSet,
}

impl PolicyAction {
    /// Every action, by name.
    pub const ALL: [Self; 16] = [
        Self::AssumeRoleWithCertificate,
        Self::Connect,
        Self::DeleteThingShadow,
        Self::DescribeJobExecution,
        Self::GetPendingJobExecutions,
        Self::GetRetainedMessage,
        Self::GetThingShadow,
        Self::ListNamedShadowsForThing,
        Self::ListRetainedMessages,
        Self::Publish,
        Self::Receive,
        Self::RetainPublish,
        Self::StartNextPendingJobExecution,
        Self::Subscribe,
        Self::UpdateJobExecution,
        Self::UpdateThingShadow,
    ];

    /// The action as a document writes it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AssumeRoleWithCertificate => "iot:AssumeRoleWithCertificate",
            Self::Connect => "iot:Connect",
            Self::DeleteThingShadow => "iot:DeleteThingShadow",
            Self::DescribeJobExecution => "iot:DescribeJobExecution",
            Self::GetPendingJobExecutions => "iot:GetPendingJobExecutions",
            Self::GetRetainedMessage => "iot:GetRetainedMessage",
            Self::GetThingShadow => "iot:GetThingShadow",
            Self::ListNamedShadowsForThing => "iot:ListNamedShadowsForThing",
            Self::ListRetainedMessages => "iot:ListRetainedMessages",
            Self::Publish => "iot:Publish",
            Self::Receive => "iot:Receive",
            Self::RetainPublish => "iot:RetainPublish",
            Self::StartNextPendingJobExecution => "iot:StartNextPendingJobExecution",
            Self::Subscribe => "iot:Subscribe",
            Self::UpdateJobExecution => "iot:UpdateJobExecution",
            Self::UpdateThingShadow => "iot:UpdateThingShadow",
        }
    }

    /// The action of this name, `iot:Publish`, in whatever case.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str().eq_ignore_ascii_case(name))
    }

    /// What the action is done to (developer guide, `iot-action-resources.html`).
    pub const fn resource_kind(self) -> ResourceKind {
        match self {
            Self::AssumeRoleWithCertificate => ResourceKind::RoleAlias,
            Self::Connect => ResourceKind::Client,
            Self::DeleteThingShadow
            | Self::DescribeJobExecution
            | Self::GetPendingJobExecutions
            | Self::GetThingShadow
            | Self::ListNamedShadowsForThing
            | Self::StartNextPendingJobExecution
            | Self::UpdateJobExecution
            | Self::UpdateThingShadow => ResourceKind::Thing,
            Self::GetRetainedMessage | Self::Publish | Self::Receive | Self::RetainPublish => {
                ResourceKind::Topic
            }
            Self::ListRetainedMessages => ResourceKind::All,
            Self::Subscribe => ResourceKind::TopicFilter,
        }
    }

    /// The place of the action in [`PolicyAction::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

impl ActionSet {
    const ALL: Self = Self((1 << PolicyAction::ALL.len()) - 1);

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Every action that is not in the set: what `NotAction` names.
    pub(crate) const fn complement(self) -> Self {
        Self(!self.0 & Self::ALL.0)
    }

    pub(crate) const fn contains(self, action: PolicyAction) -> bool {
        self.0 & (1 << action.index()) != 0
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = PolicyAction> {
        PolicyAction::ALL.into_iter().filter(move |action| self.contains(*action))
    }
}

impl ActionPattern {
    /// The actions that a text names; none when it is not of the form of an action.
    ///
    /// Names of actions do not depend on case, as in IAM. An action that no device can ask for, or one of another service
    /// (a Greengrass core's policy has `greengrass:*`), names nothing.
    pub(crate) fn parse(written: &str, at: Position) -> Option<Self> {
        let names = if written == "*" { ActionSet::ALL } else { named(written)? };
        Some(Self { at, written: written.into(), names })
    }
}

fn named(written: &str) -> Option<ActionSet> {
    let (service, name) = written.split_once(':')?;
    let is_service = service == "*" || service.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    let is_name = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'*' | b'?'));
    if service.is_empty() || name.is_empty() || !is_service || !is_name {
        return None;
    }
    let pattern = written.to_ascii_lowercase();
    let named = PolicyAction::ALL
        .into_iter()
        .filter(|action| wildcards_match(&pattern, &action.as_str().to_ascii_lowercase()));
    Some(ActionSet(named.fold(0, |set, action| set | 1 << action.index())))
}

impl fmt::Display for PolicyAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for PolicyAction {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Position = Position { line: 1, column: 1 };

    #[test]
    fn a_pattern_names_the_actions_that_it_matches() {
        use PolicyAction as A;
        for (pattern, inside, outside) in [
            ("iot:Connect", vec![A::Connect], vec![A::Publish, A::Receive]),
            ("IOT:connect", vec![A::Connect], vec![A::Publish]),
            ("iot:*", A::ALL.to_vec(), vec![]),
            ("*", A::ALL.to_vec(), vec![]),
            ("*:*", A::ALL.to_vec(), vec![]),
            ("iot:*Publish", vec![A::Publish, A::RetainPublish], vec![A::Connect]),
            ("iot:Pub*", vec![A::Publish], vec![A::RetainPublish]),
            ("iot:Get?hingShadow", vec![A::GetThingShadow], vec![A::DeleteThingShadow]),
            ("greengrass:*", vec![], A::ALL.to_vec()),
            ("iot:CreateThing", vec![], A::ALL.to_vec()),
            ("iot:Publis", vec![], A::ALL.to_vec()),
        ] {
            let set = ActionPattern::parse(pattern, START).unwrap().names;
            assert_eq!(set.iter().collect::<Vec<_>>(), inside, "{pattern}");
            assert!(!outside.iter().any(|action| set.contains(*action)), "{pattern}");
            let other = set.complement();
            assert!(
                A::ALL.iter().all(|action| set.contains(*action) != other.contains(*action)),
                "{pattern}"
            );
        }
    }

    #[test]
    fn what_is_no_action_is_none() {
        for pattern in [
            "",
            "Connect",
            "iot:",
            ":Connect",
            "iot",
            "iot :Connect",
            "iot:Conn ect",
            "io*:Connect",
            "iot:a:b",
            "iot:é",
        ] {
            assert_eq!(ActionPattern::parse(pattern, START), None, "{pattern}");
        }
    }

    #[test]
    fn actions_have_their_names() {
        for action in PolicyAction::ALL {
            assert_eq!(PolicyAction::by_name(&action.as_str().to_ascii_uppercase()), Some(action));
            assert_eq!(PolicyAction::ALL[action.index()], action);
        }
        assert_eq!(PolicyAction::by_name("iot:*"), None);
    }
}
