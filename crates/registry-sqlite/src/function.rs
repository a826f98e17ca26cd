use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use landfall_model::{
    CodeSha256, Environment, Function, FunctionDescription, FunctionName, FunctionPermission, Handler,
    LayerName, LayerVersion, LayerVersionId, QueueArn, RevisionId, RoleArn, RuntimeName, StatementId,
};
use landfall_registry::{Conflict, FunctionChange, Functions, Page, PageRequest, StorageError};
use rusqlite::{Connection, params};
use serde_json::json;

use crate::SqliteRegistry;
use crate::apply::Apply;
use crate::error::{ApplyError, ReadError};
use crate::layer;
use crate::sql::{Fields, Listing, count, execute, first, page, snapshot, statements};

const TABLE: &str = "functions";

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT rid, name, description, runtime, handler, role, timeout_s, memory_mib, environment, layers,
            code, code_size, revision, created, modified, reserved_concurrency, permissions, dead_letters
            FROM functions ",
            $rest
        )
    };
}

statements! {
    BY_NAME = select!("WHERE name = $1");
    LIST = select!("WHERE rid > $1 ORDER BY rid LIMIT $2");
    LIST_BACK = select!("WHERE rid < $1 ORDER BY rid DESC LIMIT $2");
    STATE = "SELECT rid, revision, layers FROM functions WHERE name = $1";
    INSERT = "INSERT INTO functions
        (rid, name, description, runtime, handler, role, timeout_s, memory_mib, environment, layers, code,
        code_size, revision, created, modified, reserved_concurrency, permissions, dead_letters)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";
    UPDATE = "UPDATE functions SET description = $1, runtime = $2, handler = $3, role = $4, timeout_s = $5,
        memory_mib = $6, environment = $7, layers = $8, code = $9, code_size = $10, revision = $11,
        modified = $12, reserved_concurrency = $13, permissions = $14, dead_letters = $15 WHERE rid = $16";
    DELETE = "DELETE FROM functions WHERE rid = $1";
}

/// What a change of a function looks at.
struct State {
    rid: i64,
    revision: RevisionId,
    layers: Vec<LayerVersionId>,
}

#[async_trait]
impl Functions for SqliteRegistry {
    async fn function(&self, name: &FunctionName) -> Result<Option<Function>, StorageError> {
        self.look_up(|connection| read(connection, name))
    }

    async fn functions(&self, request: PageRequest) -> Result<Page<Function>, StorageError> {
        let listing = Listing { ascending: LIST, descending: LIST_BACK };
        self.list(move |connection| page(connection, listing, &[], request, from_fields, TABLE)).await
    }

    async fn function_layers(&self, name: &FunctionName) -> Result<Option<Vec<LayerVersion>>, StorageError> {
        self.look_up(|connection| {
            snapshot(connection, |connection| match state(connection, name)? {
                None => Ok(None),
                Some(state) => layers(connection, &state).map(Some),
            })
        })
    }
}

pub(crate) fn apply(apply: &mut Apply<'_>, change: &FunctionChange) -> Result<(), ApplyError> {
    match change {
        FunctionChange::Create(function) => {
            if state(apply.connection, &function.name)?.is_some() {
                return Err(Conflict::FunctionExists(function.name.clone()).into());
            }
            expect_layers(apply.connection, &function.layers, &[])?;
            insert(apply, function)
        }
        FunctionChange::Update { function, expected } => {
            let state = find(apply.connection, &function.name)?;
            if state.revision != *expected {
                return Err(Conflict::FunctionRevision(function.name.clone()).into());
            }
            expect_layers(apply.connection, &function.layers, &state.layers)?;
            update(apply.connection, state.rid, function)
        }
        FunctionChange::Delete { name } => {
            let State { rid, .. } = find(apply.connection, name)?;
            apply.delete(DELETE, rid)
        }
    }
}

fn read(connection: &Connection, name: &FunctionName) -> Result<Option<Function>, ReadError> {
    first(connection, BY_NAME, [name.as_str()], |row| from_fields(&Fields::new(TABLE, row)?))
}

fn state(connection: &Connection, name: &FunctionName) -> Result<Option<State>, ReadError> {
    first(connection, STATE, [name.as_str()], |row| {
        let fields = Fields::new(TABLE, row)?;
        Ok(State {
            rid: fields.rid(),
            revision: RevisionId::from_bytes(fields.get(1, "revision")?),
            layers: fields.parse(2, "layers", layers_from_json)?,
        })
    })
}

fn find(connection: &Connection, name: &FunctionName) -> Result<State, ApplyError> {
    Ok(state(connection, name)?.ok_or_else(|| Conflict::FunctionNotFound(name.clone()))?)
}

/// The layers of a function, in its order.
fn layers(connection: &Connection, state: &State) -> Result<Vec<LayerVersion>, ReadError> {
    let version = |id: &LayerVersionId| {
        layer::read_ever(connection, id)?.ok_or_else(|| ReadError::Inconsistent {
            table: TABLE,
            column: "layers",
            row: state.rid,
            problem: format!("layer version {id} was never there"),
        })
    };
    state.layers.iter().map(version).collect()
}

