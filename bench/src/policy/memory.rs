//! What the rights of many connections take in memory.

use std::fs;

use anyhow::{Context as _, Result};

use super::device::{Device, PREFIX, document, policy, statements};
use super::naive::NaiveAuthorizer;
use crate::figures::{as_f64, print_table};

/// How many policies each connection has: as many as AWS IoT lets be attached to one certificate.
const POLICIES: usize = 10;

/// Regular expressions are made for one of so many connections: for all there would be no room.
const PEER_ONE_IN: usize = 100;

pub(super) fn run(connections: usize) -> Result<()> {
    let kinds: Vec<_> = (0..POLICIES).map(|number| statements(&format!("kind-{number}"), false)).collect();
    let policies: Vec<_> = kinds
        .iter()
        .enumerate()
        .map(|(number, statements)| policy(&format!("policy-{number}"), &document(statements)))
        .collect::<Result<_>>()?;
    let prefix = PREFIX.into();
    let before = resident_bytes()?;
    let authorizers: Vec<_> =
        (0..connections).map(|number| Device::new(number).authorizer(&prefix, &policies)).collect();
    let ours = resident_bytes()?.saturating_sub(before);

    let peers = connections.div_ceil(PEER_ONE_IN).max(1);
    let before_peers = resident_bytes()?;
    let of_device = |number: usize| {
        let device = Device::new(number);
        kinds
            .iter()
            .map(|statements| NaiveAuthorizer::compile(&device, statements))
            .collect::<Result<Vec<_>>>()
    };
    let peer = (0..peers).map(of_device).collect::<Result<Vec<_>>>()?;
    let peer_bytes = resident_bytes()?.saturating_sub(before_peers);
    // Both are kept until here: what one gave back, the other would use.
    let (count, peers) = (authorizers.len(), peer.len());
    let (ours_each, peer_each) = (as_f64(ours) / as_f64(count), as_f64(peer_bytes) / as_f64(peers));
    let row = vec![
        format!("{count} connections, {POLICIES} policies of ten statements each"),
        format!("{:.1}", as_f64(ours) / 1e6),
        format!("{ours_each:.0}"),
        format!("{peer_each:.0}"),
        format!("{:.0}", peer_each / ours_each),
    ];
    let header = ["", "MB", "bytes each", "regular expressions: bytes each", "times smaller"];
    print_table("What rights take in memory", &header, vec![row]);
    Ok(())
}

/// The memory of this process that is in use.
fn resident_bytes() -> Result<usize> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    let kibibytes: usize = kibibytes.context("the process's status has another form")?.trim().parse()?;
    Ok(kibibytes * 1_024)
}
