//! The database's tier in the plan: PostgreSQL's and Patroni's settings for a size, roles, reasons.
//!
//! Settings that a restart would be needed to change stay as recorded while they fit.

use super::database::{self, DatabaseNeed, Sizing};
use super::ladder::{percent, rounded};
use super::packing::{Context, Packing, figure, scaled, size_text, tier_plan};
use super::plan::{
    Bottleneck, DatabaseSettings, Finding, FindingKind, Reason, Replicas, Requirement, Roles, Severity, Size, Tier,
    TierPlan, TierSettings,
};
use super::pool::{self, Caps, PoolPods};
use super::queueing::staffing_quality;
use crate::api::{Durability, Pooling};
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores};

/// Objective from which Patroni's loop runs every two seconds.
const FAST_LOOP: f64 = 0.9995;

/// The tier, and the caps of the pool that belong to it.
#[must_use]
pub fn plan(
    ctx: &Context<'_>,
    need: &DatabaseNeed,
    sizing: Sizing,
    pods: PoolPods,
    recorded: Option<&DatabaseSettings>,
    findings: &mut Vec<Finding>,
) -> (TierPlan, Caps) {
    let wanted = database::wanted(ctx, need, sizing.member.cpu, sizing.members);
    let wished = pool::caps(ctx, pods, wanted);
    let needed = connections(ctx, pods, wished);
    let max_connections =
        keep_connections(needed, recorded.map(|r| r.max_connections), ctx.catalogue.utilisation_floor.value);
    let caps = wished;
    let ceiling = ctx.catalogue.connections_ceiling.value;
    if f64::from(max_connections) > ceiling {
        let (field, mend) = match ctx.app.database.as_ref().map(|d| d.pooling) {
            Some(Pooling::Session) => ("spec.database.pooling", "use pooling Transaction"),
            _ => ("spec.targets", "lower the load or spec.profile.queriesPerRequest"),
        };
        let message =
            format!("The pool needs {max_connections} server connections and one database bears {ceiling}: {mend}.");
        findings.push(Finding::new(Severity::Error, FindingKind::PoolAboveDatabase, field, message));
    }
    let settings = settings(ctx, sizing, max_connections, database::open_connections(pods, caps), recorded);
    let open = database::open_connections(pods, caps);
    let requirement = database::requirement(ctx, need, &sizing, open);
    let agent = pool::agent(ctx);
    let per_replica = Size {
        cpu: Millicores(sizing.member.cpu.0 + agent.cpu.0),
        memory: Bytes(sizing.member.memory.0 + agent.memory.0),
        storage: sizing.member.storage,
    };
    let facts = Facts { ctx, need, sizing, pods, caps, open, settings: &settings, requirement };
    let mut reasons = facts.size_reasons();
    reasons.extend(database::writing(ctx, sizing.members).reasons(ctx));
    reasons.extend(facts.setting_reasons());
    let packing = Packing {
        replicas: Replicas { min: sizing.members, max: sizing.members },
        per_replica,
        bottleneck: facts.bottleneck(),
        roles: Some(Roles { primary: 1, synchronous: u32::from(settings.synchronous), read: sizing.members - 1 }),
        settings: TierSettings::Database(settings.clone()),
    };
    (tier_plan(Tier::Database, "database", "PostgreSQL", requirement, packing, reasons), caps)
}

/// `max_connections` that holds the pool at its most, and what is not the pool's.
fn connections(ctx: &Context<'_>, pods: PoolPods, caps: Caps) -> u32 {
    let pools = f64::from(pods.most()) * (f64::from(caps.write) + f64::from(caps.read));
    let all = pools * ctx.catalogue.connections_margin.value + ctx.catalogue.connections_fixed.value;
    ((all / 10.0).ceil() as u32).saturating_mul(10)
}

/// A changed `max_connections` restarts every member: what is recorded stays while it fits.
fn keep_connections(needed: u32, recorded: Option<u32>, floor: f64) -> u32 {
    match recorded {
        Some(recorded) if needed <= recorded && f64::from(needed) >= f64::from(recorded) * floor => recorded,
        _ => needed,
    }
}

