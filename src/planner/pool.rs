//! The pool: `PgBouncer`, its router and its agent, the only way to the database.
//!
//! Requirement: cores for transactions. Packing: pods that bear the peak with one lost, and caps
//! of server connections that the database can hold during a roll-out. Never decides how many
//! connections the database has: that is `database`, from the caps given here.

use super::availability::{survivors, with_spare};
use super::model::quarter_step;
use super::packing::{Context, Packing, figure, size_text, tier_plan};
use super::plan::{Bottleneck, PoolSettings, Reason, Replicas, Requirement, Size, Tier, TierPlan, TierSettings};
use crate::api::Pooling;
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores};

/// CPU sizes of one `PgBouncer`, which uses one core at most.
const STEPS: [Millicores; 6] =
    [Millicores(50), Millicores(100), Millicores(250), Millicores(500), Millicores(750), Millicores(1000)];

/// Pods that a roll-out adds at once.
const SURGE: u32 = 1;

/// Fewest pods that a loss leaves where pods may share connections, so that each has half of them to open and not all:
/// three pods, or two in each of two zones.
const FEWEST_LEFT: u32 = 2;

/// Server connections of any pod for writes, and for reads: one may be held for long.
const FEWEST_CONNECTIONS: u32 = 2;

/// What the demand needs of the pool: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PoolNeed {
    /// Transactions a second at the horizon's peak.
    pub transactions: f64,
    /// Cores that `PgBouncer` keeps busy.
    pub pgbouncer_busy: f64,
    /// Cores that the router keeps busy.
    pub router_busy: f64,
    /// Connections of all pods of services and workers during a roll-out at their most.
    pub clients: u32,
}

/// Pods of the pool, before the caps are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolPods {
    /// Pods that bear the peak.
    pub bearing: u32,
    /// Pods with the spare ones.
    pub count: u32,
    /// Pods that share the work when as many as may be lost are lost.
    pub surviving: u32,
}

impl PoolPods {
    /// Most pods at once, in a roll-out.
    #[must_use]
    pub const fn most(self) -> u32 {
        self.count.saturating_add(SURGE)
    }
}

/// Server connections that all pods together should open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// For writes.
    pub write: u32,
    /// For reads.
    pub read: u32,
}

/// Server connections that one pod may open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// For writes.
    pub write: u32,
    /// For reads.
    pub read: u32,
}

/// The need of the pool.
#[must_use]
pub fn need(ctx: &Context<'_>, users: &[&TierPlan]) -> PoolNeed {
    let transactions = ctx.demands.horizon.reads + ctx.demands.horizon.writes;
    PoolNeed {
        transactions,
        pgbouncer_busy: transactions / ctx.catalogue.pool_transactions_per_core.value,
        router_busy: transactions / ctx.catalogue.router_transactions_per_core.value,
        clients: super::router::clients(ctx, users) as u32,
    }
}

/// The pods.
#[must_use]
pub fn pods(ctx: &Context<'_>, need: &PoolNeed) -> PoolPods {
    let bearing = ((need.pgbouncer_busy / ctx.catalogue.utilisation_ceiling.value).ceil() as u32).max(1);
    if !ctx.objective.replicated {
        return PoolPods { bearing, count: bearing, surviving: bearing };
    }
    let zones = ctx.environment.zones;
    // A session keeps its connection: clients that all come to one pod find them all there.
    if is_session(ctx) {
        return PoolPods { bearing, count: with_spare(bearing, zones).max(2), surviving: bearing };
    }
    let count = with_spare(bearing.max(FEWEST_LEFT), zones);
    PoolPods { bearing, count, surviving: survivors(count, zones) }
}

/// Whether every client holds a server connection of its own.
#[must_use]
pub fn is_session(ctx: &Context<'_>) -> bool {
    ctx.app.database.as_ref().is_some_and(|database| database.pooling == Pooling::Session)
}

/// The caps of one pod, so that what survives a loss still opens what is wanted.
#[must_use]
pub fn caps(ctx: &Context<'_>, pods: PoolPods, wanted: Wanted) -> Caps {
    let fewest = ctx.catalogue.connections_fewest.value as u32;
    let cap = |wanted: u32| wanted.max(fewest).div_ceil(pods.surviving).max(FEWEST_CONNECTIONS);
    Caps { write: cap(wanted.write), read: cap(wanted.read) }
}

