//! The caching proxy: Varnish pods over which the edge spreads the addresses, each object in one of them.
//!
//! Must never be needed: with no pod of it the edge asks the services itself, and nobody has to say so.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, PodSpec, PodTemplateSpec, Probe,
    SecretVolumeSource, ServicePort, Volume,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::database_pod::{mount, port};
use super::meta::{self, Part};
use super::{Context, DesiredSet, Stage, credentials, disruption, members, names, network, pod, proxy_config, rollout};
use crate::domain::{Bytes, Millicores};
use crate::planner::{EXPORTER, ProxySettings, Size, Tier, TierPlan, TierSettings};

/// The caching proxy as part of an application.
pub const PART: Part<'static> = Part { component: "proxy", name: "varnish", service: None };
/// Port of a proxy pod for requests.
pub const PORT: u16 = 8080;
/// Port of a proxy pod for health and purges.
pub const ADMIN_PORT: u16 = 8405;
/// Port of a proxy pod for metrics.
pub const METRICS_PORT: u16 = 9131;
/// Port of the edge at which the proxy asks the services.
pub const ORIGIN_PORT: u16 = 8081;
/// Port of the edge at which the application purges.
pub const PURGE_PORT: u16 = 8082;
/// Key of the token that a purge must show, in the generated Secret.
pub const PURGE_TOKEN: &str = "purge-token";

/// From the signal to the end of Varnish: by then the edges send nothing new, and short answers are out.
const DRAIN_SECONDS: i64 = 5;
/// Who compiles VCL writes its files here.
const TEMPORARY_MIB: u64 = 16;

/// The plan of the proxy and its settings; `None` without one.
pub(super) fn planned<'a>(context: &Context<'a>) -> Option<(&'a TierPlan, &'a ProxySettings)> {
    context.app.proxy.as_ref()?;
    let tier = context.plan.tier(Tier::Proxy)?;
    match &tier.settings {
        TierSettings::Proxy(settings) => Some((tier, settings)),
        _ => None,
    }
}

/// Adds the proxy's objects.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some((tier, settings)) = planned(context) else { return };
    let (app, replicas) = (&context.app.name, tier.replicas.max);
    let name = names::engine(app, Tier::Proxy);
    set.add(Stage::Foundation, &network_policy(context, name.clone()));
    set.add(Stage::Foundation, &members::headless(context, &PART, names::engine_members(app, Tier::Proxy), ports()));
    for ordinal in 0..settings.slots.max(replicas) {
        let pod = names::engine_member(app, Tier::Proxy, ordinal);
        set.add(Stage::Foundation, &members::member_service(context, &PART, pod, ports()));
    }
    set.add_some(Stage::Foundation, disruption::stateless(context, &PART, name.clone(), replicas, 1).as_ref());
    set.add(Stage::Serve, &config_map(context, name.clone(), settings)).early = true;
    set.add(Stage::Serve, &stateful_set(context, name, tier, settings)).early = true;
}

/// Edges alone ask; the operator is not needed. It asks the edges, and names.
fn network_policy(context: &Context<'_>, name: String) -> NetworkPolicy {
    let edges = || Some(vec![network::components(context, &[Tier::Edge.component()])]);
    let mut ingress = vec![network::from(edges(), &[PORT, ADMIN_PORT])];
    ingress.extend(network::metrics(context, &[METRICS_PORT]));
    let egress = vec![network::to(edges(), &[ORIGIN_PORT]), network::to_dns()];
    network::policy(context, &PART, name, ingress, Some(egress))
}

fn ports() -> Vec<ServicePort> {
    let named = |(name, port): (&str, u16)| members::service_port(name, port, IntOrString::String(name.to_owned()));
    [("http", PORT), ("admin", ADMIN_PORT)].map(named).into()
}

fn config_map(context: &Context<'_>, name: String, settings: &ProxySettings) -> ConfigMap {
    ConfigMap {
        metadata: PART.meta(context.app, name),
        data: Some(BTreeMap::from([("default.vcl".to_owned(), proxy_config::vcl(context, settings))])),
        ..ConfigMap::default()
    }
}

