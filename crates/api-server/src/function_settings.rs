//! What requests say of a function.

use bytes::Bytes;
use landfall_api::function::{
    CreateFunctionRequest, DeadLetterConfig, Environment as WireEnvironment, EnvironmentVariables,
    FunctionCode, UpdateFunctionConfigurationRequest,
};
use landfall_api::{ApiError, OpaqueMember, WireBlob};
use landfall_model::{
    Environment, Function, FunctionDescription, FunctionName, Handler as CodeHandler, LayerVersionId,
    QueueArn, RevisionId, RoleArn, RuntimeName, UnixTime,
};

use crate::failure::{Failure, invalid};
use crate::function_host::StoredCode;
use crate::given::{refuse_given, unsupported};
use crate::handler::Context;
use crate::random;

const NO_IMAGES: &str = "functions run without containers; upload a zip file, with the package type Zip";
const NO_KMS: &str = "nothing is encrypted with keys of KMS; leave it out";
const NO_TAGS: &str = "functions have no tags; leave it out";
/// Why a member of a request is refused that says which version is meant.
pub(crate) const NO_VERSIONS: &str = "functions have no version but $LATEST; leave it out";
const NOT_DURABLE: &str = "executions are not durable; leave it out";
const OWN_RUNTIMES: &str = "runtimes are those of the machine; leave it out";
const OWN_MACHINE: &str = "functions run on the server's own machine and in its network; leave it out";
const UPLOADED: &str =
    "code comes with the request; send the zip file itself, as the AWS CLI does with --zip-file fileb://FILE";

/// What is known of a function before its code.
pub(crate) struct Settings {
    pub(crate) name: FunctionName,
    description: FunctionDescription,
    pub(crate) runtime: RuntimeName,
    handler: CodeHandler,
    role: RoleArn,
    timeout_s: u16,
    memory_mib: u16,
    environment: Environment,
    pub(crate) layers: Vec<LayerVersionId>,
    dead_letter_target: Option<QueueArn>,
}

impl Settings {
    /// What a request to create a function says, with the archive of its code.
    ///
    /// # Errors
    /// It says what cannot be, or what is not built.
    pub(crate) fn of_creation(
        request: CreateFunctionRequest,
        context: &Context<'_>,
    ) -> Result<(Self, Bytes), Failure> {
        let CreateFunctionRequest {
            function_name,
            runtime,
            role,
            handler,
            code,
            description,
            timeout,
            memory_size,
            publish,
            publish_to,
            vpc_config,
            package_type,
            dead_letter_config,
            environment,
            kms_key_arn,
            // It has no effect, nor have the size of /tmp and the architectures.
            tracing_config: _,
            tags,
            layers,
            file_system_configs,
            code_signing_config_arn,
            image_config,
            architectures: _,
            ephemeral_storage: _,
            snap_start,
            logging_config,
            tenancy_config,
            capacity_provider_config,
            durable_config,
            runtime_config,
            accelerator_config,
        } = request;
        if package_type.is_some_and(|package| package != "Zip") {
            return Err(unsupported("PackageType Image", NO_IMAGES).into());
        }
        refuse_given(&[
            ("Publish", &publish, NO_VERSIONS),
            ("PublishTo", &publish_to, NO_VERSIONS),
            ("VpcConfig", &vpc_config, OWN_MACHINE),
            ("KMSKeyArn", &kms_key_arn, NO_KMS),
            ("Tags", &tags, NO_TAGS),
            ("FileSystemConfigs", &file_system_configs, OWN_MACHINE),
            ("CodeSigningConfigArn", &code_signing_config_arn, "code is not signed; leave it out"),
            ("ImageConfig", &image_config, NO_IMAGES),
            ("TenancyConfig", &tenancy_config, "functions have no tenants; leave it out"),
            ("CapacityProviderConfig", &capacity_provider_config, OWN_MACHINE),
            ("DurableConfig", &durable_config, NOT_DURABLE),
            ("RuntimeConfig", &runtime_config, OWN_RUNTIMES),
            ("AcceleratorConfig", &accelerator_config, OWN_MACHINE),
        ])?;
        check_snap_start(snap_start.as_ref())?;
        let name = context.scope().parse_function(&function_name).map_err(invalid)?;
        check_logging(logging_config.as_ref(), &name)?;
        let handler =
            handler.ok_or_else(|| invalid("Handler is missing: what the runtime calls, as f.handler"))?;
        let runtime =
            runtime.ok_or_else(|| invalid("Runtime is missing: what runs the function, as python3.12"))?;
        let settings = Self {
            name,
            description: FunctionDescription::parse(&description.unwrap_or_default()).map_err(invalid)?,
            runtime: parse_runtime(&runtime)?,
            handler: CodeHandler::parse(&handler).map_err(invalid)?,
            role: RoleArn::parse(&role).map_err(invalid)?,
            timeout_s: timeout.map_or(Ok(Function::TIMEOUT_S_DEFAULT), parse_timeout)?,
            memory_mib: memory_size.map_or(Ok(Function::MEMORY_MIB_DEFAULT), parse_memory)?,
            environment: parse_environment(environment.unwrap_or_default())?,
            layers: parse_layers(&layers.unwrap_or_default(), context)?,
            dead_letter_target: parse_dead_letters(dead_letter_config.unwrap_or_default())?,
        };
        Ok((settings, archive_of(code, "Code.")?))
    }

