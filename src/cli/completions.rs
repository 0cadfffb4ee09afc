//! `scaledapp completions SHELL`: a completion script.

use std::io::Write;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, CliError};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  source <(scaledapp completions bash)\n  scaledapp completions zsh > ~/.zfunc/_scaledapp"
)]
pub(super) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "scaledapp", &mut script);
    Ok(std::io::stdout().write_all(&script)?)
}
