//! The edge: HAProxy in front of two or more web pods.
//!
//! Requirement: cores for requests, memory for connections. Packing: at least two pods, of which
//! one node or zone may be lost. Knows the web tier only by its pods.

use std::collections::BTreeMap;

use super::availability::with_spare;
use super::model::{CPU_STEPS, cpu_step, quarter_step};
use super::packing::{Context, Packing, figure, tier_plan};
use super::plan::{Bottleneck, EdgeSettings, Reason, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores};

/// What the demand needs of the edge: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EdgeNeed {
    /// Requests a second at the horizon's peak, those from a proxy to the services as well.
    pub requests: f64,
    /// Cores that they keep busy.
    pub busy: f64,
    /// Connections open at that moment.
    pub connections: f64,
}

/// The need of the edge.
#[must_use]
pub fn need(ctx: &Context<'_>) -> EdgeNeed {
    let demand = &ctx.demands.horizon;
    // What a proxy does not have passes the edge a second time, on its way to the services.
    let again = if ctx.app.proxy.is_some() { demand.origin } else { 0.0 };
    let requests = demand.peak + again;
    let under_way = requests * ctx.app.targets.latency_p99.value.as_seconds();
    EdgeNeed {
        requests,
        busy: requests / ctx.catalogue.edge_requests_per_core.value,
        connections: under_way * 2.0 + ctx.catalogue.edge_idle_connections.value,
    }
}

/// Cores that bear the peak.
fn staffed(ctx: &Context<'_>, need: &EdgeNeed) -> f64 {
    need.busy / ctx.catalogue.utilisation_ceiling.value
}

/// The largest CPU of a pod.
fn largest(ctx: &Context<'_>) -> Millicores {
    CPU_STEPS[5].min(ctx.largest.cpu)
}

/// Pods that bear the peak when one node or zone is lost.
fn bearing(ctx: &Context<'_>, need: &EdgeNeed) -> u32 {
    ((staffed(ctx, need) / largest(ctx).cores()).ceil() as u32).max(1)
}

/// How many pods an edge has.
#[must_use]
pub fn pods(ctx: &Context<'_>) -> u32 {
    with_spare(bearing(ctx, &need(ctx)), ctx.environment.zones).max(2)
}

/// Pods and settings of the edge; `web` are the planned services that it reaches.
#[must_use]
pub fn plan(ctx: &Context<'_>, web: &[&TierPlan]) -> TierPlan {
    let need = need(ctx);
    let catalogue = ctx.catalogue;
    let largest = largest(ctx);
    let (staffed, bearing, count) = (staffed(ctx, &need), bearing(ctx, &need), pods(ctx));
    let cpu = cpu_step(staffed / f64::from(bearing)).min(largest);
    let each = need.connections / f64::from(bearing);
    let max_connections = ((each / 500.0).ceil().max(2.0) as u32).saturating_mul(500);
    // Each connection of a client has one to a pod behind it.
    let connection_bytes = catalogue.edge_connection_kib.value * 1024.0;
    let settings = settings(ctx, web, max_connections);
    let base = (catalogue.edge_base_mib.value + f64::from(settings.microcache_mib.unwrap_or(0))) * MIB as f64;
    let memory = Bytes(quarter_step(base + connection_bytes * f64::from(max_connections), 16 * MIB));
    let requirement = Requirement {
        cpu_millicores: need.busy * 1000.0,
        staffed_cpu_millicores: staffed * 1000.0,
        memory_bytes: base * f64::from(count) + connection_bytes * need.connections,
        ..Requirement::default()
    };
    let per_replica = Size { cpu, memory, storage: Bytes(0) };
    let packed = Packed { bearing, count, size: per_replica, memory: requirement.memory_bytes };
    let reasons = reasons(ctx, &need, packed, &settings);
    let packing = Packing {
        replicas: Replicas { min: count, max: count },
        per_replica,
        bottleneck: if bearing > 1 || cpu > Millicores(100) { Bottleneck::Cpu } else { Bottleneck::Availability },
        roles: None,
        settings: TierSettings::Edge(settings),
    };
    tier_plan(Tier::Edge, "edge", "HAProxy", requirement, packing, reasons)
}

fn settings(ctx: &Context<'_>, web: &[&TierPlan], max_connections: u32) -> EdgeSettings {
    let latency = ctx.app.targets.latency_p99.value;
    let service_time = ctx.app.profile.service_time_p99.value.as_seconds();
    let mut per_pod = BTreeMap::new();
    let mut slots = BTreeMap::new();
    for tier in web {
        let TierSettings::Web(settings) = &tier.settings else { continue };
        // Twice what a pod at full use has under way, so that waiting happens in one queue at the edge.
        let rate = tier.per_replica.cpu.cores() * 1000.0 / ctx.app.profile.cpu_ms_per_request.value;
        per_pod.insert(tier.name.clone(), ((rate * service_time * 2.0).ceil() as u32).clamp(16, 2000));
        slots.insert(tier.name.clone(), tier.replicas.max.saturating_add(settings.surge));
    }
    EdgeSettings {
        max_connections,
        max_connections_per_pod: per_pod,
        slots,
        queue_timeout_ms: (latency.0 * 4).clamp(2000, 30_000),
        microcache_mib: ctx.app.proxy.as_ref().map(|_| ctx.catalogue.edge_microcache_mib.value as u32),
    }
}

