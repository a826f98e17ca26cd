use jiff::Timestamp;
use landfall_api::function::{
    CreateFunctionRequest, DeadLetterConfig, DeleteFunctionRequest, DeleteFunctionResponse,
    EnvironmentResponse, EnvironmentVariables, FunctionCode, FunctionCodeLocation, FunctionConfiguration,
    GetFunctionConfigurationRequest, GetFunctionRequest, GetFunctionResponse, Layer, ListFunctionsRequest,
    ListFunctionsResponse, TracingConfig, UpdateFunctionCodeRequest, UpdateFunctionConfigurationRequest,
};
use landfall_api::{ApiError, ErrorCode, OperationKey};
use landfall_model::{
    Function, FunctionName, InvalidFunctionReference, LayerVersionId, QueueArn, RevisionId, RuntimeName,
    UnixTime,
};
use landfall_registry::{Conflict, Order, Transaction};
use tracing::warn;

use crate::attempts::Attempts;
use crate::failure::{Failure, invalid};
use crate::function_concurrency;
use crate::function_host::StoredCode;
use crate::function_settings::{NO_VERSIONS, Settings, SettingsUpdate, archive_of};
use crate::given::refuse_given;
use crate::handler::{Context, Handle, Handler, handler};
use crate::random;

/// What `GetFunction` calls the keeper of the code, which is `S3` at AWS.
const REPOSITORY: &str = "Landfall";

/// The operations of functions.
pub(crate) fn handlers() -> Vec<(OperationKey, Handler)> {
    vec![
        handler::<CreateFunctionRequest>(),
        handler::<UpdateFunctionCodeRequest>(),
        handler::<UpdateFunctionConfigurationRequest>(),
        handler::<GetFunctionRequest>(),
        handler::<GetFunctionConfigurationRequest>(),
        handler::<ListFunctionsRequest>(),
        handler::<DeleteFunctionRequest>(),
    ]
}

impl Handle for CreateFunctionRequest {
    /// The function is `Active` at once. Architectures, the size of `/tmp` and tracing are taken, as tools send them, and
    /// have no effect: the code runs on what the machine is, `/tmp` is the machine's, and nothing is traced.
    async fn handle(self, context: &Context<'_>) -> Result<FunctionConfiguration, Failure> {
        context.app.functions.check_on()?;
        let (settings, archive) = Settings::of_creation(self, context)?;
        let note = check_runtime(context, &settings.name, settings.runtime).await?;
        if context.registry().function(&settings.name).await?.is_some() {
            return Err(already_exists(&settings.name));
        }
        check_layers(context, &settings.layers, &[]).await?;
        let stored = context.app.functions.store_code(archive).await?;
        let function = settings.into_function(stored, context.now)?;
        let mut transaction = Transaction::new();
        transaction.create_function(function.clone());
        match context.try_commit(transaction).await? {
            None => configuration(context, &function, note).await,
            Some(Conflict::FunctionExists(name)) => Err(already_exists(&name)),
            Some(conflict) => Err(conflict.into()),
        }
    }
}

impl Handle for UpdateFunctionCodeRequest {
    async fn handle(self, context: &Context<'_>) -> Result<FunctionConfiguration, Failure> {
        let Self {
            function_name,
            zip_file,
            s3_bucket,
            s3_key,
            s3_object_version,
            s3_object_storage_mode,
            image_uri,
            // They have no effect, as at the creation.
            architectures: _,
            publish,
            publish_to,
            dry_run,
            revision_id,
            source_kms_key_arn,
        } = self;
        context.app.functions.check_on()?;
        refuse_given(&[("Publish", &publish, NO_VERSIONS), ("PublishTo", &publish_to, NO_VERSIONS)])?;
        let code = FunctionCode {
            zip_file,
            s3_bucket,
            s3_key,
            s3_object_version,
            s3_object_storage_mode,
            image_uri,
            source_kms_key_arn,
        };
        let archive = archive_of(code, "")?;
        let function = existing(context, &function_name, None).await?;
        check_revision(&function, revision_id.as_deref())?;
        let stored = context.app.functions.store_code(archive).await?;
        let set = |function: &mut Function| {
            let StoredCode { code, code_size } = stored;
            (function.code, function.code_size, function.modified_at) = (code, code_size, context.now);
            Ok(())
        };
        if dry_run == Some(true) {
            let mut function = function;
            set(&mut function)?;
            return configuration(context, &function, None).await;
        }
        let function = change(context, &function.name, revision_id.as_deref(), set).await?;
        configuration(context, &function, None).await
    }
}

impl Handle for UpdateFunctionConfigurationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<FunctionConfiguration, Failure> {
        context.app.functions.check_on()?;
        let function = existing(context, &self.function_name, None).await?;
        let expected = self.revision_id.clone();
        check_revision(&function, expected.as_deref())?;
        let update = SettingsUpdate::of_request(self, &function.name, context)?;
        let note = match update.runtime {
            Some(runtime) => check_runtime(context, &function.name, runtime).await?,
            None => None,
        };
        check_layers(context, update.layers.as_deref().unwrap_or_default(), &function.layers).await?;
        let set = |function: &mut Function| {
            update.apply(function);
            function.modified_at = context.now;
            Ok(())
        };
        let function = change(context, &function.name, expected.as_deref(), set).await?;
        configuration(context, &function, note).await
    }
}

impl Handle for GetFunctionRequest {
    /// The code cannot be read back, so the answer has no URL of it.
    async fn handle(self, context: &Context<'_>) -> Result<GetFunctionResponse, Failure> {
        let Self { function_name, qualifier } = self;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        let concurrency = function.reserved_concurrency;
        Ok(GetFunctionResponse {
            configuration: Some(configuration(context, &function, None).await?),
            code: Some(FunctionCodeLocation {
                repository_type: Some(REPOSITORY.to_owned()),
                ..FunctionCodeLocation::default()
            }),
            concurrency: concurrency.map(|concurrency| function_concurrency::wire(Some(concurrency))),
            ..GetFunctionResponse::default()
        })
    }
}

impl Handle for GetFunctionConfigurationRequest {
    async fn handle(self, context: &Context<'_>) -> Result<FunctionConfiguration, Failure> {
        let Self { function_name, qualifier } = self;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        configuration(context, &function, None).await
    }
}

impl Handle for ListFunctionsRequest {
    /// `ALL` versions of a function are the one that it has. None is a replica of one in another region.
    async fn handle(self, context: &Context<'_>) -> Result<ListFunctionsResponse, Failure> {
        // The context reads the page from the call.
        let Self { master_region, function_version: _, marker: _, max_items: _ } = self;
        let page = context.page(Order::Ascending)?;
        let own = ["ALL", context.scope().region.as_str()];
        if master_region.is_some_and(|region| !own.contains(&region.as_str())) {
            return Ok(ListFunctionsResponse { functions: Some(Vec::new()), next_marker: None });
        }
        let page = context.registry().functions(page).await?;
        let mut functions = Vec::with_capacity(page.items.len());
        for function in &page.items {
            functions.push(configuration(context, function, None).await?);
        }
        Ok(ListFunctionsResponse { functions: Some(functions), next_marker: context.next_token(page.next)? })
    }
}

impl Handle for DeleteFunctionRequest {
    /// Event source mappings of the function stay, and fail, as at AWS.
    async fn handle(self, context: &Context<'_>) -> Result<DeleteFunctionResponse, Failure> {
        let Self { function_name, qualifier } = self;
        let function = existing(context, &function_name, qualifier.as_deref()).await?;
        if qualifier.is_some() {
            let message = "the version $LATEST is deleted with its function: leave the qualifier out";
            return Err(invalid(message).into());
        }
        let mut transaction = Transaction::new();
        transaction.delete_function(function.name);
        context.registry().commit(transaction).await?;
        Ok(DeleteFunctionResponse { status_code: Some(204) })
    }
}

