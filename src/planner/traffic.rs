//! What the busiest pod of a tier sends at the horizon's peak, and whether an ordinary node bears it.
//!
//! Answers to users and what a cache gives: queries' rows are small beside them. A database's log is in `replication`.

use super::packing::{Context, figure};
use super::plan::{Bottleneck, Finding, FindingKind, Reason, Severity, Tier, TierPlan};

/// Adds the traffic of edge, proxy, services and cache to their requirements.
pub fn add(ctx: &Context<'_>, tiers: &mut [TierPlan], findings: &mut Vec<Finding>) {
    for tier in tiers.iter_mut() {
        if let Some(sent) = sent(ctx, tier) {
            answers(tier, &sent);
        }
        check(ctx, tier, findings);
    }
}

/// What a tier sends.
struct Sent {
    /// Requests a second that all its pods answer.
    requests: f64,
    /// Bytes of an answer.
    bytes: u64,
    /// Pods that send it.
    pods: u32,
    /// Why an answer has that size.
    source: String,
}

/// What a tier sends; none where it is little.
fn sent(ctx: &Context<'_>, tier: &TierPlan) -> Option<Sent> {
    let demand = &ctx.demands.horizon;
    if tier.tier == Tier::Cache {
        let size = &ctx.app.cache.as_ref()?.item_size;
        // Its master sends what is there, and is sent what was not.
        return Some(Sent { requests: demand.cache_reads, bytes: size.value.0, pods: 1, source: size.source() });
    }
    let requests = match tier.tier {
        // What a proxy fetches passes the edge a second time.
        Tier::Edge => demand.peak + if ctx.app.proxy.is_some() { demand.origin } else { 0.0 },
        Tier::Proxy => demand.peak,
        Tier::Web => {
            let service = ctx.app.services.iter().find(|service| service.name.as_str() == tier.name)?;
            demand.origin * service.request_share
        }
        _ => return None,
    };
    let size = &ctx.app.profile.response_size;
    Some(Sent { requests, bytes: size.value.0, pods: tier.needed_pods(), source: size.source() })
}

fn answers(tier: &mut TierPlan, sent: &Sent) {
    let megabits = sent.requests * sent.bytes as f64 * 8.0 / 1e6 / f64::from(sent.pods);
    tier.requirement.network_megabits_per_second = super::demand::round(megabits);
    tier.reasons.push(
        Reason::new(
            "requirement.networkMegabitsPerSecond",
            figure(megabits),
            "requests * responseBytes * 8 / 1000000 / pods",
            &sent.source,
        )
        .with("requests", figure(sent.requests))
        .with("responseBytes", sent.bytes)
        .with("pods", sent.pods),
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
        match tier.tier {
            Tier::Database => "spec.targets",
            Tier::Cache => "spec.cache.itemSize",
            _ => "spec.profile.responseSize",
        },
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
