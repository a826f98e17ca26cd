use std::collections::BTreeSet;
use std::sync::Arc;

use landfall_api::topic_rule::{
    CreateTopicRuleRequest, CreateTopicRuleResponse, DeleteTopicRuleRequest, DeleteTopicRuleResponse,
    DisableTopicRuleRequest, DisableTopicRuleResponse, EnableTopicRuleRequest, EnableTopicRuleResponse,
    GetTopicRuleRequest, GetTopicRuleResponse, ListTopicRulesRequest, ListTopicRulesResponse,
    ReplaceTopicRuleRequest, ReplaceTopicRuleResponse, TopicRule as WireRule, TopicRuleListItem,
    TopicRulePayload,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{RuleName, Scope, TaggedResource, TopicFilter, TopicName, TopicRule};
use landfall_registry::{Conflict, Order, TopicRuleFilter, Transaction};
use landfall_rules::{InvalidTopicRule, Rule, RuleAction, SqlVersion, TopicRuleDocument};
use serde_json::Value;
use tracing::warn;

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::handler::{Context, Handle, Handler, handler, wire_time};
use crate::{tag, topic_rule_destination};

/// The operations of topic rules.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateTopicRuleRequest>(),
        handler::<ReplaceTopicRuleRequest>(),
        handler::<GetTopicRuleRequest>(),
        handler::<ListTopicRulesRequest>(),
        handler::<EnableTopicRuleRequest>(),
        handler::<DisableTopicRuleRequest>(),
        handler::<DeleteTopicRuleRequest>(),
    ]
}

impl Handle for CreateTopicRuleRequest {
    async fn handle(self, context: &Context<'_>) -> Result<CreateTopicRuleResponse, Failure> {
        let tags = tag::parse(Some(self.tag_list()?))?;
        // The tags have been read.
        let Self { rule_name, topic_rule_payload, tags: _ } = self;
        let name = RuleName::parse(&rule_name).map_err(invalid)?;
        let checked = Checked::of(&name, topic_rule_payload)?;
        checked.warn_of_functions(&name, context).await?;
        let create = |transaction: &mut Transaction| {
            transaction.create_topic_rule(TopicRule {
                name: name.clone(),
                document: Arc::clone(&checked.document),
                is_disabled: checked.is_disabled,
                created_at: context.now,
                modified_at: context.now,
            });
            if !tags.is_empty() {
                transaction.set_tags(TaggedResource::TopicRule(name.clone()), tags.clone());
            }
        };
        commit_with_destinations(&checked.destination_urls, create, context).await?;
        Ok(CreateTopicRuleResponse {})
    }
}

impl Handle for ReplaceTopicRuleRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ReplaceTopicRuleResponse, Failure> {
        let Self { rule_name, topic_rule_payload } = self;
        let name = RuleName::parse(&rule_name).map_err(invalid)?;
        let checked = Checked::of(&name, topic_rule_payload)?;
        checked.warn_of_functions(&name, context).await?;
        let replace = |transaction: &mut Transaction| {
            let document = Arc::clone(&checked.document);
            transaction.replace_topic_rule(name.clone(), document, checked.is_disabled, context.now);
        };
        commit_with_destinations(&checked.destination_urls, replace, context).await?;
        Ok(ReplaceTopicRuleResponse {})
    }
}

impl Handle for GetTopicRuleRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetTopicRuleResponse, Failure> {
        let Self { rule_name } = self;
        let name = RuleName::parse(&rule_name).map_err(invalid)?;
        let rule = context.registry().topic_rule(&name).await?.ok_or_else(|| denied(&name))?;
        let TopicRulePayload {
            sql,
            description,
            actions,
            // The registry has that beside the document.
            rule_disabled: _,
            aws_iot_sql_version,
            error_action,
        } = stored_payload(&rule)?;
        Ok(GetTopicRuleResponse {
            rule_arn: Some(context.scope().rule_arn(&name)),
            rule: Some(WireRule {
                rule_name: Some(name.to_string()),
                sql: Some(sql),
                description,
                created_at: Some(wire_time(rule.created_at)),
                actions: Some(actions),
                rule_disabled: Some(rule.is_disabled),
                aws_iot_sql_version,
                error_action,
            }),
        })
    }
}

