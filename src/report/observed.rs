//! Measured figures beside the declared ones, and what they change.

use std::fmt::Write;

use super::text::{DIM, columns, styled, wrapped};
use crate::planner::comparison::{Comparison, Sizing, TierChange};
use crate::planner::packing::size_text;
use crate::planner::prices::two_digits;

/// The table of the figures, and the change of all of them together.
#[must_use]
pub fn observed(comparison: &Comparison, currency: &str) -> String {
    let head = ["figure", "declared", "", "observed", "factor"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(comparison.figures.iter().map(|figure| {
        vec![
            figure.field.trim_start_matches("spec.profile.").to_owned(),
            figure.declared.clone(),
            figure.source.clone(),
            figure.observed.clone(),
            figure.factor.map_or_else(|| "-".to_owned(), |factor| format!("{}x", two_digits(factor))),
        ]
    }));
    let table = columns(&rows, &[1, 3, 4], 2);
    let mut lines = table.lines();
    let mut text = format!("{}\n", lines.next().unwrap_or_default());
    for (line, figure) in lines.zip(&comparison.figures) {
        let mut changed: Vec<String> = figure.tiers.iter().map(change).collect();
        if changed.is_empty() {
            changed.push("changes nothing by itself".to_owned());
        }
        if figure.outside_its_range {
            changed.push("outside of its range".to_owned());
        }
        let _ = writeln!(text, "{line}\n    {}", styled(DIM, &wrapped(&changed.join(", "), 4)));
    }
    let together: Vec<String> = comparison.tiers.iter().map(change).collect();
    let together = if together.is_empty() { "no tier changes".to_owned() } else { together.join(", ") };
    let cost = format!(
        "All together: {together}; about {} instead of {} {currency} a month at the most pods.",
        two_digits(comparison.cost_observed),
        two_digits(comparison.cost_declared)
    );
    let _ = writeln!(text, "  {}", wrapped(&cost, 2));
    let _ = writeln!(
        text,
        "{}",
        styled(
            DIM,
            "  everything else of this page is planned with what was observed; write it into spec.profile to keep it"
        )
    );
    text
}

fn change(change: &TierChange) -> String {
    let sized = |sized: Option<Sizing>| {
        sized.map_or_else(
            || "none".to_owned(),
            |sized| {
                let (replicas, size) = (sized.replicas, sized.per_replica);
                let pods = if replicas.min == replicas.max {
                    replicas.max.to_string()
                } else {
                    format!("{}..{}", replicas.min, replicas.max)
                };
                format!("{pods} x {} {}", size.cpu, size_text(size.memory))
            },
        )
    };
    format!("{} {} -> {}", change.name, sized(change.declared), sized(change.observed))
}
