//! The parts of a plan and who asks whom for how much.

use crate::domain::{Backing, ValidApp, ValidLoad};
use crate::planner::packing::size_text;
use crate::planner::{DemandFigures, ExternalPlan, Plan, Reason, Tier, TierPlan};
use crate::report::html::words::{grouped, pods, size};

/// One box.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Node {
    /// Unique in its graph.
    pub(in crate::report::html) id: String,
    /// What it is called.
    pub(in crate::report::html) title: String,
    /// What runs it.
    pub(in crate::report::html) engine: String,
    /// What there is to say of it, each line short.
    pub(in crate::report::html) lines: Vec<String>,
    /// CPU that is busy at peak, in percent; nothing of what is not ours.
    pub(in crate::report::html) busy_percent: Option<u32>,
    /// `users`, `ours` or `external`.
    pub(in crate::report::html) class: &'static str,
    /// Whether there is more than one of it.
    pub(in crate::report::html) several: bool,
}

/// One arrow, from each of `from` to `to`.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Link {
    pub(in crate::report::html) from: Vec<String>,
    pub(in crate::report::html) to: String,
    /// The load on it, each line short.
    pub(in crate::report::html) load: Vec<String>,
    /// Whether as much comes back as goes.
    pub(in crate::report::html) both_ways: bool,
}

/// Something behind the services: what they ask, and what stands behind that.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::report::html) struct Lane {
    pub(in crate::report::html) near: Option<Node>,
    pub(in crate::report::html) far: Vec<Node>,
}

/// The parts in the order in which a request passes them, and the arrows between them.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::report::html) struct Graph {
    pub(in crate::report::html) users: Node,
    pub(in crate::report::html) edge: Option<Node>,
    pub(in crate::report::html) proxy: Option<Node>,
    /// Those with paths first, then the internal ones.
    pub(in crate::report::html) services: Vec<Node>,
    pub(in crate::report::html) lanes: Vec<Lane>,
    pub(in crate::report::html) links: Vec<Link>,
}

impl Graph {
    /// All boxes, in the order in which a request passes them.
    pub(in crate::report::html) fn nodes(&self) -> impl Iterator<Item = &Node> {
        let before = [Some(&self.users), self.edge.as_ref(), self.proxy.as_ref()].into_iter().flatten();
        let behind = self.lanes.iter().flat_map(|lane| lane.near.iter().chain(&lane.far));
        before.chain(&self.services).chain(behind)
    }
}

/// The graph of a plan; loads are those of the horizon's peak.
pub(in crate::report::html) fn graph(app: &ValidApp, plan: &Plan) -> Graph {
    let demand = &plan.demand_at_horizon;
    let mut graph = Graph {
        users: users(app, demand),
        edge: plan.tier(Tier::Edge).map(unique),
        proxy: plan.tier(Tier::Proxy).map(unique),
        services: Vec::new(),
        lanes: Vec::new(),
        links: Vec::new(),
    };
    front(app, plan, &mut graph);
    let services: Vec<String> = graph.services.iter().map(|node| node.id.clone()).collect();
    data(plan, &services, &mut graph);
    for (tier, backing) in [(Tier::Cache, Backing::Cache), (Tier::Sessions, Backing::Sessions)] {
        let load = |reasons: &[Reason]| operations(reasons).map(|per_second| format!("{per_second} ops/s"));
        if let Some((node, reasons)) = either(plan, tier, backing) {
            graph.links.push(link(&services, &node, load(reasons).into_iter().collect()));
            graph.lanes.push(Lane { near: Some(node), far: Vec::new() });
        }
    }
    work(app, plan, &services, &mut graph);
    if let Some(objects) = plan.external(Backing::Objects) {
        let node = external(objects);
        graph.links.push(link(&services, &node, vec!["objects".to_owned()]));
        graph.lanes.push(Lane { near: Some(node), far: Vec::new() });
    }
    graph
}

