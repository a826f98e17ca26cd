//! Topic rules as AWS IoT writes them: the JSON of a `TopicRulePayload` (API_TopicRulePayload).

mod fields;
mod invalid;

pub use invalid::InvalidTopicRule;

pub(crate) use fields::Fields;
pub(crate) use invalid::Right;

use landfall_model::{RuleName, TopicFilter};

use crate::action::{ActionProblem, ActionRequest, Filling, RuleAction, RulePayload};
use crate::context::Context;
use crate::error_report::{ErrorReport, ErrorRequest};
use crate::evaluation::{EvaluationError, Work};
use crate::json;
use crate::limits::{ACTIONS_MAX, DOCUMENT_BYTES_MAX};
use crate::message::Message;
use crate::rule::{Rule, SqlVersion};

/// The text of a topic rule, as AWS IoT writes it. It is read by [`TopicRuleDocument::parse`] and by nothing else.
#[derive(Clone, Copy, Debug)]
pub enum TopicRuleDocument {}

/// A topic rule with its actions, parsed once and shared.
#[derive(Debug)]
pub struct CompiledRule {
    rule: Rule,
    actions: Vec<RuleAction>,
    error_action: Option<RuleAction>,
    is_disabled: bool,
}

const MEMBERS: &[&str] =
    &["sql", "description", "actions", "ruleDisabled", "awsIotSqlVersion", "errorAction"];

impl TopicRuleDocument {
    /// Parses the JSON of a rule. Whatever it says is understood, or it is refused; members that are null are not there.
    ///
    /// # Errors
    /// The text is too long, no JSON, or no topic rule; a statement or a template is at fault; or something is not built.
    pub fn parse(json: &str) -> Result<CompiledRule, InvalidTopicRule> {
        if json.len() > DOCUMENT_BYTES_MAX {
            return Err(InvalidTopicRule::TooLong { bytes: json.len() });
        }
        let value = json::parse(json).map_err(InvalidTopicRule::NotJson)?;
        let fields = Fields::of(String::new(), &value, MEMBERS)?;
        fields.optional_text("description")?;
        let is_disabled = fields.optional_boolean("ruleDisabled")?.unwrap_or_default();
        let version = fields.optional_text("awsIotSqlVersion")?;
        let version = version.map_or(Ok(SqlVersion::V20151008), str::parse);
        let version = version.map_err(InvalidTopicRule::SqlVersion)?;
        let rule = Rule::parse(fields.required_text("sql")?, version).map_err(InvalidTopicRule::Sql)?;
        let mut actions = Vec::new();
        for (at, action) in fields.required_array("actions", ACTIONS_MAX)?.iter().enumerate() {
            actions.push(RuleAction::parse(format!("actions[{at}]"), action, &rule)?);
        }
        let error_action = fields.optional("errorAction");
        let error_action = error_action
            .map(|action| RuleAction::parse("errorAction".to_owned(), action, &rule))
            .transpose()?;
        Ok(CompiledRule { rule, actions, error_action, is_disabled })
    }
}

impl CompiledRule {
    /// The topics that the rule is for. A rule without is only invoked by Basic Ingest.
    pub fn filter(&self) -> Option<&TopicFilter> {
        self.rule.filter()
    }

    /// The statement.
    pub fn rule(&self) -> &Rule {
        &self.rule
    }

    /// The actions, in their order.
    pub fn actions(&self) -> &[RuleAction] {
        &self.actions
    }

    /// What is done when an action fails.
    pub fn error_action(&self) -> Option<&RuleAction> {
        self.error_action.as_ref()
    }

    /// Whether the text says that the rule is disabled. It can be stored without that, and the switch beside it.
    pub fn is_disabled(&self) -> bool {
        self.is_disabled
    }

    /// What the actions ask for, in their order, for a message whose topic matched or that named the rule. Nothing unless WHERE
    /// is true.
    ///
    /// # Errors
    /// The statement gives no result: the error action is told.
    pub fn evaluate(
        &self,
        message: &Message<'_>,
        context: &dyn Context,
    ) -> Result<Option<Vec<Result<ActionRequest, ActionProblem>>>, EvaluationError> {
        let Some(mut found) = self.rule.evaluate(message, context)? else {
            return Ok(None);
        };
        let variables = std::mem::take(&mut found.variables);
        let payload = RulePayload::from(found);
        let filling = Filling { message, context, variables: &variables, work: &Work::default() };
        Ok(Some(self.actions.iter().map(|action| action.request(filling, &payload)).collect()))
    }

    /// What the error action asks for, without what failed: that is put in when something does. Nothing if the rule has no
    /// error action.
    ///
    /// Its templates are filled in from the message that the rule was invoked with, and what it is given is the message of
    /// rule-error-handling.
    pub fn error_request(
        &self,
        name: &RuleName,
        message: &Message<'_>,
        context: &dyn Context,
    ) -> Option<Result<ErrorRequest, ActionProblem>> {
        let action = self.error_action.as_ref()?;
        // Variables that could not be evaluated are Undefined: that may be what failed.
        let variables = self.rule.variables_of(message, context).unwrap_or_default();
        let filling = Filling { message, context, variables: &variables, work: &Work::default() };
        let request = action.request_without_payload(filling);
        Some(request.map(|request| ErrorRequest::new(request, ErrorReport::of(name, message, context))))
    }
}
