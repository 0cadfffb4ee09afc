//! `scaledapp explain [FIELD]`: what the fields of the spec mean.

use std::io::Write;

use clap::Args;

use super::CliError;
use crate::report::{explain_field, explain_tree};

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp explain                           all fields as a tree, with their defaults\n  scaledapp explain targets.peakToAverage     one field: meaning, default, grade, source\n  scaledapp explain database                  a tier with its fields"
)]
pub(super) struct ExplainArgs {
    /// The field, such as `targets.latency.p99`; without it all fields are shown
    field: Option<String>,
}

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let text = match &args.field {
        None => explain_tree(),
        Some(field) => explain_field(field).map_err(|close| {
            let hint = if close.is_empty() {
                "'scaledapp explain' lists all fields".to_owned()
            } else {
                format!("did you mean {}?", close.join(", "))
            };
            CliError::Usage(format!("the spec has no field {field}; {hint}"))
        })?,
    };
    Ok(write!(anstream::stdout(), "{text}")?)
}
