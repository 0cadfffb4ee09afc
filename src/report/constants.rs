//! The constants of the capacity model: value, unit, grade, source, and what each moves.

use std::fmt::Write;

use super::text::{DIM, HEAD, columns, styled, wrapped};
use crate::planner::uses::uses;
use crate::planner::{Catalogue, Constant};

/// Quantities shown of each tier.
const SHOWN: usize = 6;

/// All constants, a line each.
#[must_use]
pub fn constant_list() -> String {
    let catalogue = Catalogue::builtin();
    let mut rows = vec![["constant", "value", "unit", "grade", "meaning"].map(str::to_owned).to_vec()];
    rows.extend(catalogue.constants().into_iter().map(|constant| {
        vec![
            constant.name.to_owned(),
            number(constant.value),
            constant.unit.to_owned(),
            constant.grade.to_string(),
            constant.meaning.trim().to_owned(),
        ]
    }));
    let title = format!("Constants of the capacity model, catalogue {}", catalogue.revision);
    let hint = "scaledapp explain CONSTANT tells where one comes from, and what it moves.";
    format!("{}\n{}\n{}\n", styled(HEAD, &title), columns(&rows, &[1], 2), styled(DIM, hint))
}

/// The constant of that name, with what it moves; `None` where there is none.
#[must_use]
pub fn explain_constant(name: &str) -> Option<String> {
    let wanted = name.to_lowercase().replace('-', "_");
    let constant = Catalogue::builtin().constants().into_iter().find(|constant| constant.name == wanted)?;
    let mut text = format!("{} = {} {}\n", styled(HEAD, constant.name), number(constant.value), constant.unit);
    let _ = writeln!(text, "  {}", wrapped(constant.meaning.trim(), 2));
    let grade = format!("evidence of grade {}: {}", constant.grade, constant.source);
    let _ = writeln!(text, "  {}", styled(DIM, &wrapped(&grade, 2)));
    let moved = moved(&constant);
    if !moved.is_empty() {
        let _ = write!(text, "\n  What it moves\n{moved}");
    }
    Some(text)
}

fn moved(constant: &Constant) -> String {
    let mut text = String::new();
    for (part, quantities) in uses(constant.name) {
        let mut names: Vec<&str> = quantities.iter().map(String::as_str).collect();
        let more = names.len().saturating_sub(SHOWN);
        names.truncate(SHOWN);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let line = format!("{}{more}", names.join(", "));
        let _ = writeln!(text, "    {part:<12}{}", wrapped(&line, 16));
    }
    text
}

/// A constant's number without needless digits.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Names of constants that are like a word.
#[must_use]
pub fn constant_names() -> Vec<&'static str> {
    Catalogue::builtin().constants().into_iter().map(|constant| constant.name).collect()
}
