//! Lints over the finished plan: what must hold whatever the arithmetic did.
//!
//! A violation is an error of the plan, which is then never written. Lints know no demand and
//! change nothing.

use super::model::Catalogue;
use super::plan::{
    DatabaseSettings, Finding, FindingKind, Plan, PoolSettings, ProxySettings, QueueSettings, RedisSettings, Severity,
    Size, Tier, TierPlan, TierSettings, WorkerSettings,
};

/// Most pods of one service: as many as a pin may ask for.
const MOST_PODS: u32 = 5000;

/// Everything that a finished plan violates.
#[must_use]
pub fn lint(plan: &Plan, catalogue: &Catalogue, largest: Size) -> Vec<Finding> {
    let mut found = Vec::new();
    for tier in &plan.tiers {
        bounds(tier, &mut found);
        node(tier, largest, plan, &mut found);
        reasons(tier, &mut found);
        match &tier.settings {
            TierSettings::Redis(settings) => redis(tier, settings, &mut found),
            TierSettings::Queue(settings) => queue(tier, settings, &mut found),
            TierSettings::Worker(settings) => worker(tier, settings, &mut found),
            TierSettings::Proxy(settings) => proxy(tier, settings, plan, &mut found),
            _ => {}
        }
    }
    if let Some(tier) = plan.tier(Tier::Database)
        && let TierSettings::Database(database) = &tier.settings
    {
        memory(database, &mut found);
        quorum(tier, database, &mut found);
        if let Some(pool) = plan.tier(Tier::Pool)
            && let TierSettings::Pool(settings) = &pool.settings
        {
            connections(pool, settings, database, catalogue, &mut found);
        }
    }
    if let Some(edge) = plan.tier(Tier::Edge) {
        slots(edge, plan, &mut found);
    }
    found
}

fn broken(found: &mut Vec<Finding>, tier: &TierPlan, message: &str) {
    let message = format!("The plan of {} {}: {message}.", tier.tier, tier.name);
    found.push(Finding::new(Severity::Error, FindingKind::PlanInconsistent, "spec", message));
}

fn bounds(tier: &TierPlan, found: &mut Vec<Finding>) {
    if tier.replicas.min == 0 || tier.replicas.min > tier.replicas.max {
        broken(found, tier, "fewest pods are none or above most pods");
    }
    if tier.replicas.max > MOST_PODS {
        let costs = match tier.tier {
            Tier::Worker => "the worker's jobsPerThousandRequests or timePerJob",
            _ => "spec.profile.cpuPerRequest, or offer larger nodes (environment.largestPod)",
        };
        found.push(Finding::new(
            Severity::Error,
            FindingKind::PodsAboveCluster,
            "spec.targets",
            format!(
                "{} {} needs {} pods, and one cluster bears {MOST_PODS} of a kind: lower the load or {costs}.",
                tier.tier, tier.name, tier.replicas.max
            ),
        ));
    }
    if tier.total != tier.per_replica.times(tier.replicas.max).plus(tier.settings.routers()) {
        broken(found, tier, "the total is not the sum of its pods");
    }
}

fn node(tier: &TierPlan, largest: Size, plan: &Plan, found: &mut Vec<Finding>) {
    let size = tier.per_replica;
    let known = plan.findings.iter().any(|f| f.kind == FindingKind::PodAboveLargestNode);
    if (size.cpu > largest.cpu || size.memory > largest.memory) && !known {
        let with_volumes = tier.reasons.iter().any(|reason| reason.inputs.contains_key("volumesInMemory"));
        let lower = if with_volumes { "the load, the pin or the volumes in memory" } else { "the load or the pin" };
        found.push(Finding::new(
            Severity::Error,
            FindingKind::PodAboveLargestNode,
            field(tier),
            format!(
                "A pod of {} {} has {} CPU and {} of memory, and the largest pod has {} and {}: lower {lower}, or offer larger nodes (environment.largestPod).",
                tier.tier, tier.name, size.cpu, size.memory, largest.cpu, largest.memory
            ),
        ));
    }
}

fn field(tier: &TierPlan) -> String {
    match tier.tier {
        Tier::Web => format!("spec.services[{}].pin", tier.name),
        Tier::Database | Tier::Pool => "spec.database".to_owned(),
        Tier::Edge => "spec.targets".to_owned(),
        Tier::Worker => format!("spec.workers[{}].pin", tier.name),
        Tier::Proxy => "spec.proxy".to_owned(),
        Tier::Cache => "spec.cache".to_owned(),
        Tier::Sessions => "spec.sessions".to_owned(),
        Tier::Queue => "spec.queue".to_owned(),
    }
}

fn reasons(tier: &TierPlan, found: &mut Vec<Finding>) {
    for quantity in ["replicas.min", "replicas.max", "perReplica.cpuMillicores", "perReplica.memoryBytes"] {
        if !tier.reasons.iter().any(|reason| reason.quantity == quantity) {
            broken(found, tier, &format!("{quantity} has no reason"));
        }
    }
}

