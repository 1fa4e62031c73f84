//! `fenicia`: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    fenicia::cli::main()
}