/// The function of this name, partial ARN or ARN.
///
/// # Errors
/// The text names none, or another version than `$LATEST`.
pub(crate) async fn existing(
    context: &Context<'_>,
    text: &str,
    qualifier: Option<&str>,
) -> Result<Function, Failure> {
    let name = context.scope().parse_function(text).map_err(|error| not_named(&error))?;
    if let Some(qualifier) = qualifier.filter(|qualifier| *qualifier != Function::VERSION) {
        let qualifier = qualifier.to_owned();
        return Err(not_named(&InvalidFunctionReference::Qualifier { name, qualifier }).into());
    }
    let function = context.registry().function(&name).await?;
    Ok(function.ok_or_else(|| not_found(context, &name))?)
}

/// The refusal of what concerns a function that is not there, in the words of AWS.
pub(crate) fn not_found(context: &Context<'_>, name: &FunctionName) -> ApiError {
    let message = format!("Function not found: {}", context.scope().function_arn(name));
    ApiError::new(ErrorCode::ResourceNotFound, message)
}

/// Changes a function, whoever else changes it at the same time.
///
/// # Errors
/// It is not there (any more), has not the revision that is expected, or `set` refuses.
pub(crate) async fn change(
    context: &Context<'_>,
    name: &FunctionName,
    expected: Option<&str>,
    set: impl Fn(&mut Function) -> Result<(), Failure>,
) -> Result<Function, Failure> {
    let mut attempts = Attempts::new();
    loop {
        let found = context.registry().function(name).await?;
        let mut function = found.ok_or_else(|| not_found(context, name))?;
        check_revision(&function, expected)?;
        let before = function.revision;
        set(&mut function)?;
        function.revision = RevisionId::from_bytes(random::uuid()?);
        let mut transaction = Transaction::new();
        transaction.update_function(function.clone(), before);
        let Some(conflict) = context.try_commit(transaction).await? else { return Ok(function) };
        let is_lost_race = matches!(conflict, Conflict::FunctionRevision(_));
        attempts.again(conflict, is_lost_race)?;
    }
}

