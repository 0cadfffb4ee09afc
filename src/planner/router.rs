//! The routers before the members of cache, sessions and queue: clients know one address, and the
//! router knows who leads. Sized by connections; two where the members are three.

use super::model::quarter_step;
use super::packing::Context;
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

/// Pods of web and workers in a roll-out at their most.
#[must_use]
pub fn client_pods(users: &[&TierPlan]) -> u32 {
    users
        .iter()
        .map(|tier| match &tier.settings {
            TierSettings::Web(settings) => tier.replicas.max.saturating_add(settings.surge),
            TierSettings::Worker(settings) => tier.replicas.max.saturating_add(settings.surge),
            _ => 0,
        })
        .fold(0, u32::saturating_add)
}

/// The router for so many client pods and operations a second, before so many members.
#[must_use]
pub fn plan(ctx: &Context<'_>, clients: u32, operations: f64, members: u32) -> Router {
    let catalogue = ctx.catalogue;
    let replicas = if members > 1 { 2 } else { 1 };
    let connections = f64::from(clients) * catalogue.clients_per_web_pod.value * 1.5;
    let max_connections = ((connections / 100.0).ceil().max(1.0) as u32).saturating_mul(100);
    let bytes = catalogue.front_mib.value * MIB as f64
        + catalogue.edge_connection_kib.value * 1024.0 * f64::from(max_connections);
    let busy = operations / catalogue.router_transactions_per_core.value / catalogue.utilisation_ceiling.value;
    let cpu = Millicores(quarter_step(busy * 1000.0, SMALLEST_CPU).max(SMALLEST_CPU));
    Router {
        replicas,
        size: Size { cpu, memory: Bytes(quarter_step(bytes, 16 * MIB)), storage: Bytes(0) },
        max_connections,
    }
}

/// Why a router is as it is.
#[must_use]
pub fn reasons(ctx: &Context<'_>, router: &Router, clients: u32, operations: f64, members: u32) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    vec![
        Reason::new(
            "settings.routerReplicas",
            router.replicas,
            "2 before three members, 1 before one",
            "a router is lost without anybody's notice where a member is",
        )
        .with("members", members),
        Reason::new(
            "settings.router.cpuMillicores",
            router.size.cpu.0,
            "step(operations / operationsPerCore / ceiling)",
            catalogue.router_transactions_per_core.because(),
        )
        .with("operations", super::packing::figure(operations)),
        Reason::new(
            "settings.router.memoryBytes",
            router.size.memory.0,
            "step(base + maxConnections * connection)",
            catalogue.front_mib.because(),
        )
        .with("maxConnections", router.max_connections),
        Reason::new(
            "settings.routerMaxConnections",
            router.max_connections,
            "client pods in a roll-out * connections of a pod * 1.5, in hundreds",
            catalogue.clients_per_web_pod.because(),
        )
        .with("clientPods", clients),
    ]
}
