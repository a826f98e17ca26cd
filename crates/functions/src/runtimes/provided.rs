use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{Places, Program, Unready};
use crate::invocation::FunctionFailure;
use crate::launcher::INVALID_ENTRYPOINT;

/// How a function is run that brings its own runtime: the executable `bootstrap`, of its own or of a layer.
pub(super) fn program(places: &Places<'_>) -> Result<Program, Unready> {
    let layers = places.layers.iter().rev().map(|layer| layer.join(BOOTSTRAP));
    let mut candidates = std::iter::once(places.task.join(BOOTSTRAP)).chain(layers);
    let Some(bootstrap) = candidates.find(|path| path.is_file()) else {
        let message = "Couldn't find valid bootstrap(s): neither the function nor one of its layers has an executable \
                       file `bootstrap` at its top";
        return Err(unready(message.to_owned()));
    };
    check_format(&bootstrap)?;
    Ok(Program {
        command: vec![bootstrap.into_os_string()],
        environment: Vec::new(),
        version: BOOTSTRAP.to_owned(),
    })
}

/// Whether the system can run a file. It would try others as shell scripts, of which the error would tell nothing.
fn check_format(path: &Path) -> Result<(), Unready> {
    let start = start_of(path).map_err(|error| unready(format!("{BOOTSTRAP} cannot be read: {error}")))?;
    if start.starts_with(b"#!") {
        return Ok(());
    }
    let wrong =
        |problem: String| Err(unready(format!("Error: fork/exec {BOOTSTRAP}: exec format error: {problem}")));
    if !start.starts_with(ELF) {
        return wrong("it is neither a program nor a script that begins with #!".to_owned());
    }
    let machine = start.get(ELF_MACHINE_AT..ELF_MACHINE_AT + 2).and_then(|bytes| bytes.try_into().ok());
    let found = machine.map(u16::from_le_bytes);
    let here = MACHINES.iter().find(|(name, _)| *name == std::env::consts::ARCH);
    match (here, found) {
        (Some((name, expected)), Some(found)) if *expected != found => {
            let other = MACHINES.iter().find(|(_, number)| *number == found);
            let other = other.map_or("another architecture", |(name, _)| *name);
            wrong(format!("it is for {other}, and this machine is {name}"))
        }
        // What is not known here, the system knows.
        _ => Ok(()),
    }
}

fn start_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(ELF_HEADER_BYTES).read_to_end(&mut start)?;
    Ok(start)
}

fn unready(message: String) -> Unready {
    Unready::Failed(FunctionFailure::new(INVALID_ENTRYPOINT, message))
}

const BOOTSTRAP: &str = "bootstrap";

// The header of a program (elf(5)): its first bytes, and where its machine stands.
const ELF: &[u8] = b"\x7fELF";
const ELF_MACHINE_AT: usize = 18;
const ELF_HEADER_BYTES: u64 = 64;

/// The machines that Lambda has, with their numbers in the header.
const MACHINES: &[(&str, u16)] = &[("x86_64", 62), ("aarch64", 183)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_cannot_run_is_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let elf =
            |machine: u16| [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 11], &machine.to_le_bytes()].concat();
        let here = MACHINES.iter().find(|(name, _)| *name == std::env::consts::ARCH).unwrap().1;
        let (_, other) = MACHINES.iter().find(|(_, number)| *number != here).unwrap();
        for (content, expected) in [
            (b"#!/bin/sh\n".to_vec(), None),
            (elf(here), None),
            (elf(*other), Some("and this machine is")),
            (elf(2), Some("it is for another architecture")),
            (b"echo".to_vec(), Some("neither a program nor a script")),
            (Vec::new(), Some("neither a program nor a script")),
        ] {
            std::fs::write(folder.path().join(BOOTSTRAP), &content).unwrap();
            match (program(&Places { task: folder.path(), layers: &[] }), expected) {
                (Ok(_), None) => {}
                (Err(Unready::Failed(failure)), Some(expected)) => {
                    assert!(failure.message.contains(expected), "{failure:?}");
                }
                (Ok(_) | Err(_), _) => panic!("{content:?}"),
            }
        }
    }
}
