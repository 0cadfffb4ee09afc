//! What becomes smaller although the users become more, and why.
//!
//! A rung that is entered takes work off another tier, and larger pods mean fewer of them. Each fall is named with
//! its cause, so that nobody takes it for an error of the plan. Reads two finished plans and decides nothing.

use serde::Serialize;

use super::packing::{figure, scaled};
use super::plan::{LadderRung, Plan, Rung, Tier, TierPlan};
use crate::domain::Millicores;

/// A number that fell.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Fall {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// Which number, such as `perReplica.cpuMillicores`.
    pub quantity: String,
    /// What it was, in its unit.
    pub from: String,
    /// What it is.
    pub to: String,
    /// The rung whose entry is the cause, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rung: Option<Rung>,
    /// The cause, in one sentence.
    pub cause: String,
}

/// A number of a tier, with the unit that people read it in.
struct Quantity {
    name: &'static str,
    /// What a reason calls it; of a stateful tier the engine's own container.
    reasons: &'static [&'static str],
    /// Whether it is looked at where more pods bear more load; memory there follows their number.
    of_pods: bool,
    value: fn(&TierPlan) -> f64,
    text: fn(f64) -> String,
}

const CPU: &[&str] = &["perReplica.cpuMillicores", "settings.postgres.cpuMillicores", "settings.redis.cpuMillicores"];
const MEMORY: &[&str] = &["settings.postgres.memoryBytes", "settings.redis.memoryBytes", "perReplica.memoryBytes"];

const QUANTITIES: [Quantity; 6] = [
    Quantity {
        name: "requirement.cpuMillicores",
        reasons: &["requirement.cpuMillicores"],
        of_pods: true,
        value: |tier| tier.requirement.cpu_millicores,
        text: |value| format!("{} busy cores", figure(value / 1000.0)),
    },
    Quantity {
        name: "requirement.memoryBytes",
        reasons: MEMORY,
        of_pods: false,
        value: |tier| tier.requirement.memory_bytes,
        text: |value| format!("{} at work", scaled(value)),
    },
    Quantity {
        name: "replicas.max",
        reasons: &["replicas.max"],
        of_pods: true,
        value: |tier| f64::from(tier.replicas.max),
        text: |value| if value > 1.0 { format!("{value} pods") } else { format!("{value} pod") },
    },
    Quantity {
        name: "perReplica.cpuMillicores",
        reasons: CPU,
        of_pods: true,
        value: |tier| tier.per_replica.cpu.0 as f64,
        text: |value| format!("{} CPU a pod", Millicores(value as u64)),
    },
    Quantity {
        name: "perReplica.memoryBytes",
        reasons: MEMORY,
        of_pods: false,
        value: |tier| tier.per_replica.memory.0 as f64,
        text: |value| format!("{} a pod", scaled(value)),
    },
    Quantity {
        name: "perReplica.storageBytes",
        reasons: &["perReplica.storageBytes", "settings.postgres.storageBytes"],
        of_pods: false,
        value: |tier| tier.per_replica.storage.0 as f64,
        text: |value| format!("{} a volume", scaled(value)),
    },
];

/// Everything that fell from one plan to the next.
#[must_use]
pub fn falls(before: &Plan, plan: &Plan) -> Vec<Fall> {
    let mut found = Vec::new();
    for tier in &plan.tiers {
        let Some(was) = before.tiers.iter().find(|t| t.tier == tier.tier && t.name == tier.name) else { continue };
        for quantity in QUANTITIES.iter().filter(|quantity| quantity.of_pods || !tier.tier.spreads()) {
            let (from, to) = ((quantity.value)(was), (quantity.value)(tier));
            if to < from {
                let (rung, cause) = cause(before, plan, was, tier, quantity);
                found.push(Fall {
                    tier: tier.tier,
                    name: tier.name.clone(),
                    quantity: quantity.name.to_owned(),
                    from: (quantity.text)(from),
                    to: (quantity.text)(to),
                    rung,
                    cause,
                });
            }
        }
    }
    found
}

/// Rungs that take work off a tier.
const fn relieved_by(tier: Tier) -> &'static [Rung] {
    match tier {
        Tier::Database => &[Rung::Cache, Rung::CachingProxy, Rung::DatabaseReplicas],
        Tier::Pool => &[Rung::Cache, Rung::CachingProxy],
        Tier::Web => &[Rung::CachingProxy, Rung::LoadBalancer],
        Tier::Worker => &[Rung::Queue],
        Tier::Edge | Tier::Proxy | Tier::Cache | Tier::Sessions | Tier::Queue => &[],
    }
}

fn cause(before: &Plan, plan: &Plan, was: &TierPlan, tier: &TierPlan, quantity: &Quantity) -> (Option<Rung>, String) {
    let entered = relieved_by(tier.tier).iter().find_map(|rung| entered(before, plan, *rung));
    if let Some(rung) = entered {
        return (Some(rung.rung), rung.because.clone());
    }
    let one_pod = quantity.name.starts_with("perReplica");
    if one_pod && tier.replicas.max > was.replicas.max {
        let cause = format!(
            "{} pods of {} CPU share the load, where {} of {} bore it.",
            tier.replicas.max, tier.per_replica.cpu, was.replicas.max, was.per_replica.cpu
        );
        return (None, cause);
    }
    if quantity.name == "replicas.max" && tier.per_replica.cpu > was.per_replica.cpu {
        let cause = format!(
            "Pods of {} CPU take the place of pods of {}, so fewer of them are needed.",
            tier.per_replica.cpu, was.per_replica.cpu
        );
        return (None, cause);
    }
    (None, moved(was, tier, quantity))
}

fn entered<'a>(before: &Plan, plan: &'a Plan, rung: Rung) -> Option<&'a LadderRung> {
    let on = |plan: &Plan| plan.ladder.iter().any(|r| r.rung == rung && r.on);
    plan.ladder.iter().find(|r| r.rung == rung && r.on && !on(before))
}

/// The inputs of the number's own formula that are not what they were.
fn moved(was: &TierPlan, tier: &TierPlan, quantity: &Quantity) -> String {
    let find = |tier: &TierPlan| {
        let of = |name: &&str| tier.reasons.iter().find(|reason| reason.quantity == **name).cloned();
        quantity.reasons.iter().find_map(of)
    };
    let (Some(old), Some(new)) = (find(was), find(tier)) else {
        return "Its formula gives less with the inputs of this step.".to_owned();
    };
    let inputs: Vec<String> = new
        .inputs
        .iter()
        .filter_map(|(name, value)| {
            let old = old.inputs.get(name)?;
            (old != value).then(|| format!("{name} from {old} to {value}"))
        })
        .collect();
    if inputs.is_empty() {
        return format!("Its formula, {}, gives less at this step.", new.formula);
    }
    format!("By its formula, {}: {}.", new.formula, inputs.join(", "))
}
