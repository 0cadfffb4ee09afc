//! The database: members of equal size, since any of them may become the primary.
//!
//! Requirement: busy cores of a member, memory for its working set, bytes of its volume. Packing:
//! one member, or three and more when the objective or the reads ask for it. A recorded size
//! stands while it fits (`settle`); its settings are in `engine_settings`.

use super::delay::{Moments, Waiting};
use super::model::{CPU_STEPS, quarter_step};
use super::packing::{Context, figure, scaled, size_text};
use super::plan::{FindingKind, Severity, Size};
use super::pool::{self, Caps, PoolPods, Wanted};
use super::queueing::{square_root_staffing, staffing_quality};
use super::replication::{Replication, replication};
use super::{Finding, plan::Requirement};
use crate::api::Trigger;
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidDatabase};

/// Smallest CPU of a database container.
const SMALLEST_CPU: Millicores = Millicores(250);
/// Smallest volume.
const SMALLEST_VOLUME: u64 = 2 * GIB;

/// Size of the database as installed: the container's, without the sidecar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizing {
    /// Members.
    pub members: u32,
    /// CPU, memory and volume of one.
    pub member: Size,
}

/// What the demand needs of a database: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DatabaseNeed {
    /// Cores that all reads keep busy.
    pub reads: f64,
    /// Cores that all writes keep busy.
    pub writes: f64,
    /// Transactions under way at peak.
    pub under_way: f64,
    /// Bytes of data and indexes when the size is next looked at.
    pub data: f64,
    /// Bytes that are touched again and again.
    pub working_set: f64,
    /// Bytes of a volume at the horizon.
    pub volume: f64,
    /// Connections of all clients, which session pooling holds.
    pub clients: u32,
}

/// The need of the database, three months ahead; its volume at the horizon.
#[must_use]
pub fn need(ctx: &Context<'_>, clients: u32) -> DatabaseNeed {
    let catalogue = ctx.catalogue;
    let soon = &ctx.demands.soon;
    let reads = soon.reads * catalogue.read_cpu_ms.value / 1000.0;
    let writes = soon.writes * catalogue.write_cpu_ms.value / 1000.0;
    let data = soon.bytes * catalogue.bloat_factor.value;
    let last = soon.bytes.max(ctx.demands.horizon.bytes) * catalogue.bloat_factor.value;
    DatabaseNeed {
        reads,
        writes,
        under_way: (reads + writes) * catalogue.database_overhead.value,
        data,
        working_set: data * catalogue.working_set_share.value,
        volume: last / (1.0 - catalogue.free_share.value) + log_bytes(last) * 2.0,
        clients,
    }
}

/// Write-ahead log between checkpoints: an eighth of the data, within bounds that engines bear well.
#[must_use]
pub fn log_bytes(data: f64) -> f64 {
    let bounded = (data / 8.0).clamp(256.0 * MIB as f64, 16.0 * GIB as f64);
    (bounded / (256.0 * MIB as f64)).floor() * 256.0 * MIB as f64
}

/// Cores that the busiest member keeps busy, of so many, with one replica lost.
#[must_use]
pub fn busy(ctx: &Context<'_>, need: &DatabaseNeed, members: u32) -> f64 {
    let (primary, replica) = shares(ctx, need, members);
    primary.max(replica)
}

fn shares(ctx: &Context<'_>, need: &DatabaseNeed, members: u32) -> (f64, f64) {
    if members < 3 {
        return (need.reads + need.writes, 0.0);
    }
    let offload = ctx.catalogue.offload_share.value;
    let primary = need.writes + need.reads * (1.0 - offload);
    let replaying = need.writes * ctx.catalogue.replay_share.value;
    (primary, replaying + need.reads * offload / f64::from(members - 2))
}

/// What the members write: the reads that stay on the primary are those that no replica takes.
#[must_use]
pub fn writing(ctx: &Context<'_>, members: u32) -> Replication {
    let stay = if members < 3 { 1.0 } else { 1.0 - ctx.catalogue.offload_share.value };
    replication(ctx, members, ctx.demands.soon.reads * stay)
}

