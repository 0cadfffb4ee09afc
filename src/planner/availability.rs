//! Availability: what one pod gives, what several give, and what the zones allow at most.
//!
//! Failures count as independent within a tier; what fails together (a zone, a bad release) is the
//! cap by zones, never a formula.

use super::model::{Catalogue, Constant};

/// The probability that at least `needed` of `members` are up, each with probability `each`.
///
/// Each term of the binomial distribution follows from the one before it, from all up downwards. Far from its mean
/// the answer is 1 or 0, whatever the terms would underflow to.
#[must_use]
pub fn k_of_n(needed: u32, members: u32, each: f64) -> f64 {
    if needed == 0 || each >= 1.0 {
        return 1.0;
    }
    if each <= 0.0 || needed > members {
        return 0.0;
    }
    let (count, spare) = (f64::from(members), f64::from(members - needed));
    let (mean, deviation) = (count * (1.0 - each), (count * each * (1.0 - each)).sqrt());
    if spare > mean + FAR * deviation + FAR {
        return 1.0;
    }
    if spare < mean - FAR * deviation {
        return 0.0;
    }
    let mut term = each.powi(members as i32);
    let mut sum = term;
    for down in 1..=members - needed {
        term *= f64::from(members + 1 - down) / f64::from(down) * (1.0 - each) / each;
        sum += term;
    }
    sum.min(1.0)
}

/// Standard deviations beyond which nothing is left of a double's digits.
const FAR: f64 = 40.0;

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
