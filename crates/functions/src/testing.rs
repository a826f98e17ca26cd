//! What the tests of this crate share.

use std::io::{Cursor, Write as _};

use landfall_model::{
    CodeSha256, Environment, Function, FunctionDescription, FunctionName, Handler, RevisionId, RoleArn,
    RuntimeName, UnixTime,
};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// An archive of entries: name, mode, content. A mode with a kind of file keeps it.
pub(crate) fn archive(entries: &[(&str, u32, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, mode, content) in entries {
        let options = SimpleFileOptions::default().unix_permissions(*mode & 0o777);
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    let mut zip = writer.finish().unwrap().into_inner();
    // The writer lets nobody set the kind of a file: it is in the upper half of the external attributes, 38 bytes into
    // each header of the central directory (APPNOTE 4.3.12).
    let mut at = 0;
    for (_, mode, _) in entries.iter() {
        at += zip[at..].windows(4).position(|window| window == b"PK\x01\x02").unwrap();
        let attributes = if *mode & 0o170_000 == 0 { *mode | 0o100_000 } else { *mode };
        zip[at + 40..at + 42].copy_from_slice(&u16::try_from(attributes).unwrap().to_le_bytes());
        at += 4;
    }
    zip
}

/// A function with AWS's default settings, and no code yet.
pub(crate) fn function(name: &str, runtime: &str, handler: &str) -> Function {
    Function {
        name: FunctionName::parse(name).unwrap(),
        description: FunctionDescription::default(),
        runtime: RuntimeName::parse(runtime).unwrap(),
        handler: Handler::parse(handler).unwrap(),
        role: RoleArn::parse("arn:aws:iam::000000000000:role/functions").unwrap(),
        timeout_s: Function::TIMEOUT_S_DEFAULT,
        memory_mib: Function::MEMORY_MIB_DEFAULT,
        environment: Environment::default(),
        layers: Vec::new(),
        code: CodeSha256::from_sha256([0; 32]),
        code_size: 0,
        revision: RevisionId::from_bytes([0; 16]),
        created_at: UnixTime::from_secs(0),
        modified_at: UnixTime::from_secs(0),
        reserved_concurrency: None,
        permissions: Vec::new(),
        dead_letter_target: None,
    }
}
