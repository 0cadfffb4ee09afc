//! `scaledapp explain [NAME]`: what the fields of the spec mean, and the constants that the planner takes as given.

use std::io::Write;

use clap::Args;

use super::CliError;
use crate::report::{constant_list, explain_constant, explain_field, explain_tree};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp explain                           all fields as a tree, with their defaults\n  scaledapp explain targets.peakToAverage     one field: meaning, default, grade, source\n  scaledapp explain database                  a tier with its fields\n  scaledapp explain constants                 what the planner takes as given, each with its grade\n  scaledapp explain read_cpu_ms               one constant: value, unit, source, and what it moves"
)]
pub(super) struct ExplainArgs {
    /// A field, such as `targets.latency.p99`, a constant, such as `read_cpu_ms`, or `constants`; without it all fields
    /// are shown
    #[arg(value_name = "FIELD|CONSTANT")]
    name: Option<String>,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let text = match args.name.as_deref() {
        None => explain_tree(),
        Some("constants") => constant_list(),
        Some(name) => explained(name)?,
    };
    Ok(write!(anstream::stdout(), "{text}")?)
}

fn explained(name: &str) -> Result<String, CliError> {
    if let Some(text) = explain_constant(name) {
        return Ok(text);
    }
    explain_field(name).map_err(|close| {
        let hint = if close.is_empty() {
            "'scaledapp explain' lists all fields, 'scaledapp explain constants' all constants".to_owned()
        } else {
            format!("did you mean {}?", close.join(", "))
        };
        CliError::Usage(format!("there is no field and no constant {name}; {hint}"))
    })
}
