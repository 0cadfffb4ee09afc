//! The message queue: RabbitMQ, each message on every member of a quorum.
//!
//! Requirement: cores for messages, memory for the index of those that wait, volume for themselves.
//! Packing: one member, or three where one may be lost. Knows the workers only by their jobs.

use super::model::{cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, tier_plan};
use super::plan::{Bottleneck, QueueSettings, Reason, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use super::router;
use crate::domain::quantity::{GIB, MIB};
use crate::domain::{Bytes, Millicores, ValidQueue};

/// Smallest CPU of a member.
const SMALLEST_CPU: Millicores = Millicores(250);
/// Smallest memory of a member.
const SMALLEST_MEMORY: u64 = 384 * MIB;
/// Smallest volume of a member.
const SMALLEST_VOLUME: u64 = 4 * GIB;

/// The queue.
#[must_use]
pub fn plan(ctx: &Context<'_>, queue: &ValidQueue, users: &[&TierPlan]) -> TierPlan {
    let catalogue = ctx.catalogue;
    let members = queue.pinned_members.unwrap_or(if ctx.objective.replicated { 3 } else { 1 });
    let messages = ctx.demands.soon.jobs;
    let busy = messages / (catalogue.queue_messages_per_core.value * catalogue.queue_share.value);
    let cpu = cpu_step(busy).max(SMALLEST_CPU);
    let waiting: f64 = queue.queues.iter().map(|declared| declared.max_length.value as f64).sum();
    let wal = if messages > 1000.0 { 512 * MIB } else { 64 * MIB };
    let needed =
        catalogue.queue_base_mib.value * MIB as f64 + wal as f64 + waiting * catalogue.queue_message_bytes.value;
    let memory = quarter_step(needed / catalogue.queue_watermark.value, 128 * MIB).max(SMALLEST_MEMORY);
    let disk_needed = waiting * catalogue.message_bytes.value * 2.0 + wal as f64 * 3.0;
    let storage = quarter_step(disk_needed / (1.0 - catalogue.free_share.value), SMALLEST_VOLUME);
    let per_replica = Size { cpu, memory: Bytes(memory), storage: Bytes(storage) };
    let clients = router::client_pods(users);
    let router = router::plan(ctx, clients, messages * 2.0, members);
    let available = memory / 10 * 9;
    let longest = ctx.app.workers.iter().map(|worker| worker.time_per_job.value.0).max().unwrap_or(0);
    let settings = QueueSettings {
        memory_available_bytes: available,
        memory_high_watermark_bytes: (available as f64 * catalogue.queue_watermark.value) as u64 / MIB * MIB,
        disk_free_limit_bytes: (storage / 4).clamp(GIB, 16 * GIB),
        wal_max_size_bytes: wal,
        consumer_timeout_ms: (longest * 8).max(1_800_000),
        quorum: members,
        router_replicas: router.replicas,
        router: router.size,
        router_max_connections: router.max_connections,
    };
    let requirement = Requirement {
        cpu_millicores: busy * 1000.0,
        staffed_cpu_millicores: busy * 1000.0,
        memory_bytes: needed * f64::from(members),
        storage_bytes: disk_needed * f64::from(members),
    };
    let mut reasons = vec![
        Reason::new("replicas.max", members, "3 where one may be lost, else 1", "two of three hold each message"),
        Reason::new("replicas.min", members, "as replicas.max", "members of a queue do not come and go"),
        Reason::new(
            "perReplica.cpuMillicores",
            cpu.0,
            "step(messages / messagesPerCore / share)",
            catalogue.queue_messages_per_core.because(),
        )
        .with("messages", figure(messages)),
        Reason::new(
            "perReplica.memoryBytes",
            memory,
            "step((base + log + waiting * message) / watermark)",
            catalogue.queue_base_mib.because(),
        )
        .with("waiting", figure(waiting)),
    ];
    reasons.extend(router::reasons(ctx, &router, clients, messages * 2.0, members));
    let packing = Packing {
        replicas: Replicas { min: members, max: members },
        per_replica,
        bottleneck: if members > 1 { Bottleneck::Availability } else { Bottleneck::Memory },
        roles: None,
        settings: TierSettings::Queue(settings),
    };
    tier_plan(Tier::Queue, "queue", "RabbitMQ", requirement, packing, reasons)
}
