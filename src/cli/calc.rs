//! `scaledapp calc QUANTITY key=value…`: one formula of the capacity model by itself.

use std::io::Write;

use clap::{Args, ValueEnum};

use super::CliError;
use crate::planner::formulary::formula;
use crate::report::{calculated, formula_list, formula_text};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    Text,
    Json,
}

#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  scaledapp calc                                              all formulae with their inputs\n  scaledapp calc erlang_c_min_servers                         one formula: meaning, inputs, source\n  scaledapp calc erlang_c_min_servers offered=100 p_wait=0.05\n  scaledapp calc average_rps dau=150e6 req_per_user_day=2 -o json"
)]
pub(super) struct CalcArgs {
    /// The quantity, such as `erlang_c_min_servers`; without it all are listed
    quantity: Option<String>,
    /// Its inputs by name; without any, the formula is explained
    #[arg(value_name = "KEY=VALUE", value_parser = pair)]
    inputs: Vec<(String, f64)>,
    /// How the value is printed
    #[arg(short, long, value_enum, default_value = "text")]
    output: Output,
}

fn pair(text: &str) -> Result<(String, f64), String> {
    let (name, value) = text.split_once('=').ok_or_else(|| "an input is written as name=value".to_owned())?;
    let number = value.parse().ok().filter(|number: &f64| number.is_finite());
    Ok((name.to_owned(), number.ok_or_else(|| format!("{value} is not a number"))?))
}

pub(super) fn run(args: &CalcArgs) -> Result<(), CliError> {
    let usage = |error: crate::planner::formulary::CalcError| CliError::Usage(error.to_string());
    let text = match (&args.quantity, args.output) {
        (None, _) => formula_list(),
        (Some(name), Output::Text) if args.inputs.is_empty() => formula_text(formula(name).map_err(usage)?),
        (Some(name), output) => {
            let formula = formula(name).map_err(usage)?;
            let value = formula.value(&args.inputs).map_err(usage)?;
            match output {
                Output::Text => calculated(formula, value),
                Output::Json => format!("{}\n", serde_json::json!({"value": value})),
            }
        }
    };
    Ok(write!(anstream::stdout(), "{text}")?)
}
