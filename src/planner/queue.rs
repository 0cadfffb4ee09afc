//! The message queue: RabbitMQ, each message on a quorum of its members.
//!
//! Requirement: cores for messages, memory for the index of those that wait, volume for themselves.
//! Packing: one member, or three where one may be lost; a recorded size stands while it fits
//! (`calm`). Knows the workers only by their jobs and by how long one may take.

use super::Finding;
use super::calm::{self, Needs};
use super::changes::Settled;
use super::database::Sizing;
use super::ladder::{percent, rounded};
use super::model::{cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, headroom, largest_part, scaled, size_text, tier_plan};
use super::plan::{
    Bottleneck, FindingKind, QueueSettings, Reason, Replicas, Requirement, Severity, Size, Tier, TierPlan, TierSettings,
};
use super::recorded::RecordedPlan;
use super::router;
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidQueue};

/// Smallest CPU of a member.
const SMALLEST_CPU: Millicores = Millicores(250);
/// Smallest memory of a member.
const SMALLEST_MEMORY: u64 = 384 * MIB;
/// Smallest volume of a member.
const SMALLEST_VOLUME: u64 = 4 * GIB;
/// Messages a second above which the log before the queues has its usual size.
const BUSY: f64 = 1000.0;
/// `RabbitMQ`'s own time after which a job goes back to its queue, in milliseconds.
const CONSUMER_TIMEOUT_MS: u64 = 1_800_000;

/// Members that the spec asks for.
#[must_use]
pub fn asked(ctx: &Context<'_>, queue: &ValidQueue) -> u32 {
    queue.pinned_members.unwrap_or(if ctx.objective.replicated { 3 } else { 1 })
}

/// Members that a plan has: no fewer than hold messages already.
#[must_use]
pub fn members(ctx: &Context<'_>, queue: &ValidQueue) -> u32 {
    calm::quorum(asked(ctx, queue).max(queue.present))
}

/// Messages a second: one for each job that comes by the queue.
fn messages(ctx: &Context<'_>) -> f64 {
    ctx.demands.soon.queued
}

/// Messages that wait when every queue is full, those of dead messages as well.
fn waiting(queue: &ValidQueue) -> f64 {
    let each = |limit: u64, dead: bool| limit as f64 * if dead { 2.0 } else { 1.0 };
    queue.queues.iter().map(|declared| each(declared.max_length.value, declared.dead_letter)).sum()
}

/// Bytes of the log before the queues.
fn log_bytes(messages: f64) -> u64 {
    if messages > BUSY { 512 * MIB } else { 64 * MIB }
}

/// Cores that one of so many members keeps busy when another one is lost.
fn busy(ctx: &Context<'_>, members: u32) -> f64 {
    messages(ctx) / ctx.catalogue.queue_messages_per_core.value / f64::from(members.saturating_sub(1).max(1))
}

/// What one of so many members needs.
#[must_use]
pub fn needs(ctx: &Context<'_>, queue: &ValidQueue, members: u32) -> Needs {
    let catalogue = ctx.catalogue;
    let log = log_bytes(messages(ctx)) as f64;
    let staffed = busy(ctx, members) / catalogue.queue_share.value;
    let used = catalogue.queue_base_mib.value * MIB as f64 + log + waiting(queue) * catalogue.queue_message_bytes.value;
    let memory = used / catalogue.queue_watermark.value / catalogue.queue_available.value;
    // Segments go as a whole, when the last message in them has gone.
    let storage =
        (waiting(queue) * catalogue.message_bytes.value * 2.0 + log * 3.0) / (1.0 - catalogue.free_share.value);
    Needs {
        cpu: staffed * 1000.0,
        memory,
        storage,
        fresh: Size {
            cpu: cpu_step(staffed).max(SMALLEST_CPU),
            memory: Bytes(quarter_step(memory, 128 * MIB).max(SMALLEST_MEMORY)),
            storage: Bytes(quarter_step(storage, SMALLEST_VOLUME)),
        },
        pinned_memory: false,
    }
}

/// Holds the sizing against the recorded one.
#[must_use]
pub fn settle(ctx: &Context<'_>, queue: &ValidQueue, previous: Option<&RecordedPlan>) -> Settled {
    calm::settle(ctx, Tier::Queue, members(ctx, queue), |count| needs(ctx, queue, count), previous)
}

