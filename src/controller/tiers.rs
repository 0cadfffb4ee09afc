//! The tiers as they are: the plan's wishes beside what Deployments, `StatefulSets` and pods say.
//! Pure.

use crate::api::{PlannedReplicas, TierBands, TierStatus, labels};
use crate::planner::{Tier, TierPlan, TierSettings};
use crate::resources::names;

use super::bands::Bands;
use super::children::number;
use super::conditions::{Facts, RouterFacts, TierFacts};
use super::decide::Accepted;
use super::observe::Observed;
use super::pods::PodView;

/// Longest message of a tier.
const LONGEST: usize = 300;

/// Every tier of a plan as it is.
#[must_use]
pub fn facts(accepted: &Accepted, observed: &Observed) -> Vec<TierFacts> {
    accepted.plan.tiers.iter().map(|tier| one(accepted, tier, observed)).collect()
}

fn one(accepted: &Accepted, tier: &TierPlan, observed: &Observed) -> TierFacts {
    let (kind, name) = workload(accepted, tier);
    let live = observed.child_named(kind, &name);
    let count = |path: &str| live.and_then(|l| number(l, path)).unwrap_or(0);
    let desired = live.map_or(0, |l| number(l, "/spec/replicas").unwrap_or(1));
    let seen = live.is_some_and(|l| number(l, "/status/observedGeneration") >= l.metadata.generation);
    // Members of a database are rolled by the operator, one at a time; being behind is not being incomplete.
    let updated = tier.tier == Tier::Database || count("/status/updatedReplicas") >= desired;
    let pods: Vec<&PodView> = observed.pods.iter().filter(|pod| belongs(pod, tier)).collect();
    TierFacts {
        tier: tier.tier,
        name: tier.name.clone(),
        wanted: i32::try_from(tier.replicas.min).unwrap_or(i32::MAX),
        ready: i32::try_from(count("/status/readyReplicas")).unwrap_or(i32::MAX),
        needed: needed(tier),
        router: router(accepted, tier, observed),
        rolled: seen && updated,
        unschedulable: pods.iter().find_map(|pod| pod.unschedulable().map(str::to_owned)),
        blocked: pods.iter().find_map(|pod| pod.blocked()),
    }
}

/// Members without which a tier does not serve. Whether a database does is its engine's to say.
fn needed(tier: &TierPlan) -> i32 {
    let members = i32::try_from(tier.replicas.min).unwrap_or(i32::MAX);
    match tier.tier {
        Tier::Queue | Tier::Sessions => members / 2 + 1,
        _ => 1.min(members),
    }
}

fn router(accepted: &Accepted, tier: &TierPlan, observed: &Observed) -> Option<RouterFacts> {
    let wanted = match &tier.settings {
        TierSettings::Redis(settings) => settings.router_replicas,
        TierSettings::Queue(settings) => settings.router_replicas,
        _ => return None,
    };
    let live = observed.child_named("Deployment", &names::router(&accepted.app.name, tier.tier));
    let ready = live.and_then(|live| number(live, "/status/readyReplicas")).unwrap_or(0);
    Some(RouterFacts {
        wanted: i32::try_from(wanted).unwrap_or(i32::MAX),
        ready: i32::try_from(ready).unwrap_or(i32::MAX),
    })
}

fn workload(accepted: &Accepted, tier: &TierPlan) -> (&'static str, String) {
    let app = &accepted.app.name;
    match tier.tier {
        Tier::Edge => ("Deployment", names::edge(app)),
        Tier::Web => ("Deployment", names::web(app, &tier.name)),
        Tier::Pool => ("Deployment", names::pool(app)),
        Tier::Database => ("StatefulSet", names::database(app)),
        Tier::Worker => ("Deployment", names::worker(app, &tier.name)),
        Tier::Proxy | Tier::Cache | Tier::Sessions | Tier::Queue => ("StatefulSet", names::engine(app, tier.tier)),
    }
}

fn belongs(pod: &PodView, tier: &TierPlan) -> bool {
    let router = tier.tier.router_component();
    is_member(pod, tier) || (router.is_some() && pod.label(labels::COMPONENT) == router)
}

/// Whether a pod is a member of a tier, and no router before the members.
#[must_use]
pub fn is_member(pod: &PodView, tier: &TierPlan) -> bool {
    let of = |key: &str| pod.label(key) == Some(tier.name.as_str());
    pod.label(labels::COMPONENT) == Some(tier.tier.component())
        && match tier.tier {
            Tier::Web => of(labels::SERVICE),
            Tier::Worker => of(labels::WORKER),
            _ => true,
        }
}

/// The tiers as the status shows them.
#[must_use]
pub fn status(accepted: &Accepted, facts: &Facts, bands: &Bands) -> Vec<TierStatus> {
    let replicas = |count: u32| i32::try_from(count).unwrap_or(i32::MAX);
    accepted
        .plan
        .tiers
        .iter()
        .zip(&facts.tiers)
        .take(crate::api::MAX_TIERS)
        .map(|(tier, own)| TierStatus {
            tier: tier.tier.to_string(),
            name: tier.name.clone(),
            planned: PlannedReplicas { min: replicas(tier.replicas.min), max: replicas(tier.replicas.max) },
            ready: own.ready,
            endpoint: endpoint(accepted, tier),
            bottleneck: Some(tier.bottleneck.to_string()),
            headroom_percent: i32::try_from(tier.headroom_percent).ok(),
            message: message(own, facts),
            bands: bands.get(&(tier.tier, tier.name.clone())).copied().filter(|bands| *bands != TierBands::default()),
        })
        .collect()
}

/// What a tier lacks; of a database that lacks nothing, who has which role; of a queue, what its members lack and
/// what is left from before.
fn message(own: &TierFacts, facts: &Facts) -> Option<String> {
    let engine = match own.tier {
        Tier::Database => facts.database.as_ref().and_then(|database| database.summary.clone()),
        Tier::Queue => facts.queue.as_ref().and_then(|queue| queue.lack.clone().or_else(|| queue.left.clone())),
        _ => None,
    };
    let text = if own.is_complete() { engine } else { Some(own.lack()) };
    text.map(|text| text.chars().take(LONGEST).collect())
}

fn endpoint(accepted: &Accepted, tier: &TierPlan) -> Option<String> {
    let app = &accepted.app.name;
    let (service, port) = match tier.tier {
        Tier::Edge => (names::edge(app), 80),
        Tier::Web => (names::web(app, &tier.name), 80),
        Tier::Pool => (names::pool(app), 5432),
        Tier::Cache | Tier::Sessions => (names::engine(app, tier.tier), 6379),
        Tier::Queue => (names::engine(app, tier.tier), 5672),
        Tier::Database | Tier::Worker | Tier::Proxy => return None,
    };
    Some(format!("{}:{port}", names::host(&service, &accepted.app.namespace)))
}