/// Pods and settings of the pool.
#[must_use]
pub fn plan(ctx: &Context<'_>, need: &PoolNeed, pods: PoolPods, caps: Caps, wanted: Wanted) -> TierPlan {
    let settings = settings(ctx, need, pods, caps);
    let parts = [settings.pgbouncer, settings.router, settings.agent];
    let per_replica = Size {
        cpu: Millicores(parts.iter().map(|part| part.cpu.0).sum()),
        memory: Bytes(parts.iter().map(|part| part.memory.0).sum()),
        storage: Bytes(0),
    };
    let busy = (need.pgbouncer_busy + need.router_busy) * 1000.0;
    let requirement = Requirement {
        cpu_millicores: busy,
        staffed_cpu_millicores: busy / ctx.catalogue.utilisation_ceiling.value,
        memory_bytes: per_replica.memory.0 as f64 * f64::from(pods.bearing),
        ..Requirement::default()
    };
    let bottleneck = if pods.bearing > 1 || settings.pgbouncer.cpu > STEPS[0] {
        Bottleneck::Cpu
    } else if ctx.objective.replicated {
        Bottleneck::Availability
    } else {
        Bottleneck::Connections
    };
    let reasons = reasons(ctx, need, pods, wanted, &settings, per_replica, &requirement);
    let replicas = Replicas { min: pods.count, max: pods.count };
    let settings = TierSettings::Pool(settings);
    let packing = Packing { replicas, per_replica, bottleneck, roles: None, settings };
    tier_plan(Tier::Pool, "pool", "PgBouncer", requirement, packing, reasons)
}

fn settings(ctx: &Context<'_>, need: &PoolNeed, pods: PoolPods, caps: Caps) -> PoolSettings {
    let catalogue = ctx.catalogue;
    let step = |busy: f64| {
        let wanted = busy / catalogue.utilisation_ceiling.value / f64::from(pods.surviving) * 1000.0;
        STEPS.into_iter().find(|step| step.0 as f64 >= wanted).unwrap_or(Millicores(wanted.ceil() as u64))
    };
    // Writes and reads have an address each; half as many again for clients that reconnect before they are gone. They
    // prefer the pod of their own node, so any of those that bear the peak may have its whole part.
    let clients = f64::from(need.clients) * 2.0 * 1.5 / f64::from(pods.bearing.max(1));
    let max_client_connections = ((clients / 100.0).ceil().max(1.0) as u32).saturating_mul(100);
    let pgbouncer_bytes = (catalogue.pool_base_mib.value * 1024.0
        + catalogue.pool_client_kib.value * f64::from(max_client_connections))
        * 1024.0;
    PoolSettings {
        write_connections: caps.write,
        read_connections: caps.read,
        max_client_connections,
        surge: SURGE,
        pgbouncer: Size {
            cpu: step(need.pgbouncer_busy),
            memory: Bytes(quarter_step(pgbouncer_bytes, 16 * MIB)),
            storage: Bytes(0),
        },
        router: Size {
            cpu: step(need.router_busy),
            memory: Bytes(quarter_step(catalogue.router_mib.value * MIB as f64, 16 * MIB)),
            storage: Bytes(0),
        },
        agent: agent(ctx),
    }
}

/// The size of one of our sidecars.
#[must_use]
pub fn agent(ctx: &Context<'_>) -> Size {
    Size {
        cpu: Millicores(ctx.catalogue.agent_millicores.value as u64),
        memory: Bytes((ctx.catalogue.agent_mib.value * MIB as f64) as u64),
        storage: Bytes(0),
    }
}