    /// The function with its code.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub(crate) fn into_function(self, stored: StoredCode, now: UnixTime) -> Result<Function, Failure> {
        let Self {
            name,
            description,
            runtime,
            handler,
            role,
            timeout_s,
            memory_mib,
            environment,
            layers,
            dead_letter_target,
        } = self;
        Ok(Function {
            name,
            description,
            runtime,
            handler,
            role,
            timeout_s,
            memory_mib,
            environment,
            layers,
            code: stored.code,
            code_size: stored.code_size,
            revision: RevisionId::from_bytes(random::uuid()?),
            created_at: now,
            modified_at: now,
            reserved_concurrency: None,
            permissions: Vec::new(),
            dead_letter_target,
        })
    }
}

/// What becomes other of a function; what is none stays.
pub(crate) struct SettingsUpdate {
    description: Option<FunctionDescription>,
    pub(crate) runtime: Option<RuntimeName>,
    handler: Option<CodeHandler>,
    role: Option<RoleArn>,
    timeout_s: Option<u16>,
    memory_mib: Option<u16>,
    environment: Option<Environment>,
    pub(crate) layers: Option<Vec<LayerVersionId>>,
    dead_letter_target: Option<Option<QueueArn>>,
}

impl SettingsUpdate {
    /// What a request to change a function says.
    ///
    /// # Errors
    /// It says what cannot be, or what is not built.
    pub(crate) fn of_request(
        request: UpdateFunctionConfigurationRequest,
        name: &FunctionName,
        context: &Context<'_>,
    ) -> Result<Self, Failure> {
        let UpdateFunctionConfigurationRequest {
            // They say which function in which state, and have been read.
            function_name: _,
            revision_id: _,
            role,
            handler,
            description,
            timeout,
            memory_size,
            vpc_config,
            environment,
            runtime,
            dead_letter_config,
            kms_key_arn,
            // They have no effect, as at the creation.
            tracing_config: _,
            ephemeral_storage: _,
            layers,
            file_system_configs,
            image_config,
            snap_start,
            logging_config,
            capacity_provider_config,
            durable_config,
            runtime_config,
            accelerator_config,
        } = request;
        refuse_given(&[
            ("VpcConfig", &vpc_config, OWN_MACHINE),
            ("KMSKeyArn", &kms_key_arn, NO_KMS),
            ("FileSystemConfigs", &file_system_configs, OWN_MACHINE),
            ("ImageConfig", &image_config, NO_IMAGES),
            ("CapacityProviderConfig", &capacity_provider_config, OWN_MACHINE),
            ("DurableConfig", &durable_config, NOT_DURABLE),
            ("RuntimeConfig", &runtime_config, OWN_RUNTIMES),
            ("AcceleratorConfig", &accelerator_config, OWN_MACHINE),
        ])?;
        check_snap_start(snap_start.as_ref())?;
        check_logging(logging_config.as_ref(), name)?;
        let description = description.as_deref().map(FunctionDescription::parse);
        Ok(Self {
            description: description.transpose().map_err(invalid)?,
            runtime: runtime.as_deref().map(parse_runtime).transpose()?,
            handler: handler.as_deref().map(CodeHandler::parse).transpose().map_err(invalid)?,
            role: role.as_deref().map(RoleArn::parse).transpose().map_err(invalid)?,
            timeout_s: timeout.map(parse_timeout).transpose()?,
            memory_mib: memory_size.map(parse_memory).transpose()?,
            environment: environment.map(parse_environment).transpose()?,
            layers: layers.map(|arns| parse_layers(&arns, context)).transpose()?,
            dead_letter_target: dead_letter_config.map(parse_dead_letters).transpose()?,
        })
    }

