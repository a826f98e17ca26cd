use crate::pattern::matches_wildcards;

/// What a device can be allowed to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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

/// Services whose actions a document may name although no device asks for them here: the default policy of a
/// Greengrass core has `greengrass:*`.
const OTHER_SERVICES: [&str; 1] = ["greengrass"];

impl PolicyAction {
    const ALL: [Self; 16] = [
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

    const fn bit(self) -> u32 {
        1 << (self as u32)
    }
}

impl ActionSet {
    /// The actions that a document's pattern names; none when it names nothing that is known.
    ///
    /// Names of actions do not depend on case, as in IAM.
    pub(crate) fn parse(pattern: &str) -> Option<Self> {
        let service = pattern.split(':').next().unwrap_or_default();
        if OTHER_SERVICES.contains(&service) && pattern.contains(':') {
            return Some(Self::default());
        }
        let pattern = pattern.to_ascii_lowercase();
        let named = PolicyAction::ALL
            .into_iter()
            .filter(|action| matches_wildcards(&pattern, &action.as_str().to_ascii_lowercase()));
        let set = named.fold(0, |set, action| set | action.bit());
        (set != 0).then_some(Self(set))
    }

    pub(crate) const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(crate) const fn contains(self, action: PolicyAction) -> bool {
        self.0 & action.bit() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_names_the_actions_that_it_matches() {
        use PolicyAction as A;
        for (pattern, inside, outside) in [
            ("iot:Connect", vec![A::Connect], vec![A::Publish, A::Receive]),
            ("iot:connect", vec![A::Connect], vec![A::Publish]),
            ("iot:*", A::ALL.to_vec(), vec![]),
            ("*", A::ALL.to_vec(), vec![]),
            ("iot:*Publish", vec![A::Publish, A::RetainPublish], vec![A::Connect]),
            ("iot:Get?hingShadow", vec![A::GetThingShadow], vec![A::DeleteThingShadow]),
            ("greengrass:*", vec![], A::ALL.to_vec()),
        ] {
            let set = ActionSet::parse(pattern).unwrap();
            assert!(inside.iter().all(|action| set.contains(*action)), "{pattern}");
            assert!(!outside.iter().any(|action| set.contains(*action)), "{pattern}");
        }
    }

    #[test]
    fn what_names_no_known_action_is_nothing() {
        for pattern in ["", "Connect", "iot:Fly", "s3:GetObject", "greengrass"] {
            assert_eq!(ActionSet::parse(pattern), None, "{pattern}");
        }
    }
}
