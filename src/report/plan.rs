//! A plan as a good engineer would note it down: demand, ladder, tiers, why, findings, cost.

use std::fmt::Write;

use super::cost::{cost, doubt};
use super::formula::{substituted, value};
use super::observed::observed;
use super::text::{BAD, DIM, GOOD, HEAD, WARN, columns, styled, wrapped};
use super::why::summary;
use crate::api::ProposedChange;
use crate::domain::{Bytes, Millicores};
use crate::planner::ladder::OFFERED;
use crate::planner::packing::{figure, size_text};
use crate::planner::{DemandFigures, Finding, Plan, Reason, Severity, TierPlan};

/// Reasons shown of each tier.
const REASONS: usize = 3;

/// The whole plan; `changes` are those against a recorded one.
#[must_use]
pub fn plan_table(plan: &Plan, changes: &[ProposedChange]) -> String {
    let mut text = String::new();
    let title = format!("{} in {}: plan {}", plan.app, plan.namespace, plan.hash);
    let _ = writeln!(text, "{}{}", styled(HEAD, &title), styled(DIM, &format!("  (catalogue {})", plan.catalogue)));
    let _ = writeln!(text, "{}", wrapped(&summary(plan), 0));
    let from = plan.as_of.as_ref().map(|day| format!(", now is {day}")).unwrap_or_default();
    section(&mut text, &format!("Demand{from}"));
    text.push_str(&demand(plan));
    section(&mut text, "Ladder");
    text.push_str(&ladder(plan));
    section(&mut text, "Tiers");
    text.push_str(&tiers(plan));
    section(&mut text, "Availability");
    text.push_str(&availability(plan));
    if !changes.is_empty() {
        section(&mut text, "Changes against the previous plan");
        let rows: Vec<Vec<String>> =
            changes.iter().map(|c| vec![c.object.clone(), c.class.to_string(), c.reason.clone()]).collect();
        text.push_str(&columns(&rows, &[], 2));
    }
    if let Some(proposal) = &plan.proposed {
        section(&mut text, &format!("Proposed, waiting for approval {}", proposal.hash));
        let rows: Vec<Vec<String>> =
            proposal.changes.iter().map(|c| vec![c.object.clone(), c.class.to_string(), c.reason.clone()]).collect();
        text.push_str(&columns(&rows, &[], 2));
    }
    if !plan.findings.is_empty() {
        section(&mut text, "Findings");
        text.push_str(&findings(&plan.findings));
    }
    if let Some(comparison) = &plan.observed {
        section(&mut text, &format!("Measured {} over {}", comparison.measured_at, comparison.window));
        text.push_str(&observed(comparison, &plan.monthly_cost.currency));
    }
    section(&mut text, "Cost");
    text.push_str(&cost(plan));
    let known = plan.uncertainty.as_ref();
    if let Some((known, inputs)) = known.and_then(|known| Some((known, known.sensitivity.as_deref()?))) {
        section(&mut text, "What is not known exactly");
        text.push_str(&doubt(inputs, known.measure_first.as_deref(), &plan.monthly_cost.currency));
    }
    section(&mut text, "Why");
    for tier in &plan.tiers {
        text.push_str(&why(&tier.tier.to_string(), &tier.name, &tier.reasons));
    }
    for external in &plan.external {
        text.push_str(&why(&external.tier.to_string(), &external.name, &external.reasons));
    }
    let _ = writeln!(text, "{}", styled(DIM, "  the whole derivation of a tier: scaledapp plan --why TIER"));
    text
}

fn section(text: &mut String, title: &str) {
    let _ = writeln!(text, "\n{}", styled(HEAD, title));
}

fn demand(plan: &Plan) -> String {
    let (now, then) = (&plan.demand, &plan.demand_at_horizon);
    let mut rows = vec![vec![String::new(), "now".to_owned(), "at the horizon".to_owned()]];
    let mut row = |name: &str, value: &dyn Fn(&DemandFigures) -> String| {
        rows.push(vec![name.to_owned(), value(now), value(then)]);
    };
    row("requests/s, average", &|d| figure(d.average_requests_per_second));
    row("requests/s, peak", &|d| figure(d.peak_requests_per_second));
    row("requests/s at the origin, peak", &|d| figure(d.origin_requests_per_second));
    if now.database_bytes > 0 || then.database_bytes > 0 {
        row("database reads/s, peak", &|d| figure(d.database_reads_per_second));
        row("database writes/s, peak", &|d| figure(d.database_writes_per_second));
        row("rows in the database, from today on", &|d| size_text(Bytes(d.database_bytes)));
    }
    if now.cache_operations_per_second > 0.0 {
        row("reads/s that a cache may answer, peak", &|d| figure(d.cache_operations_per_second));
    }
    if now.jobs_per_second > 0.0 {
        row("jobs/s, peak", &|d| figure(d.jobs_per_second));
    }
    row("dynamic requests under way, peak", &|d| figure(d.concurrent_requests));
    row("to the users, Mbit/s, peak", &|d| figure(d.egress_megabits_per_second));
    columns(&rows, &[1, 2], 2)
}

