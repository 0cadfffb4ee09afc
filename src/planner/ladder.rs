//! The ladder from one server to millions of users: which rungs are on, and why.
//!
//! Reads the planned tiers; decides nothing but the sentences and the triggers.

use strum::IntoEnumIterator;

use super::database::{self, DatabaseNeed, Members};
use super::packing::{Context, figure};
use super::plan::{LadderRung, Rung, TierPlan};
use super::web::{Shape, WebNeed};
use crate::api::Trigger;
use crate::domain::Backing;

/// What the ladder is read from.
#[derive(Clone, Copy, Debug)]
pub struct PlannedTiers<'a> {
    /// Needs and shapes of the services, as the plan has them.
    pub web: &'a [(WebNeed, Shape)],
    /// The planned services.
    pub services: &'a [TierPlan],
    /// Whether there is an edge.
    pub edge: bool,
    /// Need and members of the database, where there is one.
    pub database: Option<(&'a DatabaseNeed, Members)>,
    /// Members as installed.
    pub installed_members: u32,
    /// The planned cache.
    pub cache: Option<&'a TierPlan>,
    /// The planned session store.
    pub sessions: Option<&'a TierPlan>,
    /// The planned queue.
    pub queue: Option<&'a TierPlan>,
    /// The planned workers.
    pub workers: &'a [TierPlan],
    /// The planned proxy.
    pub proxy: Option<&'a TierPlan>,
}

/// The rungs that this version can climb.
pub const OFFERED: [Rung; 6] =
    [Rung::LoadBalancer, Rung::DatabaseReplicas, Rung::Cache, Rung::CachingProxy, Rung::SharedSessions, Rung::Queue];

