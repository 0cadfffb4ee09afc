//! What the busiest pod of a tier sends at the horizon's peak, and whether an ordinary node bears it.
//!
//! Answers to users alone: queries' rows are small beside them. A database's log is in `replication`.

use super::packing::{Context, figure};
use super::plan::{Bottleneck, Finding, FindingKind, Reason, Severity, Tier, TierPlan};

/// Adds the traffic of edge, proxy and services to their requirements.
pub fn add(ctx: &Context<'_>, tiers: &mut [TierPlan], findings: &mut Vec<Finding>) {
    for tier in tiers.iter_mut() {
        if let Some(requests) = requests(ctx, tier) {
            answers(ctx, tier, requests);
        }
        check(ctx, tier, findings);
    }
}

/// Requests a second that all pods of a tier answer; none for tiers that answer no users.
fn requests(ctx: &Context<'_>, tier: &TierPlan) -> Option<f64> {
    let demand = &ctx.demands.horizon;
    match tier.tier {
        // What a proxy fetches passes the edge a second time.
        Tier::Edge => Some(demand.peak + if ctx.app.proxy.is_some() { demand.origin } else { 0.0 }),
        Tier::Proxy => Some(demand.peak),
        Tier::Web => {
            let service = ctx.app.services.iter().find(|service| service.name.as_str() == tier.name)?;
            Some(demand.origin * service.request_share)
        }
        _ => None,
    }
}

fn answers(ctx: &Context<'_>, tier: &mut TierPlan, requests: f64) {
    let size = ctx.app.profile.response_size.value.0 as f64;
    let pods = tier.needed_pods();
    let megabits = requests * size * 8.0 / 1e6 / f64::from(pods);
    tier.requirement.network_megabits_per_second = super::demand::round(megabits);
    tier.reasons.push(
        Reason::new(
            "requirement.networkMegabitsPerSecond",
            figure(megabits),
            "requests * responseBytes * 8 / 1000000 / pods",
            ctx.app.profile.response_size.source(),
        )
        .with("requests", figure(requests))
        .with("responseBytes", ctx.app.profile.response_size.value.0)
        .with("pods", pods),
    );
}

/// What an ordinary node does not bear.
fn check(ctx: &Context<'_>, tier: &mut TierPlan, findings: &mut Vec<Finding>) {
    let megabits = tier.requirement.network_megabits_per_second;
    let (ordinary, watched) = (ctx.catalogue.node_megabits_ordinary.value, ctx.catalogue.node_megabits_watched.value);
    if megabits <= ordinary {
        return;
    }
    let fast = megabits > watched;
    if fast {
        tier.bottleneck = Bottleneck::Network;
    }
    findings.push(Finding::new(
        if fast { Severity::Warning } else { Severity::Info },
        FindingKind::NetworkAboveNode,
        if tier.tier == Tier::Database { "spec.targets" } else { "spec.profile.responseSize" },
        format!(
            "A pod of {} {} sends {} Gbit/s at peak, and an ordinary node is good for {}: {}.",
            tier.tier,
            tier.name,
            figure(megabits / 1000.0),
            figure(ordinary / 1000.0),
            if fast {
                "offer nodes with a faster network, or answer with less"
            } else {
                "watch the network of its nodes"
            }
        ),
    ));
}
