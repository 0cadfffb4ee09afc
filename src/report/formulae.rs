//! The formulae of the calculator as text.

use super::text::{DIM, HEAD, columns, styled, wrapped};
use crate::planner::formulary::{FORMULAE, Formula};

/// All formulae, a line each.
#[must_use]
pub fn formula_list() -> String {
    let rows: Vec<Vec<String>> = FORMULAE
        .iter()
        .map(|formula| {
            let inputs: Vec<&str> = formula.inputs.iter().map(|input| input.name).collect();
            vec![formula.name.to_owned(), inputs.join(" "), formula.meaning.to_owned()]
        })
        .collect();
    format!("{}\n{}", styled(HEAD, "Formulae of the capacity model, with their inputs"), columns(&rows, &[], 2))
}

/// One formula: what it means, its inputs, its source.
#[must_use]
pub fn formula_text(formula: &Formula) -> String {
    let inputs: Vec<Vec<String>> = formula
        .inputs
        .iter()
        .map(|input| vec![format!("{}=", input.name), format!("{} ({})", input.meaning, input.domain)])
        .collect();
    format!(
        "{} in {}: {}\n  {}\n{}  {}\n",
        styled(HEAD, formula.name),
        formula.unit,
        wrapped(formula.meaning, 2),
        wrapped(formula.formula, 2),
        columns(&inputs, &[], 4),
        styled(DIM, &format!("source: {}", formula.source)),
    )
}

/// A value with its unit, and the formula that gave it.
#[must_use]
pub fn calculated(formula: &Formula, value: f64) -> String {
    format!("{} {}\n{}\n", digits(value), formula.unit, styled(DIM, &format!("{} = {}", formula.name, formula.formula)))
}

/// Nine digits that count, without zeros behind them.
fn digits(value: f64) -> String {
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    if !(-6..15).contains(&magnitude) {
        return format!("{value:.8e}");
    }
    let text = format!("{value:.*}", usize::try_from(8 - magnitude).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
