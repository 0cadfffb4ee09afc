//! Puts the tiers together: demand, then requirements and packings, changes against the recorded
//! plan, findings, lints, cost and hash.

use serde_json::json;

use super::availability::Objective;
use super::database::{self, Members};
use super::demand::{self, Demands};
use super::engines::{Around, Engines};
use super::ladder::{self, PlannedTiers};
use super::model::Catalogue;
use super::packing::Context;
use super::plan::{DatabaseSettings, Finding, FindingKind, Plan, Proposal, Severity, Size, Tier, TierPlan};
use super::recorded::RecordedPlan;
use super::staffing::Queue;
use super::web::{self, Shape, WebNeed};
use super::{
    cache, chain, changes, edge, ends, engine_settings, external, findings, kept, lints, pool, prices, proxy, traffic,
    worker,
};
use crate::api::{ChangeClass, ChangePolicy, ProposedChange, SessionStore};
use crate::domain::{Bytes, Environment, Millicores, ValidApp};

/// The plan of an application, with what its recorded plan keeps, tried on the ends of the declared spreads.
#[must_use]
pub fn plan(app: &ValidApp, catalogue: &Catalogue, environment: &Environment, previous: Option<&RecordedPlan>) -> Plan {
    let mut plan = planned(app, catalogue, environment, previous);
    ends::try_ends(app, catalogue, environment, &mut plan);
    plan
}

fn planned(app: &ValidApp, catalogue: &Catalogue, environment: &Environment, previous: Option<&RecordedPlan>) -> Plan {
    let removed = kept::removed(app, previous);
    let kept = kept::with_kept(app, previous, &removed);
    let held = assemble(&kept, catalogue, environment, previous, false);
    let mut waiting: Vec<ProposedChange> = removed.iter().map(|kept| changes::removal(app, *kept)).collect();
    // What goes as a whole changes no more.
    let gone: Vec<String> = waiting.iter().map(|change| change.object.clone()).collect();
    waiting.extend(held.waiting.into_iter().filter(|change| !gone.contains(&change.object)));
    if let Some(recorded) = previous {
        waiting.extend(changes::image_changes(app, recorded, &environment.images));
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

/// A plan, and the changes against the recorded one that it leaves out.
pub(super) struct Assembled {
    pub plan: Plan,
    waiting: Vec<ProposedChange>,
}

/// What all tiers of an application are planned from.
pub(super) struct Basis<'a> {
    app: &'a ValidApp,
    catalogue: &'a Catalogue,
    environment: &'a Environment,
    demands: Demands,
    objective: Objective,
    largest: Size,
    cached: Option<cache::Fit>,
}

impl<'a> Basis<'a> {
    pub fn new(app: &'a ValidApp, catalogue: &'a Catalogue, environment: &'a Environment) -> Self {
        let (cpu, memory) = environment.largest_pod.size().unwrap_or((Millicores(16_000), Bytes::gib(64)));
        let largest = Size { cpu, memory, storage: Bytes(0) };
        let demands = demand::demands(app, catalogue);
        let cached = cached(app, catalogue, largest, demands.soon.cache_reads);
        let demands = demands.behind(cached);
        let objective = Objective::new(catalogue, app.targets.availability.value, chain(app));
        Self { app, catalogue, environment, demands, objective, largest, cached }
    }

    pub fn context(&self) -> Context<'_> {
        let Self { app, catalogue, environment, demands, objective, largest, cached } = self;
        Context { app, catalogue, environment, demands, objective: *objective, largest: *largest, cached: *cached }
    }
}

