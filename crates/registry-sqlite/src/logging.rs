use async_trait::async_trait;
use landfall_model::{
    LogEventConfiguration, LogLevel, LogTarget, LogTargetKind, LogText, LoggingOptions, V2LoggingOptions,
};
use landfall_registry::{Conflict, Logging, LoggingChange, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::sql::{Fields, Listing, execute, exists, first, number, page, statements};

const TABLE: &str = "logging_options";
const V2_TABLE: &str = "v2_logging_options";
const LEVELS_TABLE: &str = "v2_logging_levels";

statements! {
    OPTIONS = "SELECT id, role, level FROM logging_options WHERE id = 1";
    SET_OPTIONS = "INSERT INTO logging_options (id, role, level) VALUES (1, $1, $2)
        ON CONFLICT (id) DO UPDATE SET role = $1, level = $2";
    V2_OPTIONS = "SELECT id, role, default_level, all_disabled, event_configurations
        FROM v2_logging_options WHERE id = 1";
    SET_V2_OPTIONS = "INSERT INTO v2_logging_options
        (id, role, default_level, all_disabled, event_configurations) VALUES (1, $1, $2, $3, $4)
        ON CONFLICT (id) DO UPDATE
        SET role = $1, default_level = $2, all_disabled = $3, event_configurations = $4";
    // There are few levels, so that a kind needs no index.
    LEVELS = "SELECT rid, kind, name, level FROM v2_logging_levels
        WHERE kind = COALESCE($1, kind) AND rid > $2 ORDER BY rid LIMIT $3";
    LEVELS_BACK = "SELECT rid, kind, name, level FROM v2_logging_levels
        WHERE kind = COALESCE($1, kind) AND rid < $2 ORDER BY rid DESC LIMIT $3";
    LEVEL = "SELECT rid FROM v2_logging_levels WHERE kind = $1 AND name = $2";
    COUNT_LEVELS = "SELECT COUNT(*) FROM v2_logging_levels";
    INSERT_LEVEL = "INSERT INTO v2_logging_levels (rid, kind, name, level) VALUES ($1, $2, $3, $4)";
    UPDATE_LEVEL = "UPDATE v2_logging_levels SET level = $1 WHERE rid = $2";
    DELETE_LEVEL = "DELETE FROM v2_logging_levels WHERE rid = $1";
}

#[async_trait]
impl Logging for SqliteRegistry {
    async fn logging_options(&self) -> Result<Option<LoggingOptions>, StorageError> {
        self.look_up(|connection| {
            first(connection, OPTIONS, [], |row| {
                let fields = Fields::new(TABLE, row)?;
                let role = fields.parse(1, "role", LogText::parse)?;
                Ok(LoggingOptions { role, level: fields.parse(2, "level", LogLevel::parse)? })
            })
        })
    }

    async fn v2_logging_options(&self) -> Result<Option<V2LoggingOptions>, StorageError> {
        self.look_up(|connection| {
            first(connection, V2_OPTIONS, [], |row| {
                let fields = Fields::new(V2_TABLE, row)?;
                Ok(V2LoggingOptions {
                    role: fields.parse_if_any(1, "role", LogText::parse)?,
                    default_level: fields.parse(2, "default_level", LogLevel::parse)?,
                    all_disabled: fields.get(3, "all_disabled")?,
                    event_configurations: fields.parse(
                        4,
                        "event_configurations",
                        event_configurations_from_json,
                    )?,
                })
            })
        })
    }

    async fn v2_logging_levels(
        &self,
        kind: Option<LogTargetKind>,
        request: PageRequest,
    ) -> Result<Page<(LogTarget, LogLevel)>, StorageError> {
        self.list(move |connection| {
            let kind = kind.map(LogTargetKind::as_str);
            let listing = Listing { ascending: LEVELS, descending: LEVELS_BACK };
            page(connection, listing, &[&kind], request, level_from_fields, LEVELS_TABLE)
        })
        .await
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &LoggingChange) -> Result<(), ApplyError> {
    match change {
        LoggingChange::SetOptions(LoggingOptions { role, level }) => {
            execute(apply.connection, SET_OPTIONS, [role.as_str(), level.as_str()])?;
            Ok(())
        }
        LoggingChange::SetV2Options(options) => {
            let V2LoggingOptions { role, default_level, all_disabled, event_configurations } = options;
            let row = params![
                role.as_ref().map(LogText::as_str),
                default_level.as_str(),
                all_disabled,
                event_configurations_to_json(event_configurations),
            ];
            execute(apply.connection, SET_V2_OPTIONS, row)?;
            Ok(())
        }
        LoggingChange::SetV2Level { target, level } => set_level(apply, target, *level),
        LoggingChange::DeleteV2Level { target } => match level_row(apply.connection, target)? {
            Some(rid) => apply.delete(DELETE_LEVEL, rid),
            None => Ok(()),
        },
    }
}

fn set_level(apply: &mut Apply<'_>, target: &LogTarget, level: LogLevel) -> Result<(), ApplyError> {
    if !exists(apply.connection, V2_OPTIONS, [])? {
        return Err(Conflict::LoggingNotConfigured.into());
    }
    if let Some(rid) = level_row(apply.connection, target)? {
        execute(apply.connection, UPDATE_LEVEL, params![level.as_str(), rid])?;
        return Ok(());
    }
    if number(apply.connection, COUNT_LEVELS, [])? >= LogTarget::OF_SERVER_MAX {
        return Err(Conflict::LogTargets.into());
    }
    let LogTarget { kind, name } = target;
    let row = params![apply.row_ids.next_untimed()?, kind.as_str(), name.as_str(), level.as_str()];
    execute(apply.connection, INSERT_LEVEL, row)?;
    Ok(())
}

fn level_row(connection: &Connection, target: &LogTarget) -> Result<Option<i64>, ReadError> {
    first(connection, LEVEL, [target.kind.as_str(), target.name.as_str()], |row| Ok(row.get(0)?))
}

fn level_from_fields(fields: &Fields<'_>) -> Result<(LogTarget, LogLevel), ReadError> {
    let kind = fields.parse(1, "kind", LogTargetKind::parse)?;
    let name = fields.parse(2, "name", LogText::parse)?;
    Ok((LogTarget { kind, name }, fields.parse(3, "level", LogLevel::parse)?))
}

fn event_configurations_to_json(configurations: &[LogEventConfiguration]) -> String {
    let row = |configuration: &LogEventConfiguration| {
        let LogEventConfiguration { event_type, level, destination } = configuration;
        json!([event_type.as_str(), level.map(LogLevel::as_str), destination.as_ref().map(LogText::as_str)])
    };
    json!(configurations.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn event_configurations_from_json(json: &str) -> Result<Vec<LogEventConfiguration>, String> {
    let rows: Vec<(String, Option<String>, Option<String>)> =
        serde_json::from_str(json).map_err(|error| error.to_string())?;
    let text = |text: &str| LogText::parse(text).map_err(|error| error.to_string());
    let configuration = |(event_type, level, destination): (String, Option<String>, Option<String>)| {
        let level = level.as_deref().map(LogLevel::parse).transpose();
        Ok(LogEventConfiguration {
            event_type: text(&event_type)?,
            level: level.map_err(|error| error.to_string())?,
            destination: destination.as_deref().map(text).transpose()?,
        })
    };
    rows.into_iter().map(configuration).collect()
}
