use std::process::Command;

use crate::ca::Ca;
use crate::landfall::Landfall;
use crate::process::{DEADLINE, Ran, run};

/// `landfall simulate` with so many devices of a CA, reporting on each of them in JSON.
pub fn simulate(server: &Landfall, ca: &Ca, devices: usize, arguments: &[&str]) -> Command {
    let mut command = Landfall::command(&["simulate", "--json", "--every-device", "--number"]);
    command.arg(devices.to_string()).arg("--endpoint").arg(format!("localhost:{}", server.mqtt().port()));
    command.arg("--aws-root-ca").arg(server.server_ca()).arg("--ca").arg(ca.certificate());
    command.arg("--ca-key").arg(ca.key()).args(arguments);
    command
}

/// Runs `landfall simulate` to its end.
#[track_caller]
pub fn fleet(server: &Landfall, ca: &Ca, devices: usize, arguments: &[&str]) -> Ran {
    run(&mut simulate(server, ca, devices, arguments), "", DEADLINE)
}
