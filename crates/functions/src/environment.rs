use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::Path;

use landfall_model::{Function, Scope};

use crate::config::ApiAccess;
use crate::runtimes::Program;

/// What a process gets to know besides what its function says.
pub(crate) struct Surroundings<'a> {
    /// Account and region.
    pub(crate) scope: &'a Scope,
    /// How it reaches the API.
    pub(crate) api: &'a ApiAccess,
    /// Where its Runtime API is.
    pub(crate) runtime_api: SocketAddr,
    /// Where its code is.
    pub(crate) task: &'a Path,
    /// A folder of its own.
    pub(crate) temporary: &'a Path,
    /// The name of its part of the log.
    pub(crate) log_stream: &'a str,
}

/// The environment of a process: what Lambda gives
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>), and nothing of the server's.
///
/// Beyond that `AWS_ENDPOINT_URL` leads the SDKs to this server, and `TMPDIR` and `HOME` to a folder of the process's own:
/// in the server's own home they could find settings that were never meant for them.
pub(crate) fn environment(
    function: &Function,
    program: &Program,
    surroundings: &Surroundings<'_>,
) -> Vec<(OsString, OsString)> {
    let Surroundings { scope, api, runtime_api, task, temporary, log_stream } = surroundings;
    let name = function.name.as_str();
    let region = scope.region.as_str();
    let mut environment: Vec<(OsString, OsString)> = Vec::new();
    let mut set = |name: &str, value: OsString| environment.push((name.into(), value));
    set("LANG", "en_US.UTF-8".into());
    set("TZ", ":UTC".into());
    set("TMPDIR", temporary.into());
    set("HOME", temporary.into());
    for (name, value) in &program.environment {
        set(name, value.clone());
    }
    set("AWS_ENDPOINT_URL", (&api.endpoint_url).into());
    // What the function says can take the place of the above, but not of what follows: these names are reserved.
    for (name, value) in function.environment.iter() {
        set(name, value.into());
    }
    set("_HANDLER", function.handler.as_str().into());
    set("LAMBDA_TASK_ROOT", (*task).into());
    set("AWS_REGION", region.into());
    set("AWS_DEFAULT_REGION", region.into());
    set("AWS_ACCESS_KEY_ID", (&api.access_key_id).into());
    set("AWS_SECRET_ACCESS_KEY", (&api.secret_access_key).into());
    set("AWS_EXECUTION_ENV", format!("AWS_Lambda_{}", function.runtime).into());
    set("AWS_LAMBDA_FUNCTION_NAME", name.into());
    set("AWS_LAMBDA_FUNCTION_VERSION", Function::VERSION.into());
    set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", function.memory_mib.to_string().into());
    set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}").into());
    set("AWS_LAMBDA_LOG_STREAM_NAME", (*log_stream).into());
    set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand".into());
    set("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string().into());
    environment
}
