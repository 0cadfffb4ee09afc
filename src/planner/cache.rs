//! The cache: what it holds, what it answers, and whether it is worth its price.
//!
//! Memory for a hit ratio is solved by Che's approximation for the items' popularity, never a rule of
//! thumb. A declared cache is never refused: what is wrong with it is a finding.

use super::Finding;
use super::caching::Popular;
use super::database::{self, DatabaseNeed};
use super::model::Catalogue;
use super::packing::{Context, figure, size_text};
use super::plan::{FindingKind, Severity, Size, Tier, TierPlan};
use super::prices::{Price, two_digits};
use super::redis::{self, Store};
use crate::api::{EvictionPolicy, Popularity};
use crate::domain::{Bytes, Millicores, ValidCache};

/// What a cache holds, and what it then answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Items for which there must be room to reach the hit ratio that was asked for.
    pub items: f64,
    /// Bytes of one, with what the server adds.
    pub each: f64,
    /// Share of the server's memory that they may fill.
    pub fill: f64,
    /// Memory of the server.
    pub memory: Bytes,
    /// Share of reads that it answers with that memory.
    pub hit: f64,
}

/// Items that are asked for, by popularity.
#[must_use]
pub fn popular(catalogue: &Catalogue, cache: &ValidCache) -> Popular {
    let exponent = match cache.popularity.value {
        Popularity::Even => 0.0,
        Popularity::Web => catalogue.zipf_web.value,
        Popularity::Skewed => catalogue.zipf_skewed.value,
    };
    Popular::zipf(cache.item_count.value, exponent)
}

/// Where the popularity of the items is from.
#[must_use]
pub fn popularity_source(catalogue: &Catalogue, cache: &ValidCache) -> String {
    match cache.popularity.value {
        Popularity::Even => "spec.cache.popularity: every item is asked for as often as any other".to_owned(),
        Popularity::Web => catalogue.zipf_web.because(),
        Popularity::Skewed => catalogue.zipf_skewed.because(),
    }
}

/// Items that are put in a second, of so many reads: those that are not found.
fn writes(cache: &ValidCache, reads: f64) -> f64 {
    reads * (1.0 - cache.hit_target.value)
}

/// Memory and hit ratio for so many reads a second: the target, unless a pin or the largest pod sets the memory.
#[must_use]
pub fn fit(catalogue: &Catalogue, cache: &ValidCache, largest: Size, reads: f64) -> Fit {
    let popular = popular(catalogue, cache);
    let each = redis::item(catalogue, cache.item_size.value.0 as f64);
    let fill = redis::fill(catalogue, catalogue.cache_fill.value, writes(cache, reads), each);
    let items = popular.room_for(cache.hit_target.value);
    let needed = redis::memory_step(catalogue, items * each, fill);
    let most = redis::room(catalogue, largest);
    let memory = cache.pin.memory.unwrap_or(needed.min(most));
    let held = || popular.hit_ratio(redis::held(catalogue, memory, fill) / each);
    // A step may be above the largest pod where what is needed is not: no more is counted on than was asked for.
    let hit = match cache.pin.memory {
        Some(_) => held(),
        None if needed <= most => cache.hit_target.value,
        None => held().min(cache.hit_target.value),
    };
    Fit { items, each, fill, memory, hit }
}

/// What a cache that somebody else sizes is taken to answer: what the owner expects of it.
#[must_use]
pub fn expected(catalogue: &Catalogue, cache: &ValidCache) -> Fit {
    let each = redis::item(catalogue, cache.item_size.value.0 as f64);
    let items = popular(catalogue, cache).room_for(cache.hit_target.value);
    let fill = catalogue.cache_fill.value;
    let memory = redis::memory_step(catalogue, items * each, fill);
    Fit { items, each, fill, memory, hit: cache.hit_target.value }
}

/// The cache, ready to be packed.
#[must_use]
pub fn store<'a>(ctx: &Context<'_>, cache: &'a ValidCache, fit: Fit) -> Store<'a> {
    Store {
        tier: Tier::Cache,
        pin: &cache.pin,
        items: fit.items,
        each: fit.each,
        memory: fit.memory,
        // What is not found is read from the database and put in.
        operations: ctx.demands.soon.cache_reads * (2.0 - fit.hit),
        writes: writes(cache, ctx.demands.soon.cache_reads),
        fill: fit.fill,
        policy: match cache.eviction_policy {
            EvictionPolicy::LeastFrequentlyUsed => "allkeys-lfu",
            EvictionPolicy::LeastRecentlyUsed => "allkeys-lru",
            EvictionPolicy::ShortestTimeToLive => "volatile-ttl",
        },
        persistent: false,
        present: cache.present,
    }
}