/// A moment as lambda writes it.
///
/// # Errors
/// It is of a year that has not four digits.
pub(crate) fn wire_text(moment: UnixTime) -> Result<String, Failure> {
    let moment = Timestamp::from_millisecond(moment.as_millis())
        .map_err(|error| Failure::internal("writing a moment", error))?;
    Ok(moment.strftime("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string())
}

/// A size on the wire.
pub(crate) fn wire_size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// A function as it is answered; `note` is what there is to say about its runtime.
async fn configuration(
    context: &Context<'_>,
    function: &Function,
    note: Option<String>,
) -> Result<FunctionConfiguration, Failure> {
    let layers = wire_layers(context, function).await?;
    let Function {
        name,
        description,
        runtime,
        handler,
        role,
        timeout_s,
        memory_mib,
        environment,
        layers: _,
        code,
        code_size,
        revision,
        created_at: _,
        modified_at,
        // Other operations answer these.
        reserved_concurrency: _,
        permissions: _,
        dead_letter_target,
    } = function;
    let variables = environment.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let environment = EnvironmentResponse {
        variables: Some(EnvironmentVariables(variables)),
        ..EnvironmentResponse::default()
    };
    let dead_letters = |queue: &QueueArn| DeadLetterConfig { target_arn: Some(queue.to_string()) };
    let is_environment_empty = function.environment.is_empty();
    Ok(FunctionConfiguration {
        function_name: Some(name.to_string()),
        function_arn: Some(context.scope().function_arn(name)),
        runtime: Some(runtime.to_string()),
        role: Some(role.to_string()),
        handler: Some(handler.to_string()),
        code_size: Some(wire_size(*code_size)),
        description: Some(description.to_string()),
        timeout: Some((*timeout_s).into()),
        memory_size: Some((*memory_mib).into()),
        last_modified: Some(wire_text(*modified_at)?),
        code_sha256: Some(code.to_string()),
        version: Some(Function::VERSION.to_owned()),
        dead_letter_config: dead_letter_target.as_ref().map(dead_letters),
        environment: (!is_environment_empty).then_some(environment),
        tracing_config: Some(TracingConfig { mode: Some("PassThrough".to_owned()) }),
        revision_id: Some(revision.to_string()),
        layers: (!layers.is_empty()).then_some(layers),
        state: Some("Active".to_owned()),
        state_reason: note,
        last_update_status: Some("Successful".to_owned()),
        package_type: Some("Zip".to_owned()),
        architectures: machine_architecture().map(|architecture| vec![architecture.to_owned()]),
        ..FunctionConfiguration::default()
    })
}

async fn wire_layers(context: &Context<'_>, function: &Function) -> Result<Vec<Layer>, Failure> {
    if function.layers.is_empty() {
        return Ok(Vec::new());
    }
    let versions = context.registry().function_layers(&function.name).await?.unwrap_or_default();
    let wire = |id: &LayerVersionId| {
        let version = versions.iter().find(|version| version.id == *id);
        Layer {
            arn: Some(context.scope().layer_version_arn(id)),
            code_size: version.map(|version| wire_size(version.code_size)),
            ..Layer::default()
        }
    };
    Ok(function.layers.iter().map(wire).collect())
}

/// What the code runs on, whatever it was built for.
fn machine_architecture() -> Option<&'static str> {
    match std::env::consts::ARCH {
        "x86_64" => Some("x86_64"),
        "aarch64" => Some("arm64"),
        _ => None,
    }
}

/// What there is to say about functions of this runtime here.
async fn check_runtime(
    context: &Context<'_>,
    function: &FunctionName,
    runtime: RuntimeName,
) -> Result<Option<String>, Failure> {
    let note = context.app.functions.check_runtime(runtime).await?;
    if let Some(note) = &note {
        warn!(%function, %runtime, note, "the runtime of a function is not what its name says");
    }
    Ok(note)
}

/// Whether the layers that a function gets exist; those that it has may have been deleted.
async fn check_layers(
    context: &Context<'_>,
    layers: &[LayerVersionId],
    has: &[LayerVersionId],
) -> Result<(), Failure> {
    for id in layers.iter().filter(|id| !has.contains(id)) {
        if context.registry().layer_version(id).await?.is_none() {
            let arn = context.scope().layer_version_arn(id);
            return Err(invalid(format!("Layer version {arn} does not exist.")).into());
        }
    }
    Ok(())
}

fn check_revision(function: &Function, expected: Option<&str>) -> Result<(), ApiError> {
    match expected {
        Some(expected) if expected != function.revision.to_string() => {
            // In the words of AWS.
            let message = "The RevisionId provided does not match the latest RevisionId of the Lambda function. \
                           Call the GetFunction API to retrieve the latest RevisionId";
            Err(ApiError::new(ErrorCode::PreconditionFailed, message))
        }
        Some(_) | None => Ok(()),
    }
}

/// The refusal of a text that names no function, in the codes of AWS.
fn not_named(error: &InvalidFunctionReference) -> ApiError {
    match error {
        InvalidFunctionReference::Malformed { .. } | InvalidFunctionReference::Name(_) => invalid(error),
        InvalidFunctionReference::Foreign { .. } | InvalidFunctionReference::Qualifier { .. } => {
            ApiError::new(ErrorCode::ResourceNotFound, error.to_string())
        }
    }
}

fn already_exists(name: &FunctionName) -> Failure {
    // In the words of AWS, which scripts are known to look for.
    ApiError::new(ErrorCode::ResourceConflict, format!("Function already exist: {name}")).into()
}
