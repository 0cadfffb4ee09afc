//! Workers: one Deployment for each, as many pods as the plan says, each one job at a time.
//!
//! Must never end a job that is in progress: a pod that is told to stop has time to finish it, and what it cannot
//! finish goes back to the queue because it was not acknowledged.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};

use super::meta::Part;
use super::{Context, DesiredSet, Stage, application, autoscaling, bindings, disruption, names, network, pod, rollout};
use crate::domain::ValidWorker;
use crate::planner::{Tier, TierPlan, TierSettings, WorkerSettings};

/// A pod that lives this long has started: workers have no port that could be asked.
const STARTED_AFTER_SECONDS: i32 = 5;

/// All objects of the workers.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    for worker in &context.app.workers {
        if let Some(tier) = context.plan.worker(&worker.name)
            && let TierSettings::Worker(settings) = &tier.settings
        {
            build_worker(context, worker, tier, settings, set);
        }
    }
}

/// The part of a worker's objects.
#[must_use]
pub fn part(worker: &ValidWorker) -> Part<'_> {
    Part { component: Tier::Worker.component(), name: &worker.name, service: Some(&worker.name) }
}

fn build_worker(
    context: &Context<'_>,
    worker: &ValidWorker,
    tier: &TierPlan,
    settings: &WorkerSettings,
    set: &mut DesiredSet,
) {
    let (part, name) = (part(worker), names::worker(&context.app.name, &worker.name));
    let min = tier.replicas.min;
    // Nobody calls a worker; whoever is named as a reader of metrics finds them on the port that it chose.
    let readers = context.app.network.metrics_from.as_ref().and_then(|_| network::metrics(context, &[]));
    let policy =
        network::policy(context, &part, name.clone(), Vec::from_iter(readers), network::application_egress(context));
    set.add(Stage::Foundation, &policy);
    let budget = disruption::stateless(context, &part, name.clone(), min, settings.max_unavailable);
    set.add_some(Stage::Foundation, budget.as_ref());
    let deployment = set.add(Stage::Serve, &deployment(context, worker, &part, tier, settings));
    deployment.seed_replicas = settings.autoscaled.then_some(min);
    let autoscaler =
        settings.autoscaled.then(|| autoscaling::by_cpu(context, &part, name, tier, settings.target_cpu_percent));
    set.add_some(Stage::Serve, autoscaler.as_ref());
}

fn deployment(
    context: &Context<'_>,
    worker: &ValidWorker,
    part: &Part<'_>,
    tier: &TierPlan,
    settings: &WorkerSettings,
) -> Deployment {
    let app = context.app;
    Deployment {
        metadata: part.meta(app, names::worker(&app.name, &worker.name)),
        spec: Some(DeploymentSpec {
            replicas: (!settings.autoscaled).then_some(tier.replicas.min.cast_signed()),
            strategy: Some(rollout::surge_only(settings.surge)),
            min_ready_seconds: Some(STARTED_AFTER_SECONDS),
            progress_deadline_seconds: Some(rollout::PROGRESS_DEADLINE_SECONDS),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            selector: part.label_selector(app),
            template: PodTemplateSpec {
                metadata: Some(part.template_meta(app, bindings::hash(context))),
                spec: Some(pod_spec(context, worker, part, tier, settings)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn pod_spec(
    context: &Context<'_>,
    worker: &ValidWorker,
    part: &Part<'_>,
    tier: &TierPlan,
    settings: &WorkerSettings,
) -> PodSpec {
    let container = application::container(context, &worker.container, None, &tier.per_replica);
    PodSpec {
        topology_spread_constraints: Some(pod::spread(&part.label_selector(context.app), false)),
        // SIGTERM comes at once: no new job is taken, and the one in progress has this long.
        termination_grace_period_seconds: Some(i64::from(settings.finish_seconds)),
        ..application::pod(context, &worker.container, container)
    }
}
