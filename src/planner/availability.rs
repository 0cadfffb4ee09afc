//! Availability: what one pod gives, what several give, and what the zones allow at most.
//!
//! Failures count as independent within a tier; what fails together (a zone, a bad release) is the
//! cap by zones, never a formula.

use super::model::{Catalogue, Constant};

/// The probability that at least `needed` of `members` are up.
#[must_use]
pub fn k_of_n(needed: u32, members: u32, each: f64) -> f64 {
    (needed..=members)
        .map(|up| binomial(members, up) * each.powi(up as i32) * (1.0 - each).powi((members - up) as i32))
        .sum()
}

fn binomial(n: u32, k: u32) -> f64 {
    (1..=k.min(n - k)).fold(1.0, |product, i| product * f64::from(n + 1 - i) / f64::from(i))
}

/// What can be promised at most over so many zones.
#[must_use]
pub fn zone_cap(catalogue: &Catalogue, zones: u32, with_database: bool) -> Constant {
    match zones {
        0 | 1 => catalogue.one_zone_availability,
        2 if with_database => catalogue.two_zones_availability,
        _ => catalogue.three_zones_availability,
    }
}

/// Whether an objective needs more than one of each tier.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Objective {
    /// The objective, as a share.
    pub objective: f64,
    /// What a chain of single pods gives.
    pub singles: f64,
    /// Tiers in the chain.
    pub tiers: u32,
    /// Whether tiers are replicated.
    pub replicated: bool,
}

impl Objective {
    /// Single pods of `tiers` tiers in a row against the objective.
    #[must_use]
    pub fn new(catalogue: &Catalogue, objective: f64, tiers: u32) -> Self {
        let singles = catalogue.pod_availability.value.powi(tiers as i32);
        Self { objective, singles, tiers, replicated: objective > singles }
    }
}

/// Pods with which `needed` remain after the loss of any one node or zone.
#[must_use]
pub fn with_spare(needed: u32, zones: u32) -> u32 {
    let one_more = needed.saturating_add(1);
    if zones < 2 {
        return one_more;
    }
    let over_zones = (u64::from(needed) * u64::from(zones)).div_ceil(u64::from(zones - 1));
    one_more.max(u32::try_from(over_zones).unwrap_or(u32::MAX))
}

/// Pods that remain of so many, spread evenly, when the node or the zone with most of them is lost.
#[must_use]
pub fn survivors(pods: u32, zones: u32) -> u32 {
    pods.saturating_sub(if zones < 2 { 1 } else { pods.div_ceil(zones) })
}
