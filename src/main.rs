//! Entry point of the `scaledapp` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    scaledapp::cli::run()
}
