//! The `mtls-gateway` program: everything it does is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    mtls_gateway::cli::main(std::env::args_os())
}
