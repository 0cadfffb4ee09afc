//! Entry of the `shop` binary: reads the command line and hands over to the library. It must never hold behaviour of its own.

use std::process::ExitCode;

use clap::Parser;
use shop::cli::Cli;

#[tokio::main]
async fn main() -> ExitCode {
    match shop::cli::run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("shop: {error:#}");
            ExitCode::from(2)
        }
    }
}