/// The rungs, in order.
#[must_use]
pub fn ladder(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> Vec<LadderRung> {
    Rung::iter()
        .map(|rung| match rung {
            Rung::LoadBalancer => load_balancer(ctx, planned),
            Rung::DatabaseReplicas => replicas(ctx, planned),
            Rung::Cache => cached(ctx, planned),
            Rung::CachingProxy => proxied(ctx, planned),
            Rung::SharedSessions => shared(ctx, planned),
            Rung::Queue => queued(ctx, planned),
            Rung::Regions => off(rung, "This version serves from one region."),
            Rung::Shards => sharded(ctx, planned),
        })
        .collect()
}

fn off(rung: Rung, because: impl Into<String>) -> LadderRung {
    LadderRung { rung, on: false, trigger: None, because: because.into() }
}

fn on(rung: Rung, trigger: Trigger, because: impl Into<String>) -> LadderRung {
    LadderRung { rung, on: true, trigger: Some(trigger), because: because.into() }
}

/// What makes a second web pod necessary.
#[must_use]
pub fn web_trigger(ctx: &Context<'_>, web: &[(WebNeed, Shape)]) -> Option<Trigger> {
    if web.iter().any(|(_, shape)| shape.single.is_none()) {
        return Some(Trigger::Capacity);
    }
    if ctx.objective.replicated {
        return Some(Trigger::Availability);
    }
    ctx.app.services.iter().any(|s| s.pin.min_replicas.is_some_and(|min| min > 1)).then_some(Trigger::Pinned)
}

fn chain(ctx: &Context<'_>) -> String {
    format!(
        "{} of one pod each give {} %, and {} % are promised",
        if ctx.objective.tiers == 1 { "A tier".to_owned() } else { format!("{} tiers", ctx.objective.tiers) },
        rounded(ctx.objective.singles),
        percent(ctx.objective.objective)
    )
}

/// A share in percent, with the decimals that it has.
#[must_use]
pub fn percent(share: f64) -> String {
    let text = format!("{:.4}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A computed share in percent, as exact as its inputs.
#[must_use]
pub fn rounded(share: f64) -> String {
    percent((share * 1000.0).floor() / 1000.0)
}

fn load_balancer(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::LoadBalancer;
    let Some(trigger) = web_trigger(ctx, planned.web) else {
        if planned.edge && planned.proxy.is_some() {
            let because = "The edge is there for the declared proxy, which stands behind it; one web pod a service bears the peak.";
            return on(rung, Trigger::Declared, because);
        }
        if planned.edge {
            let because = "The edge is there to split requests between services with the same paths; one web pod a service bears the peak.";
            return on(rung, Trigger::Declared, because);
        }
        let busy: f64 = planned.web.iter().map(|(need, _)| need.busy_horizon).sum();
        return off(
            rung,
            format!("One web pod a service bears the {} busy cores of the peak, and {}.", figure(busy), enough(ctx)),
        );
    };
    let pods: u32 = planned.services.iter().map(|t| t.replicas.max).sum();
    let because = match trigger {
        Trigger::Capacity => {
            let worst = planned
                .web
                .iter()
                .filter(|(_, shape)| shape.single.is_none())
                .map(|(need, _)| need.busy_horizon)
                .fold(0.0, f64::max);
            format!(
                "The busiest service keeps {} cores busy at the horizon's peak, more than one pod of {} cores bears at {} % use and within the latency objective: up to {pods} web pods.",
                figure(worst),
                ctx.catalogue.web_pod_cores.value,
                ctx.catalogue.utilisation_ceiling.value * 100.0
            )
        }
        Trigger::Availability => format!("{}: {pods} web pods, any of which may be lost.", chain(ctx)),
        _ => "The owner pinned more than one web pod.".to_owned(),
    };
    let because = if planned.edge {
        because
    } else {
        format!("{because} No service has paths, so there is no edge before them.")
    };
    LadderRung { rung, on: true, trigger: Some(trigger), because }
}

fn enough(ctx: &Context<'_>) -> String {
    let objective = ctx.objective;
    format!(
        "one pod a tier gives {} %, where {} % are promised",
        rounded(objective.singles),
        percent(objective.objective)
    )
}

fn replicas(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::DatabaseReplicas;
    let Some((need, members)) = planned.database else {
        return off(
            rung,
            if ctx.app.externals.has(Backing::Database) {
                "The database is external: its replicas are for whoever runs it."
            } else {
                "No database is declared."
            },
        );
    };
    let staffed = database::staffed(ctx, database::busy(ctx, need, 1));
    let one = format!("{} cores with room for vacuum and waiting", figure(staffed));
    if planned.installed_members < 3 {
        return off(rung, format!("One member bears all queries: it needs {one}, and {}.", enough(ctx)));
    }
    let (trigger, because) = match members.trigger {
        Some(Trigger::Availability) => {
            (Trigger::Availability, format!("{}: three members, of which any one may be lost.", chain(ctx)))
        }
        Some(Trigger::Capacity) => (
            Trigger::Capacity,
            format!(
                "One member would need {one}, over {} % of the largest pod's {}: replicas take the reads.",
                ctx.catalogue.utilisation_ceiling.value * 100.0,
                ctx.largest.cpu
            ),
        ),
        Some(trigger) => (trigger, "The owner pinned the members.".to_owned()),
        None => (
            Trigger::Capacity,
            "The replicas are there from an earlier plan: a stateful rung is left only with an approval.".to_owned(),
        ),
    };
    LadderRung { rung, on: true, trigger: Some(trigger), because }
}

/// What gave a declared tier more than one member, or what else speaks for it.
fn declared(ctx: &Context<'_>, tier: &TierPlan, pinned: bool, needed: bool) -> Trigger {
    if tier.replicas.max > 1 && pinned {
        Trigger::Pinned
    } else if tier.replicas.max > 1 && ctx.objective.replicated {
        Trigger::Availability
    } else if needed {
        Trigger::Capacity
    } else {
        Trigger::Declared
    }
}

/// How many members, and why.
fn members(ctx: &Context<'_>, tier: &TierPlan, trigger: Trigger) -> String {
    match (trigger, tier.replicas.max) {
        (Trigger::Availability, count) => {
            format!(
                "; {} % are promised: {count} members, of which any one may be lost",
                percent(ctx.objective.objective)
            )
        }
        (Trigger::Pinned, count) => format!("; the owner pinned {count} members"),
        (_, 1) => String::new(),
        (_, count) => format!("; {count} members are there from an earlier plan"),
    }
}

/// The rung of a tier that somebody else runs: it is on, and nothing of it is ours.
fn elsewhere(ctx: &Context<'_>, rung: Rung, backing: Backing) -> Option<LadderRung> {
    let secret = ctx.app.externals.secret(backing)?;
    Some(on(rung, Trigger::Declared, format!("Somebody else runs it: Secret {secret} says where.")))
}

fn cached(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::Cache;
    let asked = ctx.demands.soon.cache_reads;
    if let Some(rung) = elsewhere(ctx, rung, Backing::Cache) {
        return rung;
    }
    let (Some(tier), Some(cache), Some(fit)) = (planned.cache, &ctx.app.cache, ctx.cached) else {
        return off(
            rung,
            if asked > 0.0 && ctx.app.has_database() {
                format!(
                    "No cache is declared: the {} reads a second that one could answer reach the database.",
                    figure(asked)
                )
            } else {
                "No cache is declared.".to_owned()
            },
        );
    };
    let spared = asked * fit.hit;
    // Without it, would the database leave the size that one member may have?
    let needed = planned.database.is_some_and(|(need, members)| {
        let cold = DatabaseNeed { reads: need.reads + spared * ctx.catalogue.read_cpu_ms.value / 1000.0, ..*need };
        let limit = ctx.catalogue.utilisation_ceiling.value * database::room(ctx).cpu.cores();
        database::staffed(ctx, database::busy(ctx, &cold, members.count)) > limit
    });
    let trigger = declared(ctx, tier, cache.pin.members.is_some(), needed);
    let database = if needed { ", more than the largest database member bears" } else { "" };
    let what = if asked > 0.0 {
        format!(
            "It takes {} reads a second off the database{database}: {:.0} % of {}",
            figure(spared),
            (fit.hit * 100.0).floor(),
            figure(asked)
        )
    } else {
        "It is declared, and no request reads from it by spec.profile".to_owned()
    };
    on(rung, trigger, format!("{what}{}.", members(ctx, tier, trigger)))
}

/// Shards are not offered; whether they would be needed is said all the same.
fn sharded(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::Shards;
    let Some((need, members)) = planned.database else { return off(rung, "No database is declared.") };
    match database::primaries(ctx, need, members.count) {
        1 => off(rung, "One primary bears all writes."),
        more => off(rung, format!("It would take {more} primaries, and this version does not shard.")),
    }
}

fn proxied(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::CachingProxy;
    let demand = &ctx.demands.horizon;
    let profile = &ctx.app.profile;
    let (Some(tier), Some(proxy)) = (planned.proxy, &ctx.app.proxy) else {
        let could = demand.statics + demand.dynamic * profile.cacheable_share.value;
        return off(
            rung,
            if could > 0.0 {
                format!(
                    "No proxy is declared: the {} requests a second that one may keep reach the services.",
                    figure(could)
                )
            } else {
                "No proxy is declared.".to_owned()
            },
        );
    };
    let files = (demand.statics - demand.served) * ctx.catalogue.static_cpu_ms.value;
    let pages = (demand.dynamic - demand.computed) * profile.cpu_ms_per_request.value;
    let cores = (files + pages) / 1000.0;
    let needed = cores > ctx.catalogue.web_pod_cores.value * ctx.catalogue.utilisation_ceiling.value;
    let trigger = declared(ctx, tier, proxy.pinned_replicas.is_some(), needed);
    let pods = match trigger {
        Trigger::Availability => format!("; kept pages outlive a node: {} pods", tier.replicas.max),
        Trigger::Pinned => format!("; the owner pinned {} pods", tier.replicas.max),
        _ => String::new(),
    };
    let what = if demand.peak > demand.origin {
        format!(
            "It answers {} of {} requests a second, taken to be for {} pages and {} files, and takes {} busy cores off the services",
            figure(demand.peak - demand.origin),
            figure(demand.peak),
            ctx.catalogue.proxy_pages.value,
            ctx.catalogue.proxy_files.value,
            figure(cores)
        )
    } else {
        "It is declared, and no request is for what it may keep by spec.profile".to_owned()
    };
    on(rung, trigger, format!("{what}{pods}."))
}

fn shared(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::SharedSessions;
    let pods: u32 = planned.services.iter().map(|tier| tier.replicas.max).sum();
    if let Some(rung) = elsewhere(ctx, rung, Backing::Sessions) {
        return rung;
    }
    let Some(sessions) = &ctx.app.sessions else {
        return off(
            rung,
            if pods > 1 {
                "No sessions are declared: with several web pods, sessions belong into the database or into signed cookies."
            } else {
                "No sessions are declared."
            },
        );
    };
    let needed = web_trigger(ctx, planned.web) == Some(Trigger::Capacity);
    let why = if pods > 1 {
        format!("up to {pods} web pods, any of which serves any user")
    } else {
        "any later pod serves any user".to_owned()
    };
    let Some(tier) = planned.sessions else {
        let trigger = if needed { Trigger::Capacity } else { Trigger::Declared };
        return on(rung, trigger, format!("Sessions are in the database: {why}."));
    };
    let trigger = declared(ctx, tier, sessions.pin.members.is_some(), needed);
    on(
        rung,
        trigger,
        format!(
            "{} sessions live at a time: {why}{}.",
            figure(super::sessions::live(ctx.app, ctx.catalogue, sessions.ttl.value, super::demand::STATEFUL_MONTHS)),
            members(ctx, tier, trigger)
        ),
    )
}

fn queued(ctx: &Context<'_>, planned: &PlannedTiers<'_>) -> LadderRung {
    let rung = Rung::Queue;
    if let Some(rung) = elsewhere(ctx, rung, Backing::Queue) {
        return rung;
    }
    let jobs = ctx.demands.horizon.jobs;
    let (Some(tier), Some(queue)) = (planned.queue, &ctx.app.queue) else {
        return off(
            rung,
            if planned.workers.is_empty() {
                "No queue is declared.".to_owned()
            } else {
                format!("No queue is declared: {} jobs a second reach the workers in another way.", figure(jobs))
            },
        );
    };
    let workers: u32 = planned.workers.iter().map(|worker| worker.replicas.max).sum();
    let alone = ctx.catalogue.utilisation_ceiling.value;
    let needed = planned
        .workers
        .iter()
        .any(|worker| worker.requirement.cpu_millicores > alone * worker.per_replica.cpu.0 as f64);
    let trigger = declared(ctx, tier, queue.pinned_members.is_some(), needed);
    let work = if workers > 0 {
        let pods = if workers == 1 { "worker pod" } else { "worker pods" };
        format!("{} jobs a second wait for {workers} {pods}", figure(jobs))
    } else {
        "Services and consumers scale apart".to_owned()
    };
    on(rung, trigger, format!("{work}{}.", members(ctx, tier, trigger)))
}