fn reasons(
    ctx: &Context<'_>,
    need: &PoolNeed,
    pods: PoolPods,
    wanted: Wanted,
    settings: &PoolSettings,
    size: Size,
    requirement: &Requirement,
) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let formula = match (ctx.objective.replicated, is_session(ctx)) {
        (false, _) => "bearing",
        (true, true) => "max(2, bearing + 1, ceil(bearing * zones / (zones - 1)))",
        (true, false) => "max(left + 1, ceil(left * zones / (zones - 1))); left: max(2, bearing)",
    };
    let replicas = |name: &str| {
        Reason::new(
            format!("replicas.{name}"),
            pods.count,
            formula,
            "one PgBouncer uses one core; any one node or zone may be lost where the objective asks for it, and two that are left open half of the connections each",
        )
        .with("bearing", pods.bearing)
        .with("transactions", figure(need.transactions))
        .with("zones", ctx.environment.zones)
    };
    let cap = |name: &str, value: u32, wanted: u32, shared: &str| {
        let hold = if is_session(ctx) { "every client holds one" } else { shared };
        Reason::new(
            format!("settings.{name}"),
            value,
            format!("max(2, ceil(max(wanted, fewest) / surviving)); wanted: {hold}"),
            "PostgreSQL wiki, number of database connections, grade B; Little's law",
        )
        .with("wanted", wanted)
        .with("surviving", pods.surviving)
        .with("fewest", catalogue.connections_fewest.value)
    };
    let mut list = vec![
        replicas("max"),
        replicas("min"),
        cap("writeConnections", settings.write_connections, wanted.write, "max(2 * cores + 1, transactions under way)"),
        cap(
            "readConnections",
            settings.read_connections,
            wanted.read,
            "max((2 * cores + 1) * (replicas, or 1 without), transactions under way)",
        ),
        Reason::new("perReplica.cpuMillicores", size.cpu.0, "pgbouncer + router + agent", "sum of the containers")
            .with("pgbouncer", settings.pgbouncer.cpu)
            .with("router", settings.router.cpu)
            .with("agent", settings.agent.cpu),
        Reason::new("perReplica.memoryBytes", size.memory.0, "pgbouncer + router + agent", "sum of the containers")
            .with("pgbouncer", size_text(settings.pgbouncer.memory))
            .with("router", size_text(settings.router.memory))
            .with("agent", size_text(settings.agent.memory)),
        Reason::new(
            "requirement.cpuMillicores",
            figure(requirement.cpu_millicores),
            "transactions / perCore + transactions / perRouterCore",
            catalogue.pool_transactions_per_core.because(),
        )
        .with("transactions", figure(need.transactions))
        .with("perCore", catalogue.pool_transactions_per_core.value)
        .with("perRouterCore", catalogue.router_transactions_per_core.value),
        Reason::new(
            "requirement.staffedCpuMillicores",
            figure(requirement.staffed_cpu_millicores),
            "busy / ceiling",
            catalogue.utilisation_ceiling.because(),
        )
        .with("ceiling", catalogue.utilisation_ceiling.value),
        Reason::new(
            "requirement.memoryBytes",
            figure(requirement.memory_bytes),
            "memory * bearing",
            "sum of the containers",
        )
        .with("memory", size_text(size.memory))
        .with("bearing", pods.bearing),
        Reason::new(
            "settings.maxClientConnections",
            settings.max_client_connections,
            "step(pods of services and workers at most * clientsPerPod * 2 addresses * 1.5 / bearing)",
            catalogue.clients_per_web_pod.because(),
        )
        .with("clients", need.clients),
        Reason::new("settings.surge", settings.surge, "1", "one pod more during a roll-out; the caps count it"),
    ];
    list.extend(container_reasons(ctx, need, settings, pods.surviving));
    list
}

fn container_reasons(ctx: &Context<'_>, need: &PoolNeed, settings: &PoolSettings, surviving: u32) -> Vec<Reason> {
    let catalogue = ctx.catalogue;
    let cpu = |name: &str, value: Millicores, per_core: f64, source: String| {
        Reason::new(
            format!("settings.{name}.cpuMillicores"),
            value.0,
            "step(transactions / perCore / ceiling / surviving)",
            source,
        )
        .with("transactions", figure(need.transactions))
        .with("perCore", per_core)
        .with("ceiling", catalogue.utilisation_ceiling.value)
        .with("surviving", surviving)
    };
    vec![
        cpu(
            "pgbouncer",
            settings.pgbouncer.cpu,
            catalogue.pool_transactions_per_core.value,
            catalogue.pool_transactions_per_core.because(),
        ),
        Reason::new(
            "settings.pgbouncer.memoryBytes",
            settings.pgbouncer.memory.0,
            "step(base + clients * client)",
            catalogue.pool_client_kib.because(),
        )
        .with("baseMiB", catalogue.pool_base_mib.value)
        .with("clientKiB", catalogue.pool_client_kib.value)
        .with("clients", settings.max_client_connections),
        cpu(
            "router",
            settings.router.cpu,
            catalogue.router_transactions_per_core.value,
            catalogue.router_transactions_per_core.because(),
        ),
        Reason::new(
            "settings.router.memoryBytes",
            settings.router.memory.0,
            "constant",
            catalogue.router_mib.because(),
        ),
        Reason::new(
            "settings.agent.cpuMillicores",
            settings.agent.cpu.0,
            "constant",
            catalogue.agent_millicores.because(),
        ),
        Reason::new("settings.agent.memoryBytes", settings.agent.memory.0, "constant", catalogue.agent_mib.because()),
    ]
}