fn memory(database: &DatabaseSettings, found: &mut Vec<Finding>) {
    let held = database.postgres.memory.0;
    if database.shared_buffers.0 + database.maintenance_work_mem.0 > held {
        found.push(Finding::new(
            Severity::Error,
            FindingKind::PlanInconsistent,
            "spec.database.pin.memory",
            "Shared buffers and maintenance work do not fit the database's memory: pin more memory.".to_owned(),
        ));
    }
}

fn quorum(tier: &TierPlan, database: &DatabaseSettings, found: &mut Vec<Finding>) {
    if tier.replicas.max == 2 {
        broken(found, tier, "two members cannot lose one without stopping");
    }
    if database.synchronous && tier.replicas.max < 3 {
        broken(found, tier, "a synchronous standby needs a third member to take its place");
    }
    if database.loop_wait_seconds + 2 * database.retry_timeout_seconds > database.ttl_seconds {
        broken(found, tier, "loopWait and retries exceed the time to live of the leader's lock");
    }
}

/// Members of a quorum, and what is put into their memory.
fn odd(tier: &TierPlan, found: &mut Vec<Finding>) {
    if tier.replicas.max.is_multiple_of(2) || tier.replicas.min != tier.replicas.max {
        broken(found, tier, "members of a quorum are odd, and as many as there are");
    }
}

fn redis(tier: &TierPlan, settings: &RedisSettings, found: &mut Vec<Finding>) {
    odd(tier, found);
    if settings.max_memory_bytes >= settings.redis.memory.0 {
        broken(found, tier, "maxmemory leaves nothing to the server itself");
    }
    if settings.sentinel != (tier.replicas.max > 1) {
        broken(found, tier, "several members need Sentinels that agree who leads, one needs none");
    }
    if settings.persistent && settings.redis.storage.0 < settings.max_memory_bytes * 2 {
        broken(found, tier, "the log cannot be rewritten on this volume");
    }
}

fn queue(tier: &TierPlan, settings: &QueueSettings, found: &mut Vec<Finding>) {
    odd(tier, found);
    if settings.quorum > tier.replicas.max {
        broken(found, tier, "a quorum is larger than its members");
    }
    if settings.memory_high_watermark_bytes >= settings.memory_available_bytes
        || settings.memory_available_bytes >= tier.per_replica.memory.0
    {
        broken(found, tier, "publishers would not be held back before the memory ends");
    }
    if settings.disk_free_limit_bytes * 2 > tier.per_replica.storage.0 {
        broken(found, tier, "half of the volume is kept free");
    }
}

fn worker(tier: &TierPlan, settings: &WorkerSettings, found: &mut Vec<Finding>) {
    if settings.max_unavailable > tier.replicas.min || settings.finish_seconds == 0 {
        broken(found, tier, "a drain may take more pods than there are, or gives a job no time");
    }
}

fn proxy(tier: &TierPlan, settings: &ProxySettings, plan: &Plan, found: &mut Vec<Finding>) {
    let told =
        |finding: &Finding| finding.kind == FindingKind::PinBelowRequirement && finding.severity == Severity::Error;
    if settings.storage_bytes + settings.transient_bytes >= tier.per_replica.memory.0 && !plan.findings.iter().any(told)
    {
        broken(found, tier, "objects leave no memory to the proxy itself");
    }
    if settings.slots < tier.replicas.max {
        broken(found, tier, "a pod of the proxy has no address");
    }
}

fn connections(
    pool: &TierPlan,
    settings: &PoolSettings,
    database: &DatabaseSettings,
    catalogue: &Catalogue,
    found: &mut Vec<Finding>,
) {
    let pods = f64::from(pool.replicas.max) + f64::from(settings.surge);
    let caps = f64::from(settings.write_connections) + f64::from(settings.read_connections);
    let needed = pods * caps * catalogue.connections_margin.value + catalogue.connections_fixed.value;
    if needed > f64::from(database.max_connections) {
        found.push(Finding::new(
            Severity::Error,
            FindingKind::PoolAboveDatabase,
            "spec.database.pooling",
            format!(
                "The pool may open {needed:.0} server connections in a roll-out, and the database takes {}.",
                database.max_connections
            ),
        ));
    }
}

fn slots(edge: &TierPlan, plan: &Plan, found: &mut Vec<Finding>) {
    let TierSettings::Edge(settings) = &edge.settings else { return };
    for web in plan.tiers.iter().filter(|tier| tier.tier == Tier::Web) {
        let TierSettings::Web(web_settings) = &web.settings else { continue };
        if settings
            .slots
            .get(&web.name)
            .is_some_and(|slots| *slots < web.replicas.max.saturating_add(web_settings.surge))
        {
            broken(found, edge, "a pod of a roll-out has no address");
        }
    }
}
