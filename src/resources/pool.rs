//! The pool: the only way to the database. Each pod is `PgBouncer`, a router that knows where the
//! primary is, and an agent that pauses around planned changes.
//!
//! Must never make its readiness depend on the database behind it: clients wait in the pool.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec, DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, KeyToPath, Lifecycle, LifecycleHandler, PodSpec,
    PodTemplateSpec, Secret, SecretVolumeSource, Service, ServicePort, ServiceSpec, SleepAction, Volume,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::database_pod::{mount, port};
use super::meta::{Part, hash};
use super::{Context, DesiredSet, Stage, database, names, network, pod, pool_config};
use crate::domain::EngineImages;
use crate::planner::{PoolSettings, Tier, TierPlan, TierSettings};

/// The pool as part of an application.
pub const PART: Part<'static> = Part { component: "pool", name: "pgbouncer", service: None };

/// Until `PgBouncer` is told to stop: five seconds until no new client comes, and six in which the
/// agent lets idle ones go one by one.
const STOP_AFTER_SECONDS: i64 = 11;

fn planned<'a>(context: &Context<'a>) -> Option<(&'a TierPlan, &'a PoolSettings)> {
    context.app.database.as_ref()?;
    let tier = context.plan.tier(Tier::Pool)?;
    match &tier.settings {
        TierSettings::Pool(settings) => Some((tier, settings)),
        _ => None,
    }
}

/// Adds the pool's objects.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some((tier, settings)) = planned(context) else { return };
    let config = config_map(context, settings);
    set.add_some(Stage::Foundation, auth(context).as_ref());
    set.add(Stage::Foundation, &network_policy(context));
    set.add(Stage::Foundation, &service(context, names::pool(&context.app.name), "pgbouncer"));
    set.add(Stage::Foundation, &service(context, names::pool_direct(&context.app.name), "direct"));
    set.add_some(Stage::Foundation, disruption_budget(context, tier).as_ref());
    set.add(Stage::Foundation, &deployment(context, tier, settings, &config));
    set.add(Stage::Foundation, &config);
}

fn config_map(context: &Context<'_>, settings: &PoolSettings) -> ConfigMap {
    let planned = database::planned(context).map_or(1, |(tier, _)| tier.replicas.max);
    let pinned = context.app.database.as_ref().and_then(|database| database.pin.members).unwrap_or(1);
    let slots = database::slots(planned.max(pinned));
    ConfigMap {
        metadata: PART.meta(context.app, names::pool(&context.app.name)),
        data: Some(BTreeMap::from([
            ("pgbouncer.ini".to_owned(), pool_config::pgbouncer(context, settings)),
            ("haproxy.cfg".to_owned(), pool_config::router(context, settings, slots)),
        ])),
        ..ConfigMap::default()
    }
}

/// The users that the pool lets in, and the word by which the agent knows the operator.
fn auth(context: &Context<'_>) -> Option<Secret> {
    let passwords = context.passwords(Tier::Database)?;
    let users = format!("\"app\" \"{}\"\n", passwords.get("app-password"));
    Some(Secret {
        metadata: PART.meta(context.app, names::pool_auth(&context.app.name)),
        type_: Some("Opaque".to_owned()),
        data: Some(BTreeMap::from([
            ("userlist.txt".to_owned(), ByteString(users.into_bytes())),
            ("agent-token".to_owned(), ByteString(passwords.get("agent-token").as_bytes().to_vec())),
        ])),
        ..Secret::default()
    })
}

fn network_policy(context: &Context<'_>) -> NetworkPolicy {
    let mut ingress = vec![
        network::from(Some(vec![network::components(context, &["web", "worker", "cron", "migration"])]), &[6432, 5001]),
        network::from(Some(vec![network::operator()]), &[8432]),
    ];
    ingress.extend(network::metrics(context, &[8405, 8432]));
    let members = network::components(context, &["database"]);
    let egress = vec![network::to(Some(vec![members]), &[5432, 8008, 8009]), network::to_dns()];
    network::policy(context, &PART, names::pool(&context.app.name), ingress, Some(egress))
}