fn settings(
    ctx: &Context<'_>,
    sizing: Sizing,
    max_connections: u32,
    open: u32,
    recorded: Option<&DatabaseSettings>,
) -> DatabaseSettings {
    let catalogue = ctx.catalogue;
    let memory = sizing.member.memory.0;
    let quick = ctx.objective.objective >= FAST_LOOP;
    let mib = |bytes: f64, low: u64, high: u64| Bytes::mib(((bytes / MIB as f64) as u64).clamp(low, high));
    let fixed = (catalogue.patroni_mib.value
        + catalogue.postgres_base_mib.value
        + catalogue.backend_mib.value * f64::from(open))
        * MIB as f64;
    let cache = (memory as f64 - fixed).max(32.0 * MIB as f64);
    let shared = memory as f64 / 4.0;
    let fresh = DatabaseSettings {
        max_connections,
        shared_buffers: mib(shared.min(cache), 32, 16 * 1024),
        effective_cache_size: mib(cache.max(shared), 32, u64::MAX),
        work_mem: mib(memory as f64 / 8.0 / f64::from(open.max(1)), 1, 64),
        maintenance_work_mem: mib(memory as f64 / 16.0, 16, 1024),
        max_wal_size: Bytes((sizing.member.storage.0 / 8).clamp(256 * MIB, 16 * GIB) / (256 * MIB) * (256 * MIB)),
        synchronous: sizing.members >= 3
            && ctx.app.database.as_ref().is_some_and(|d| d.durability == Durability::Synchronous),
        ttl_seconds: 20,
        loop_wait_seconds: if quick { 2 } else { 5 },
        retry_timeout_seconds: if quick { 6 } else { 7 },
        postgres: sizing.member,
        agent: pool::agent(ctx),
    };
    match recorded.filter(|r| r.postgres.memory == sizing.member.memory && r.max_connections == max_connections) {
        Some(recorded) => DatabaseSettings {
            shared_buffers: recorded.shared_buffers,
            effective_cache_size: recorded.effective_cache_size,
            work_mem: recorded.work_mem,
            maintenance_work_mem: recorded.maintenance_work_mem,
            ..fresh
        },
        None => fresh,
    }
}

struct Facts<'a> {
    ctx: &'a Context<'a>,
    need: &'a DatabaseNeed,
    sizing: Sizing,
    pods: PoolPods,
    caps: Caps,
    open: u32,
    settings: &'a DatabaseSettings,
    requirement: Requirement,
}

