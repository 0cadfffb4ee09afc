//! The climb as a table: how many users need what, where rungs are entered, and what cannot be met.

use std::fmt::Write;

use anstyle::Style;

use super::text::{BAD, DIM, GOOD, HEAD, columns, styled, wrapped};
use crate::planner::climb::{Climb, ClimbStep, RungChange};
use crate::planner::packing::figure;
use crate::planner::prices::two_digits;
use crate::planner::{Severity, Tier};

/// The whole climb.
#[must_use]
pub fn climb_table(climb: &Climb) -> String {
    let from = climb
        .previous
        .as_ref()
        .map_or_else(|| "each step planned afresh".to_owned(), |hash| format!("each step from plan {hash}"));
    let title = format!("{} in {}: the climb", climb.app, climb.namespace);
    let mut text = format!("{}{}\n\n", styled(HEAD, &title), styled(DIM, &format!("  ({from})")));
    let head = ["users", "peak req/s", "web pods", "database", "cost", "nearest ceiling", "rungs entered here"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    rows.extend(climb.steps.iter().enumerate().map(|(index, step)| row(step, index == 0)));
    if let Some(currency) = climb.steps.iter().find_map(|step| step.monthly_cost.as_ref()).map(|cost| &cost.currency) {
        rows[0][4] = format!("{currency}/month");
    }
    text.push_str(&columns(&rows, &[0, 1, 2, 3, 4], 2));
    for step in &climb.steps {
        text.push_str(&notes(step));
    }
    text.push_str(&outcome(climb));
    text
}

/// `1k`, `2.5M`, `12345`: the shortest that is exact.
#[must_use]
pub fn users(count: u64) -> String {
    for (unit, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1000, "k")] {
        // A tenth of the unit is still read at a glance.
        if count >= unit && count.is_multiple_of(unit / 10) {
            let tenths = count / (unit / 10);
            let rest = if tenths.is_multiple_of(10) { String::new() } else { format!(".{}", tenths % 10) };
            return format!("{}{rest}{suffix}", tenths / 10);
        }
    }
    count.to_string()
}

fn row(step: &ClimbStep, first: bool) -> Vec<String> {
    let none = || "-".to_owned();
    let span = |low: u32, high: u32| if low == high { high.to_string() } else { format!("{low}..{high}") };
    let web = step.tiers.iter().filter(|tier| tier.tier == Tier::Web);
    let (low, high) = web.fold((0, 0), |sum, tier| (sum.0 + tier.replicas.min, sum.1 + tier.replicas.max));
    let database = step
        .tiers
        .iter()
        .find(|tier| tier.tier == Tier::Database)
        .map_or_else(none, |tier| format!("{} x {} CPU", tier.replicas.max, figure(tier.per_replica.cpu.cores())));
    let cost = step.monthly_cost.as_ref().map_or_else(none, |cost| {
        let (low, high) = (two_digits(cost.low), two_digits(cost.high));
        if low == high { low } else { format!("{low}..{high}") }
    });
    let binding = step
        .binding
        .as_ref()
        .map_or_else(none, |binding| format!("{} {} {} %", binding.tier, binding.resource, binding.ceiling_percent));
    let peak = step.plan.as_ref().map_or_else(none, |plan| figure(plan.demand.peak_requests_per_second));
    let web = if step.tiers.is_empty() { none() } else { span(low, high) };
    vec![users(step.users), peak, web, database, cost, binding, entered(step, first)]
}

/// Rungs that a step enters or leaves; what is on at the first step is where the climb begins.
fn entered(step: &ClimbStep, first: bool) -> String {
    if !step.met {
        let error = step.findings.iter().find(|finding| finding.severity == Severity::Error);
        return error.map_or_else(|| "cannot be met".to_owned(), |finding| format!("cannot be met: {}", finding.kind));
    }
    if first {
        let on: Vec<String> = step.rungs.iter().map(|rung| rung.rung.to_string()).collect();
        return if on.is_empty() { String::new() } else { format!("begins with {}", on.join(", ")) };
    }
    step.changed_rungs.iter().map(mark).collect::<Vec<_>>().join(", ")
}

fn mark(change: &RungChange) -> String {
    match (change.from, change.to) {
        (None, Some(trigger)) => format!("+ {} ({trigger})", change.rung),
        (Some(_), None) => format!("- {}", change.rung),
        (_, trigger) => {
            let trigger = trigger.map(|trigger| trigger.to_string()).unwrap_or_default();
            format!("{} now by {trigger}", change.rung)
        }
    }
}

/// What a step switches and what falls there, each with its cause; and why it cannot be met.
fn notes(step: &ClimbStep) -> String {
    let mut text = String::new();
    for change in &step.changed_rungs {
        note(&mut text, GOOD, &mark(change), &change.because);
    }
    for fall in &step.falls {
        let rung = fall.rung.map(|rung| format!(" ({rung})")).unwrap_or_default();
        let head = format!("{} {} falls from {} to {}{rung}", fall.tier, fall.name, fall.from, fall.to);
        // The rung's own line says why it is on.
        let told =
            step.changed_rungs.iter().any(|change| Some(change.rung) == fall.rung && change.because == fall.cause);
        let cause = if told { "what that rung is for, as above." } else { fall.cause.as_str() };
        note(&mut text, Style::new(), &head, cause);
    }
    let errors = step.findings.iter().filter(|finding| finding.severity == Severity::Error);
    if let Some(finding) = errors.clone().next() {
        let more = errors.count() - 1;
        let also = if more > 0 { format!(" ({more} more)") } else { String::new() };
        let head = format!("{} {}", finding.kind, finding.field);
        note(&mut text, BAD, &head, &format!("{}{also}", finding.message));
    }
    if text.is_empty() {
        return text;
    }
    format!("\n  {}\n{text}", styled(HEAD, &format!("{} users", users(step.users))))
}

/// A line that begins with what it is about.
fn note(text: &mut String, style: Style, head: &str, what: &str) {
    let line = wrapped(&format!("{head}: {what}"), 6);
    let line = line.strip_prefix(head).map_or_else(|| line.clone(), |rest| format!("{}{rest}", styled(style, head)));
    let _ = writeln!(text, "    {line}");
}

/// How far the climb goes.
fn outcome(climb: &Climb) -> String {
    let met = climb.steps.iter().filter(|step| step.met).map(|step| step.users).max();
    let missed = climb.steps.iter().filter(|step| !step.met).map(|step| step.users).min();
    let line = match (met, missed) {
        (None, _) => "None of these loads can be met by this spec.".to_owned(),
        (Some(_), None) => "All of these loads can be met by this spec.".to_owned(),
        (Some(met), Some(missed)) => {
            format!("{} users can be met by this spec, {} cannot.", users(met), users(missed))
        }
    };
    let hint = "scaledapp plan --users N shows one step whole; with --why TIER its derivation.";
    format!("\n{line}\n{}\n", styled(DIM, hint))
}
