//! Puts the tiers together: demand, then requirements and packings, changes against the recorded
//! plan, findings, lints, cost and hash.

use serde_json::json;

use super::availability::Objective;
use super::database::{self, Members};
use super::demand::{self, round};
use super::ladder::{self, Climb};
use super::model::Catalogue;
use super::packing::Context;
use super::plan::{
    DatabaseSettings, Finding, FindingKind, MonthlyCost, Plan, Proposal, Severity, Size, Tier, TierPlan,
};
use super::recorded::RecordedPlan;
use super::web::{self, Shape, WebNeed};
use super::{changes, edge, engine_settings, findings, lints, pool, proxy, queue, redis, worker};
use crate::api::{ChangeClass, ChangePolicy, LoadBalancing, ProposedChange, SessionStore};
use crate::domain::quantity::GIB;
use crate::domain::{Bytes, EngineImages, Environment, Millicores, ValidApp, resolve_database};

/// The plan of an application, with what its recorded plan keeps.
#[must_use]
pub fn plan(app: &ValidApp, catalogue: &Catalogue, environment: &Environment, previous: Option<&RecordedPlan>) -> Plan {
    let removed = previous.is_some_and(|p| p.tier(Tier::Database, "database").is_some()) && app.database.is_none();
    let kept = if removed { with_database_of(app, previous) } else { app.clone() };
    let held = assemble(&kept, catalogue, environment, previous, false);
    let mut waiting = held.waiting;
    if removed {
        waiting = vec![changes::removal(app)];
    }
    if let Some(recorded) = previous {
        waiting.extend(changes::image_changes(app, &recorded.images, &environment.images));
    }
    if waiting.is_empty() {
        return held.plan;
    }
    let hash = changes::proposal_hash(&waiting);
    if app.changes.approved.as_deref() == Some(hash.as_str()) {
        return assemble(app, catalogue, environment, previous, true).plan;
    }
    let automatic = app.changes.policy == ChangePolicy::Automatic;
    let mut plan = if automatic { assemble(&kept, catalogue, environment, previous, true).plan } else { held.plan };
    if automatic {
        waiting.retain(|change| change.class == ChangeClass::Destructive);
    }
    if !waiting.is_empty() {
        let hash = changes::proposal_hash(&waiting);
        plan.findings.push(waits(&hash, &waiting));
        plan.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        plan.proposed = Some(Proposal { hash, changes: waiting });
    }
    plan
}

/// The application as a plan installs it: with the database that a plan still keeps though the
/// spec no longer declares it. What is built, and recorded, is this one.
#[must_use]
pub fn effective(app: &ValidApp, plan: &Plan, previous: Option<&RecordedPlan>) -> ValidApp {
    if app.database.is_none() && plan.tier(Tier::Database).is_some() {
        with_database_of(app, previous)
    } else {
        app.clone()
    }
}

fn with_database_of(app: &ValidApp, previous: Option<&RecordedPlan>) -> ValidApp {
    let mut kept = app.clone();
    let declared = previous.and_then(|p| p.spec.database.clone()).unwrap_or_default();
    kept.database = resolve_database(&declared).ok();
    kept.spec.database = Some(declared);
    kept
}

fn waits(hash: &str, waiting: &[ProposedChange]) -> Finding {
    let what: Vec<&str> = waiting.iter().map(|change| change.reason.trim_end_matches('.')).collect();
    Finding::new(
        Severity::Warning,
        FindingKind::ProposalWaits,
        "spec.changes.approved",
        format!(
            "Waiting for an approval: {}. Set spec.changes.approved to \"{hash}\" to let it through.",
            what.join("; ")
        ),
    )
}

struct Assembled {
    plan: Plan,
    waiting: Vec<ProposedChange>,
}