/// Primaries on the largest machines that would bear the load, split by key; 1 where one does.
#[must_use]
pub fn primaries(ctx: &Context<'_>, need: &DatabaseNeed, members: u32) -> u32 {
    let catalogue = ctx.catalogue;
    let (primary, _) = shares(ctx, need, members);
    let cores = staffed(ctx, primary) / CPU_STEPS[CPU_STEPS.len() - 1].cores();
    let bytes = ctx.demands.horizon.bytes.max(ctx.demands.soon.bytes) * catalogue.bloat_factor.value;
    let operations = writing(ctx, members).operations / catalogue.volume_operations_most.value;
    let most = cores.max(bytes / catalogue.database_bytes_ceiling.value).max(operations);
    (most.ceil() as u32).max(1)
}

/// Cores with which waiting stays short.
#[must_use]
pub fn staffed(ctx: &Context<'_>, busy: f64) -> f64 {
    square_root_staffing(busy, staffing_quality(ctx.objective.objective)) * ctx.catalogue.database_overhead.value
}

/// What the queries of one dynamic request wait together for a core of a fresh database of our own. Nothing where a pin
/// is too small, which is told.
#[must_use]
pub fn waits(ctx: &Context<'_>) -> Waiting {
    let soon = &ctx.demands.soon;
    if ctx.app.database.is_none() || soon.computed <= 0.0 {
        return Waiting::NONE;
    }
    let need = need(ctx, 0);
    let count = members(ctx, &need).count;
    let cpu = pin(ctx).cpu.unwrap_or_else(|| cpu_for(ctx, &need, count));
    let servers = (cpu.0 / 1000).max(1) as u32;
    let slower = ctx.catalogue.database_overhead.value * f64::from(servers) / cpu.cores();
    let (read, write) = (ctx.catalogue.read_cpu_ms.value * slower, ctx.catalogue.write_cpu_ms.value * slower);
    // What a member waits for: its reads, and its writes or the replay of those of the primary, a second.
    let member = |reads: f64, writes: f64, write: f64| {
        let offered = (reads * read + writes * write) / 1000.0;
        let work = Moments::mixed([(reads, Moments::exponential(read)), (writes, Moments::exponential(write))]);
        if offered < f64::from(servers) { Waiting::of_servers(servers, offered, &work) } else { Waiting::NONE }
    };
    let away = if count < 3 { 0.0 } else { ctx.catalogue.offload_share.value };
    let primary = member(soon.reads * (1.0 - away), soon.writes, write);
    let queries = |count: f64| count / soon.computed;
    let waits = primary.repeated(queries(soon.reads * (1.0 - away) + soon.writes));
    if count < 3 {
        return waits;
    }
    let replaying = write * ctx.catalogue.replay_share.value;
    let replica = member(soon.reads * away / f64::from(count - 2), soon.writes, replaying);
    waits.and(replica.repeated(queries(soon.reads * away)))
}

/// Memory of a member with so many cores.
#[must_use]
pub fn memory(ctx: &Context<'_>, need: &DatabaseNeed, connections: u32) -> f64 {
    let catalogue = ctx.catalogue;
    let fixed = catalogue.patroni_mib.value + catalogue.postgres_base_mib.value;
    let backends = catalogue.backend_mib.value * f64::from(connections);
    (fixed + backends) * MIB as f64 + need.working_set.max(32.0 * MIB as f64)
}

/// Server connections that serve so many cores.
#[must_use]
pub fn wanted(ctx: &Context<'_>, need: &DatabaseNeed, cpu: Millicores, members: u32) -> Wanted {
    let busy_hands = (cpu.cores() * 2.0).ceil() as u32 + 1;
    let under_way = need.under_way.ceil() as u32;
    if pool::is_session(ctx) {
        return Wanted { write: need.clients, read: need.clients };
    }
    let readers = if members < 3 { 1 } else { members - 1 };
    Wanted { write: busy_hands.max(under_way), read: busy_hands.saturating_mul(readers).max(under_way) }
}

/// Server connections of all pool pods in quiet times.
#[must_use]
pub fn open_connections(pods: PoolPods, caps: Caps) -> u32 {
    pods.count.saturating_mul(caps.write.saturating_add(caps.read))
}