/// The tier as it is installed.
#[must_use]
pub fn plan(ctx: &Context<'_>, queue: &ValidQueue, sizing: Sizing, users: &[&TierPlan]) -> TierPlan {
    let needs = needs(ctx, queue, sizing.members);
    let count = f64::from(sizing.members);
    let settings = settings(ctx, sizing, users);
    let own = busy(ctx, sizing.members) * 1000.0;
    let requirement = Requirement {
        cpu_millicores: own * f64::from(sizing.members.saturating_sub(1).max(1)),
        staffed_cpu_millicores: needs.cpu * count,
        memory_bytes: needs.memory * count,
        storage_bytes: needs.storage * count,
        ..Requirement::default()
    };
    let member = sizing.member;
    let least = member.cpu <= SMALLEST_CPU && member.memory.0 <= SMALLEST_MEMORY * 2;
    let bottleneck = if least && sizing.members > 1 {
        Bottleneck::Availability
    } else {
        largest_part(&[
            (Bottleneck::Memory, needs.memory / member.memory.0 as f64),
            (Bottleneck::Cpu, needs.cpu / member.cpu.0 as f64),
            (Bottleneck::Storage, needs.storage / member.storage.0 as f64),
        ])
    };
    let reasons = reasons(ctx, queue, sizing, &settings, users, &requirement);
    let packing = Packing {
        replicas: Replicas { min: sizing.members, max: sizing.members },
        per_replica: member,
        bottleneck,
        roles: None,
        settings: TierSettings::Queue(settings),
    };
    let tier = tier_plan(Tier::Queue, "queue", "RabbitMQ", requirement, packing, reasons);
    TierPlan { headroom_percent: headroom(own, member.cpu), ..tier }
}

fn settings(ctx: &Context<'_>, sizing: Sizing, users: &[&TierPlan]) -> QueueSettings {
    let catalogue = ctx.catalogue;
    let router = router::plan(ctx, router::clients(ctx, users), messages(ctx) * 2.0, sizing.members);
    let whole_mib = |bytes: f64| bytes as u64 / MIB * MIB;
    let available = whole_mib(sizing.member.memory.0 as f64 * catalogue.queue_available.value);
    QueueSettings {
        memory_available_bytes: available,
        memory_high_watermark_bytes: whole_mib(available as f64 * catalogue.queue_watermark.value),
        disk_free_limit_bytes: (sizing.member.storage.0 / 4).clamp(512 * MIB, 2 * GIB),
        wal_max_size_bytes: log_bytes(messages(ctx)),
        consumer_timeout_ms: CONSUMER_TIMEOUT_MS.max(longest_job(users) * 2000),
        quorum: sizing.members,
        router_replicas: router.replicas,
        router: router.size,
        router_max_connections: router.max_connections,
    }
}

/// Seconds that any worker may go on with its job.
fn longest_job(users: &[&TierPlan]) -> u64 {
    let finish = |tier: &&TierPlan| match &tier.settings {
        TierSettings::Worker(settings) => u64::from(settings.finish_seconds),
        _ => 0,
    };
    users.iter().map(finish).max().unwrap_or(0)
}

/// What the owner should know of the queue.
pub fn check(ctx: &Context<'_>, queue: &ValidQueue, tier: &TierPlan, findings: &mut Vec<Finding>) {
    let staffed = busy(ctx, tier.replicas.max) / ctx.catalogue.queue_share.value;
    let memory = needs(ctx, queue, tier.replicas.max).fresh.memory;
    if memory > ctx.largest.memory {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::PodAboveLargestNode,
            "spec.queue.queues",
            format!(
                "With {} messages waiting in full queues a member needs {} of memory, and the largest pod has {}: lower maxLength, or offer larger nodes (environment.largestPod).",
                figure(waiting(queue)),
                size_text(memory),
                size_text(ctx.largest.memory)
            ),
        ));
    }
    if staffed > ctx.largest.cpu.cores() {
        findings.push(Finding::new(
            Severity::Error,
            FindingKind::PodAboveLargestNode,
            "spec.workers",
            format!(
                "{} messages a second need {} cores on every member of the queue ({}), and the largest pod has {}: make fewer and larger jobs (jobsPerThousandRequests), or offer larger nodes (environment.largestPod).",
                figure(messages(ctx)),
                figure(staffed),
                tier.replicas.max,
                ctx.largest.cpu
            ),
        ));
    }
    for declared in &queue.queues {
        let arriving: f64 = ctx
            .app
            .workers
            .iter()
            .filter(|worker| worker.queue.as_deref() == Some(declared.name.as_str()))
            .map(|worker| {
                ctx.demands.horizon.peak * worker.jobs_per_request.value * worker.max_delay.value.as_seconds()
            })
            .sum();
        if arriving > declared.max_length.value as f64 {
            findings.push(Finding::new(
                Severity::Warning,
                FindingKind::QueueShorterThanDelay,
                format!("spec.queue.queues[{}].maxLength", declared.name),
                format!(
                    "Queue {} takes {} messages, and {} come within its workers' maxDelay: a backlog that is still in time would already be refused; raise maxLength or lower maxDelay.",
                    declared.name,
                    declared.max_length.value,
                    figure(arriving)
                ),
            ));
        }
    }
}