fn assemble(
    app: &ValidApp,
    catalogue: &Catalogue,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
    through: bool,
) -> Assembled {
    let (cpu, memory) = environment.largest_pod.size().unwrap_or((Millicores(16_000), Bytes::gib(64)));
    let demands = demand::demands(app, catalogue, memory);
    let tiers = if app.database.is_some() { 3 } else { 1 };
    let ctx = Context {
        app,
        catalogue,
        environment,
        demands: &demands,
        objective: Objective::new(catalogue, app.targets.availability.value, tiers),
        largest: Size { cpu, memory, storage: Bytes(0) },
    };
    let mut findings = Vec::new();
    findings::promises(&ctx, &mut findings);
    let web = Web::plan(&ctx, &mut findings);
    let data = Data::plan(&ctx, &web.tiers, previous, through, &mut findings);
    findings::assumed(&ctx, &mut findings);
    let climb = Climb {
        web: &web.needs,
        services: &web.tiers,
        edge: web.edge.is_some(),
        database: data.as_ref().map(|d| (&d.need, d.members)),
        installed_members: data.as_ref().map_or(0, |d| d.database.replicas.max),
    };
    let ladder = ladder::ladder(&ctx, &climb);
    let workers: Vec<TierPlan> = app.workers.iter().map(|declared| worker::plan(&ctx, declared)).collect();
    let users: Vec<&TierPlan> = web.tiers.iter().chain(&workers).collect();
    let mut beside: Vec<TierPlan> = Vec::new();
    beside.extend(app.cache.as_ref().map(|cache| redis::cache(&ctx, cache, &users)));
    beside.extend(
        app.sessions
            .as_ref()
            .filter(|sessions| sessions.store == SessionStore::Memory)
            .map(|sessions| redis::sessions(&ctx, sessions, &users)),
    );
    beside.extend(app.queue.as_ref().map(|queue| queue::plan(&ctx, queue, &users)));
    let proxy = app.proxy.as_ref().map(|declared| proxy::plan(&ctx, declared));
    let mut tiers: Vec<TierPlan> = web.edge.into_iter().chain(proxy).chain(web.tiers).chain(workers).collect();
    let mut waiting = Vec::new();
    if let Some(data) = data {
        tiers.extend([data.pool, data.database]);
        waiting = data.waiting;
    }
    tiers.extend(beside);
    let images = match previous {
        Some(recorded) if !through => recorded.images.clone(),
        _ => environment.images.clone(),
    };
    let mut plan = Plan {
        app: app.name.to_string(),
        namespace: app.namespace.clone(),
        hash: String::new(),
        as_of: app.targets.as_of.clone(),
        demand: demands.now.figures(),
        demand_at_horizon: demands.horizon.figures(),
        ladder,
        monthly_cost: cost(catalogue, &tiers),
        tiers,
        findings,
        catalogue: catalogue.revision.clone(),
        images,
        proposed: None,
    };
    plan.findings.extend(lints::lint(&plan, catalogue, ctx.largest));
    plan.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    plan.hash = hash(app, &plan);
    Assembled { plan, waiting }
}

/// Eight hex digits over what is installed.
fn hash(app: &ValidApp, plan: &Plan) -> String {
    let tiers: Vec<_> = plan
        .tiers
        .iter()
        .map(|t| json!({"tier": t.tier, "name": t.name, "replicas": t.replicas, "size": t.per_replica, "settings": t.settings}))
        .collect();
    let rungs: Vec<_> = plan.ladder.iter().map(|rung| json!([rung.rung, rung.on])).collect();
    changes::short_hash(&json!({
        "spec": changes::comparable(&app.spec),
        "tiers": tiers,
        "rungs": rungs,
        "images": image_list(&plan.images),
    }))
}

fn image_list(images: &EngineImages) -> [&str; 4] {
    [&images.operator, &images.postgres, &images.pgbouncer, &images.haproxy]
}