fn stateful_set(context: &Context<'_>, name: String, tier: &TierPlan, settings: &ProxySettings) -> StatefulSet {
    let app = context.app;
    StatefulSet {
        metadata: PART.meta(app, name.clone()),
        spec: Some(StatefulSetSpec {
            replicas: Some(tier.replicas.max.cast_signed()),
            service_name: Some(names::engine_members(&app.name, Tier::Proxy)),
            selector: PART.label_selector(app),
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            // The next pod's objects go only when this one has some again.
            min_ready_seconds: (tier.replicas.max > 1).then_some(10),
            revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
            template: PodTemplateSpec {
                // No hash of the VCL: the pods load a changed one by themselves and keep what they hold.
                metadata: Some(PART.template_meta(app, secrets_hash(context))),
                spec: Some(pod_spec(context, name, tier, settings)),
            },
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

/// Hash of the generated secrets, for the pods that read them only at their start. Without passwords there is none.
pub(super) fn secrets_hash(context: &Context<'_>) -> Option<String> {
    let passwords = context.passwords(Tier::Proxy)?;
    Some(meta::hash(credentials::keys(Tier::Proxy).iter().map(|key| passwords.get(key))))
}

fn pod_spec(context: &Context<'_>, config_map: String, tier: &TierPlan, settings: &ProxySettings) -> PodSpec {
    PodSpec {
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        image_pull_secrets: pod::pull_secrets(context),
        security_context: Some(pod::engine_pod_security()),
        topology_spread_constraints: Some(spread(context)),
        termination_grace_period_seconds: Some(DRAIN_SECONDS + 15),
        containers: vec![varnish(context, tier, settings), exporter(context)],
        volumes: Some(volumes(context, config_map)),
        ..PodSpec::default()
    }
}

/// As other stateless pods; a StatefulSet's have no template hash.
fn spread(context: &Context<'_>) -> Vec<k8s_openapi::api::core::v1::TopologySpreadConstraint> {
    let mut constraints = pod::spread(&PART.label_selector(context.app), false);
    for constraint in &mut constraints {
        constraint.match_label_keys = None;
    }
    constraints
}

fn varnish(context: &Context<'_>, tier: &TierPlan, settings: &ProxySettings) -> Container {
    let app = context.app;
    let origin =
        format!("{}.{}", names::host(&names::edge(&app.name), &app.namespace), context.environment.cluster_domain);
    let mut args = vec![origin];
    args.extend(proxy_config::options(tier, settings));
    let each = &tier.per_replica;
    let size = Size {
        cpu: Millicores(each.cpu.0.saturating_sub(EXPORTER.cpu.0).max(10)),
        memory: Bytes(each.memory.0.saturating_sub(EXPORTER.memory.0)),
        storage: each.storage,
    };
    Container {
        name: "varnish".to_owned(),
        image: Some(context.environment.images.varnish.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        args: Some(args),
        env: Some(vec![EnvVar {
            name: "DRAIN_SECONDS".to_owned(),
            value: Some(DRAIN_SECONDS.to_string()),
            ..EnvVar::default()
        }]),
        ports: Some(vec![port("http", PORT.into()), port("admin", ADMIN_PORT.into())]),
        resources: Some(pod::resources(context, &size)),
        security_context: Some(pod::engine_container_security()),
        readiness_probe: Some(pod::http_probe("/healthz", "admin", 2, 3)),
        // A stopping pod answers 404, and is left alone.
        liveness_probe: Some(Probe { timeout_seconds: Some(5), ..pod::tcp_probe("admin", 10, 6) }),
        volume_mounts: Some(vec![
            mount("config", "/etc/varnish", true),
            mount("auth", "/etc/varnish-auth", true),
            mount("work", proxy_config::HOME, false),
            mount("tmp", "/tmp", false),
        ]),
        ..Container::default()
    }
}

fn exporter_command() -> String {
    let instance = format!("{}/varnishd", proxy_config::HOME);
    format!(
        "until varnishstat -1 -n {instance} >/dev/null 2>&1; do sleep 1; done; exec prometheus-varnish-exporter -web.listen-address :{METRICS_PORT} -n {instance}"
    )
}

/// Reads Varnish's counters from the memory that both share. A pod without it serves.
fn exporter(context: &Context<'_>) -> Container {
    Container {
        // It would end when there is nothing to read yet.
        command: Some(vec!["/bin/sh".to_owned(), "-c".to_owned(), exporter_command()]),
        // Varnish's process is not to be seen from here; its memory is.
        env: Some(vec![EnvVar { name: "VSM_NOPID".to_owned(), value: Some("1".to_owned()), ..EnvVar::default() }]),
        volume_mounts: Some(vec![mount("work", proxy_config::HOME, true)]),
        ..pod::exporter(context, &context.environment.images.varnish, METRICS_PORT)
    }
}

fn volumes(context: &Context<'_>, config_map: String) -> Vec<Volume> {
    let in_memory = |name: &str, mib: u64| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource {
            medium: Some("Memory".to_owned()),
            size_limit: Some(Quantity(format!("{mib}Mi"))),
        }),
        ..Volume::default()
    };
    vec![
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource { name: config_map, ..ConfigMapVolumeSource::default() }),
            ..Volume::default()
        },
        Volume {
            name: "auth".to_owned(),
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::engine_auth(&context.app.name, Tier::Proxy)),
                default_mode: Some(0o440),
                ..SecretVolumeSource::default()
            }),
            ..Volume::default()
        },
        in_memory("work", 64),
        in_memory("tmp", TEMPORARY_MIB),
    ]
}
