use async_trait::async_trait;
use landfall_model::{RuleName, TopicRule};
use landfall_registry::{
    Conflict, Page, PageRequest, StorageError, TopicRuleChange, TopicRuleFilter, TopicRules,
};
use rusqlite::{Connection, params};

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, every, execute, first, number, page, statements};
use crate::tag;

const TABLE: &str = "topic_rules";

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT rid, name, doc, disabled, created, modified FROM topic_rules ", $rest)
    };
}

statements! {
    BY_NAME = select!("WHERE name = $1");
    EVERY = select!("ORDER BY rid");
    // There are few rules, so that those that are disabled need no index.
    LIST = select!("WHERE disabled = COALESCE($1, disabled) AND rid > $2 ORDER BY rid LIMIT $3");
    LIST_BACK = select!("WHERE disabled = COALESCE($1, disabled) AND rid < $2 ORDER BY rid DESC LIMIT $3");
    RID = "SELECT rid FROM topic_rules WHERE name = $1";
    COUNT = "SELECT COUNT(*) FROM topic_rules";
    INSERT = "INSERT INTO topic_rules (rid, name, doc, disabled, created, modified)
        VALUES ($1, $2, $3, $4, $5, $6)";
    REPLACE = "UPDATE topic_rules SET doc = $1, disabled = $2, modified = $3 WHERE name = $4";
    SET_DISABLED = "UPDATE topic_rules SET disabled = $1, modified = $2 WHERE name = $3";
    DELETE = "DELETE FROM topic_rules WHERE rid = $1";
}

#[async_trait]
impl TopicRules for SqliteRegistry {
    async fn topic_rule(&self, name: &RuleName) -> Result<Option<TopicRule>, StorageError> {
        self.look_up(|connection| {
            first(connection, BY_NAME, [name.as_str()], |row| from_fields(&Fields::new(TABLE, row)?))
        })
    }

    async fn topic_rules(
        &self,
        filter: TopicRuleFilter,
        request: PageRequest,
    ) -> Result<Page<TopicRule>, StorageError> {
        let TopicRuleFilter { is_disabled } = filter;
        self.list(move |connection| {
            let listing = Listing { ascending: LIST, descending: LIST_BACK };
            page(connection, listing, &[&is_disabled], request, from_fields, TABLE)
        })
        .await
    }

    async fn every_topic_rule(&self) -> Result<Vec<TopicRule>, StorageError> {
        self.list(|connection| every(connection, EVERY, [], |row| from_fields(&Fields::new(TABLE, row)?)))
            .await
    }
}

/// The row of a topic rule, if it exists.
pub(crate) fn rid(connection: &Connection, name: &RuleName) -> Result<Option<i64>, ReadError> {
    first(connection, RID, [name.as_str()], |row| Ok(row.get(0)?))
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &TopicRuleChange) -> Result<(), ApplyError> {
    match change {
        TopicRuleChange::Create(rule) => create(apply, rule),
        TopicRuleChange::Replace { name, document, is_disabled, at } => {
            let row = params![&**document, is_disabled, at.as_millis(), name.as_str()];
            expect_one(execute(apply.connection, REPLACE, row)?, name)
        }
        TopicRuleChange::SetDisabled { name, is_disabled, at } => {
            let row = params![is_disabled, at.as_millis(), name.as_str()];
            expect_one(execute(apply.connection, SET_DISABLED, row)?, name)
        }
        TopicRuleChange::Delete { name } => {
            let rid =
                rid(apply.connection, name)?.ok_or_else(|| Conflict::TopicRuleNotFound(name.clone()))?;
            tag::remove_all(apply.connection, rid)?;
            apply.delete(DELETE, rid)
        }
    }
}

fn create(apply: &mut Apply<'_>, rule: &TopicRule) -> Result<(), ApplyError> {
    let TopicRule { name, document, is_disabled, created_at, modified_at } = rule;
    if rid(apply.connection, name)?.is_some() {
        return Err(Conflict::TopicRuleExists(name.clone()).into());
    }
    if number(apply.connection, COUNT, [])? >= TopicRule::OF_SERVER_MAX {
        return Err(Conflict::TopicRules.into());
    }
    let row = params![
        apply.row_ids.next(*created_at)?,
        name.as_str(),
        &**document,
        is_disabled,
        created_at.as_millis(),
        modified_at.as_millis(),
    ];
    execute(apply.connection, INSERT, row)?;
    Ok(())
}

/// Conflict: no row was changed, as the rule does not exist.
fn expect_one(changed: usize, name: &RuleName) -> Result<(), ApplyError> {
    if changed == 0 { Err(Conflict::TopicRuleNotFound(name.clone()).into()) } else { Ok(()) }
}

fn from_fields(fields: &Fields<'_>) -> Result<TopicRule, ReadError> {
    Ok(TopicRule {
        name: fields.parse(1, "name", RuleName::parse)?,
        document: fields.get(2, "doc")?,
        is_disabled: fields.get(3, "disabled")?,
        created_at: fields.time(4, "created")?,
        modified_at: fields.time(5, "modified")?,
    })
}