/// CPU, memory and volume that so many members need; the size that a fresh database gets.
#[must_use]
pub fn sizing(ctx: &Context<'_>, need: &DatabaseNeed, pods: PoolPods, members: u32) -> Sizing {
    let pin = pin(ctx);
    let cpu = pin.cpu.unwrap_or_else(|| cpu_for(ctx, need, members));
    let memory = pin.memory.unwrap_or_else(|| memory_for(ctx, need, pods, cpu, members));
    let storage = pin.storage.unwrap_or_else(|| volume_for(need));
    Sizing { members, member: Size { cpu, memory, storage } }
}

/// The largest database container: the largest pod without the sidecar.
#[must_use]
pub fn room(ctx: &Context<'_>) -> Size {
    let agent = pool::agent(ctx);
    Size {
        cpu: Millicores(ctx.largest.cpu.0.saturating_sub(agent.cpu.0)),
        memory: Bytes(ctx.largest.memory.0.saturating_sub(agent.memory.0)),
        storage: Bytes(0),
    }
}

/// The CPU that so many members need.
#[must_use]
pub fn cpu_for(ctx: &Context<'_>, need: &DatabaseNeed, members: u32) -> Millicores {
    let wanted = Millicores((staffed(ctx, busy(ctx, need, members)) * 1000.0).ceil() as u64).max(SMALLEST_CPU);
    let step = CPU_STEPS.into_iter().find(|step| *step >= wanted).unwrap_or(wanted);
    // A node's whole room is a size as well, where the next step no longer fits.
    let most = room(ctx).cpu;
    if step > most && wanted <= most { most } else { step }
}

/// The memory that a member of so many cores needs.
#[must_use]
pub fn memory_for(ctx: &Context<'_>, need: &DatabaseNeed, pods: PoolPods, cpu: Millicores, members: u32) -> Bytes {
    let caps = pool::caps(ctx, pods, wanted(ctx, need, cpu, members));
    let bytes = memory(ctx, need, open_connections(pods, caps));
    let step = Bytes(quarter_step(bytes, 128 * MIB).max(192 * MIB));
    let most = room(ctx).memory;
    if step > most && bytes <= most.0 as f64 { most } else { step }
}

/// The volume that the horizon needs.
#[must_use]
pub fn volume_for(need: &DatabaseNeed) -> Bytes {
    Bytes(quarter_step(need.volume, SMALLEST_VOLUME))
}

fn pin(ctx: &Context<'_>) -> crate::domain::ValidDatabasePin {
    ctx.app.database.as_ref().map(|database: &ValidDatabase| database.pin.clone()).unwrap_or_default()
}

/// Members, and what asked for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Members {
    /// How many.
    pub count: u32,
    /// What asked for more than one; none for one.
    pub trigger: Option<Trigger>,
}

/// The members of a fresh database: one; three when the objective or the load asks; more for reads.
#[must_use]
pub fn members(ctx: &Context<'_>, need: &DatabaseNeed) -> Members {
    if let Some(count) = pin(ctx).members {
        return Members { count, trigger: (count > 1).then_some(Trigger::Pinned) };
    }
    let enter = ctx.catalogue.utilisation_ceiling.value * room(ctx).cpu.cores();
    let crowded = staffed(ctx, busy(ctx, need, 1)) > enter;
    if !crowded && !ctx.objective.replicated {
        return Members { count: 1, trigger: None };
    }
    let mut count = 3;
    while count < ctx.catalogue.members_most.value as u32 {
        let (primary, replica) = shares(ctx, need, count);
        if replica <= primary || staffed(ctx, replica) <= enter {
            break;
        }
        count += 1;
    }
    let trigger = if ctx.objective.replicated { Trigger::Availability } else { Trigger::Capacity };
    Members { count, trigger: Some(trigger) }
}

