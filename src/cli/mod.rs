//! The command line: one file a subcommand, thin: parse, call, print.
//!
//! Exit codes: 0 done, 1 a spec that cannot be met or an application that is not ready, 2 bad usage, 3 no such
//! application, 4 no answer of the cluster; `diff` has those of `kubectl diff`. Nothing here decides a size.

mod agent;
mod calc;
mod climb;
mod completions;
pub mod crd;
mod diff;
mod explain;
pub mod input;
mod live;
mod observe;
mod plan;
mod render;
pub mod run;
mod status;
mod typed;
mod users;
pub mod yaml;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::controller::look::LookError;
use crate::controller::measure::MeasureError;

/// The command line.
#[derive(Parser, Debug)]
#[command(
    name = "scaledapp",
    version,
    about = "From what an application must bear to the architecture that bears it",
    long_about = "One ScaledApp says what an application must bear: users, latency, availability, growth.\nscaledapp derives the architecture from it, sizes every tier and says why.",
    after_help = "Begin with:\n  scaledapp plan -f manifests/samples/hello.yaml        what ten thousand users need, and why\n  scaledapp plan -f app.yaml --users 10k,100k,1M        the climb: what each step needs, and where rungs are entered\n  scaledapp plan -f app.yaml --why database             one tier's derivation, with the numbers put in\n  scaledapp diff -f app.yaml --live                     what would change of what runs\n  scaledapp explain profile.cpuPerRequest               what a field means, and where its default comes from\n  scaledapp status hello --watch                        how it is, in the cluster",
    propagate_version = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Shows what a spec needs, tier by tier, with the reasons
    Plan(plan::PlanArgs),
    /// Shows what would change: between two specs, or between a spec and what runs
    Diff(diff::DiffArgs),
    /// Prints the manifests that the operator would write
    Render(render::RenderArgs),
    /// Explains fields of the spec and constants of the planner: meaning, default, grade of the evidence, source
    Explain(explain::ExplainArgs),
    /// Computes one formula of the capacity model by itself
    Calc(calc::CalcArgs),
    /// Shows a live application: its tiers and pods, what it waits for, what waits for you
    Status(status::StatusArgs),
    /// Measures a live application for so long, and prints the figures for plan --observed
    Observe(observe::ObserveArgs),
    /// Prints the CustomResourceDefinition
    Crd,
    /// Runs the operator
    Run(run::Args),
    /// Runs a sidecar's small job; pods call it
    #[command(hide = true)]
    Agent(agent::AgentArgs),
    /// Prints a completion script for a shell
    Completions(completions::CompletionsArgs),
}

/// Why a command failed.
#[derive(thiserror::Error, Debug)]
pub enum CliError {
    /// A spec that cannot be met; told already.
    #[error("the spec cannot be met")]
    Refused,
    /// The command was used in a wrong way, or a file could not be read.
    #[error("{0}")]
    Usage(String),
    /// The operator ended.
    #[error("{0}")]
    Operator(String),
    /// There are differences; told already.
    #[error("there are differences")]
    Differs,
    /// The application is there and not ready; told already.
    #[error("the application is not ready")]
    NotReady,
    /// The cluster could not be asked, or has no such application.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The application could not be measured.
    #[error(transparent)]
    Measure(MeasureError),
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[from] std::io::Error),
}

impl From<MeasureError> for CliError {
    fn from(error: MeasureError) -> Self {
        match error {
            MeasureError::Look(error) => Self::Look(error),
            error => Self::Measure(error),
        }
    }
}

/// A task that panics alone would leave an operator that looks alive and does nothing; started again it begins from what
/// the cluster says.
fn panics_end_the_process() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tell(panic);
        std::process::abort();
    }));
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    panics_end_the_process();
    let result = match Cli::parse().command {
        Command::Plan(args) => plan::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Render(args) => render::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Calc(args) => calc::run(&args),
        Command::Status(args) => status::run(&args),
        Command::Observe(args) => observe::run(&args),
        Command::Crd => crd::run(),
        Command::Run(args) => run::run(&args).map_err(|error| CliError::Operator(format!("{error:#}"))),
        Command::Agent(args) => agent::run(args),
        Command::Completions(args) => completions::run(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::Refused | CliError::NotReady | CliError::Differs) => ExitCode::from(1),
        // A closed pipe, as of `| head`, is the reader's wish.
        Err(CliError::Output(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(CliError::Operator(error)) => {
            anstream::eprintln!("scaledapp: {error}");
            ExitCode::from(1)
        }
        Err(CliError::Measure(error)) => {
            anstream::eprintln!("scaledapp: {error}");
            ExitCode::from(if matches!(error, MeasureError::Nothing(_)) { 1 } else { 4 })
        }
        Err(CliError::Look(error)) => {
            anstream::eprintln!("scaledapp: {error}");
            ExitCode::from(if error.is_not_found() { 3 } else { 4 })
        }
        Err(error) => {
            anstream::eprintln!("scaledapp: {error}");
            ExitCode::from(2)
        }
    }
}