pub(super) fn assemble(
    app: &ValidApp,
    catalogue: &Catalogue,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
    through: bool,
) -> Assembled {
    let basis = Basis::new(app, catalogue, environment);
    let ctx = basis.context();
    let demands = ctx.demands;
    let mut findings = Vec::new();
    findings::promises(&ctx, &mut findings);
    findings::placement(&ctx, &mut findings);
    let web = Web::plan(&ctx, &mut findings);
    let workers: Vec<TierPlan> = app.workers.iter().map(|w| worker::plan(&ctx, w, &mut findings)).collect();
    let users: Vec<&TierPlan> = web.tiers.iter().chain(&workers).collect();
    let data = Data::plan(&ctx, &users, previous, through, &mut findings);
    let around = Around { users: &users, data: data.as_ref().map(|d| (&d.need, &d.database)), previous, through };
    let engines = Engines::plan(&ctx, &around, &mut findings);
    let proxy = app.proxy.as_ref().map(|declared| proxy::plan(&ctx, declared, &mut findings));
    let external = external::plan(&ctx, &users, &mut findings);
    findings::assumed(&ctx, &mut findings);
    let planned = PlannedTiers {
        web: &web.needs,
        services: &web.tiers,
        edge: web.edge.is_some(),
        database: data.as_ref().map(|d| (&d.need, d.members)),
        installed_members: data.as_ref().map_or(0, |d| d.database.replicas.max),
        cache: engines.get(Tier::Cache),
        sessions: engines.get(Tier::Sessions),
        queue: engines.get(Tier::Queue),
        workers: &workers,
        proxy: proxy.as_ref(),
    };
    let ladder = ladder::ladder(&ctx, &planned);
    let mut tiers: Vec<TierPlan> = web.edge.into_iter().chain(proxy).chain(web.tiers).chain(workers).collect();
    let mut waiting = Vec::new();
    if let Some(data) = data {
        tiers.extend([data.pool, data.database]);
        waiting = data.waiting;
    }
    tiers.extend(engines.tiers);
    waiting.extend(engines.waiting);
    traffic::add(&ctx, &mut tiers, &mut findings);
    let availability = chain::availability(&ctx, &tiers, &mut findings);
    let mut plan = Plan {
        app: app.name.to_string(),
        namespace: app.namespace.clone(),
        hash: String::new(),
        as_of: app.targets.as_of.clone(),
        demand: demands.now.figures(),
        demand_at_horizon: demands.horizon.figures(),
        demand_reasons: demand::reasons(app, catalogue, demands),
        ladder,
        monthly_cost: prices::cost(app, catalogue, demands, &mut tiers),
        tiers,
        external,
        availability,
        findings,
        catalogue: catalogue.revision.clone(),
        images: match previous {
            Some(recorded) if !through => changes::held_images(recorded, &environment.images),
            _ => environment.images.clone(),
        },
        proposed: None,
        uncertainty: None,
        observed: None,
    };
    plan.findings.extend(lints::lint(&plan, catalogue, ctx.largest));
    plan.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    plan.hash = hash(app, &plan);
    Assembled { plan, waiting }
}

/// Tiers of which a request needs every one: a web pod, pool and database, router and session store. The edge has two
/// pods wherever there is one, and cache, proxy and queue may be gone without a request failing.
fn chain(app: &ValidApp) -> u32 {
    let stored = app.sessions.as_ref().is_some_and(|sessions| sessions.store == SessionStore::Memory);
    1 + if app.database.is_some() { 2 } else { 0 } + if stored { 2 } else { 0 }
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
        "images": image_list(plan),
    }))
}

/// The images that are installed; of the engines beside the database those that the plan has.
fn image_list(plan: &Plan) -> Vec<&str> {
    let runs = |name: &str| {
        let only = changes::IMAGES_OF_TIERS.iter().find(|(image, _)| *image == name);
        only.is_none_or(|(_, tiers)| plan.tiers.iter().any(|tier| tiers.contains(&tier.tier)))
    };
    plan.images.named().into_iter().filter(|(name, _)| runs(name)).map(|(_, image)| image.as_str()).collect()
}

/// What the cache, ours or somebody else's, keeps away from the database of so many reads a second; what it answers
/// may have been measured.
fn cached(app: &ValidApp, catalogue: &Catalogue, largest: Size, reads: f64) -> Option<cache::Fit> {
    let fit = match (&app.cache, &app.externals.cache) {
        (Some(declared), _) => Some(cache::fit(catalogue, declared, largest, reads)),
        (None, elsewhere) => elsewhere.as_ref().map(|declared| cache::expected(catalogue, declared)),
    };
    let hit = app.measured.cache_hit.as_ref().map(|measured| measured.value);
    fit.map(|fit| cache::Fit { hit: hit.unwrap_or(fit.hit), ..fit })
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
                (need, Shape { queue: Queue::OfEachPod, replicated, single: web::single_pod(ctx, service, &need) })
            })
            .collect();
        let routed = services.iter().any(|service| !service.paths.is_empty());
        let edge = routed
            && (ctx.app.proxy.is_some() || ctx.app.splits_requests() || ladder::web_trigger(ctx, &needs).is_some());
        let edges = edge.then(|| edge::pods(ctx));
        for (service, (_, shape)) in services.iter().zip(&mut needs) {
            shape.queue = web::queue(ctx.app, service, edges);
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
        users: &[&TierPlan],
        previous: Option<&RecordedPlan>,
        through: bool,
        findings: &mut Vec<Finding>,
    ) -> Option<Self> {
        ctx.app.database.as_ref()?;
        let pool_need = pool::need(ctx, users);
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
