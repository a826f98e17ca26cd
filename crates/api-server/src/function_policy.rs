use landfall_api::function_policy::{
    AddPermissionRequest, AddPermissionResponse, GetPolicyRequest, GetPolicyResponse,
    RemovePermissionRequest, RemovePermissionResponse,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{AccountId, Function, FunctionPermission, StatementId};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, invalid};
use crate::function::{change, existing};
use crate::handler::{Context, Handle, Handler, handler};

/// The operations of who may invoke a function. What they say is kept and not demanded: whoever has the server's key may
/// invoke every function, and topic rules may too.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<AddPermissionRequest>(),
        handler::<RemovePermissionRequest>(),
        handler::<GetPolicyRequest>(),
    ]
}

impl Handle for AddPermissionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<AddPermissionResponse, Failure> {
        context.app.functions.check_on()?;
        let function = existing(context, &self.function_name, self.qualifier.as_deref()).await?;
        let sid = StatementId::parse(&self.statement_id).map_err(invalid)?;
        let expected = self.revision_id.clone();
        let statement = statement_of(self, &context.scope().function_arn(&function.name)).to_string();
        let add = |function: &mut Function| {
            if function.permissions.iter().any(|permission| permission.sid == sid) {
                return Err(sid_exists(&sid).into());
            }
            let permission = FunctionPermission { sid: sid.clone(), statement: statement.as_str().into() };
            function.permissions.push(permission);
            Ok(check_length(function)?)
        };
        change(context, &function.name, expected.as_deref(), add).await?;
        Ok(AddPermissionResponse { statement: Some(statement) })
    }
}

impl Handle for RemovePermissionRequest {
    async fn handle(self, context: &Context<'_>) -> Result<RemovePermissionResponse, Failure> {
        let Self { function_name, statement_id, qualifier, revision_id } = self;
        context.app.functions.check_on()?;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        let remove = |function: &mut Function| {
            let before = function.permissions.len();
            function.permissions.retain(|permission| permission.sid.as_str() != statement_id);
            if function.permissions.len() == before {
                return Err(sid_not_found(&statement_id).into());
            }
            Ok(())
        };
        change(context, &function.name, revision_id.as_deref(), remove).await?;
        Ok(RemovePermissionResponse {})
    }
}

impl Handle for GetPolicyRequest {
    async fn handle(self, context: &Context<'_>) -> Result<GetPolicyResponse, Failure> {
        let Self { function_name, qualifier } = self;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        if function.permissions.is_empty() {
            // In the words of AWS.
            let message = "The resource you requested does not exist.";
            return Err(ApiError::new(ErrorCode::ResourceNotFound, message).into());
        }
        let statements: Result<Vec<Value>, _> = function
            .permissions
            .iter()
            .map(|permission| serde_json::from_str(&permission.statement))
            .collect();
        let statements = statements.map_err(|error| Failure::internal("reading a permission", error))?;
        let policy = json!({"Version": "2012-10-17", "Id": "default", "Statement": statements});
        Ok(GetPolicyResponse {
            policy: Some(policy.to_string()),
            revision_id: Some(function.revision.to_string()),
        })
    }
}

/// The statement that AWS makes of a permission.
fn statement_of(request: AddPermissionRequest, function_arn: &str) -> Value {
    let AddPermissionRequest {
        // They say which function in which state, and have been read.
        function_name: _,
        qualifier: _,
        revision_id: _,
        statement_id,
        action,
        principal,
        source_arn,
        function_url_auth_type,
        invoked_via_function_url,
        source_account,
        event_source_token,
        principal_org_id,
    } = request;
    let mut equals = Map::new();
    for (key, value) in [
        ("AWS:SourceAccount", source_account),
        ("lambda:EventSourceToken", event_source_token),
        ("lambda:FunctionUrlAuthType", function_url_auth_type),
        ("aws:PrincipalOrgID", principal_org_id),
    ] {
        equals.extend(value.map(|value| (key.to_owned(), Value::from(value))));
    }
    let mut conditions = Map::new();
    if !equals.is_empty() {
        conditions.insert("StringEquals".to_owned(), Value::Object(equals));
    }
    if let Some(via_url) = invoked_via_function_url {
        let condition = json!({"lambda:InvokedViaFunctionUrl": via_url.to_string()});
        conditions.insert("Bool".to_owned(), condition);
    }
    if let Some(source) = source_arn {
        conditions.insert("ArnLike".to_owned(), json!({"AWS:SourceArn": source}));
    }
    let mut statement = json!({
        "Sid": statement_id,
        "Effect": "Allow",
        "Principal": principal_of(principal),
        "Action": action,
        "Resource": function_arn,
    });
    if let Some(statement) = statement.as_object_mut().filter(|_| !conditions.is_empty()) {
        statement.insert("Condition".to_owned(), Value::Object(conditions));
    }
    statement
}

/// A service has dots in its name; an account stands for its root; whatever else is the ARN of one who may, or `*`.
fn principal_of(principal: String) -> Value {
    if principal == "*" {
        Value::from(principal)
    } else if AccountId::parse(&principal).is_ok() {
        json!({"AWS": format!("arn:aws:iam::{principal}:root")})
    } else if principal.starts_with("arn:") {
        json!({"AWS": principal})
    } else {
        json!({"Service": principal})
    }
}

fn check_length(function: &Function) -> Result<(), ApiError> {
    let (found, max) = (function.permissions.iter(), Function::PERMISSIONS_BYTES_MAX);
    let found: usize = found.map(|permission| permission.statement.len()).sum();
    if found <= max {
        return Ok(());
    }
    let message = format!(
        "the statements of the policy have {found} bytes together, and {max} are the most; remove some"
    );
    Err(ApiError::new(ErrorCode::PolicyLengthExceeded, message))
}

fn sid_exists(sid: &StatementId) -> ApiError {
    // In the words of AWS.
    let message = format!(
        "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the existing \
         statement."
    );
    ApiError::new(ErrorCode::ResourceConflict, message)
}

fn sid_not_found(sid: &str) -> ApiError {
    let message = format!("Statement {sid} is not found in resource policy.");
    ApiError::new(ErrorCode::ResourceNotFound, message)
}
