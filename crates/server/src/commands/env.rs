use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Args;

use crate::data_dir::server_info;

/// Print what to export so that the AWS CLI and SDKs speak to a running server
///
/// Use it as: eval "$(landfall env)"
#[derive(Args)]
pub(crate) struct Arguments {
    /// The data directory of the server
    #[arg(long, value_name = "DIR", default_value = "landfall-data")]
    data: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let info = server_info(&arguments.data).with_context(|| {
        let data = arguments.data.display();
        format!("no server uses the data directory {data}; start one with `landfall serve`, or name its directory with --data")
    })?;
    println!("export AWS_ENDPOINT_URL={}", info.endpoint());
    println!("export AWS_ACCESS_KEY_ID={}", info.credentials.access_key_id);
    println!("export AWS_SECRET_ACCESS_KEY={}", info.credentials.secret_access_key);
    println!("export AWS_DEFAULT_REGION={}", info.region);
    Ok(ExitCode::SUCCESS)
}