impl Facts<'_> {
    fn staffed(&self) -> f64 {
        database::staffed(self.ctx, database::busy(self.ctx, self.need, self.sizing.members))
    }

    /// The resource of which the largest part is needed.
    fn bottleneck(&self) -> Bottleneck {
        let member = self.sizing.member;
        let smallest = self.sizing.members >= 3 && member.cpu <= Millicores(250) && member.memory <= Bytes::mib(256);
        if smallest {
            return Bottleneck::Availability;
        }
        let memory = database::memory(self.ctx, self.need, self.open);
        let parts = [
            (Bottleneck::Cpu, self.staffed() * 1000.0 / member.cpu.0 as f64),
            (Bottleneck::Memory, memory / member.memory.0 as f64),
            (Bottleneck::Storage, self.need.volume / member.storage.0 as f64),
            (
                Bottleneck::VolumeOperations,
                self.requirement.volume_operations_per_second / self.ctx.catalogue.volume_operations_usual.value,
            ),
        ];
        parts.into_iter().fold(parts[0], |most, part| if part.1 > most.1 { part } else { most }).0
    }

    fn size_reasons(&self) -> Vec<Reason> {
        let Self { ctx, need, sizing, .. } = self;
        let catalogue = ctx.catalogue;
        let member = sizing.member;
        let pin = ctx.app.database.as_ref().map(|d| d.pin.clone()).unwrap_or_default();
        let from_pin = |pinned: bool, name: &str, reason: Reason| {
            if pinned {
                Reason::new(reason.quantity, reason.value, "as pinned", format!("spec.database.pin.{name}"))
            } else {
                reason
            }
        };
        let members = |name: &str| {
            let reason = Reason::new(
                format!("replicas.{name}"),
                sizing.members,
                "1; 3 when the objective or the load asks; more while replicas hold more reads than 70 % of a node",
                "reads are planned with one member lost",
            )
            .with("objective", format!("{} %", percent(ctx.objective.objective)))
            .with("singlesGive", format!("{} %", rounded(ctx.objective.singles)))
            .with("readCores", figure(need.reads))
            .with("writeCores", figure(need.writes));
            from_pin(pin.members.is_some(), "members", reason)
        };
        let cpu = Reason::new(
            "settings.postgres.cpuMillicores",
            member.cpu.0,
            "step((busy + quality * sqrt(busy)) * overhead) of the busiest member, three months ahead, at least 250m",
            catalogue.database_overhead.because(),
        )
        .with("busy", figure(database::busy(ctx, need, sizing.members)))
        .with("quality", staffing_quality(ctx.objective.objective))
        .with("overhead", catalogue.database_overhead.value)
        .with("readCpuMs", catalogue.read_cpu_ms.value)
        .with("writeCpuMs", catalogue.write_cpu_ms.value);
        let memory = Reason::new(
            "settings.postgres.memoryBytes",
            member.memory.0,
            "step(patroni + postgres + connections * backend + max(32 MiB, data * workingSet))",
            catalogue.working_set_share.because(),
        )
        .with("patroniMiB", catalogue.patroni_mib.value)
        .with("postgresMiB", catalogue.postgres_base_mib.value)
        .with("connections", self.open)
        .with("backendMiB", catalogue.backend_mib.value)
        .with("data", scaled(need.data))
        .with("workingSet", catalogue.working_set_share.value);
        let last = ctx.demands.horizon.bytes.max(ctx.demands.soon.bytes) * catalogue.bloat_factor.value;
        let storage = Reason::new(
            "perReplica.storageBytes",
            member.storage.0,
            "step(rowsAtHorizon * bloat / (1 - free) + 2 * log), at least 2 GiB",
            catalogue.bloat_factor.because(),
        )
        .with("rowsAtHorizon", scaled(ctx.demands.horizon.bytes.max(ctx.demands.soon.bytes)))
        .with("log", scaled(database::log_bytes(last)))
        .with("bloat", catalogue.bloat_factor.value)
        .with("free", catalogue.free_share.value)
        .with("bytesPerUserAndDay", ctx.app.profile.bytes_written_per_user_per_day.value);
        let together = |quantity: &str, value: u64, database: String, agent: String| {
            Reason::new(quantity, value, "database + agent", "sum of the containers, with the agent that measures lag")
                .with("database", database)
                .with("agent", agent)
        };
        let agent = self.settings.agent;
        let mut reasons = vec![
            members("max"),
            from_pin(pin.cpu.is_some(), "cpu", cpu),
            from_pin(pin.memory.is_some(), "memory", memory),
            from_pin(pin.storage.is_some(), "storage", storage),
            members("min"),
            together(
                "perReplica.cpuMillicores",
                member.cpu.0 + agent.cpu.0,
                member.cpu.to_string(),
                agent.cpu.to_string(),
            ),
            together(
                "perReplica.memoryBytes",
                member.memory.0 + agent.memory.0,
                scaled(member.memory.0 as f64),
                scaled(agent.memory.0 as f64),
            ),
        ];
        reasons.extend(self.requirement_reasons());
        reasons
    }

    fn requirement_reasons(&self) -> Vec<Reason> {
        let Self { ctx, need, sizing, requirement, .. } = self;
        let catalogue = ctx.catalogue;
        vec![
            Reason::new(
                "requirement.cpuMillicores",
                figure(requirement.cpu_millicores),
                if sizing.members < 3 {
                    "reads * readCpu + writes * writeCpu"
                } else {
                    "reads * readCpu + writes * writeCpu * (1 + replay * (members - 2)), the reads of a lost replica on the others"
                },
                catalogue.read_cpu_ms.because(),
            )
            .with("replay", catalogue.replay_share.value)
            .with("reads", figure(ctx.demands.soon.reads))
            .with("writes", figure(ctx.demands.soon.writes))
            .with("readCpuMs", catalogue.read_cpu_ms.value)
            .with("writeCpuMs", catalogue.write_cpu_ms.value),
            Reason::new(
                "requirement.staffedCpuMillicores",
                figure(requirement.staffed_cpu_millicores),
                "(busy + quality * sqrt(busy)) * overhead * members, busy of the busiest member",
                catalogue.database_overhead.because(),
            )
            .with("busy", figure(database::busy(ctx, need, sizing.members)))
            .with("quality", staffing_quality(ctx.objective.objective))
            .with("overhead", catalogue.database_overhead.value),
            Reason::new(
                "requirement.memoryBytes",
                figure(requirement.memory_bytes),
                "atWork * members",
                catalogue.backend_mib.because(),
            )
            .with("atWork", scaled(requirement.memory_bytes / f64::from(sizing.members))),
            Reason::new(
                "requirement.storageBytes",
                figure(requirement.storage_bytes),
                "volume * members",
                catalogue.free_share.because(),
            )
            .with("volume", scaled(requirement.storage_bytes / f64::from(sizing.members))),
        ]
    }

    fn setting_reasons(&self) -> Vec<Reason> {
        let Self { ctx, settings, pods, caps, .. } = self;
        let catalogue = ctx.catalogue;
        let guide = "PostgreSQL documentation and wiki, tuning a server, grade B";
        let bytes = |quantity: &str, value: Bytes, formula: &str| {
            Reason::new(format!("settings.{quantity}"), value.0, formula, guide)
                .with("memory", size_text(settings.postgres.memory))
        };
        let patroni = "Patroni: loopWait + 2 * retryTimeout <= ttl, ttl at least 20; measured: 20 to 25 s to a new primary at loop 2";
        let timing = |name: &str, value: u32| {
            Reason::new(format!("settings.{name}"), value, "20, 2, 6 from 99.95 % on, else 20, 5, 7", patroni)
                .with("objective", format!("{} %", percent(ctx.objective.objective)))
        };
        vec![
            Reason::new(
                "settings.maxConnections",
                settings.max_connections,
                "step(poolPods at most * (write + read) * margin + fixed)",
                catalogue.connections_margin.because(),
            )
            .with("poolPodsAtMost", pods.most())
            .with("write", caps.write)
            .with("read", caps.read)
            .with("margin", catalogue.connections_margin.value)
            .with("fixed", catalogue.connections_fixed.value),
            bytes("sharedBuffersBytes", settings.shared_buffers, "memory / 4, at least 32 MiB"),
            bytes(
                "effectiveCacheSizeBytes",
                settings.effective_cache_size,
                "memory - patroni - postgres - connections * backend",
            )
            .with("patroniMiB", catalogue.patroni_mib.value)
            .with("postgresMiB", catalogue.postgres_base_mib.value)
            .with("connections", self.open)
            .with("backendMiB", catalogue.backend_mib.value),
            bytes("workMemBytes", settings.work_mem, "memory / 8 / connections, 1 to 64 MiB")
                .with("connections", self.open),
            bytes("maintenanceWorkMemBytes", settings.maintenance_work_mem, "memory / 16, 16 MiB to 1 GiB"),
            bytes("maxWalSizeBytes", settings.max_wal_size, "volume / 8 in whole steps of 256 MiB, one to 64 of them")
                .with("volume", size_text(settings.postgres.storage)),
            Reason::new(
                "settings.synchronous",
                settings.synchronous,
                "durability Synchronous and at least three members",
                "one synchronous standby is the only one that may be promoted: no acknowledged write is lost",
            ),
            timing("ttlSeconds", settings.ttl_seconds),
            timing("loopWaitSeconds", settings.loop_wait_seconds),
            timing("retryTimeoutSeconds", settings.retry_timeout_seconds),
            Reason::new(
                "settings.postgres.storageBytes",
                settings.postgres.storage.0,
                "perReplica.storageBytes",
                "the volume is the database container's",
            ),
            Reason::new(
                "settings.agent.cpuMillicores",
                settings.agent.cpu.0,
                "constant",
                catalogue.agent_millicores.because(),
            ),
            Reason::new(
                "settings.agent.memoryBytes",
                settings.agent.memory.0,
                "constant",
                catalogue.agent_mib.because(),
            ),
        ]
    }
}
