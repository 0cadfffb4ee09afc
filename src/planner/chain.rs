//! What the tiers of a request's way give together: members of a tier in parallel, tiers in series.
//!
//! Failures of members count as independent; what takes a zone is the zones' cap. Cache, proxy and
//! queue are not in the chain: a request does without them.

use super::availability::{k_of_n, zone_cap};
use super::ladder::percent;
use super::packing::Context;
use super::plan::{
    AvailabilityPart, Finding, FindingKind, PlannedAvailability, Severity, Tier, TierPlan, TierSettings,
};

/// The availability of a plan, part by part; a promise above it is said.
#[must_use]
pub fn availability(ctx: &Context<'_>, tiers: &[TierPlan], findings: &mut Vec<Finding>) -> PlannedAvailability {
    let each = ctx.catalogue.pod_availability.value;
    let parts: Vec<AvailabilityPart> = tiers.iter().flat_map(|tier| parts(tier, each)).collect();
    let cap = zone_cap(ctx.catalogue, ctx.environment.zones, ctx.app.database.is_some()).value;
    let together = parts.iter().fold(1.0, |product, part| product * part.percent / 100.0);
    let planned = together.min(cap);
    let promised = ctx.objective.objective;
    if planned < promised && promised <= cap {
        let weakest = parts.iter().min_by(|a, b| a.percent.total_cmp(&b.percent));
        let weakest = weakest.map_or_else(String::new, |part| {
            format!("; {} {} with {} of {} gives least", part.tier, part.name, part.needed, part.members)
        });
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::AvailabilityBelowObjective,
            "spec.targets.availabilityPercent",
            format!(
                "{} % are promised, and the tiers of a request's way give {} %{weakest}: give that tier more members, or promise less.",
                percent(promised),
                percent(planned)
            ),
        ));
    }
    PlannedAvailability {
        promised_percent: hundred(promised),
        planned_percent: hundred(planned),
        zones_percent: hundred(cap),
        parts,
    }
}

/// The parts of a tier that a request needs; the store of sessions is one, and the routers before it another.
fn parts(tier: &TierPlan, each: f64) -> Vec<AvailabilityPart> {
    let part = |name: String, needed: u32, members: u32| AvailabilityPart {
        tier: tier.tier,
        name,
        needed,
        members,
        percent: hundred(k_of_n(needed, members, each)),
    };
    let members = tier.replicas.max;
    match tier.tier {
        Tier::Edge | Tier::Web | Tier::Pool => vec![part(tier.name.clone(), tier.busy_pods(), members)],
        Tier::Database => {
            let synchronous = matches!(&tier.settings, TierSettings::Database(settings) if settings.synchronous);
            vec![part(tier.name.clone(), if synchronous { 2 } else { 1 }, members)]
        }
        Tier::Sessions => {
            let TierSettings::Redis(settings) = &tier.settings else { return Vec::new() };
            let majority = members / 2 + 1;
            vec![
                part(tier.name.clone(), majority, members),
                part(format!("{}-router", tier.name), 1, settings.router_replicas),
            ]
        }
        Tier::Proxy | Tier::Worker | Tier::Cache | Tier::Queue => Vec::new(),
    }
}

/// A share in per cent, to a millionth.
fn hundred(share: f64) -> f64 {
    (share * 1e8).round() / 1e6
}
