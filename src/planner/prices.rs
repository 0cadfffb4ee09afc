//! What a plan costs in a month, by rounded list prices: for comparing plans, not for budgets.

use super::demand::round;
use super::model::Catalogue;
use super::packing::figure;
use super::plan::{CostSpan, MonthlyCost, Reason, Size, TierPlan};
use crate::domain::Bytes;
use crate::domain::quantity::GIB;

/// Prices every tier and the whole, at the fewest and at the most pods, each with its reasons.
pub(super) fn cost(catalogue: &Catalogue, tiers: &mut [TierPlan]) -> MonthlyCost {
    for tier in tiers.iter_mut() {
        let of = |pods: u32| round(price(catalogue, tier.per_replica.times(pods).plus(tier.settings.routers())));
        let (low, high) = (of(tier.replicas.min), of(tier.replicas.max));
        tier.monthly_cost = CostSpan { currency: catalogue.currency.to_owned(), low, high };
        let reasons = [
            tier_reason(catalogue, tier, "low", low, tier.replicas.min),
            tier_reason(catalogue, tier, "high", high, tier.replicas.max),
        ];
        tier.reasons.extend(reasons);
    }
    let sum = |end: fn(&CostSpan) -> f64| round(tiers.iter().map(|tier| end(&tier.monthly_cost)).sum());
    let (low, high) = (sum(|span| span.low), sum(|span| span.high));
    let whole = |end: &str, value: f64| {
        let source = "rounded list prices: for comparing plans, not for budgets";
        Reason::new(format!("monthlyCost.{end}"), value, format!("sum of all tiers' monthlyCost.{end}"), source)
    };
    MonthlyCost {
        currency: catalogue.currency.to_owned(),
        low,
        high,
        reasons: vec![whole("low", low), whole("high", high)],
    }
}

/// A size for a month.
fn price(catalogue: &Catalogue, size: Size) -> f64 {
    let gib = |bytes: Bytes| bytes.0 as f64 / GIB as f64;
    size.cpu.cores() * catalogue.price_core.value
        + gib(size.memory) * catalogue.price_memory_gib.value
        + gib(size.storage) * catalogue.price_storage_gib.value
}

fn tier_reason(catalogue: &Catalogue, tier: &TierPlan, end: &str, value: f64, pods: u32) -> Reason {
    let size = tier.per_replica;
    let routers = price(catalogue, tier.settings.routers());
    let gib = |bytes: Bytes| figure(bytes.0 as f64 / GIB as f64);
    let each = "replicas * (cores * cpu + memoryGiB * memory + storageGiB * storage)";
    let formula = if routers > 0.0 { format!("{each} + routers") } else { each.to_owned() };
    let reason = Reason::new(format!("monthlyCost.{end}"), value, formula, catalogue.price_core.because())
        .with("replicas", pods)
        .with("cores", size.cpu.cores())
        .with("memoryGiB", gib(size.memory))
        .with("storageGiB", gib(size.storage))
        .with("cpu", catalogue.price_core.value)
        .with("memory", catalogue.price_memory_gib.value)
        .with("storage", catalogue.price_storage_gib.value);
    if routers > 0.0 { reason.with("routers", figure(routers)) } else { reason }
}