/// Prices at the fewest and at the most pods.
fn cost(catalogue: &Catalogue, tiers: &[TierPlan]) -> MonthlyCost {
    let price = |size: Size, pods: u32| {
        let gib = |bytes: Bytes| bytes.0 as f64 / GIB as f64;
        f64::from(pods)
            * (size.cpu.cores() * catalogue.price_core.value
                + gib(size.memory) * catalogue.price_memory_gib.value
                + gib(size.storage) * catalogue.price_storage_gib.value)
    };
    MonthlyCost {
        currency: catalogue.currency.to_owned(),
        low: round(tiers.iter().map(|t| price(t.per_replica, t.replicas.min)).sum()),
        high: round(tiers.iter().map(|t| price(t.per_replica, t.replicas.max)).sum()),
    }
}

/// The services and the edge before them.
struct Web {
    needs: Vec<(WebNeed, Shape)>,
    tiers: Vec<TierPlan>,
    edge: Option<TierPlan>,
}

impl Web {
    fn plan(ctx: &Context<'_>, findings: &mut Vec<Finding>) -> Self {
        let services = &ctx.app.services;
        let replicated = ctx.objective.replicated;
        let mut needs: Vec<(WebNeed, Shape)> = services
            .iter()
            .map(|service| {
                let need = web::need(ctx, service);
                (need, Shape { pooled: false, replicated, single: web::single_pod(ctx, service, &need) })
            })
            .collect();
        let routed = services.iter().any(|service| !service.paths.is_empty());
        let edge = routed && (ctx.app.proxy.is_some() || ladder::web_trigger(ctx, &needs).is_some());
        let least = ctx.app.ingress.as_ref().map_or(LoadBalancing::default(), |i| i.load_balancing)
            == LoadBalancing::LeastRequests;
        for (service, (_, shape)) in services.iter().zip(&mut needs) {
            shape.pooled = edge && least && !service.paths.is_empty();
        }
        let tiers: Vec<TierPlan> = services
            .iter()
            .zip(&needs)
            .map(|(service, (need, shape))| web::plan(ctx, service, need, *shape, findings))
            .collect();
        let behind: Vec<&TierPlan> =
            tiers.iter().zip(services).filter(|(_, s)| !s.paths.is_empty()).map(|(tier, _)| tier).collect();
        let edge = edge.then(|| edge::plan(ctx, &behind));
        Self { needs, tiers, edge }
    }
}

/// The database and its pool.
struct Data {
    need: database::DatabaseNeed,
    members: Members,
    database: TierPlan,
    pool: TierPlan,
    waiting: Vec<ProposedChange>,
}

impl Data {
    fn plan(
        ctx: &Context<'_>,
        web: &[TierPlan],
        previous: Option<&RecordedPlan>,
        through: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        ctx.app.database.as_ref()?;
        let pool_need = pool::need(ctx, web);
        let pods = pool::pods(ctx, &pool_need);
        let need = database::need(ctx, pool_need.clients);
        let members = database::members(ctx, &need);
        let fresh = database::sizing(ctx, &need, pods, members.count);
        let settled = changes::settle(ctx, &need, pods, fresh, previous);
        let sizing = if through { settled.target } else { settled.held };
        database::check(ctx, &need, &sizing, findings);
        let recorded = recorded_settings(previous);
        let (database, caps) = engine_settings::plan(ctx, &need, sizing, pods, recorded, findings);
        let wanted = database::wanted(ctx, &need, sizing.member.cpu, sizing.members);
        let pool = pool::plan(ctx, &pool_need, pods, caps, wanted);
        findings::members(ctx, &database, findings);
        findings::kept_members(ctx, members.count, &database, findings);
        findings::database_pins(ctx, &database, findings);
        Some(Self { need, members, database, pool, waiting: if through { Vec::new() } else { settled.waiting } })
    }
}

fn recorded_settings(previous: Option<&RecordedPlan>) -> Option<&DatabaseSettings> {
    previous?.tier(Tier::Database, "database")?.database.as_ref()
}