    /// Changes a function.
    pub(crate) fn apply(&self, function: &mut Function) {
        let Self {
            description,
            runtime,
            handler,
            role,
            timeout_s,
            memory_mib,
            environment,
            layers,
            dead_letter_target,
        } = self;
        set_if_given(&mut function.description, description);
        set_if_given(&mut function.runtime, runtime);
        set_if_given(&mut function.handler, handler);
        set_if_given(&mut function.role, role);
        set_if_given(&mut function.timeout_s, timeout_s);
        set_if_given(&mut function.memory_mib, memory_mib);
        set_if_given(&mut function.environment, environment);
        set_if_given(&mut function.layers, layers);
        set_if_given(&mut function.dead_letter_target, dead_letter_target);
    }
}

fn set_if_given<T: Clone>(setting: &mut T, given: &Option<T>) {
    if let Some(given) = given {
        setting.clone_from(given);
    }
}

/// The archive that came with a request; `within` is the member that its own are in, with a dot.
///
/// # Errors
/// There is none, or it is somewhere else.
pub(crate) fn archive_of(code: FunctionCode, within: &str) -> Result<Bytes, ApiError> {
    let FunctionCode {
        zip_file,
        s3_bucket,
        s3_key,
        s3_object_version,
        s3_object_storage_mode,
        image_uri,
        source_kms_key_arn,
    } = code;
    refuse_given(&[
        (&format!("{within}ImageUri"), &image_uri, NO_IMAGES),
        (&format!("{within}S3Bucket"), &s3_bucket, UPLOADED),
        (&format!("{within}S3Key"), &s3_key, UPLOADED),
        (&format!("{within}S3ObjectVersion"), &s3_object_version, UPLOADED),
        (&format!("{within}S3ObjectStorageMode"), &s3_object_storage_mode, UPLOADED),
        (&format!("{within}SourceKMSKeyArn"), &source_kms_key_arn, NO_KMS),
    ])?;
    let archive = zip_file.map(WireBlob::into_bytes);
    archive.map(Bytes::from).ok_or_else(|| invalid(format!("{within}ZipFile is missing: {UPLOADED}")))
}

fn check_snap_start(snap_start: Option<&OpaqueMember>) -> Result<(), ApiError> {
    let is_off = |snap_start: &OpaqueMember| {
        snap_start.is_empty() || snap_start.text("ApplyOn").is_none_or(|apply_on| apply_on == "None")
    };
    if snap_start.is_none_or(is_off) { Ok(()) } else { Err(unsupported("SnapStart", NO_VERSIONS)) }
}

/// Logs are of text, each in the place of its function.
fn check_logging(logging: Option<&OpaqueMember>, name: &FunctionName) -> Result<(), ApiError> {
    let Some(logging) = logging.filter(|logging| !logging.is_empty()) else { return Ok(()) };
    let is_text = logging.text("LogFormat").is_none_or(|format| format == "Text");
    let is_own = logging.text("LogGroup").is_none_or(|group| group == format!("/aws/lambda/{name}"));
    if is_text && is_own && logging.has_only(&["LogFormat", "LogGroup"]) {
        return Ok(());
    }
    let instead = "logs are texts, read with `landfall functions logs NAME`; leave it out";
    Err(unsupported("LoggingConfig", instead))
}

fn parse_runtime(name: &str) -> Result<RuntimeName, ApiError> {
    RuntimeName::parse(name).map_err(invalid)
}

fn parse_timeout(seconds: i32) -> Result<u16, ApiError> {
    Function::parse_timeout_s(seconds.into()).map_err(invalid)
}

fn parse_memory(mib: i32) -> Result<u16, ApiError> {
    Function::parse_memory_mib(mib.into()).map_err(invalid)
}

fn parse_environment(environment: WireEnvironment) -> Result<Environment, ApiError> {
    let WireEnvironment { variables } = environment;
    let EnvironmentVariables(variables) = variables.unwrap_or_default();
    Environment::new(variables).map_err(invalid)
}

fn parse_layers(arns: &[String], context: &Context<'_>) -> Result<Vec<LayerVersionId>, ApiError> {
    let parse = |arn: &String| context.scope().parse_layer_version(arn).map_err(invalid);
    let layers = arns.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    Function::check_layers(&layers).map_err(invalid)?;
    Ok(layers)
}

/// An empty ARN takes the target away, as at AWS.
fn parse_dead_letters(config: DeadLetterConfig) -> Result<Option<QueueArn>, ApiError> {
    let DeadLetterConfig { target_arn } = config;
    let arn = target_arn.filter(|arn| !arn.is_empty());
    let queue = arn.as_deref().map(QueueArn::parse).transpose();
    queue.map_err(|error| invalid(format!("DeadLetterConfig: {error}")))
}
