//! The web tier: one Deployment for each service, its two Services, autoscaler, budget and policy.
//!
//! Where an autoscaler owns the number of pods, the Deployment never names one.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{Container, ContainerPort, PodSpec, PodTemplateSpec, Probe};
use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::meta::Part;
use super::{
    Context, DesiredSet, Stage, application, autoscaling, bindings, disruption, names, network, pod, rollout, routes,
};
use crate::domain::ValidService;
use crate::planner::{Tier, TierPlan, TierSettings, WebSettings};

/// From the deletion of a pod to SIGTERM: the edge has forgotten the pod by then, also where the cluster's DNS
/// answers from a cache of five seconds. Pods that stop do not hold up a roll-out.
const STOP_AFTER_SECONDS: i64 = 10;
/// From SIGTERM to SIGKILL: what the application has to finish its requests.
const FINISH_SECONDS: i64 = 30;
/// How long a start may take.
const START_SECONDS: i32 = 300;

/// All objects of the web tier.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    for service in &context.app.services {
        if let Some(tier) = context.plan.web(&service.name)
            && let TierSettings::Web(settings) = &tier.settings
        {
            build_service(context, service, tier, settings, set);
        }
    }
}

/// The part of a service's objects.
#[must_use]
pub fn part(service: &ValidService) -> Part<'_> {
    Part { component: Tier::Web.component(), name: &service.name, service: Some(&service.name) }
}

fn build_service(
    context: &Context<'_>,
    service: &ValidService,
    tier: &TierPlan,
    settings: &WebSettings,
    set: &mut DesiredSet,
) {
    let app = &context.app.name;
    let part = part(service);
    let name = names::web(app, &service.name);
    let (min, budget) = (tier.replicas.min, settings.max_unavailable);
    // Once an edge is before a service, nobody else comes from outside: not before the edge answers.
    let behind_edge = routes::has_edge(context) && is_public(context, service);
    set.add(Stage::Foundation, &policy(context, service, &part, name.clone())).leads_to =
        behind_edge.then(|| names::edge(app)).into_iter().collect();
    set.add(Stage::Foundation, &rollout::http_service(context, &part, name.clone(), 80, false));
    let pods = names::web_pods(app, &service.name);
    set.add(Stage::Foundation, &rollout::http_service(context, &part, pods, service.port, true));
    set.add_some(Stage::Foundation, disruption::stateless(context, &part, name.clone(), min, budget).as_ref());
    let deployment = set.add(Stage::Serve, &deployment(context, service, &part, tier, settings));
    deployment.seed_replicas = settings.autoscaled.then_some(min);
    let autoscaler =
        settings.autoscaled.then(|| autoscaling::by_cpu(context, &part, name, tier, settings.target_cpu_percent));
    set.add_some(Stage::Serve, autoscaler.as_ref());
}

fn deployment(
    context: &Context<'_>,
    service: &ValidService,
    part: &Part<'_>,
    tier: &TierPlan,
    settings: &WebSettings,
) -> Deployment {
    let app = context.app;
    Deployment {
        metadata: part.meta(app, names::web(&app.name, &service.name)),
        spec: Some(DeploymentSpec {
            replicas: (!settings.autoscaled).then_some(tier.replicas.min.cast_signed()),
            strategy: Some(rollout::surge_only(settings.surge)),
            // An old pod goes only when the edge has found the new one in DNS.
            min_ready_seconds: routes::has_edge(context).then_some(10),
            progress_deadline_seconds: Some(rollout::PROGRESS_DEADLINE_SECONDS.max(2 * START_SECONDS)),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            selector: part.label_selector(app),
            template: PodTemplateSpec {
                metadata: Some(part.template_meta(app, bindings::hash(context))),
                spec: Some(pod_spec(context, service, part, tier)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn pod_spec(context: &Context<'_>, service: &ValidService, part: &Part<'_>, tier: &TierPlan) -> PodSpec {
    PodSpec {
        topology_spread_constraints: Some(pod::spread(&part.label_selector(context.app), false)),
        termination_grace_period_seconds: Some(STOP_AFTER_SECONDS + FINISH_SECONDS),
        ..application::pod(context, &service.container, container(context, service, tier))
    }
}

fn container(context: &Context<'_>, service: &ValidService, tier: &TierPlan) -> Container {
    let health = &service.health;
    let startup = health.startup_path.as_ref().or(health.readiness_path.as_ref());
    Container {
        ports: Some(vec![ContainerPort {
            name: Some("http".to_owned()),
            container_port: i32::from(service.port),
            protocol: Some("TCP".to_owned()),
            ..ContainerPort::default()
        }]),
        startup_probe: Some(probe(startup, 1, START_SECONDS)),
        readiness_probe: Some(probe(health.readiness_path.as_ref(), 2, 3)),
        // A busy process is slow to answer: a minute of silence is death, a few seconds are not.
        liveness_probe: health
            .liveness_path
            .as_ref()
            .map(|path| Probe { timeout_seconds: Some(5), ..pod::http_probe(path, "http", 10, 6) }),
        lifecycle: Some(rollout::stop_after(STOP_AFTER_SECONDS)),
        ..application::container(context, &service.container, Some(service), &tier.per_replica)
    }
}

fn probe(path: Option<&String>, period_seconds: i32, failures: i32) -> Probe {
    match path {
        Some(path) => pod::http_probe(path, "http", period_seconds, failures),
        None => pod::tcp_probe("http", period_seconds, failures),
    }
}

fn is_public(context: &Context<'_>, service: &ValidService) -> bool {
    routes::public_services(context.app).iter().any(|public| public.name == service.name)
}

/// Callers: all that are given its address, and the edge; without an edge whoever may come from outside, if a path leads here.
fn policy(context: &Context<'_>, service: &ValidService, part: &Part<'_>, name: String) -> NetworkPolicy {
    let ports = [service.port];
    let is_public = is_public(context, service);
    let mut ingress = Vec::new();
    if is_public && !routes::has_edge(context) {
        ingress.push(network::visitors(context, &ports));
    } else {
        let mut callers = vec!["cron", "migration", "web", "worker"];
        callers.extend(is_public.then_some("edge"));
        ingress.push(network::from(Some(vec![network::components(context, &callers)]), &ports));
    }
    // An application shows its metrics on its only port; whoever is named as their reader reaches it.
    if context.app.network.metrics_from.is_some() {
        ingress.extend(network::metrics(context, &ports));
    }
    network::policy(context, part, name, ingress, network::application_egress(context))
}
