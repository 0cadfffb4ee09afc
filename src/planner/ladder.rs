//! The ladder from one server to millions of users: which rungs are on, and why.
//!
//! Reads the planned tiers; decides nothing but the sentences and the triggers.

use strum::IntoEnumIterator;

use super::database::{self, DatabaseNeed, Members};
use super::packing::{Context, figure};
use super::plan::{LadderRung, Rung, TierPlan};
use super::web::{Shape, WebNeed};
use crate::api::Trigger;

/// What the ladder is read from.
#[derive(Clone, Copy, Debug)]
pub struct Climb<'a> {
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
}

/// The rungs that this version can climb.
pub const OFFERED: [Rung; 2] = [Rung::LoadBalancer, Rung::DatabaseReplicas];

/// The rungs, in order.
#[must_use]
pub fn ladder(ctx: &Context<'_>, climb: &Climb<'_>) -> Vec<LadderRung> {
    Rung::iter()
        .map(|rung| match rung {
            Rung::LoadBalancer => load_balancer(ctx, climb),
            Rung::DatabaseReplicas => replicas(ctx, climb),
            Rung::Shards => off(rung, "One primary takes all writes; this version does not shard."),
            Rung::Cache => off(rung, "This version offers no cache: every query reaches the database."),
            Rung::CachingProxy => {
                off(rung, "This version offers no caching proxy: every request reaches the services.")
            }
            Rung::SharedSessions => {
                off(rung, "This version offers no session store: keep sessions in the database or in signed cookies.")
            }
            Rung::Queue => off(rung, "This version offers no queue and no workers."),
            Rung::Regions => off(rung, "This version serves from one region."),
        })
        .collect()
}

fn off(rung: Rung, because: impl Into<String>) -> LadderRung {
    LadderRung { rung, on: false, trigger: None, because: because.into() }
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
fn rounded(share: f64) -> String {
    percent((share * 1000.0).floor() / 1000.0)
}

fn load_balancer(ctx: &Context<'_>, climb: &Climb<'_>) -> LadderRung {
    let rung = Rung::LoadBalancer;
    let Some(trigger) = web_trigger(ctx, climb.web) else {
        let busy: f64 = climb.web.iter().map(|(need, _)| need.busy_horizon).sum();
        return off(
            rung,
            format!("One web pod a service bears the {} busy cores of the peak, and {}.", figure(busy), enough(ctx)),
        );
    };
    let pods: u32 = climb.services.iter().map(|t| t.replicas.max).sum();
    let because = match trigger {
        Trigger::Capacity => {
            let worst = climb
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
    let because =
        if climb.edge { because } else { format!("{because} No service has paths, so there is no edge before them.") };
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

fn replicas(ctx: &Context<'_>, climb: &Climb<'_>) -> LadderRung {
    let rung = Rung::DatabaseReplicas;
    let Some((need, members)) = climb.database else {
        return off(rung, "No database is declared.");
    };
    let staffed = database::staffed(ctx, database::busy(ctx, need, 1));
    let one = format!("{} cores with room for vacuum and waiting", figure(staffed));
    if climb.installed_members < 3 {
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
