//! The derivation of a tier as a good engineer would write it: what the demand needs, how it is packed, what binds;
//! each step as formula, numbers, value and source.

use std::fmt::Write;

use super::formula::{substituted, value};
use super::text::{DIM, HEAD, columns, styled, wrapped};
use crate::domain::{Bytes, Millicores};
use crate::planner::packing::{figure, scaled, size_text};
use crate::planner::{Plan, Reason, Replicas, TierPlan};

/// A part of a derivation: its title, and whether a quantity belongs to it.
type Part = (&'static str, fn(&str) -> bool);

/// The parts of a derivation, in its order.
const PARTS: [Part; 6] = [
    ("What the demand needs", |quantity| quantity.starts_with("requirement.")),
    ("Size of a pod", |quantity| {
        let (_, last) = quantity.rsplit_once('.').unwrap_or(("", quantity));
        let sized = ["cpuMillicores", "memoryBytes", "storageBytes"].contains(&last);
        sized && (quantity.starts_with("settings.") || quantity.starts_with("perReplica."))
    }),
    ("Number of pods", |quantity| quantity.starts_with("replicas.") || quantity == "total"),
    ("What the engine is set to", |quantity| quantity.starts_with("settings.")),
    ("Cost of a month", |quantity| quantity.starts_with("monthlyCost.")),
    ("What follows", |_| true),
];

/// What can be asked for: the tiers of a plan, and what is not of one tier.
#[must_use]
pub fn askable(plan: &Plan) -> Vec<String> {
    let mut names: Vec<String> = vec!["demand".to_owned()];
    let tiers = plan.tiers.iter().map(|tier| (tier.tier.component(), tier.name.as_str()));
    for (tier, name) in tiers.chain(plan.external.iter().map(|external| (external.tier.name(), external.name.as_str())))
    {
        let shown = if tier == name { tier.to_owned() } else { format!("{tier}/{name}") };
        names.push(shown);
    }
    names.push("cost".to_owned());
    names
}

/// The derivation of a tier by its name, of `demand` or of `cost`; `None` where the plan has none of that name.
#[must_use]
pub fn why(plan: &Plan, wanted: &str) -> Option<String> {
    match wanted.to_lowercase().as_str() {
        "demand" => return Some(demand(plan)),
        "cost" => return Some(cost(plan)),
        _ => {}
    }
    let found = tiers(plan, wanted);
    let external: Vec<_> =
        plan.external.iter().filter(|external| matches(wanted, external.tier.name(), &external.name)).collect();
    if found.is_empty() && external.is_empty() {
        return None;
    }
    let mut parts: Vec<String> = found.into_iter().map(tier).collect();
    for external in external {
        let title = format!(
            "{} {}: somebody else runs it, Secret {} says where",
            external.tier, external.name, external.secret
        );
        parts.push(format!("{}\n{}", styled(HEAD, &title), steps(external.reasons.iter())));
    }
    Some(parts.join("\n"))
}

/// The tiers that a name means: all of a tier, or one by `tier/name` or by its name alone.
#[must_use]
pub fn tiers<'a>(plan: &'a Plan, wanted: &str) -> Vec<&'a TierPlan> {
    plan.tiers.iter().filter(|tier| matches(wanted, tier.tier.component(), &tier.name)).collect()
}

fn matches(wanted: &str, tier: &str, name: &str) -> bool {
    let wanted = wanted.to_lowercase();
    match wanted.split_once('/') {
        Some((of, named)) => of == tier && named == name,
        None => wanted == tier || wanted == name,
    }
}

fn tier(tier: &TierPlan) -> String {
    let size = tier.per_replica;
    let volume = if size.storage.0 == 0 { String::new() } else { format!(", a volume of {}", size_text(size.storage)) };
    let title = format!(
        "{} {}: {} ({}), each {} CPU and {}{volume}",
        tier.tier,
        tier.name,
        pods(tier.replicas),
        tier.engine,
        size.cpu,
        size_text(size.memory)
    );
    let mut text = format!("{}\n", styled(HEAD, &title));
    for (part, belongs) in PARTS {
        let first = |quantity: &str| PARTS.iter().find(|(_, of)| of(quantity)).map(|(name, _)| *name);
        let mut reasons: Vec<&Reason> = tier
            .reasons
            .iter()
            .filter(|reason| belongs(&reason.quantity) && first(&reason.quantity) == Some(part))
            .collect();
        // A container's size comes before the pod's, which is their sum.
        reasons.sort_by_key(|reason| {
            reason.quantity.starts_with("perReplica.")
                && reason.formula.contains(" + ")
                && !reason.formula.starts_with("step")
        });
        if !reasons.is_empty() {
            let _ = write!(text, "\n  {}\n{}", styled(HEAD, part), steps(reasons.into_iter()));
        }
    }
    let _ = write!(text, "\n  {}\n{}", styled(HEAD, "What binds"), binds(tier));
    text
}

/// `2 pods`, or `6 to 12 pods`.
fn pods(replicas: Replicas) -> String {
    match (replicas.min, replicas.max) {
        (1, 1) => "1 pod".to_owned(),
        (min, max) if min == max => format!("{max} pods"),
        (min, max) => format!("{min} to {max} pods"),
    }
}

/// A reason's formula with its inputs in their places; `None` where it is prose.
#[must_use]
pub fn equation(reason: &Reason) -> Option<String> {
    substituted(reason).arithmetic
}

