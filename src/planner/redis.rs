//! Cache and session store: Redis, one server that takes all commands, and two that may take its place.
//!
//! Requirement: memory for items, by Che's approximation, or for live sessions; cores for commands.
//! Packing: one member, or three where one may be lost. A cache keeps nothing that is not elsewhere.

use super::caching::Popular;
use super::model::{Catalogue, cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, tier_plan};
use super::plan::{Bottleneck, Reason, RedisSettings, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use super::router;
use crate::api::{EvictionPolicy, Popularity};
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidApp, ValidCache, ValidMemberPin, ValidSessions};

/// Smallest memory of a member.
const SMALLEST_MEMORY: u64 = 32 * MIB;
/// Smallest volume of a member.
const SMALLEST_VOLUME: u64 = GIB;

/// What a memory holds, and what it then answers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    /// Items or sessions that are kept.
    pub items: f64,
    /// Bytes of one of them.
    pub each: f64,
    /// Memory of a member's server.
    pub memory: Bytes,
    /// Share of reads that it answers.
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

/// What the cache holds and answers; the target where its memory may be as large as that takes.
#[must_use]
pub fn cache_fit(catalogue: &Catalogue, cache: &ValidCache, largest: Bytes) -> Fit {
    let popular = popular(catalogue, cache);
    let each = cache.item_size.value.0 as f64 + catalogue.item_overhead.value;
    let fill = catalogue.cache_fill.value;
    let base = catalogue.redis_base_mib.value * MIB as f64;
    let wanted = popular.room_for(cache.hit_target.value);
    let step = |bytes: f64| Bytes(quarter_step(bytes, 16 * MIB).max(SMALLEST_MEMORY));
    let memory = cache.pin.memory.unwrap_or_else(|| step(wanted * each / fill + base).min(largest));
    let room = (memory.0 as f64 - base).max(0.0) * fill / each;
    let hit =
        if cache.pin.memory.is_none() && room >= wanted { cache.hit_target.value } else { popular.hit_ratio(room) };
    Fit { items: wanted, each, memory, hit: hit.min(0.999) }
}

/// Share of cacheable reads that the cache of an application answers; none without one.
#[must_use]
pub fn hit_ratio(app: &ValidApp, catalogue: &Catalogue, largest: Bytes) -> f64 {
    app.cache.as_ref().map_or(0.0, |cache| cache_fit(catalogue, cache, largest).hit)
}

/// The memory with which `maxmemory` is filled by a share.
fn max_memory(catalogue: &Catalogue, memory: Bytes, fill: f64) -> u64 {
    let base = catalogue.redis_base_mib.value * MIB as f64;
    ((memory.0 as f64 - base).max(8.0 * MIB as f64) * fill) as u64 / MIB * MIB
}

/// One of the two, ready to be packed.
struct Store<'a> {
    tier: Tier,
    pin: &'a ValidMemberPin,
    fit: Fit,
    operations: f64,
    fill: f64,
    policy: &'static str,
    storage: u64,
    persistent: bool,
}

/// The cache.
#[must_use]
pub fn cache(ctx: &Context<'_>, cache: &ValidCache, users: &[&TierPlan]) -> TierPlan {
    let fit = cache_fit(ctx.catalogue, cache, room(ctx));
    let demand = &ctx.demands.soon;
    let policy = match cache.eviction_policy {
        EvictionPolicy::LeastFrequentlyUsed => "allkeys-lfu",
        EvictionPolicy::LeastRecentlyUsed => "allkeys-lru",
        EvictionPolicy::ShortestTimeToLive => "volatile-ttl",
    };
    // What is not found is read from the database and put in.
    let operations = demand.cache_reads * (2.0 - fit.hit);
    let fill = ctx.catalogue.cache_fill.value;
    let store =
        Store { tier: Tier::Cache, pin: &cache.pin, fit, operations, fill, policy, storage: 0, persistent: false };
    pack(ctx, &store, users)
}

