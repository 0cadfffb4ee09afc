//! What the operator says of an application: computed from what was observed and applied, written
//! only when it differs.
//!
//! No field changes with time alone, and nothing is recounted here that the command line can tell.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Api, Patch, PatchParams};
use kube::{Resource, ResourceExt};
use serde_json::json;
use strum::IntoStaticStr;

use crate::api::{
    LadderStatus, MAX_TIERS, PlanStatus, ProposedChange, ProposedStatus, ScaledApp, ScaledAppStatus, TierStatus, labels,
};
use crate::domain::Backing;
use crate::planner::{Plan, Tier};
use crate::resources::names;

use super::conditions::{self, Facts, TierFacts};
use super::context::Context;
use super::database;
use super::decide::Accepted;
use super::error::{Class, Staged, class_of, is_not_found};
use super::external;
use super::observe::Observed;
use super::queue;
use super::reconcile::Report;
use super::tiers;

/// Most proposed changes that are shown.
const MOST_CHANGES: usize = 32;
/// Longest reason of a proposed change.
const LONGEST_REASON: usize = 160;

/// Errors of writing the status.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum StatusError {
    /// The status could not be written.
    #[error("the status could not be written: {0}")]
    StatusFailed(#[source] kube::Error),
}

impl Staged for StatusError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::StatusFailed(source) => class_of(source),
        }
    }
}

/// Writes the status if it differs from the stored one.
///
/// # Errors
/// When the API server refuses it.
pub async fn write(ctx: &Context, observed: &Observed, report: &Report) -> Result<(), StatusError> {
    let old = observed.app.status.clone().unwrap_or_default();
    let new = compute(observed, report, &old, &Time(Timestamp::now()));
    if new == old {
        return Ok(());
    }
    let api: Api<ScaledApp> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let body = json!({
        "apiVersion": ScaledApp::api_version(&()),
        "kind": ScaledApp::kind(&()),
        "metadata": {"name": observed.name, "namespace": observed.namespace, "uid": observed.app.uid()},
        "status": new,
    });
    let params = PatchParams::apply(labels::STATUS_MANAGER).force();
    match api.patch_status(&observed.name, &params, &Patch::Apply(&body)).await {
        Ok(_) => Ok(()),
        Err(error) if is_not_found(&error) => Ok(()),
        Err(error) => Err(StatusError::StatusFailed(error)),
    }
}

/// The status of an application.
#[must_use]
pub fn compute(observed: &Observed, report: &Report, old: &ScaledAppStatus, now: &Time) -> ScaledAppStatus {
    let accepted = report.accepted.as_ref();
    let tiers = accepted.map(|accepted| tiers::facts(accepted, observed)).unwrap_or_default();
    let generation = observed.app.metadata.generation.unwrap_or_default();
    let facts = Facts {
        generation,
        paused: report.paused,
        advises: report.advises,
        plan: accepted.map(|accepted| accepted.plan.hash.clone()),
        refusal: report.refusal.clone(),
        lacks: report.lacks.clone(),
        troubles: report.troubles.clone(),
        database: accepted.and_then(|a| database::facts(&a.plan, report.database.as_ref(), observed)),
        queue: accepted.and_then(|a| queue::health(a, report.queue.as_ref())),
        tiers,
    };
    ScaledAppStatus {
        observed_generation: Some(generation),
        conditions: conditions::all(&facts, &old.conditions, now),
        rung: accepted.and_then(|accepted| highest_rung(&accepted.plan)),
        web: counts(&facts.tiers, Tier::Web),
        database: counts(&facts.tiers, Tier::Database).or_else(|| accepted.and_then(elsewhere)),
        url: accepted.and_then(url),
        plan: observed
            .revisions
            .newest()
            .map(|newest| PlanStatus { revision: newest.name.clone(), hash: newest.plan.hash.clone() }),
        proposed: accepted.and_then(|accepted| proposed(&accepted.plan)),
        ladder: accepted.map(|accepted| ladder(&accepted.plan)).unwrap_or_default(),
        tiers: accepted.map(|accepted| all_tiers(accepted, &facts, report)).unwrap_or_default(),
    }
}

/// Members that are ready, of those that are planned at least, over all tiers of a sort.
fn counts(tiers: &[TierFacts], tier: Tier) -> Option<String> {
    let of_sort: Vec<&TierFacts> = tiers.iter().filter(|facts| facts.tier == tier).collect();
    let sum = |of: fn(&TierFacts) -> i32| of_sort.iter().map(|facts| of(facts)).sum::<i32>();
    (!of_sort.is_empty()).then(|| format!("{}/{}", sum(|f| f.ready), sum(|f| f.wanted)))
}

/// The tiers of our own, and those that somebody else runs.
fn all_tiers(accepted: &Accepted, facts: &Facts, report: &Report) -> Vec<TierStatus> {
    let mut tiers = tiers::status(accepted, facts, &report.bands);
    tiers.extend(external::status(&accepted.app, &report.externals));
    tiers.truncate(MAX_TIERS);
    tiers
}

/// An external database has no members to count.
fn elsewhere(accepted: &Accepted) -> Option<String> {
    accepted.app.externals.has(Backing::Database).then(|| "External".to_owned())
}

fn highest_rung(plan: &Plan) -> Option<String> {
    plan.ladder.iter().rev().find(|rung| rung.on).map(|rung| rung.rung.to_string())
}

fn ladder(plan: &Plan) -> Vec<LadderStatus> {
    plan.ladder
        .iter()
        .map(|rung| LadderStatus { rung: rung.rung.to_string(), on: rung.on, trigger: rung.trigger })
        .collect()
}

fn proposed(plan: &Plan) -> Option<ProposedStatus> {
    let proposal = plan.proposed.as_ref()?;
    let short = |change: &ProposedChange| ProposedChange {
        object: change.object.clone(),
        class: change.class,
        reason: change.reason.chars().take(LONGEST_REASON).collect(),
    };
    let changes = proposal.changes.iter().take(MOST_CHANGES).map(short).collect();
    Some(ProposedStatus { hash: proposal.hash.clone(), changes })
}

/// Where users reach the application: the first host, or the way in inside the cluster.
fn url(accepted: &Accepted) -> Option<String> {
    let app = &accepted.app;
    if let Some(ingress) = &app.ingress
        && let Some(host) = ingress.hosts.first()
    {
        let secure = ingress.tls.iter().any(|tls| serde_json::to_string(tls).is_ok_and(|text| text.contains(host)));
        return Some(format!("{}://{host}", if secure { "https" } else { "http" }));
    }
    let service = match accepted.plan.tier(Tier::Edge) {
        Some(_) => names::edge(&app.name),
        None => names::web(&app.name, &app.services.first()?.name),
    };
    Some(format!("http://{}", names::host(&service, &app.namespace)))
}