/// Each reason as formula, numbers, value and source.
fn steps<'a>(reasons: impl Iterator<Item = &'a Reason>) -> String {
    let mut text = String::new();
    let mut reasons = reasons.peekable();
    while let Some(reason) = reasons.next() {
        // Numbers that are the same in all but their name are derived once.
        let same = |next: &&&Reason| Reason { quantity: reason.quantity.clone(), ..(**next).clone() } == *reason;
        let mut names = reason.quantity.clone();
        while let Some(next) = reasons.peek().filter(same) {
            names = format!("{names}, {}", next.quantity);
            reasons.next();
        }
        let put_in = substituted(reason);
        let _ = writeln!(text, "    {names}");
        let _ = writeln!(text, "      = {}", wrapped(&reason.formula, 8));
        if let Some(numbers) = &put_in.arithmetic {
            let _ = writeln!(text, "      = {}", wrapped(numbers, 8));
        }
        let _ = writeln!(text, "      = {}", wrapped(&value(reason), 8));
        if !put_in.beside.is_empty() {
            let beside: Vec<String> = put_in.beside.iter().map(|(name, value)| format!("{name} {value}")).collect();
            let _ = writeln!(text, "        {}", wrapped(&format!("with {}", beside.join(", ")), 8));
        }
        let _ = writeln!(text, "        {}", styled(DIM, &wrapped(&reason.source, 8)));
    }
    text
}

/// What is needed of each resource, what is there, and which of them binds.
fn binds(tier: &TierPlan) -> String {
    let need = tier.requirement;
    let there = tier.per_replica.times(tier.replicas.max);
    let mut rows = vec![["", "needed", "there", "used"].map(str::to_owned).to_vec()];
    let mut row = |name: &str, needed: f64, there: f64, text: fn(f64) -> String| {
        if there > 0.0 {
            let used = format!("{:.0} %", (needed / there * 100.0).ceil());
            rows.push(vec![name.to_owned(), text(needed), text(there), used]);
        }
    };
    let cores = |value: f64| format!("{} cores", figure(value / 1000.0));
    row("CPU, busy at peak", need.cpu_millicores, there.cpu.0 as f64, cores);
    row("CPU, with room for waiting", need.staffed_cpu_millicores, there.cpu.0 as f64, cores);
    row("memory", need.memory_bytes, there.memory.0 as f64, scaled);
    row("storage", need.storage_bytes, there.storage.0 as f64, scaled);
    let mut text = columns(&rows, &[1, 2, 3], 4);
    let _ = writeln!(text, "    {}", wrapped(&bound(tier), 4));
    text
}

/// The bottleneck in a sentence.
fn bound(tier: &TierPlan) -> String {
    use crate::planner::Bottleneck;
    let why = match tier.bottleneck {
        Bottleneck::Cpu => "its CPU is used up first when the load grows",
        Bottleneck::Memory => "its memory is used up first when the load grows",
        Bottleneck::Storage => "its volumes are full first when the load grows",
        Bottleneck::Latency => "CPU is left, but with fewer pods requests would wait longer than the objective allows",
        Bottleneck::Availability => "the load asks for less: the pods are there so that one may be lost",
        Bottleneck::Connections => "the load asks for less: the connections of its clients need the pod",
        Bottleneck::Network => "a pod sends more than an ordinary node does",
        Bottleneck::VolumeOperations => "its volumes do as many operations as usual ones can first when the load grows",
    };
    format!("{} binds: {why}.", tier.bottleneck)
}

fn demand(plan: &Plan) -> String {
    let title = format!("Demand of {}", plan.app);
    format!("{}\n\n{}", styled(HEAD, &title), steps(plan.demand_reasons.iter()))
}

fn cost(plan: &Plan) -> String {
    let cost = &plan.monthly_cost;
    let title = format!("Cost of {}: {} {} a month", plan.app, super::cost::span(cost.low, cost.high), cost.currency);
    let mut text = format!("{}\n", styled(HEAD, &title));
    for tier in &plan.tiers {
        let reasons = tier.reasons.iter().filter(|reason| reason.quantity.starts_with("monthlyCost."));
        let name = format!("{} {}", tier.tier, tier.name);
        let _ = write!(text, "\n  {}\n{}", styled(HEAD, &name), steps(reasons));
    }
    let _ = write!(text, "\n  {}\n{}", styled(HEAD, "All together"), steps(cost.reasons.iter()));
    text
}

/// A sentence about all that a plan has, for the top of a sizing note.
#[must_use]
pub(super) fn summary(plan: &Plan) -> String {
    let (low, high): (u32, u32) = plan.tiers.iter().fold((0, 0), |(low, high), tier| {
        let with_routers = |pods: u32| pods.saturating_add(tier.settings.router_pods());
        (with_routers(tier.replicas.min).saturating_add(low), with_routers(tier.replicas.max).saturating_add(high))
    });
    let count = pods(Replicas { min: low, max: high });
    let cpu: u64 = plan.tiers.iter().map(|tier| tier.total.cpu.0).sum();
    let memory: u64 = plan.tiers.iter().map(|tier| tier.total.memory.0).sum();
    let growing = if plan.demand_at_horizon.peak_requests_per_second > plan.demand.peak_requests_per_second {
        format!(" now and {} at the horizon", figure(plan.demand_at_horizon.peak_requests_per_second))
    } else {
        String::new()
    };
    format!(
        "{} requests/s at peak{growing} need {count} in {} tier{}, at most {} CPU and {} of memory.",
        figure(plan.demand.peak_requests_per_second),
        plan.tiers.len(),
        if plan.tiers.len() == 1 { "" } else { "s" },
        Millicores(cpu),
        size_text(Bytes(memory))
    )
}
