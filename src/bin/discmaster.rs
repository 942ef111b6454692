//! discmaster: the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    discmaster::cli::main()
}
