//! What all tiers share on the way from a requirement to pods: the context and the packing.

use super::availability::Objective;
use super::cache::Fit;
use super::demand::{Demands, round};
use super::model::Catalogue;
use super::plan::{Bottleneck, CostSpan, Reason, Replicas, Requirement, Roles, Size, Tier, TierPlan, TierSettings};
use crate::domain::{Bytes, Environment, Millicores, ValidApp};

/// What every tier is planned from.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The application.
    pub app: &'a ValidApp,
    /// Unit costs and limits.
    pub catalogue: &'a Catalogue,
    /// The cluster.
    pub environment: &'a Environment,
    /// What the users ask.
    pub demands: &'a Demands,
    /// Whether tiers are replicated.
    pub objective: Objective,
    /// Largest pod that a node can hold.
    pub largest: Size,
    /// What the cache holds and answers, where there is one.
    pub cached: Option<Fit>,
}

/// The third layer: pods, sizes, bounds and settings of one tier.
#[derive(Clone, Debug, PartialEq)]
pub struct Packing {
    /// Pods.
    pub replicas: Replicas,
    /// Size of one.
    pub per_replica: Size,
    /// What binds first.
    pub bottleneck: Bottleneck,
    /// Roles of the members, of a database.
    pub roles: Option<Roles>,
    /// What the builders need.
    pub settings: TierSettings,
}

/// Puts requirement and packing together; `reasons` come in the order of their weight.
#[must_use]
pub fn tier_plan(
    tier: Tier,
    name: &str,
    engine: &str,
    requirement: Requirement,
    packing: Packing,
    mut reasons: Vec<Reason>,
) -> TierPlan {
    let members = packing.per_replica.times(packing.replicas.max);
    let routers = packing.settings.routers();
    let total = members.plus(routers);
    for reason in &mut reasons {
        complete(reason, &requirement, packing.replicas);
    }
    let size = |size: Size| format!("{} CPU, {}", size.cpu, size_text(size.memory));
    let formula = if total == members { "perReplica * replicas.max" } else { "perReplica * replicas.max + routers" };
    let whole = Reason::new("total", size(total), formula, "arithmetic")
        .with("replicas.max", packing.replicas.max)
        .with("perReplica", format!("({})", size(packing.per_replica)));
    reasons.push(if total == members { whole } else { whole.with("routers", format!("({})", size(routers))) });
    TierPlan {
        tier,
        name: name.to_owned(),
        engine: engine.to_owned(),
        replicas: packing.replicas,
        per_replica: packing.per_replica,
        total,
        requirement: Requirement {
            cpu_millicores: round(requirement.cpu_millicores),
            staffed_cpu_millicores: round(requirement.staffed_cpu_millicores),
            memory_bytes: requirement.memory_bytes.round(),
            storage_bytes: requirement.storage_bytes.round(),
            network_megabits_per_second: round(requirement.network_megabits_per_second),
            volume_operations_per_second: round(requirement.volume_operations_per_second),
        },
        bottleneck: packing.bottleneck,
        headroom_percent: headroom(requirement.cpu_millicores, total.cpu),
        roles: packing.roles,
        monthly_cost: CostSpan::default(),
        settings: packing.settings,
        reasons,
    }
}

/// Gives a reason the numbers of its own tier that its formula names.
fn complete(reason: &mut Reason, requirement: &Requirement, replicas: Replicas) {
    let known = [
        ("replicas.max", replicas.max.to_string()),
        ("replicas.min", replicas.min.to_string()),
        ("members", replicas.max.to_string()),
        ("busy", figure(requirement.cpu_millicores / 1000.0)),
    ];
    let words: Vec<&str> =
        reason.formula.split(|c: char| !c.is_alphanumeric() && c != '.').filter(|word| !word.is_empty()).collect();
    for (name, value) in known {
        // What stands between words is prose: `busy` is an input where it is divided or multiplied.
        let named = words.contains(&name) && reason.quantity != name;
        if named && !reason.inputs.contains_key(name) && (name != "busy" || reason.formula.starts_with("busy /")) {
            reason.inputs.insert(name.to_owned(), value);
        }
    }
}

/// Room at peak over the busy CPU, in percent of the tier's CPU.
#[must_use]
pub fn headroom(busy: f64, total: Millicores) -> u32 {
    if total.0 == 0 {
        return 0;
    }
    ((1.0 - busy / total.0 as f64).max(0.0) * 100.0).round() as u32
}

/// The resource of which the largest part is needed.
#[must_use]
pub fn largest_part(parts: &[(Bottleneck, f64)]) -> Bottleneck {
    let first = parts.first().copied().unwrap_or((Bottleneck::Cpu, 0.0));
    parts.iter().fold(first, |most, part| if part.1 > most.1 { *part } else { most }).0
}

/// Memory or storage in the unit that people use, rounded to three digits: `1.5 GiB`.
#[must_use]
pub fn size_text(bytes: Bytes) -> String {
    scaled(bytes.0 as f64)
}

/// Bytes in the unit that people use.
#[must_use]
pub fn scaled(bytes: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < units.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{} {}", figure(value), units[unit])
}

/// A number with as many decimals as mean something: 0.0139, 1.25, 34.7, 1200.
#[must_use]
pub fn figure(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = if value.abs() >= 100.0 {
        0
    } else if value.abs() >= 10.0 {
        1
    } else if value.abs() >= 1.0 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