impl Handle for ListTopicRulesRequest {
    async fn handle(self, context: &Context<'_>) -> Result<ListTopicRulesResponse, Failure> {
        // The context reads the page from the call.
        let Self { topic, max_results: _, next_token: _, rule_disabled } = self;
        let wanted = topic.map(WantedTopic::parse).transpose()?;
        let filter = TopicRuleFilter { is_disabled: rule_disabled };
        let mut page = context.page(Order::Ascending)?;
        let mut rules = Vec::new();
        // Pages of the registry know nothing of topics: more are read until this one is full.
        let next = loop {
            let found = context.registry().topic_rules(filter, page).await?;
            for rule in &found.items {
                let filter = topic_filter(rule)?;
                if wanted.as_ref().is_none_or(|wanted| wanted.is_of(filter.as_ref())) {
                    rules.push(list_item(rule, filter.as_ref(), context.scope()));
                    page.limit = page.limit.saturating_sub(1);
                }
            }
            page.after = found.next;
            if page.after.is_none() || page.limit == 0 {
                break page.after;
            }
        };
        Ok(ListTopicRulesResponse { rules: Some(rules), next_token: context.next_token(next)? })
    }
}

impl Handle for EnableTopicRuleRequest {
    /// To enable an enabled rule succeeds.
    async fn handle(self, context: &Context<'_>) -> Result<EnableTopicRuleResponse, Failure> {
        let Self { rule_name } = self;
        set_disabled(&rule_name, false, context).await?;
        Ok(EnableTopicRuleResponse {})
    }
}

impl Handle for DisableTopicRuleRequest {
    /// To disable a disabled rule succeeds.
    async fn handle(self, context: &Context<'_>) -> Result<DisableTopicRuleResponse, Failure> {
        let Self { rule_name } = self;
        set_disabled(&rule_name, true, context).await?;
        Ok(DisableTopicRuleResponse {})
    }
}

impl Handle for DeleteTopicRuleRequest {
    /// To delete a rule that is not there succeeds, as at AWS.
    async fn handle(self, context: &Context<'_>) -> Result<DeleteTopicRuleResponse, Failure> {
        let Self { rule_name } = self;
        let name = RuleName::parse(&rule_name).map_err(invalid)?;
        let mut transaction = Transaction::new();
        transaction.delete_topic_rule(name);
        match context.try_commit(transaction).await? {
            None | Some(Conflict::TopicRuleNotFound(_)) => Ok(DeleteTopicRuleResponse {}),
            Some(conflict) => Err(conflict.into()),
        }
    }
}

/// What a request says of a rule, checked.
struct Checked {
    document: Arc<str>,
    is_disabled: bool,
    /// Where its `http` actions send to, each once.
    destination_urls: Vec<String>,
    /// The functions that its `lambda` actions name, as they name them.
    functions: Vec<String>,
}

impl Checked {
    /// The document as it is stored, with the version of the SQL that counts when none is named.
    fn of(name: &RuleName, payload: TopicRulePayload) -> Result<Self, Failure> {
        let TopicRulePayload { sql, description, actions, rule_disabled, aws_iot_sql_version, error_action } =
            payload;
        let version = aws_iot_sql_version.unwrap_or_else(|| SqlVersion::V20151008.as_str().to_owned());
        let stored = TopicRulePayload {
            sql,
            description,
            actions,
            rule_disabled: None,
            aws_iot_sql_version: Some(version),
            error_action,
        };
        let document = serde_json::to_string(&stored)
            .map_err(|error| Failure::internal("writing the document of a topic rule", error))?;
        let rule = TopicRuleDocument::parse(&document).map_err(|error| refuse(&error))?;
        for warning in rule.rule().warnings() {
            warn!(rule.name = %name, %warning, "the SQL of a topic rule is legal and probably wrong");
        }
        let urls = rule.actions().iter().chain(rule.error_action()).filter_map(RuleAction::destination_url);
        let urls: BTreeSet<&str> = urls.collect();
        let functions = stored.actions.iter().chain(&stored.error_action).filter_map(function_of);
        Ok(Self {
            destination_urls: urls.into_iter().map(str::to_owned).collect(),
            functions: functions.map(str::to_owned).collect(),
            document: document.into(),
            is_disabled: rule_disabled.unwrap_or(false),
        })
    }

    /// Logs which functions cannot be invoked now. The rule is made all the same, as at AWS: they may come later.
    async fn warn_of_functions(&self, name: &RuleName, context: &Context<'_>) -> Result<(), Failure> {
        for function in &self.functions {
            let problem = match context.scope().parse_function(function) {
                Err(error) => error.to_string(),
                Ok(function) if context.registry().function(&function).await?.is_some() => continue,
                Ok(_) => "there is no such function yet".to_owned(),
            };
            warn!(rule.name = %name, function, problem, "a topic rule names a function that cannot be invoked");
        }
        Ok(())
    }
}

/// The function that an action names, if it is one that invokes a function.
fn function_of(action: &Value) -> Option<&str> {
    action.get("lambda")?.get("functionArn")?.as_str()
}

