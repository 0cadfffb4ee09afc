//! Cache and session store in Redis: one server takes all commands, two more may take its place.
//!
//! What they hold is decided by `cache` and `sessions`; here it is packed: one member, or three
//! where one may be lost, each with a Sentinel, and a router before them. Recorded sizes are
//! settled by `calm`. Never more than one server's work: this tier is not spread over several.

mod reasons;

use super::calm::{self, Needs};
use super::changes::Settled;
use super::database::Sizing;
use super::model::{Catalogue, cpu_step, quarter_step};
use super::packing::{Context, Packing, headroom, largest_part, tier_plan};
use super::plan::{Bottleneck, EXPORTER, RedisSettings, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use super::recorded::RecordedTier;
use super::router;
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidMemberPin};

/// Smallest memory of a server.
pub(super) const SMALLEST_MEMORY: u64 = 96 * MIB;
/// Smallest volume of a member.
const SMALLEST_VOLUME: u64 = GIB;
/// Bytes of a text beside its characters.
const STRING_HEADER: f64 = 6.0;
/// Most threads that read and write for one server.
const MOST_THREADS: u32 = 8;

/// One of the two, by what it must hold and do.
#[derive(Clone, Copy, Debug)]
pub struct Store<'a> {
    /// Cache or Sessions.
    pub tier: Tier,
    /// Sizes that the owner fixed.
    pub pin: &'a ValidMemberPin,
    /// Items or sessions that are held.
    pub items: f64,
    /// Bytes of one of them, with what the server adds.
    pub each: f64,
    /// Memory of the server that holds them.
    pub memory: Bytes,
    /// Commands a second.
    pub operations: f64,
    /// Of them those that write, a second.
    pub writes: f64,
    /// Part of the memory that they may fill.
    pub fill: f64,
    /// What goes when the memory is full.
    pub policy: &'static str,
    /// Whether there is a log on a volume.
    pub persistent: bool,
    /// Members that hold data already though no plan remembers them.
    pub present: u32,
}

/// Size of a Sentinel.
#[must_use]
pub fn sentinel(catalogue: &Catalogue) -> Size {
    Size {
        cpu: Millicores(catalogue.sentinel_millicores.value as u64),
        memory: Bytes((catalogue.sentinel_mib.value * MIB as f64) as u64),
        storage: Bytes(0),
    }
}

/// Memory of a server without items.
#[must_use]
pub fn base(catalogue: &Catalogue) -> f64 {
    catalogue.redis_base_mib.value * MIB as f64
}

/// Largest memory of a server: the largest pod's, beside a Sentinel and the exporter.
#[must_use]
pub fn room(catalogue: &Catalogue, largest: Size) -> Bytes {
    Bytes(largest.memory.0.saturating_sub(sentinel(catalogue).memory.0 + EXPORTER.memory.0))
}

/// Memory beside the items that a full copy needs at least.
fn copy_room(catalogue: &Catalogue) -> f64 {
    catalogue.redis_copy_mib.value * MIB as f64
}

/// Bytes that an item takes: its value in the allocator's next size, or as it is on average where sizes vary, and
/// what Redis adds.
#[must_use]
pub fn item(catalogue: &Catalogue, value: f64) -> f64 {
    let text = value + STRING_HEADER;
    (quarter_step(text, 16) as f64).max(text * catalogue.item_rounding.value) + catalogue.item_overhead.value
}

/// Share of a server's memory without its base that `maxmemory` may be, 0 to `most`, beside so many writes a second to
/// items of so many bytes each.
///
/// A full copy forks: what is written until it is done is kept twice, and waits for the replica besides. Both the time
/// that takes and the pages there are grow with the items, so their share does not: of `n` pages `n * (1 - e^(-k / n))`
/// are touched by `k` writes to random ones.
#[must_use]
pub fn fill(catalogue: &Catalogue, most: f64, writes: f64, each: f64) -> f64 {
    let seconds =
        1.0 / catalogue.redis_copied_items_per_second.value + each / catalogue.redis_copied_bytes_per_second.value;
    // Writes until the copy is done, for each item that is there.
    let written = writes * seconds;
    let twice = 1.0 - (-written * catalogue.redis_copied_per_write.value / each).exp();
    most.min(1.0 / (1.0 + twice + written))
}

/// `maxmemory` of a server of so much memory, in bytes: what `fill` allows, less where that leaves too little to copy.
#[must_use]
pub fn max_memory(catalogue: &Catalogue, memory: Bytes, fill: f64) -> f64 {
    let room = (memory.0 as f64 - base(catalogue)).max(0.0);
    // A pin below the smallest size still holds something.
    (room * fill).min((room - copy_room(catalogue)).max(room / 4.0))
}

/// Bytes of items that a server of so much memory holds.
#[must_use]
pub fn held(catalogue: &Catalogue, memory: Bytes, fill: f64) -> f64 {
    max_memory(catalogue, memory, fill) * (1.0 - catalogue.redis_backlog.value)
}

/// `maxmemory` that holds so many bytes of items.
#[must_use]
pub fn max_needed(catalogue: &Catalogue, bytes: f64) -> f64 {
    bytes / (1.0 - catalogue.redis_backlog.value)
}

/// The memory that holds so many bytes of items: the inverse of `held`.
#[must_use]
pub fn memory_for(catalogue: &Catalogue, bytes: f64, fill: f64) -> f64 {
    let most = max_needed(catalogue, bytes);
    base(catalogue) + (most / fill).max(most + copy_room(catalogue))
}

/// The same in steps.
#[must_use]
pub fn memory_step(catalogue: &Catalogue, bytes: f64, fill: f64) -> Bytes {
    Bytes(quarter_step(memory_for(catalogue, bytes, fill), 16 * MIB).max(SMALLEST_MEMORY))
}

