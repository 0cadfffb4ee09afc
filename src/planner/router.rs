//! The routers before the members of cache, sessions and queue: clients know one address, and the
//! router knows who leads. Sized by connections; two where the members are three.

use super::model::quarter_step;
use super::packing::{Context, figure};
use super::plan::{Reason, Size, TierPlan, TierSettings};
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores};

/// Smallest CPU of a router.
const SMALLEST_CPU: u64 = 50;

/// Pods of a router.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Router {
    /// How many.
    pub replicas: u32,
    /// Size of one.
    pub size: Size,
    /// Most connections of one.
    pub max_connections: u32,
}

/// Connections that the pods of services and workers open in a roll-out at their most.
#[must_use]
pub fn clients(ctx: &Context<'_>, users: &[&TierPlan]) -> f64 {
    let catalogue = ctx.catalogue;
    users
        .iter()
        .map(|tier| {
            let (surge, each) = match &tier.settings {
                TierSettings::Web(settings) => (settings.surge, catalogue.clients_per_web_pod.value),
                TierSettings::Worker(settings) => (settings.surge, catalogue.clients_per_worker_pod.value),
                _ => (0, 0.0),
            };
            f64::from(tier.replicas.max.saturating_add(surge)) * each
        })
        .sum()
}

/// The router for so many client connections and operations a second, before so many members.
#[must_use]
pub fn plan(ctx: &Context<'_>, clients: f64, operations: f64, members: u32) -> Router {
    let catalogue = ctx.catalogue;
    // One router may be lost, so each holds all; half as many again for clients that come back before they are gone.
    let max_connections = ((clients * 1.5 / 100.0).ceil().max(1.0) as u32).saturating_mul(100);
    let bytes = catalogue.front_mib.value * MIB as f64
        + catalogue.edge_connection_kib.value * 1024.0 * f64::from(max_connections);
    let staffed = operations / catalogue.router_transactions_per_core.value / catalogue.utilisation_ceiling.value;
    let cpu = Millicores(quarter_step(staffed * 1000.0, SMALLEST_CPU).div_ceil(10) * 10);
    Router {
        replicas: if members > 1 { 2 } else { 1 },
        size: Size { cpu, memory: Bytes(quarter_step(bytes, 16 * MIB)), storage: Bytes(0) },
        max_connections,
    }
}

/// Why a router is as it is.
#[must_use]
pub fn reasons(ctx: &Context<'_>, router: &Router, clients: f64, operations: f64, members: u32) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    vec![
        Reason::new(
            "settings.routerReplicas",
            router.replicas,
            "2 before three members, 1 before one",
            "where a member may be lost, a router may be",
        )
        .with("members", members),
        Reason::new(
            "settings.router.cpuMillicores",
            router.size.cpu.0,
            "step(operations / operationsPerCore / ceiling)",
            catalogue.router_transactions_per_core.because(),
        )
        .with("operations", figure(operations))
        .with("operationsPerCore", catalogue.router_transactions_per_core.value)
        .with("ceiling", catalogue.utilisation_ceiling.value),
        Reason::new(
            "settings.router.memoryBytes",
            router.size.memory.0,
            "step(base + maxConnections * connection)",
            catalogue.front_mib.because(),
        )
        .with("baseMiB", catalogue.front_mib.value)
        .with("connectionKiB", catalogue.edge_connection_kib.value)
        .with("maxConnections", router.max_connections),
        Reason::new(
            "settings.routerMaxConnections",
            router.max_connections,
            "connections of all client pods in a roll-out * 1.5, in hundreds",
            catalogue.clients_per_web_pod.because(),
        )
        .with("connections", figure(clients)),
    ]
}
