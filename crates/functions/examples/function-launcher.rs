//! The launcher alone, as the tests of this crate use it; the program `landfall` has it as a subcommand.

use std::io;

fn main() -> io::Result<()> {
    Err(landfall_functions::launch(std::env::args_os().skip(1)))
}