/// What the pods were packed to.
#[derive(Clone, Copy)]
struct Packed {
    bearing: u32,
    count: u32,
    size: Size,
    /// Bytes that all of them need.
    memory: f64,
}

fn reasons(ctx: &Context<'_>, need: &EdgeNeed, packed: Packed, settings: &EdgeSettings) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let Packed { bearing, count, size, memory } = packed;
    let replicas = |name: &str| {
        Reason::new(
            format!("replicas.{name}"),
            count,
            "max(2, bearing + 1, ceil(bearing * zones / (zones - 1)))",
            "two or more from rung 2 on; any one node or zone may be lost",
        )
        .with("bearing", bearing)
        .with("zones", ctx.environment.zones)
    };
    let mut list = vec![
        replicas("max"),
        replicas("min"),
        Reason::new(
            "perReplica.cpuMillicores",
            size.cpu.0,
            "step(requests / requestsPerCore / ceiling / bearing)",
            catalogue.edge_requests_per_core.because(),
        )
        .with("requests", figure(need.requests))
        .with("requestsPerCore", catalogue.edge_requests_per_core.value)
        .with("ceiling", catalogue.utilisation_ceiling.value)
        .with("bearing", bearing),
        Reason::new(
            "perReplica.memoryBytes",
            size.memory.0,
            "step(base + microcache + maxConnections * connection)",
            catalogue.edge_connection_kib.because(),
        )
        .with("baseMiB", catalogue.edge_base_mib.value)
        .with("microcacheMiB", settings.microcache_mib.unwrap_or(0))
        .with("connectionKiB", catalogue.edge_connection_kib.value)
        .with("maxConnections", settings.max_connections),
        Reason::new(
            "requirement.cpuMillicores",
            figure(need.busy * 1000.0),
            "requests / requestsPerCore",
            catalogue.edge_requests_per_core.because(),
        )
        .with("requests", figure(need.requests))
        .with("requestsPerCore", catalogue.edge_requests_per_core.value),
        Reason::new(
            "requirement.staffedCpuMillicores",
            figure(need.busy * 1000.0 / catalogue.utilisation_ceiling.value),
            "busy / ceiling",
            catalogue.utilisation_ceiling.because(),
        )
        .with("ceiling", catalogue.utilisation_ceiling.value),
        Reason::new(
            "requirement.memoryBytes",
            figure(memory),
            "connections * connection + (base + microcache) * replicas.max",
            catalogue.edge_connection_kib.because(),
        )
        .with("connections", figure(need.connections))
        .with("connectionKiB", catalogue.edge_connection_kib.value)
        .with("baseMiB", catalogue.edge_base_mib.value)
        .with("microcacheMiB", settings.microcache_mib.unwrap_or(0)),
        Reason::new(
            "settings.maxConnections",
            settings.max_connections,
            "step((2 * requests * latencyP99 + idle) / bearing)",
            catalogue.edge_idle_connections.because(),
        )
        .with("idle", catalogue.edge_idle_connections.value)
        .with("requests", figure(need.requests))
        .with("bearing", bearing)
        .with("latencyP99", ctx.app.targets.latency_p99.value),
        Reason::new(
            "settings.queueTimeoutMs",
            settings.queue_timeout_ms,
            "latencyP99 * 4, from 2 s to 30 s",
            "judgement, grade D: who waits longer has gone",
        ),
    ];
    list.extend(of_settings(ctx, settings));
    list
}

/// Reasons of what depends on the other tiers.
fn of_settings(ctx: &Context<'_>, settings: &EdgeSettings) -> Vec<Reason> {
    let mut list = Vec::new();
    if let Some(mib) = settings.microcache_mib {
        let because = ctx.catalogue.edge_microcache_mib.because();
        list.push(Reason::new("settings.microcacheMib", mib, "constant where there is a caching proxy", because));
    }
    for (name, value) in &settings.max_connections_per_pod {
        list.push(
            Reason::new(
                format!("settings.maxConnectionsPerPod.{name}"),
                value,
                "2 * requests/s at full use * serviceTimeP99, from 16 to 2000",
                "Little's law; the rest waits in one queue at the edge",
            )
            .with("serviceTimeP99", ctx.app.profile.service_time_p99.value),
        );
    }
    for (name, value) in &settings.slots {
        list.push(Reason::new(
            format!("settings.slots.{name}"),
            value,
            "most pods of the service + surge of its roll-out",
            "every pod of a roll-out at its largest has an address",
        ));
    }
    list
}