/// Which rules a list of the rules of a topic has.
struct WantedTopic {
    text: String,
    /// None when the text is a topic filter.
    name: Option<TopicName>,
}

impl WantedTopic {
    /// # Errors
    /// The text is neither a topic name nor a topic filter.
    fn parse(text: String) -> Result<Self, ApiError> {
        let name = TopicName::parse(&text);
        if let Err(error) = &name
            && TopicFilter::parse(&text).is_err()
        {
            return Err(invalid(format!("topic: {error}")));
        }
        Ok(Self { text, name: name.ok() })
    }

    /// Whether a rule with this filter takes messages of the topic, or is for just this filter.
    fn is_of(&self, filter: Option<&TopicFilter>) -> bool {
        let Self { text, name } = self;
        filter.is_some_and(|filter| {
            filter.as_str() == text || name.as_ref().is_some_and(|name| filter.matches(name))
        })
    }
}

async fn set_disabled(name: &str, is_disabled: bool, context: &Context<'_>) -> Result<(), Failure> {
    let name = RuleName::parse(name).map_err(invalid)?;
    let mut transaction = Transaction::new();
    transaction.set_topic_rule_disabled(name, is_disabled, context.now);
    commit(transaction, context).await
}

/// Commits a change of a rule that has to be there.
async fn commit(transaction: Transaction, context: &Context<'_>) -> Result<(), Failure> {
    match context.try_commit(transaction).await? {
        None => Ok(()),
        Some(Conflict::TopicRuleNotFound(name)) => Err(denied(&name).into()),
        Some(conflict) => Err(conflict.into()),
    }
}

/// Commits a new document of a rule. Where it sends to, and what is no destination yet, becomes one and is asked to confirm,
/// as at AWS.
async fn commit_with_destinations(
    urls: &[String],
    change: impl Fn(&mut Transaction) + Sync,
    context: &Context<'_>,
) -> Result<(), Failure> {
    let mut attempts = Attempts::new();
    loop {
        let mut transaction = Transaction::new();
        change(&mut transaction);
        let mut destinations = Vec::new();
        for url in urls {
            if context.registry().destination_of_url(url).await?.is_none() {
                let destination = topic_rule_destination::new(url, context.now)?;
                transaction.create_destination(destination.clone());
                destinations.push(destination);
            }
        }
        match context.try_commit(transaction).await? {
            None => {
                for destination in destinations {
                    context.app.confirmer.confirm(destination).await;
                }
                return Ok(());
            }
            Some(Conflict::TopicRuleNotFound(name)) => return Err(denied(&name).into()),
            Some(conflict) => {
                let is_lost_race = matches!(conflict, Conflict::DestinationExists { .. });
                attempts.again(conflict, is_lost_race)?;
            }
        }
    }
}

/// What AWS answers when there is no such rule.
fn denied(name: &RuleName) -> ApiError {
    let message = format!("Access to topic rule '{name}' was denied: there is no such rule");
    ApiError::new(ErrorCode::Unauthorized, message)
}

fn refuse(error: &InvalidTopicRule) -> ApiError {
    let is_sql = error.sql_parse_error().is_some();
    let code = if is_sql { ErrorCode::SqlParse } else { ErrorCode::InvalidRequest };
    ApiError::new(code, error.to_string())
}

fn stored_payload(rule: &TopicRule) -> Result<TopicRulePayload, Failure> {
    serde_json::from_str(&rule.document)
        .map_err(|error| Failure::internal("reading the document of a topic rule", error))
}

/// What the rule selects from; none when it is for Basic Ingest alone. A statement that is not understood any more must not
/// hide the other rules from a list, so it has none either.
fn topic_filter(rule: &TopicRule) -> Result<Option<TopicFilter>, Failure> {
    let TopicRulePayload { sql, .. } = stored_payload(rule)?;
    match Rule::parse(&sql, SqlVersion::default()) {
        Ok(rule) => Ok(rule.filter().cloned()),
        Err(error) => {
            warn!(rule.name = %rule.name, %error, "the SQL of a stored topic rule is not understood");
            Ok(None)
        }
    }
}

fn list_item(rule: &TopicRule, filter: Option<&TopicFilter>, scope: &Scope) -> TopicRuleListItem {
    TopicRuleListItem {
        rule_arn: Some(scope.rule_arn(&rule.name)),
        rule_name: Some(rule.name.to_string()),
        topic_pattern: filter.map(ToString::to_string),
        created_at: Some(wire_time(rule.created_at)),
        rule_disabled: Some(rule.is_disabled),
    }
}