/// The session store.
#[must_use]
pub fn sessions(ctx: &Context<'_>, sessions: &ValidSessions, users: &[&TierPlan]) -> TierPlan {
    let catalogue = ctx.catalogue;
    let live = super::demand::live_sessions(ctx.app, catalogue, sessions.ttl.value, super::demand::STATEFUL_MONTHS);
    let each = catalogue.session_bytes.value + catalogue.item_overhead.value;
    let fill = catalogue.sessions_fill.value;
    let base = catalogue.redis_base_mib.value * MIB as f64;
    let fresh = Bytes(quarter_step(live * each / fill + base, 16 * MIB).max(SMALLEST_MEMORY));
    let memory = sessions.pin.memory.unwrap_or(fresh);
    let fit = Fit { items: live, each, memory, hit: 1.0 };
    let operations = ctx.demands.soon.dynamic * catalogue.session_operations.value;
    let storage = quarter_step(memory.0 as f64 * 3.0, SMALLEST_VOLUME);
    let policy = "noeviction";
    let tier = Tier::Sessions;
    pack(ctx, &Store { tier, pin: &sessions.pin, fit, operations, fill, policy, storage, persistent: true }, users)
}

/// Memory of the largest member's server.
#[must_use]
pub fn room(ctx: &Context<'_>) -> Bytes {
    let sentinel = (ctx.catalogue.sentinel_mib.value * MIB as f64) as u64;
    Bytes(ctx.largest.memory.0.saturating_sub(sentinel))
}

fn pack(ctx: &Context<'_>, store: &Store<'_>, users: &[&TierPlan]) -> TierPlan {
    let catalogue = ctx.catalogue;
    let members = store.pin.members.unwrap_or(if ctx.objective.replicated { 3 } else { 1 });
    let busy = store.operations / catalogue.redis_operations_per_core.value;
    let cpu = cpu_step(busy / catalogue.utilisation_ceiling.value);
    let redis = Size { cpu, memory: store.fit.memory, storage: Bytes(store.storage) };
    let sentinel_size = if members > 1 {
        Size {
            cpu: Millicores(catalogue.sentinel_millicores.value as u64),
            memory: Bytes((catalogue.sentinel_mib.value * MIB as f64) as u64),
            storage: Bytes(0),
        }
    } else {
        Size::default()
    };
    let per_replica = Size {
        cpu: Millicores(redis.cpu.0 + sentinel_size.cpu.0),
        memory: Bytes(redis.memory.0 + sentinel_size.memory.0),
        storage: redis.storage,
    };
    let clients = router::client_pods(users);
    let router = router::plan(ctx, clients, store.operations, members);
    let settings = RedisSettings {
        max_memory_bytes: max_memory(catalogue, redis.memory, store.fill),
        eviction_policy: store.policy.to_owned(),
        persistent: store.persistent,
        sentinel: members > 1,
        redis,
        sentinel_size,
        router_replicas: router.replicas,
        router: router.size,
        router_max_connections: router.max_connections,
    };
    let requirement = Requirement {
        cpu_millicores: busy * 1000.0,
        staffed_cpu_millicores: busy * 1000.0 / catalogue.utilisation_ceiling.value,
        memory_bytes: store.fit.items * store.fit.each / store.fill * f64::from(members),
        storage_bytes: store.storage as f64 * f64::from(members),
    };
    let mut reasons = vec![
        Reason::new("replicas.max", members, "3 where one may be lost, else 1", "two of three agree on who leads"),
        Reason::new("replicas.min", members, "as replicas.max", "members of a store do not come and go"),
        Reason::new(
            "perReplica.cpuMillicores",
            per_replica.cpu.0,
            "step(operations / operationsPerCore / ceiling) + sentinel",
            catalogue.redis_operations_per_core.because(),
        )
        .with("operations", figure(store.operations)),
        Reason::new(
            "perReplica.memoryBytes",
            per_replica.memory.0,
            "step(items * each / fill + base) + sentinel",
            catalogue.item_overhead.because(),
        )
        .with("items", figure(store.fit.items))
        .with("each", figure(store.fit.each)),
    ];
    reasons.extend(router::reasons(ctx, &router, clients, store.operations, members));
    let packing = Packing {
        replicas: Replicas { min: members, max: members },
        per_replica,
        bottleneck: if members > 1 { Bottleneck::Availability } else { Bottleneck::Memory },
        roles: None,
        settings: TierSettings::Redis(settings),
    };
    tier_plan(store.tier, store.tier.component(), "Redis", requirement, packing, reasons)
}