/// What the owner should know of the cache; `data` are the need and the planned database, where there is one.
pub fn check(
    ctx: &Context<'_>,
    cache: &ValidCache,
    fit: Fit,
    tier: &TierPlan,
    data: Option<(&DatabaseNeed, &TierPlan)>,
    findings: &mut Vec<Finding>,
) {
    misses_target(ctx, cache, &fit, findings);
    let (_, staffed) = redis::cores(ctx.catalogue, ctx.demands.horizon.cache_reads * (2.0 - fit.hit));
    if staffed > ctx.largest.cpu.cores().min(8.0) {
        findings.push(Finding::new(
            Severity::Warning,
            FindingKind::CacheAboveOneServer,
            "spec.profile.cacheReadsPerRequest",
            format!(
                "The cache is asked {} times a second at the horizon, which is more than one server bears: read several items at once, or keep the hottest in the services.",
                figure(ctx.demands.horizon.cache_reads)
            ),
        ));
    }
    if ctx.app.profile.cache_reads_per_request.value <= 0.0 {
        findings.push(Finding::new(
            Severity::Info,
            FindingKind::CacheNotWorthIt,
            "spec.profile.cacheReadsPerRequest",
            "No request reads from the cache by spec.profile.cacheReadsPerRequest, so it takes nothing off the database: declare what each request reads, or remove spec.cache.",
        ));
    } else if let Some((need, database)) = data {
        cold(ctx, &fit, need, database, findings);
        worth(ctx, &fit, tier, need, database, findings);
    }
}

fn misses_target(ctx: &Context<'_>, cache: &ValidCache, fit: &Fit, findings: &mut Vec<Finding>) {
    // What was measured of a running cache is no answer of the model's, and more memory need not mend it.
    if fit.hit >= cache.hit_target.value || ctx.app.measured.cache_hit.is_some() {
        return;
    }
    let needed = redis::memory_step(ctx.catalogue, fit.items * fit.each, fit.fill);
    let (field, mend) = if cache.pin.memory.is_some() {
        ("spec.cache.pin.memory", format!("raise pin.memory to {} or lower hitPercentTarget", size_text(needed)))
    } else {
        (
            "spec.cache.hitPercentTarget",
            "lower hitPercentTarget or itemSize, or offer larger nodes (environment.largestPod)".to_owned(),
        )
    };
    findings.push(Finding::new(
        Severity::Warning,
        FindingKind::HitTargetMissed,
        field,
        format!(
            "With {} of memory the cache answers {:.0} % of its reads, and {:.0} % are asked for, which takes {}: {mend}.",
            size_text(fit.memory),
            (fit.hit * 100.0).floor(),
            cache.hit_target.value * 100.0,
            size_text(needed)
        ),
    ));
}

/// The database's need when the cache answers this share.
fn need_at(ctx: &Context<'_>, need: &DatabaseNeed, from: f64, to: f64) -> DatabaseNeed {
    let more = ctx.demands.soon.cache_reads * (from - to) * ctx.catalogue.read_cpu_ms.value / 1000.0;
    DatabaseNeed { reads: need.reads + more, ..*need }
}

/// An empty cache sends all reads to the database.
fn cold(ctx: &Context<'_>, fit: &Fit, need: &DatabaseNeed, database: &TierPlan, findings: &mut Vec<Finding>) {
    let members = database.replicas.max;
    let busy = database::busy(ctx, &need_at(ctx, need, fit.hit, 0.0), members);
    let has = database.per_replica.cpu.cores();
    if busy <= has {
        return;
    }
    let staffed = Millicores((database::staffed(ctx, busy).ceil() * 1000.0) as u64);
    let or_pin = if staffed <= ctx.largest.cpu {
        format!("; or pin {} cores (spec.database.pin.cpu), which bears it", figure(staffed.cores()))
    } else {
        String::new()
    };
    findings.push(Finding::new(
        Severity::Warning,
        FindingKind::ColdCacheAboveDatabase,
        "spec.cache",
        format!(
            "While the cache is empty its reads keep {} cores of a database member busy, and a member has {}: read through it with one fetch for many waiters, and let it fill before all traffic comes{or_pin}.",
            figure(busy),
            figure(has)
        ),
    ));
}

/// The price of the cache against that of a database which takes its reads as well.
fn worth(
    ctx: &Context<'_>,
    fit: &Fit,
    tier: &TierPlan,
    need: &DatabaseNeed,
    database: &TierPlan,
    findings: &mut Vec<Finding>,
) {
    let members = database.replicas.max;
    let staffed = |hit: f64| database::staffed(ctx, database::busy(ctx, &need_at(ctx, need, fit.hit, hit), members));
    let without = staffed(0.0);
    if without > database::room(ctx).cpu.cores() {
        return;
    }
    let prices = &ctx.catalogue.prices;
    let saved = prices.month((without - staffed(fit.hit)) * f64::from(members), 0.0, 0.0, Price::middle);
    let costs = prices.month(tier.total.cpu.cores(), tier.total.memory.0 as f64, 0.0, Price::middle);
    if costs > saved {
        findings.push(Finding::new(
            Severity::Info,
            FindingKind::CacheNotWorthIt,
            "spec.cache",
            format!(
                "The cache costs about {} {} a month, and the cores that the database would need without it about {}: it is worth it for its latency or for what comes, not for the load.",
                two_digits(costs),
                prices.currency,
                two_digits(saved)
            ),
        ));
    }
}
