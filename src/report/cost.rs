//! What a plan costs, and which input in doubt moves that most.

use std::fmt::Write;

use super::text::{DIM, columns, styled, wrapped};
use crate::planner::prices::two_digits;
use crate::planner::{Plan, Sensitivity};

/// Inputs shown of those that move the cost.
const SHOWN: usize = 6;

/// From one amount to another, each with the digits that a price list bears.
pub(super) fn span(low: f64, high: f64) -> String {
    let (low, high) = (two_digits(low), two_digits(high));
    if low == high { low } else { format!("{low} to {high}") }
}

/// The cost of a month, tier by tier.
#[must_use]
pub fn cost(plan: &Plan) -> String {
    let whole = &plan.monthly_cost;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  about {} {} a month, from the fewest pods at low prices to the most at high ones",
        span(whole.low, whole.high),
        whole.currency
    );
    let mut rows: Vec<Vec<String>> = plan
        .tiers
        .iter()
        .map(|tier| {
            let cost = &tier.monthly_cost;
            vec![tier.tier.to_string(), tier.name.clone(), span(cost.low, cost.high)]
        })
        .collect();
    rows.push(vec!["traffic".to_owned(), "to the users".to_owned(), span(whole.egress.low, whole.egress.high)]);
    text.push_str(&columns(&rows, &[2], 4));
    let note = format!("prices: {}; for comparing plans, not for budgets", whole.prices);
    let _ = writeln!(text, "  {}", styled(DIM, &wrapped(&note, 2)));
    text
}

/// What the inputs in doubt do to the cost, each by itself.
#[must_use]
pub fn doubt(inputs: &[Sensitivity], measure_first: Option<&str>, currency: &str) -> String {
    let mut text = String::new();
    let moving: Vec<&Sensitivity> =
        inputs.iter().filter(|input| input.swing() > 0.0 || !input.refused_at.is_empty()).collect();
    let mut rows = vec![["input", "planned", "low", "cost", "high", "cost"].map(str::to_owned).to_vec()];
    rows.extend(moving.iter().take(SHOWN).map(|input| {
        let at = |cost: f64, end: &str| {
            if input.refused_at.contains(&end) { "no plan".to_owned() } else { two_digits(cost) }
        };
        vec![
            input.field.trim_start_matches("spec.").to_owned(),
            input.value.clone(),
            input.low.clone(),
            at(input.cost_low, "low"),
            input.high.clone(),
            at(input.cost_high, "high"),
        ]
    }));
    if !moving.is_empty() {
        text.push_str(&columns(&rows, &[1, 2, 3, 4, 5], 2));
    }
    let still = inputs.len() - moving.len().min(SHOWN);
    let rest = if still == 0 || moving.is_empty() {
        String::new()
    } else {
        format!("; {still} more move it less or not at all")
    };
    let last = match measure_first {
        Some(field) => format!(
            "Measure {field} first: it moves the cost most{rest}. Each by itself, {currency} a month at the most pods and the middle of the prices."
        ),
        None if inputs.is_empty() => "Nothing: every input was declared, without a range.".to_owned(),
        None => format!("None of the {still} inputs in doubt changes the cost by itself."),
    };
    let _ = writeln!(text, "  {}", wrapped(&last, 2));
    text
}