/// Checks that the layers exist, but for those that are known.
fn expect_layers(
    connection: &Connection,
    layers: &[LayerVersionId],
    known: &[LayerVersionId],
) -> Result<(), ApplyError> {
    for id in layers.iter().filter(|id| !known.contains(id)) {
        if layer::read(connection, id)?.is_none() {
            return Err(Conflict::LayerVersionNotFound(id.clone()).into());
        }
    }
    Ok(())
}

fn insert(apply: &mut Apply<'_>, function: &Function) -> Result<(), ApplyError> {
    let Function {
        name,
        description,
        runtime,
        handler,
        role,
        timeout_s,
        memory_mib,
        environment,
        layers,
        code,
        code_size,
        revision,
        created_at,
        modified_at,
        reserved_concurrency,
        permissions,
        dead_letter_target,
    } = function;
    let row = params![
        apply.row_ids.next(*created_at)?,
        name.as_str(),
        description.as_str(),
        runtime.as_str(),
        handler.as_str(),
        role.as_str(),
        timeout_s,
        memory_mib,
        environment_to_json(environment),
        layers_to_json(layers),
        code.as_bytes(),
        count(*code_size),
        revision.as_bytes(),
        created_at.as_millis(),
        modified_at.as_millis(),
        reserved_concurrency,
        permissions_to_json(permissions),
        dead_letter_target.as_ref().map(QueueArn::as_str),
    ];
    execute(apply.connection, INSERT, row)?;
    Ok(())
}

fn update(connection: &Connection, rid: i64, function: &Function) -> Result<(), ApplyError> {
    let Function {
        name: _,
        description,
        runtime,
        handler,
        role,
        timeout_s,
        memory_mib,
        environment,
        layers,
        code,
        code_size,
        revision,
        created_at: _,
        modified_at,
        reserved_concurrency,
        permissions,
        dead_letter_target,
    } = function;
    let row = params![
        description.as_str(),
        runtime.as_str(),
        handler.as_str(),
        role.as_str(),
        timeout_s,
        memory_mib,
        environment_to_json(environment),
        layers_to_json(layers),
        code.as_bytes(),
        count(*code_size),
        revision.as_bytes(),
        modified_at.as_millis(),
        reserved_concurrency,
        permissions_to_json(permissions),
        dead_letter_target.as_ref().map(QueueArn::as_str),
        rid,
    ];
    execute(connection, UPDATE, row)?;
    Ok(())
}

fn from_fields(fields: &Fields<'_>) -> Result<Function, ReadError> {
    Ok(Function {
        name: fields.parse(1, "name", FunctionName::parse)?,
        description: fields.parse(2, "description", FunctionDescription::parse)?,
        runtime: fields.parse(3, "runtime", RuntimeName::parse)?,
        handler: fields.parse(4, "handler", Handler::parse)?,
        role: fields.parse(5, "role", RoleArn::parse)?,
        timeout_s: fields.get(6, "timeout_s")?,
        memory_mib: fields.get(7, "memory_mib")?,
        environment: fields.parse(8, "environment", environment_from_json)?,
        layers: fields.parse(9, "layers", layers_from_json)?,
        code: CodeSha256::from_sha256(fields.get(10, "code")?),
        code_size: fields.count(11, "code_size")?,
        revision: RevisionId::from_bytes(fields.get(12, "revision")?),
        created_at: fields.time(13, "created")?,
        modified_at: fields.time(14, "modified")?,
        reserved_concurrency: fields.get(15, "reserved_concurrency")?,
        permissions: fields.parse(16, "permissions", permissions_from_json)?,
        dead_letter_target: fields.parse_if_any(17, "dead_letters", QueueArn::parse)?,
    })
}

fn environment_to_json(environment: &Environment) -> String {
    json!(environment.iter().collect::<BTreeMap<_, _>>()).to_string()
}

fn environment_from_json(json: &str) -> Result<Environment, String> {
    // The parser's message has the value in which it stopped, which may be a secret.
    let variables: BTreeMap<String, String> =
        serde_json::from_str(json).map_err(|_| "it is no JSON object of texts".to_owned())?;
    Environment::new(variables).map_err(|error| error.to_string())
}

fn layers_to_json(layers: &[LayerVersionId]) -> String {
    let row = |LayerVersionId { layer, version }: &LayerVersionId| json!([layer.as_str(), version]);
    json!(layers.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn layers_from_json(json: &str) -> Result<Vec<LayerVersionId>, String> {
    let rows: Vec<(String, u64)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let id = |(name, version): (String, u64)| {
        let layer = LayerName::parse(&name).map_err(|error| error.to_string())?;
        Ok(LayerVersionId { layer, version })
    };
    rows.into_iter().map(id).collect()
}

fn permissions_to_json(permissions: &[FunctionPermission]) -> String {
    let row =
        |FunctionPermission { sid, statement }: &FunctionPermission| json!([sid.as_str(), &**statement]);
    json!(permissions.iter().map(row).collect::<Vec<_>>()).to_string()
}

fn permissions_from_json(json: &str) -> Result<Vec<FunctionPermission>, String> {
    let rows: Vec<(String, String)> = serde_json::from_str(json).map_err(|error| error.to_string())?;
    let permission = |(sid, statement): (String, String)| {
        let sid = StatementId::parse(&sid).map_err(|error| error.to_string())?;
        Ok(FunctionPermission { sid, statement: Arc::from(statement) })
    };
    rows.into_iter().map(permission).collect()
}
