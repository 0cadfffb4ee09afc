//! The command line: parse, call, print. It must never decide anything beyond the exit code.

#![allow(clippy::doc_markdown)] // the docs here are the help text, where backticks would show

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Parser, Subcommand};

use crate::config::{MigrateConfig, ServeConfig};
use crate::load::LoadArgs;
use crate::load::verify::VerifyArgs;
use crate::{db, load, queue, telemetry, web};

/// The sample application of the ScaledApp operator.
#[derive(Debug, Parser)]
#[command(name = "shop", version)]
pub struct Cli {
    /// What to do; `serve` when nothing is said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The subcommands of `shop`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Serve pages and the API on PORT, with DATABASE_URL for writes and DATABASE_READ_URL for reads
    Serve,
    /// Do the jobs of a queue at AMQP_URL until SIGTERM; what is under way then is finished or returned
    #[command(subcommand)]
    Worker(Work),
    /// Bring the schema up to date through DATABASE_DIRECT_URL
    Migrate,
    /// Put a running shop under load on a fixed schedule and record every acknowledged order
    Load(LoadArgs),
    /// Check that every recorded order is still there; exits 1 when any is missing
    Verify(VerifyArgs),
}

/// What a worker does.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum Work {
    /// Make the thumbnails of uploaded pictures
    Thumbnails,
}

/// Runs one command to its end.
///
/// # Errors
/// Whatever kept the command from doing its work; `main` turns that into exit code 2.
pub async fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command.unwrap_or(Command::Serve) {
        Command::Serve => {
            telemetry::init();
            web::serve(ServeConfig::from_env()?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Worker(Work::Thumbnails) => {
            telemetry::init();
            queue::worker::run(ServeConfig::from_env()?).await?;
            Ok(ExitCode::SUCCESS)
        }
        Command::Migrate => {
            telemetry::init();
            let applied = db::migrate::run(&MigrateConfig::from_env()?).await.context("migration failed")?;
            tracing::info!(applied, "schema is up to date");
            Ok(ExitCode::SUCCESS)
        }
        Command::Load(args) => load::run(&args).await,
        Command::Verify(args) => load::verify::run(&args).await,
    }
}
