//! A reason with its numbers put in: the arithmetic of a formula, then the same with its inputs.
//!
//! A formula is arithmetic as far as names, numbers and brackets alternate with operators; what follows is prose and
//! stays as it is. Nothing is computed here.

use crate::domain::{Bytes, Millicores};
use crate::planner::Reason;
use crate::planner::packing::{figure, scaled, size_text};

/// Units that an input's name may end with.
const UNITS: [(&str, &str); 6] =
    [("MiB", " MiB"), ("KiB", " KiB"), ("Ms", " ms"), ("Percent", " %"), ("PerSecond", ""), ("Bytes", " bytes")];

/// A formula with its inputs in the place of their names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Substituted {
    /// The arithmetic with numbers; none where the formula is prose or names no input.
    pub arithmetic: Option<String>,
    /// Inputs that are in none of its places.
    pub beside: Vec<(String, String)>,
}

/// Puts the inputs of a reason into its formula.
pub(super) fn substituted(reason: &Reason) -> Substituted {
    let formula = arithmetic(&reason.formula);
    let mut used: Vec<&str> = Vec::new();
    let mut text = String::new();
    for token in tokens(formula) {
        match input(reason, token) {
            Some((name, value)) => {
                used.push(name);
                text.push_str(&value);
            }
            None => text.push_str(token),
        }
    }
    let beside = reason
        .inputs
        .iter()
        .filter(|(name, _)| !used.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    let arithmetic = (!used.is_empty() && text != reason.value).then(|| text.trim_end().to_owned());
    Substituted { arithmetic, beside }
}

/// The input that a name stands for, with its unit.
fn input<'a>(reason: &'a Reason, token: &str) -> Option<(&'a str, String)> {
    if !token.starts_with(|c: char| c.is_ascii_alphabetic()) {
        return None;
    }
    if let Some((name, value)) = reason.inputs.get_key_value(token) {
        return Some((name, value.clone()));
    }
    UNITS.iter().find_map(|(end, unit)| {
        let (name, value) = reason.inputs.get_key_value(&format!("{token}{end}"))?;
        Some((name.as_str(), format!("{value}{unit}")))
    })
}

/// The arithmetic at the beginning of a formula; empty where it begins with prose.
fn arithmetic(formula: &str) -> &str {
    let (mut depth, mut end, mut at) = (0_i32, 0, 0);
    let mut operand_may_follow = true;
    let mut names = 0;
    let mut previous = "";
    for token in tokens(formula) {
        at += token.len();
        let first = token.chars().next().unwrap_or(' ');
        match first {
            ' ' => continue,
            '(' if operand_may_follow || previous.starts_with(|c: char| c.is_ascii_alphabetic()) => {
                depth += 1;
                operand_may_follow = true;
            }
            ')' if depth > 0 && !operand_may_follow => depth -= 1,
            ',' if depth > 0 && !operand_may_follow => operand_may_follow = true,
            '+' | '-' | '*' | '/' | '^' if !operand_may_follow => operand_may_follow = true,
            _ if first.is_ascii_alphanumeric() && (operand_may_follow || is_unit(token)) => {
                operand_may_follow = false;
                names += 1;
            }
            _ => break,
        }
        previous = token;
        if depth == 0 && !operand_may_follow {
            end = at;
        }
    }
    // One word alone is prose as likely as a name, and needs no numbers put in.
    if names > 1 { &formula[..end] } else { "" }
}

fn is_unit(token: &str) -> bool {
    ["ms", "s", "B", "KiB", "MiB", "GiB", "TiB"].contains(&token)
}

/// Names with dots, numbers, and single other characters.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let word = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
        let length = if word(first) { rest.find(|c: char| !word(c)).unwrap_or(rest.len()) } else { first.len_utf8() };
        let (token, after) = rest.split_at(length);
        rest = after;
        Some(token)
    })
}

/// A reason's value in the unit that people use.
pub(super) fn value(reason: &Reason) -> String {
    let quantity = reason.quantity.as_str();
    let Ok(number) = reason.value.parse::<f64>() else { return reason.value.clone() };
    if quantity.starts_with("requirement.") && quantity.ends_with("Millicores") {
        return format!("{} cores", figure(number / 1000.0));
    }
    if quantity.ends_with("illicores") {
        return format!("{} CPU", Millicores(number as u64));
    }
    if quantity.ends_with("Bytes") {
        return if number.fract() == 0.0 { size_text(Bytes(number as u64)) } else { scaled(number) };
    }
    let units = [
        ("RequestsPerSecond", " requests/s"),
        ("ReadsPerSecond", " reads/s"),
        ("WritesPerSecond", " writes/s"),
        ("OperationsPerSecond", " operations/s"),
        ("jobsPerSecond", " jobs/s"),
        ("MegabitsPerSecond", " Mbit/s"),
        ("Percent", " %"),
        ("Seconds", " s"),
        ("Ms", " ms"),
        ("onnections", " connections"),
    ];
    if quantity.starts_with("replicas.") {
        return if reason.value == "1" { "1 pod".to_owned() } else { format!("{} pods", reason.value) };
    }
    let unit = units.iter().find(|(end, _)| quantity.ends_with(end)).map_or("", |(_, unit)| unit);
    let shown = if number.fract() == 0.0 { reason.value.clone() } else { figure(number) };
    format!("{shown}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_in(formula: &str, inputs: &[(&str, &str)]) -> Option<String> {
        let reason = inputs
            .iter()
            .fold(Reason::new("quantity", 0, formula, "source"), |reason, (name, value)| reason.with(name, value));
        substituted(&reason).arithmetic
    }

    #[test]
    fn numbers_take_the_place_of_names() {
        assert_eq!(
            put_in("max(2, bearing + 1, ceil(bearing * zones / (zones - 1)))", &[("bearing", "1"), ("zones", "3")]),
            Some("max(2, 1 + 1, ceil(1 * 3 / (3 - 1)))".to_owned())
        );
        assert_eq!(
            put_in(
                "step(base + maxConnections * connection)",
                &[("baseMiB", "32"), ("connectionKiB", "34"), ("maxConnections", "2500")]
            ),
            Some("step(32 MiB + 2500 * 34 KiB)".to_owned())
        );
    }

    #[test]
    fn prose_after_the_arithmetic_is_left_out() {
        let inputs = [("busy", "0.5"), ("quality", "1")];
        assert_eq!(
            put_in("step(busy + quality * sqrt(busy)) of the busy member, three months ahead", &inputs),
            Some("step(0.5 + 1 * sqrt(0.5))".to_owned())
        );
        assert_eq!(
            put_in("busy / ceiling, of the one", &[("busy", "2"), ("ceiling", "0.7")]),
            Some("2 / 0.7".to_owned())
        );
    }

    #[test]
    fn prose_has_no_numbers_put_in() {
        assert_eq!(put_in("smallest size with which at most 12 pods keep the latency", &[("pods", "8")]), None);
        assert_eq!(put_in("constant", &[]), None);
        assert_eq!(put_in("3 where the objective is above what single pods give", &[("objective", "0.9995")]), None);
    }
}