fn ladder(plan: &Plan) -> String {
    let mut text = String::new();
    let (offered, others): (Vec<_>, Vec<_>) = plan.ladder.iter().partition(|r| r.on || OFFERED.contains(&r.rung));
    for rung in offered {
        let (mark, state) = match rung.trigger {
            Some(trigger) if rung.on => (styled(GOOD, "on "), trigger.to_string()),
            _ => (styled(DIM, "off"), String::new()),
        };
        let because = wrapped(&rung.because, 38);
        let because = if rung.on { because } else { styled(DIM, &because) };
        let _ = writeln!(text, "  {mark}  {:<17}{state:<14}{because}", rung.rung.to_string());
    }
    let names: Vec<String> = others.iter().map(|rung| rung.rung.to_string()).collect();
    if !names.is_empty() {
        let _ = writeln!(text, "{}", styled(DIM, &format!("  not offered by this version: {}", names.join(", "))));
    }
    text
}

fn tiers(plan: &Plan) -> String {
    let head = ["tier", "name", "engine", "pods", "cpu", "memory", "storage", "bottleneck", "idle cpu"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for tier in &plan.tiers {
        let size = tier.per_replica;
        rows.push(vec![
            tier.tier.to_string(),
            tier.name.clone(),
            tier.engine.clone(),
            pods(tier),
            size.cpu.to_string(),
            size_text(size.memory),
            if size.storage.0 == 0 { "-".to_owned() } else { size_text(size.storage) },
            tier.bottleneck.to_string(),
            format!("{} %", tier.headroom_percent),
        ]);
    }
    for external in &plan.external {
        let nothing = ["-"; 6].map(str::to_owned);
        let named = [external.tier.to_string(), external.name.clone(), "External".to_owned()];
        rows.push(named.into_iter().chain(nothing).collect());
    }
    let cpu: u64 = plan.tiers.iter().map(|t| t.total.cpu.0).sum();
    let memory: u64 = plan.tiers.iter().map(|t| t.total.memory.0).sum();
    let storage: u64 = plan.tiers.iter().map(|t| t.total.storage.0).sum();
    let mut text = columns(&rows, &[3, 4, 5, 6, 8], 2);
    let total = format!(
        "  sizes are of one pod; all together at most {} CPU, {} of memory, {} of storage",
        Millicores(cpu),
        size_text(Bytes(memory)),
        size_text(Bytes(storage))
    );
    let _ = writeln!(text, "{}", styled(DIM, &total));
    text
}

/// What is promised and what is planned, with the parts in a row.
fn availability(plan: &Plan) -> String {
    let found = &plan.availability;
    let mut text = String::new();
    let _ = writeln!(
        text,
        "  {} % promised, {} % planned, at most {} % by zones",
        found.promised_percent, found.planned_percent, found.zones_percent
    );
    let parts: Vec<String> = found
        .parts
        .iter()
        .map(|part| format!("{} {} of {}: {} %", part.name, part.needed, part.members, part.percent))
        .collect();
    let _ = writeln!(text, "{}", styled(DIM, &format!("  {}", wrapped(&parts.join(", "), 2))));
    text
}

fn pods(tier: &TierPlan) -> String {
    let (min, max) = (tier.replicas.min, tier.replicas.max);
    if min == max { max.to_string() } else { format!("{min}..{max}") }
}

/// The reasons that matter most: what is planned, by which formula, with which numbers, on which evidence.
fn why(tier: &str, name: &str, reasons: &[Reason]) -> String {
    let mut text = String::new();
    let _ = writeln!(text, "  {} {name}", styled(HEAD, tier));
    for reason in reasons.iter().filter(|reason| reason.quantity != "replicas.min").take(REASONS) {
        let put_in = substituted(reason);
        let shown = value(reason);
        let shown = shown.trim_end_matches(" CPU").trim_end_matches(" pods").trim_end_matches(" pod");
        let line = format!("{}: {shown} = {}", quantity(&reason.quantity), reason.formula);
        let _ = writeln!(text, "    {}", wrapped(&line, 6));
        let beside: Vec<String> = put_in.beside.iter().map(|(name, value)| format!("{name} {value}")).collect();
        let with = if beside.is_empty() { String::new() } else { format!("with {}", beside.join(", ")) };
        let numbers: Vec<String> = put_in.arithmetic.map(|text| format!("= {text}")).into_iter().collect();
        let shown = numbers.into_iter().chain((!with.is_empty()).then_some(with)).collect::<Vec<_>>().join("; ");
        if !shown.is_empty() {
            let _ = writeln!(text, "      {}", wrapped(&shown, 6));
        }
        let _ = writeln!(text, "      {}", styled(DIM, &wrapped(&reason.source, 6)));
    }
    text
}

/// What people call a number of a tier; its name in the json where they have no other.
fn quantity(name: &str) -> &str {
    match name {
        "replicas.max" => "pods",
        "perReplica.cpuMillicores" => "CPU of a pod",
        "perReplica.memoryBytes" => "memory of a pod",
        "perReplica.storageBytes" => "volume of a pod",
        "settings.postgres.cpuMillicores" => "CPU of PostgreSQL",
        "settings.postgres.memoryBytes" => "memory of PostgreSQL",
        "settings.redis.cpuMillicores" => "CPU of Redis",
        "settings.redis.memoryBytes" => "memory of Redis",
        "settings.writeConnections" => "for writes, of a pod",
        "settings.readConnections" => "for reads, of a pod",
        name => name,
    }
}

/// Findings, worst first as they come.
#[must_use]
pub fn findings(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let style = match finding.severity {
            Severity::Error => BAD,
            Severity::Warning => WARN,
            Severity::Info => DIM,
        };
        let head = format!("{} {}", finding.severity, finding.kind);
        let _ = writeln!(text, "  {}  {}", styled(style, &head), finding.field);
        let _ = writeln!(text, "    {}", wrapped(&finding.message, 4));
    }
    text
}
