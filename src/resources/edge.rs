//! The edge: `HAProxy` in front of the web tier, where the plan has it.
//!
//! It finds the pods by DNS and checks them itself, so it needs neither the operator nor the API
//! server while it runs.

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, PodSpec,
    PodTemplateSpec, Probe, SecretKeySelector, Service, ServicePort, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::{self, Part};
use super::{
    Context, DesiredSet, Stage, disruption, edge_config, edge_proxy_config, members, names, network, pod, proxy,
    rollout,
};
use crate::planner::{Tier, TierPlan, TierSettings};

/// Port for requests.
pub const PORT: u16 = 8080;
/// Port for health, metrics and statistics.
pub const ADMIN_PORT: u16 = 8405;
/// Pods of a roll-out beside those of the plan.
pub const SURGE: u32 = 1;
/// Key of the configuration in its `ConfigMap`.
const CONFIG_KEY: &str = "haproxy.cfg";
/// From the deletion of a pod to the soft stop: the ingress controller has forgotten the pod by then.
const STOP_AFTER_SECONDS: i64 = 5;
/// Beyond `hard-stop-after`, so that the process always ends by itself.
const FINISH_SECONDS: i64 = edge_config::HARD_STOP_SECONDS + 5;

const PART: Part<'static> = Part { component: Tier::Edge.component(), name: "haproxy", service: None };

/// All objects of the edge.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some(tier) = context.plan.tier(Tier::Edge) else { return };
    let TierSettings::Edge(settings) = &tier.settings else { return };
    let app = context.app;
    let name = names::edge(&app.name);
    let replicas = tier.replicas.max;
    let config = edge_config::text(context, tier, settings);
    let mut ingress = vec![network::visitors(context, &[PORT])];
    ingress.extend(network::metrics(context, &[ADMIN_PORT]));
    if proxy::planned(context).is_some() {
        let proxy = network::components(context, &[Tier::Proxy.component()]);
        ingress.push(network::from(Some(vec![proxy]), &[proxy::ORIGIN_PORT]));
        ingress.push(network::from(Some(vec![network::own_pods(context)]), &[proxy::PURGE_PORT]));
        // By it a purge finds all edges.
        let port = members::service_port("purge", proxy::PURGE_PORT, IntOrString::String("purge".to_owned()));
        let members = names::engine_members(&app.name, Tier::Edge);
        set.add(Stage::Foundation, &members::headless(context, &PART, members, vec![port]));
    }
    let egress = network::own_egress(context);
    let policy = network::policy(context, &PART, name.clone(), ingress, egress);
    set.add(Stage::Foundation, &policy);
    set.add(Stage::Foundation, &service(context, name.clone()));
    set.add_some(Stage::Foundation, disruption::stateless(context, &PART, name.clone(), replicas, 1).as_ref());
    // With the Deployment and not before: a pod that restarts meanwhile must not read routes to what is not there yet.
    set.add(Stage::Serve, &config_map(context, name.clone(), &config)).early = true;
    set.add(Stage::Serve, &deployment(context, name, tier, replicas, &config)).early = true;
}

/// For clients, and beside them for the proxy and for who purges it.
fn service(context: &Context<'_>, name: String) -> Service {
    let mut service = rollout::http_service(context, &PART, name, 80, false);
    let ports = service.spec.as_mut().and_then(|spec| spec.ports.as_mut());
    if let (Some(ports), Some(_)) = (ports, proxy::planned(context)) {
        ports.extend([("origin", proxy::ORIGIN_PORT), ("purge", proxy::PURGE_PORT)].map(|(name, number)| {
            ServicePort {
                name: Some(name.to_owned()),
                port: i32::from(number),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String(name.to_owned())),
                ..ServicePort::default()
            }
        }));
    }
    service
}

fn config_map(context: &Context<'_>, name: String, config: &str) -> ConfigMap {
    ConfigMap {
        metadata: PART.meta(context.app, name),
        data: Some([(CONFIG_KEY.to_owned(), config.to_owned())].into()),
        ..ConfigMap::default()
    }
}

fn deployment(context: &Context<'_>, name: String, tier: &TierPlan, replicas: u32, config: &str) -> Deployment {
    let app = context.app;
    Deployment {
        metadata: PART.meta(app, name.clone()),
        spec: Some(DeploymentSpec {
            replicas: Some(replicas.cast_signed()),
            strategy: Some(rollout::surge_only(SURGE)),
            progress_deadline_seconds: Some(rollout::PROGRESS_DEADLINE_SECONDS),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            selector: PART.label_selector(app),
            template: PodTemplateSpec {
                metadata: Some(PART.template_meta(app, Some(config_hash(context, config)))),
                spec: Some(pod_spec(context, name, tier)),
            },
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

/// Hash of what a pod reads only at its start.
fn config_hash(context: &Context<'_>, config: &str) -> String {
    let secrets = proxy::planned(context).and_then(|_| proxy::secrets_hash(context));
    meta::hash([Some(config), secrets.as_deref()].into_iter().flatten())
}

fn pod_spec(context: &Context<'_>, config_map: String, tier: &TierPlan) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: pod::pull_secrets(context),
        security_context: Some(pod::engine_pod_security()),
        topology_spread_constraints: Some(pod::spread(&PART.label_selector(context.app), false)),
        termination_grace_period_seconds: Some(STOP_AFTER_SECONDS + FINISH_SECONDS),
        containers: vec![container(context, tier)],
        volumes: Some(vec![
            Volume {
                name: "config".to_owned(),
                config_map: Some(ConfigMapVolumeSource { name: config_map, ..ConfigMapVolumeSource::default() }),
                ..Volume::default()
            },
            Volume {
                name: "run".to_owned(),
                empty_dir: Some(EmptyDirVolumeSource {
                    size_limit: Some(Quantity("1Mi".to_owned())),
                    ..EmptyDirVolumeSource::default()
                }),
                ..Volume::default()
            },
        ]),
        ..PodSpec::default()
    }
}

fn container(context: &Context<'_>, tier: &TierPlan) -> Container {
    let port = |name: &str, number: u16| ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    };
    let mount = |name: &str, path: &str, read_only: Option<bool>| VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only,
        ..VolumeMount::default()
    };
    let mut ports = vec![port("http", PORT), port("admin", ADMIN_PORT)];
    let by_proxy = proxy::planned(context).is_some();
    if by_proxy {
        ports.extend([port("origin", proxy::ORIGIN_PORT), port("purge", proxy::PURGE_PORT)]);
    }
    Container {
        name: "haproxy".to_owned(),
        image: Some(context.environment.images.haproxy.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        ports: Some(ports),
        env: by_proxy.then(|| vec![purge_token(context)]),
        resources: Some(pod::resources(context, &tier.per_replica)),
        security_context: Some(pod::engine_container_security()),
        readiness_probe: Some(pod::http_probe("/readyz", "admin", 1, 3)),
        liveness_probe: Some(Probe { timeout_seconds: Some(5), ..pod::http_probe("/healthz", "admin", 10, 6) }),
        lifecycle: Some(rollout::stop_after(STOP_AFTER_SECONDS)),
        volume_mounts: Some(vec![mount("config", "/etc/haproxy", Some(true)), mount("run", "/run/haproxy", None)]),
        ..Container::default()
    }
}

fn purge_token(context: &Context<'_>) -> EnvVar {
    EnvVar {
        name: edge_proxy_config::TOKEN_VARIABLE.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: names::engine_auth(&context.app.name, Tier::Proxy),
                key: proxy::PURGE_TOKEN.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