fn service(context: &Context<'_>, name: String, target: &str) -> Service {
    Service {
        metadata: PART.meta(context.app, name),
        spec: Some(ServiceSpec {
            selector: Some(PART.selector(context.app)),
            // A pool on the caller's node is nearer, and a lost node takes fewer callers' connections with it.
            traffic_distribution: Some("PreferSameNode".to_owned()),
            ports: Some(vec![ServicePort {
                name: Some("postgresql".to_owned()),
                port: 5432,
                target_port: Some(IntOrString::String(target.to_owned())),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn disruption_budget(context: &Context<'_>, tier: &TierPlan) -> Option<PodDisruptionBudget> {
    (tier.replicas.max >= 2).then(|| PodDisruptionBudget {
        metadata: PART.meta(context.app, names::pool(&context.app.name)),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(PART.label_selector(context.app)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

fn deployment(context: &Context<'_>, tier: &TierPlan, settings: &PoolSettings, config: &ConfigMap) -> Deployment {
    let texts = config.data.iter().flatten().map(|(_, text)| text.as_str());
    Deployment {
        metadata: PART.meta(context.app, names::pool(&context.app.name)),
        spec: Some(DeploymentSpec {
            replicas: Some(i32::try_from(tier.replicas.max).unwrap_or(i32::MAX)),
            selector: PART.label_selector(context.app),
            strategy: Some(DeploymentStrategy {
                type_: Some("RollingUpdate".to_owned()),
                rolling_update: Some(RollingUpdateDeployment {
                    max_surge: Some(IntOrString::Int(i32::try_from(settings.surge.max(1)).unwrap_or(1))),
                    max_unavailable: Some(IntOrString::Int(0)),
                }),
            }),
            revision_history_limit: Some(3),
            template: template(context, settings, hash(texts)),
            ..DeploymentSpec::default()
        }),
        ..Deployment::default()
    }
}

fn template(context: &Context<'_>, settings: &PoolSettings, config_hash: String) -> PodTemplateSpec {
    let images = &context.environment.images;
    PodTemplateSpec {
        metadata: Some(PART.template_meta(context.app, Some(config_hash))),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            image_pull_secrets: pod::pull_secrets(context),
            security_context: Some(pod::engine_pod_security()),
            termination_grace_period_seconds: Some(60),
            topology_spread_constraints: Some(pod::spread(&PART.label_selector(context.app), false)),
            // The router is a native sidecar: it starts before PgBouncer and stops after it.
            init_containers: Some(vec![router(context, images, settings)]),
            containers: vec![pgbouncer(context, images, settings), agent(context, images, settings)],
            volumes: Some(volumes(context)),
            ..PodSpec::default()
        }),
    }
}

fn pgbouncer(context: &Context<'_>, images: &EngineImages, settings: &PoolSettings) -> Container {
    Container {
        name: "pgbouncer".to_owned(),
        image: Some(images.pgbouncer.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        ports: Some(vec![port("pgbouncer", 6432)]),
        resources: Some(pod::resources(context, &settings.pgbouncer)),
        security_context: Some(pod::engine_container_security()),
        readiness_probe: Some(pod::tcp_probe("pgbouncer", 2, 2)),
        liveness_probe: Some(pod::tcp_probe("pgbouncer", 10, 3)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                sleep: Some(SleepAction { seconds: STOP_AFTER_SECONDS }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            mount("config", "/etc/pgbouncer", true),
            mount("auth", "/etc/pgbouncer-auth", true),
            mount("console", "/run/pgbouncer", false),
        ]),
        ..Container::default()
    }
}

fn router(context: &Context<'_>, images: &EngineImages, settings: &PoolSettings) -> Container {
    Container {
        name: "router".to_owned(),
        image: Some(images.haproxy.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        restart_policy: Some("Always".to_owned()),
        ports: Some(vec![port("direct", 5001), port("reads", 5002), port("router-health", 8405)]),
        resources: Some(pod::resources(context, &settings.router)),
        security_context: Some(pod::engine_container_security()),
        startup_probe: Some(pod::http_probe("/healthz", "router-health", 1, 60)),
        readiness_probe: Some(pod::http_probe("/readyz", "router-health", 2, 2)),
        liveness_probe: Some(pod::http_probe("/healthz", "router-health", 10, 3)),
        volume_mounts: Some(vec![
            mount("router-config", "/etc/haproxy", true),
            mount("router-run", "/run/haproxy", false),
        ]),
        ..Container::default()
    }
}

/// An ordinary container: it learns of the pod's end at once, and then lets the clients go.
/// It has no readiness: a pool without its agent serves.
fn agent(context: &Context<'_>, images: &EngineImages, settings: &PoolSettings) -> Container {
    Container {
        name: "agent".to_owned(),
        image: Some(images.operator.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(vec!["agent".to_owned(), "pool".to_owned()]),
        ports: Some(vec![port("agent", 8432)]),
        resources: Some(pod::resources(context, &settings.agent)),
        security_context: Some(pod::engine_container_security()),
        liveness_probe: Some(pod::http_probe("/healthz", "agent", 10, 3)),
        volume_mounts: Some(vec![
            mount("console", "/run/pgbouncer", false),
            mount("agent-token", "/etc/scaledapp", true),
        ]),
        ..Container::default()
    }
}

fn volumes(context: &Context<'_>) -> Vec<Volume> {
    let app = &context.app.name;
    let config = |volume: &str, key: &str| Volume {
        name: volume.to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: names::pool(app),
            items: Some(vec![KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() }]),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    };
    let secret = |volume: &str, key: &str| Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(names::pool_auth(app)),
            items: Some(vec![KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    let empty = |volume: &str| Volume {
        name: volume.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    vec![
        config("config", "pgbouncer.ini"),
        config("router-config", "haproxy.cfg"),
        secret("auth", "userlist.txt"),
        secret("agent-token", "agent-token"),
        empty("console"),
        empty("router-run"),
    ]
}