fn reasons(
    ctx: &Context<'_>,
    queue: &ValidQueue,
    sizing: Sizing,
    settings: &QueueSettings,
    users: &[&TierPlan],
    requirement: &Requirement,
) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let member = sizing.member;
    let members = |name: &str| {
        let pinned = queue.pinned_members == Some(sizing.members);
        let (formula, source) = if pinned {
            ("as pinned", "spec.queue.pin.members")
        } else {
            (
                "3 where the objective is above what single pods give, else 1; never fewer than there are",
                "a confirmed message is on two of three members; two members could not lose one",
            )
        };
        Reason::new(format!("replicas.{name}"), sizing.members, formula, source)
            .with("objective", format!("{} %", percent(ctx.objective.objective)))
            .with("singlesGive", format!("{} %", rounded(ctx.objective.singles)))
    };
    let log = scaled(settings.wal_max_size_bytes as f64);
    let mut list = vec![
        members("max"),
        Reason::new(
            "perReplica.memoryBytes",
            member.memory.0,
            "step((base + log + waiting * indexEntry) / watermark / available), at least 384 MiB",
            catalogue.queue_base_mib.because(),
        )
        .with("baseMiB", catalogue.queue_base_mib.value)
        .with("log", &log)
        .with("waiting", figure(waiting(queue)))
        .with("indexEntry", catalogue.queue_message_bytes.value)
        .with("watermark", catalogue.queue_watermark.value)
        .with("available", catalogue.queue_available.value),
        Reason::new(
            "perReplica.cpuMillicores",
            member.cpu.0,
            "step(messages / messagesPerCore / share / members that are left), at least 250m",
            catalogue.queue_messages_per_core.because(),
        )
        .with("messages", figure(messages(ctx)))
        .with("messagesPerCore", catalogue.queue_messages_per_core.value)
        .with("share", catalogue.queue_share.value),
        Reason::new(
            "perReplica.storageBytes",
            member.storage.0,
            "step((waiting * message * 2 + log * 3) / (1 - free)), at least 4 GiB",
            catalogue.message_bytes.because(),
        )
        .with("waiting", figure(waiting(queue)))
        .with("messageBytes", catalogue.message_bytes.value)
        .with("log", &log)
        .with("free", catalogue.free_share.value),
        members("min"),
    ];
    list.extend(setting_reasons(ctx, sizing, settings, users));
    let total = |name: &str, value: f64, formula: &str, source: String| {
        Reason::new(format!("requirement.{name}"), figure(value), formula, source)
    };
    let count = f64::from(sizing.members);
    list.extend([
        total(
            "cpuMillicores",
            requirement.cpu_millicores,
            "messages / messagesPerCore",
            catalogue.queue_messages_per_core.because(),
        )
        .with("messages", figure(messages(ctx)))
        .with("messagesPerCore", catalogue.queue_messages_per_core.value),
        total(
            "staffedCpuMillicores",
            requirement.staffed_cpu_millicores,
            "busy / share / left * members, every member with another one lost",
            catalogue.queue_share.because(),
        )
        .with("share", catalogue.queue_share.value)
        .with("left", sizing.members.saturating_sub(1).max(1)),
        total("memoryBytes", requirement.memory_bytes, "memory * members", catalogue.queue_base_mib.because())
            .with("memory", scaled(requirement.memory_bytes / count)),
        total("storageBytes", requirement.storage_bytes, "volume * members", catalogue.free_share.because())
            .with("volume", scaled(requirement.storage_bytes / count)),
    ]);
    list
}

fn setting_reasons(ctx: &Context<'_>, sizing: Sizing, settings: &QueueSettings, users: &[&TierPlan]) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let memory = size_text(sizing.member.memory);
    let mut list = vec![
        Reason::new(
            "settings.memoryAvailableBytes",
            settings.memory_available_bytes,
            "memory * available",
            catalogue.queue_available.because(),
        )
        .with("available", catalogue.queue_available.value)
        .with("memory", &memory),
        Reason::new(
            "settings.memoryHighWatermarkBytes",
            settings.memory_high_watermark_bytes,
            "memory * available * watermark",
            catalogue.queue_watermark.because(),
        )
        .with("available", catalogue.queue_available.value)
        .with("watermark", catalogue.queue_watermark.value)
        .with("memory", &memory),
        Reason::new(
            "settings.diskFreeLimitBytes",
            settings.disk_free_limit_bytes,
            "volume / 4, 512 MiB to 2 GiB",
            "RabbitMQ's guide asks for 2 GB; a small volume keeps a quarter",
        ),
        Reason::new(
            "settings.walMaxSizeBytes",
            settings.wal_max_size_bytes,
            "512 MiB above 1000 messages a second, else 64 MiB",
            "RabbitMQ's default is 512 MiB, which a small member has no memory for",
        )
        .with("messages", figure(messages(ctx))),
        Reason::new(
            "settings.consumerTimeoutMs",
            settings.consumer_timeout_ms,
            "max(30 min, 2 * the longest time in which a worker may finish)",
            "RabbitMQ's default is 30 min; a job that takes longer would be given out twice",
        )
        .with("finishSeconds", longest_job(users)),
        Reason::new(
            "settings.quorum",
            settings.quorum,
            "members",
            "each message is on every member, and confirmed by a majority",
        ),
    ];
    let clients = router::clients(ctx, users);
    let operations = messages(ctx) * 2.0;
    let router = router::plan(ctx, clients, operations, sizing.members);
    list.extend(router::reasons(ctx, &router, clients, operations, sizing.members));
    list
}