/// What a database of this size cannot bear.
pub fn check(ctx: &Context<'_>, need: &DatabaseNeed, sizing: &Sizing, findings: &mut Vec<Finding>) {
    let mut error =
        |kind, field: &str, message: String| findings.push(Finding::new(Severity::Error, kind, field, message));
    let largest = room(ctx);
    let (primary, replica) = shares(ctx, need, sizing.members);
    let primaries = primaries(ctx, need, sizing.members);
    if staffed(ctx, primary) * 1000.0 > largest.cpu.0 as f64 && sizing.members >= 3 {
        error(
            FindingKind::WritesAboveOnePrimary,
            "spec.targets",
            above_one_primary(ctx, staffed(ctx, primary), primaries),
        );
    } else if staffed(ctx, replica) * 1000.0 > largest.cpu.0 as f64 {
        error(
            FindingKind::PodAboveLargestNode,
            "spec.targets",
            format!(
                "Reads need {} cores on each of {} members, and the largest pod has {}: lower spec.profile.queriesPerRequest, or offer larger nodes (environment.largestPod).",
                figure(staffed(ctx, replica)),
                sizing.members,
                figure(ctx.largest.cpu.cores())
            ),
        );
    }
    if sizing.member.memory > largest.memory {
        let (what, lower) = if need.working_set * 2.0 > sizing.member.memory.0 as f64 {
            (
                format!(
                    "the tenth of {} of data and indexes in three months that is touched again and again",
                    scaled(need.data)
                ),
                "lower spec.profile.bytesWrittenPerUserPerDay, or pin what there is (spec.database.pin.memory) and let more reads go to the volume",
            )
        } else {
            (
                "its server connections".to_owned(),
                "use spec.database.pooling: Transaction, or let fewer pods of services and workers have clients",
            )
        };
        error(
            FindingKind::PodAboveLargestNode,
            "spec.database",
            format!(
                "A member gets {} of memory, most of it for {what}, and the largest pod has {}: offer larger nodes (environment.largestPod), {lower}.",
                size_text(sizing.member.memory),
                size_text(ctx.largest.memory)
            ),
        );
    }
    let ceiling = ctx.catalogue.database_bytes_ceiling.value;
    let last = ctx.demands.horizon.bytes.max(ctx.demands.soon.bytes) * ctx.catalogue.bloat_factor.value;
    if last > ceiling {
        error(
            FindingKind::StorageAboveOnePrimary,
            "spec.profile.bytesWrittenPerUserPerDay",
            format!(
                "Data and indexes reach {} at the horizon, and one database bears {}: write less a user and day, keep large objects outside the database, or shorten spec.targets.growth.horizonMonths. Split by key it would take {primaries} databases, which this version does not offer.",
                scaled(last),
                scaled(ceiling)
            ),
        );
    }
    writing(ctx, sizing.members).check(ctx, findings);
}

/// Why one primary is not enough, and what is: larger nodes as long as there are such machines, several databases beyond.
fn above_one_primary(ctx: &Context<'_>, cores: f64, primaries: u32) -> String {
    let most = CPU_STEPS[CPU_STEPS.len() - 1].cores();
    let writes = ctx.demands.soon.writes;
    let load = if writes > 0.0 {
        format!("All writes, {} a second, and the reads that must be fresh need", figure(writes))
    } else {
        "The reads that must be fresh need".to_owned()
    };
    let needed = format!(
        "{load} {} cores on one primary, and the largest pod has {}",
        figure(cores),
        figure(ctx.largest.cpu.cores())
    );
    if cores <= most {
        return format!(
            "{needed}: offer larger nodes (environment.largestPod), or lower the load, spec.profile.queriesPerRequest or the share of writes."
        );
    }
    format!(
        "{needed}. No machine bears this: a primary of {} cores is as far as one database goes, and this version does not shard. Split the users over {primaries} or more applications, each with a database of its own, or keep these rows in a sharded database that somebody else runs (spec.database.provider: External); fewer queries (spec.profile.queriesPerRequest) and fewer writes help as well.",
        figure(most)
    )
}

/// Requirement of all members together.
#[must_use]
pub fn requirement(ctx: &Context<'_>, need: &DatabaseNeed, sizing: &Sizing, connections: u32) -> Requirement {
    let members = f64::from(sizing.members);
    let (primary, replica) = shares(ctx, need, sizing.members);
    // With one replica lost the others take its reads, so all together are busy with this much.
    let replicas = if sizing.members < 3 { 0.0 } else { replica * f64::from(sizing.members - 2) };
    let writing = writing(ctx, sizing.members);
    Requirement {
        cpu_millicores: (primary + replicas) * 1000.0,
        staffed_cpu_millicores: staffed(ctx, busy(ctx, need, sizing.members)) * 1000.0 * members,
        memory_bytes: memory(ctx, need, connections) * members,
        storage_bytes: need.volume * members,
        network_megabits_per_second: writing.megabits(),
        volume_operations_per_second: writing.operations,
    }
}