/// Users, edge, proxy and services.
fn front(app: &ValidApp, plan: &Plan, graph: &mut Graph) {
    let demand = &plan.demand_at_horizon;
    let peak = vec![format!("{} req/s", grouped(demand.peak_requests_per_second))];
    let way_in = graph.edge.as_ref().unwrap_or(&graph.users).id.clone();
    if let Some(edge) = &graph.edge {
        graph.links.push(link(std::slice::from_ref(&graph.users.id), edge, peak));
    }
    if let Some(proxy) = &graph.proxy {
        let answered = demand.peak_requests_per_second - demand.origin_requests_per_second;
        let load = vec![
            format!("{} of {}/s", grouped(answered.max(0.0)), grouped(demand.peak_requests_per_second)),
            "answered here".to_owned(),
        ];
        graph.links.push(Link { both_ways: true, ..link(std::slice::from_ref(&way_in), proxy, load) });
    }
    let (public, internal): (Vec<_>, Vec<_>) = app.services.iter().partition(|service| !service.paths.is_empty());
    let mut above: Option<String> = None;
    for service in public.into_iter().chain(internal) {
        let Some(tier) = plan.web(&service.name) else { continue };
        let mut node = named(tier);
        let mut load = vec![format!("{} req/s", grouped(demand.origin_requests_per_second * service.request_share))];
        let from = if service.paths.is_empty() {
            node.lines.push("internal".to_owned());
            above.clone().into_iter().collect()
        } else {
            vec![way_in.clone()]
        };
        if from.is_empty() {
            load.clear();
        }
        graph.links.push(link(&from, &node, load));
        above = Some(node.id.clone());
        graph.services.push(node);
    }
}

/// Pool and database.
fn data(plan: &Plan, services: &[String], graph: &mut Graph) {
    let demand = &plan.demand_at_horizon;
    let queries = vec![
        format!("{} reads/s", grouped(demand.database_reads_per_second)),
        format!("{} writes/s", grouped(demand.database_writes_per_second)),
    ];
    let database = plan.tier(Tier::Database).map(|tier| {
        let mut node = unique(tier);
        node.lines.extend(tier.roles.map(|roles| {
            if tier.replicas.max == 1 {
                "one primary, no replica".to_owned()
            } else {
                format!("1 primary, {} sync, {} read", roles.synchronous, roles.read)
            }
        }));
        node
    });
    let elsewhere = plan.external(Backing::Database).map(external);
    match (plan.tier(Tier::Pool).map(unique), database, elsewhere) {
        (Some(pool), Some(database), _) => {
            let all = demand.database_reads_per_second + demand.database_writes_per_second;
            graph.links.push(link(services, &pool, vec![format!("{} queries/s", grouped(all))]));
            graph.links.push(link(std::slice::from_ref(&pool.id), &database, queries));
            graph.lanes.push(Lane { near: Some(pool), far: vec![database] });
        }
        (None, Some(only), _) | (_, None, Some(only)) => {
            graph.links.push(link(services, &only, queries));
            graph.lanes.push(Lane { near: Some(only), far: Vec::new() });
        }
        _ => {}
    }
}

/// Queue and workers.
fn work(app: &ValidApp, plan: &Plan, services: &[String], graph: &mut Graph) {
    let jobs = |name: &str| {
        let input = plan.worker(name).and_then(|tier| input(&tier.reasons, "jobsPerSecond"));
        input.map(|per_second| format!("{per_second} jobs/s")).into_iter().collect::<Vec<String>>()
    };
    let queue = either(plan, Tier::Queue, Backing::Queue).map(|(node, _)| node);
    let (queued, direct): (Vec<_>, Vec<_>) =
        app.workers.iter().partition(|worker| queue.is_some() && worker.queue.is_some());
    if let Some(queue) = queue {
        let mut lane = Lane::default();
        let load = vec![format!("{} jobs/s", grouped(plan.demand_at_horizon.jobs_per_second))];
        graph.links.push(link(services, &queue, if queued.is_empty() { Vec::new() } else { load }));
        for worker in queued {
            let Some(node) = plan.worker(&worker.name).map(named) else { continue };
            graph.links.push(link(std::slice::from_ref(&queue.id), &node, jobs(&worker.name)));
            lane.far.push(node);
        }
        lane.near = Some(queue);
        graph.lanes.push(lane);
    }
    let mut lane = Lane::default();
    for worker in direct {
        let Some(node) = plan.worker(&worker.name).map(named) else { continue };
        graph.links.push(link(services, &node, jobs(&worker.name)));
        lane.far.push(node);
    }
    if !lane.far.is_empty() {
        graph.lanes.push(lane);
    }
}