/// Cores that commands keep busy, and those with room: one for all commands, more only for reading and writing.
#[must_use]
pub fn cores(catalogue: &Catalogue, operations: f64) -> (f64, f64) {
    let ceiling = catalogue.utilisation_ceiling.value;
    let one = operations / catalogue.redis_operations_per_core.value;
    if one <= ceiling {
        return (one, one / ceiling);
    }
    let many = operations / catalogue.redis_operations_per_thread.value;
    (many, many / ceiling)
}

impl Store<'_> {
    /// Members that the spec asks for.
    #[must_use]
    pub fn asked(&self, ctx: &Context<'_>) -> u32 {
        self.pin.members.unwrap_or(if ctx.objective.replicated { 3 } else { 1 })
    }

    /// Members that a plan has: no fewer than hold data already.
    #[must_use]
    pub fn members(&self, ctx: &Context<'_>) -> u32 {
        calm::quorum(self.asked(ctx).max(self.present))
    }

    /// What a member needs; the same for each, since any may become the one that works.
    #[must_use]
    pub fn needs(&self, ctx: &Context<'_>) -> Needs {
        let catalogue = ctx.catalogue;
        let staffed = cores(catalogue, self.operations).1;
        let held = self.items * self.each;
        let storage = if self.persistent { self.storage(self.memory) } else { Bytes(0) };
        Needs {
            cpu: staffed * 1000.0,
            memory: memory_for(catalogue, held, self.fill),
            storage: if self.persistent { held * 3.0 } else { 0.0 },
            fresh: Size { cpu: cpu_step(staffed), memory: self.memory, storage },
            pinned_memory: self.pin.memory.is_some(),
        }
    }

    /// The log as it is, the one it was rewritten from, and the new one while it is written.
    fn storage(&self, memory: Bytes) -> Bytes {
        Bytes(quarter_step(memory.0 as f64 * self.fill * 3.0, SMALLEST_VOLUME))
    }

    /// Holds the sizing against the recorded one.
    #[must_use]
    pub fn settle(&self, ctx: &Context<'_>, previous: Option<&super::RecordedPlan>) -> Settled {
        calm::settle(ctx, self.tier, self.members(ctx), |_| self.needs(ctx), previous)
    }
}

/// The tier as it is installed.
#[must_use]
pub fn plan(
    ctx: &Context<'_>,
    store: &Store<'_>,
    sizing: Sizing,
    users: &[&TierPlan],
    recorded: Option<&RecordedTier>,
) -> TierPlan {
    let settings = settings(ctx, store, sizing, users, recorded.and_then(|tier| tier.redis.as_ref()));
    let needs = store.needs(ctx);
    let (busy, staffed) = cores(ctx.catalogue, store.operations);
    let members = f64::from(sizing.members);
    let per_replica = Size {
        cpu: Millicores(settings.redis.cpu.0 + settings.sentinel_size.cpu.0 + EXPORTER.cpu.0),
        memory: Bytes(settings.redis.memory.0 + settings.sentinel_size.memory.0 + EXPORTER.memory.0),
        storage: settings.redis.storage,
    };
    let requirement = Requirement {
        cpu_millicores: busy * 1000.0,
        staffed_cpu_millicores: staffed * 1000.0,
        memory_bytes: needs.memory * members,
        storage_bytes: needs.storage * members,
        ..Requirement::default()
    };
    let facts = reasons::Facts { ctx, store, sizing, users, settings: &settings, requirement: &requirement };
    let reasons = facts.reasons();
    let least = sizing.member.memory.0 <= SMALLEST_MEMORY && sizing.member.cpu <= Millicores(100);
    let bottleneck = if least && sizing.members > 1 {
        Bottleneck::Availability
    } else {
        largest_part(&[
            (Bottleneck::Memory, needs.memory / sizing.member.memory.0 as f64),
            (Bottleneck::Cpu, staffed * 1000.0 / sizing.member.cpu.0 as f64),
        ])
    };
    let redis_cpu = settings.redis.cpu;
    let packing = Packing {
        replicas: Replicas { min: sizing.members, max: sizing.members },
        per_replica,
        bottleneck,
        roles: None,
        settings: TierSettings::Redis(settings),
    };
    let tier = tier_plan(store.tier, store.tier.component(), "Redis", requirement, packing, reasons);
    // One server does all the work, however many stand by.
    TierPlan { headroom_percent: headroom(busy * 1000.0, redis_cpu), ..tier }
}

fn settings(
    ctx: &Context<'_>,
    store: &Store<'_>,
    sizing: Sizing,
    users: &[&TierPlan],
    recorded: Option<&RedisSettings>,
) -> RedisSettings {
    let catalogue = ctx.catalogue;
    let redis = sizing.member;
    let router = router::plan(ctx, router::clients(ctx, users), store.operations, sizing.members);
    let same = recorded.filter(|was| was.redis == redis);
    let sentinels = sizing.members > 1;
    let known = recorded.filter(|was| was.sentinel).map(|was| was.sentinel_size);
    RedisSettings {
        max_memory_bytes: same
            .map_or(max_memory(catalogue, redis.memory, store.fill) as u64 / MIB * MIB, |was| was.max_memory_bytes),
        eviction_policy: store.policy.to_owned(),
        persistent: store.persistent,
        io_threads: ((redis.cpu.0 / 1000) as u32).clamp(1, MOST_THREADS),
        sentinel: sentinels,
        redis,
        sentinel_size: if sentinels { known.unwrap_or_else(|| sentinel(catalogue)) } else { Size::default() },
        router_replicas: router.replicas,
        router: router.size,
        router_max_connections: router.max_connections,
    }
}
