//! The builder: dispatches to `cli`.

use std::process::ExitCode;

fn main() -> ExitCode {
    compute_init::cli::main()
}