fn link(from: &[String], to: &Node, load: Vec<String>) -> Link {
    Link { from: from.to_vec(), to: to.id.clone(), load, both_ways: false }
}

fn users(app: &ValidApp, demand: &DemandFigures) -> Node {
    let count = match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, .. } => format!("{} a day", grouped(*users as f64)),
        ValidLoad::PeakRequestsPerSecond(_) => "by their requests".to_owned(),
        ValidLoad::PeakConcurrentUsers { users, .. } => format!("{} at once", grouped(*users as f64)),
    };
    let host = app.ingress.as_ref().and_then(|ingress| ingress.hosts.first().cloned());
    Node {
        id: "users".to_owned(),
        title: "Users".to_owned(),
        engine: host.unwrap_or_else(|| if app.ingress.is_some() { "Ingress" } else { "in the cluster" }.to_owned()),
        lines: vec![
            count,
            format!("{} requests/s", grouped(demand.peak_requests_per_second)),
            format!("{} Mbit/s to them", grouped(demand.egress_megabits_per_second)),
        ],
        busy_percent: None,
        class: "users",
        several: false,
    }
}

/// A tier that exists once.
fn unique(tier: &TierPlan) -> Node {
    Node { title: tier.tier.to_string(), engine: tier.engine.clone(), ..named(tier) }
}

/// A service or a worker.
fn named(tier: &TierPlan) -> Node {
    let routers = match tier.settings.router_pods() {
        0 => String::new(),
        count => format!(" + {count} routers"),
    };
    let mut sizes = vec![format!("{} CPU, {}", tier.per_replica.cpu, size_text(tier.per_replica.memory))];
    if size(tier.per_replica).chars().count() <= 24 {
        sizes = vec![size(tier.per_replica)];
    } else if tier.per_replica.storage.0 > 0 {
        sizes.push(format!("{} disk", size_text(tier.per_replica.storage)));
    }
    let mut lines = vec![format!("{}{routers}", pods(tier.replicas))];
    lines.extend(sizes);
    lines.push(format!("{}, {} % idle", tier.bottleneck, tier.headroom_percent));
    Node {
        id: format!("{}-{}", tier.tier.component(), tier.name),
        title: tier.name.clone(),
        engine: format!("{}, {}", tier.tier, tier.engine),
        lines,
        busy_percent: Some(100_u32.saturating_sub(tier.headroom_percent)),
        class: "ours",
        several: tier.replicas.max > 1,
    }
}

fn external(plan: &ExternalPlan) -> Node {
    Node {
        id: format!("external-{}", plan.name),
        title: plan.tier.to_string(),
        engine: "External".to_owned(),
        lines: vec!["somebody else runs it".to_owned(), format!("Secret {}", plan.secret)],
        busy_percent: None,
        class: "external",
        several: false,
    }
}

/// The tier of the plan, else the external one, with its reasons.
fn either(plan: &Plan, tier: Tier, backing: Backing) -> Option<(Node, &[Reason])> {
    let ours = plan.tier(tier).map(|tier| (unique(tier), tier.reasons.as_slice()));
    ours.or_else(|| plan.external(backing).map(|plan| (external(plan), plan.reasons.as_slice())))
}

/// Operations a second of a store, by the reasons of its size.
fn operations(reasons: &[Reason]) -> Option<String> {
    let asked =
        reasons.iter().find(|reason| reason.quantity == "operationsPerSecond").map(|reason| spoken(&reason.value));
    asked.or_else(|| input(reasons, "operations"))
}

/// The first input of that name.
fn input(reasons: &[Reason], name: &str) -> Option<String> {
    reasons.iter().find_map(|reason| reason.inputs.get(name)).map(|value| spoken(value))
}

/// A number with its thousands apart; other values as they are.
fn spoken(value: &str) -> String {
    value.parse::<f64>().map_or_else(|_| value.to_owned(), grouped)
}
