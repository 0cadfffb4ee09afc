//! The pod of a member of the queue.
//!
//! Must never depend on how many members there are: growing would otherwise restart the running one.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, ExecAction, KeyToPath, Lifecycle,
    LifecycleHandler, ObjectFieldSelector, PodSpec, PodTemplateSpec, SecretVolumeSource, Volume,
};

use super::database_pod::{mount, port};
use super::queue::PART;
use super::{Context, names, pod};
use crate::planner::{Tier, TierPlan};

/// How long a member that is to stop waits until no queue needs it for its majority.
const DRAIN_SECONDS: u32 = 45;
/// From the deletion of a pod to SIGKILL: that, at most 20 s to hand over leaders and clients, and the stop itself.
const GRACE_SECONDS: i64 = 90;

/// Alive means: the virtual machine takes connections of other members, and a listener for clients that is there
/// answers. It may be absent: while the member starts, and where it pauses because it sees no majority.
const ALIVE: &str = r"exec 3<>/dev/tcp/127.0.0.1/25672 || exit 1
exec 3>&-
exec 3<>/dev/tcp/127.0.0.1/5672 || exit 0
printf 'AMQP\0\0\011\001' >&3
read -r -t 8 -N 1 -u 3 answer";

/// The template of the members' pods.
pub(super) fn template(context: &Context<'_>, tier: &TierPlan, config_hash: String) -> PodTemplateSpec {
    let app = context.app;
    let spread = pod::spread(&PART.label_selector(app), true)
        .into_iter()
        // Nodes are kept apart by the affinity; zones only where the cluster has them.
        .filter(|constraint| constraint.topology_key.ends_with("/zone") && context.environment.zones > 1)
        .collect();
    PodTemplateSpec {
        metadata: Some(PART.template_meta(app, Some(config_hash))),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            image_pull_secrets: pod::pull_secrets(context),
            security_context: Some(pod::engine_pod_security()),
            termination_grace_period_seconds: Some(GRACE_SECONDS),
            affinity: Some(pod::apart(&PART.label_selector(app))),
            topology_spread_constraints: Some(spread),
            containers: vec![rabbitmq(context, tier)],
            volumes: Some(volumes(context)),
            ..PodSpec::default()
        }),
    }
}

fn rabbitmq(context: &Context<'_>, tier: &TierPlan) -> Container {
    Container {
        name: "rabbitmq".to_owned(),
        image: Some(context.environment.images.rabbitmq.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        env: Some(environment(context, tier)),
        ports: Some(vec![
            port("amqp", 5672),
            port("management", 15672),
            port("metrics", 15692),
            port("distribution", 25672),
            port("mapper", 4369),
        ]),
        resources: Some(pod::resources(context, &tier.per_replica)),
        security_context: Some(pod::engine_container_security()),
        // A member without data waits for the others, one with much of it reads it all.
        startup_probe: Some(pod::tcp_probe("amqp", 2, 300)),
        readiness_probe: Some(pod::tcp_probe("amqp", 5, 3)),
        liveness_probe: Some(pod::exec_probe(&["bash", "-c", ALIVE], 20, 10, 3)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction { command: Some(vec!["drain".to_owned(), DRAIN_SECONDS.to_string()]) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        volume_mounts: Some(vec![
            mount("data", "/var/lib/rabbitmq/data", false),
            mount("run", "/run/rabbitmq", false),
            mount("tmp", "/tmp", false),
            mount("config", "/etc/rabbitmq", true),
            mount("definitions", "/etc/rabbitmq-definitions", true),
            mount("cookie", "/etc/rabbitmq-secret", true),
        ]),
        ..Container::default()
    }
}

fn environment(context: &Context<'_>, tier: &TierPlan) -> Vec<EnvVar> {
    let app = context.app;
    let members = names::engine_members(&app.name, Tier::Queue);
    let domain = &context.environment.cluster_domain;
    // As many schedulers as there is CPU for, not as the node has, and none that spins while it has nothing to do.
    let schedulers = tier.per_replica.cpu.0.div_ceil(1000).clamp(2, 64);
    let value = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() };
    vec![
        EnvVar {
            name: "POD_NAME".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: "metadata.name".to_owned(),
                    ..ObjectFieldSelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        },
        // The name is part of the data directory: it never changes.
        value("RABBITMQ_NODENAME", format!("rabbit@$(POD_NAME).{members}.{}.svc.{domain}", app.namespace)),
        value(
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("+S {schedulers}:{schedulers} +sbwt none +sbwtdcpu none +sbwtdio none"),
        ),
    ]
}

fn volumes(context: &Context<'_>) -> Vec<Volume> {
    let app = &context.app.name;
    let empty = |name: &str| Volume {
        name: name.to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    let secret = |volume: &str, name: String, key: &str| Volume {
        name: volume.to_owned(),
        secret: Some(SecretVolumeSource {
            secret_name: Some(name),
            items: Some(vec![KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() }]),
            ..SecretVolumeSource::default()
        }),
        ..Volume::default()
    };
    vec![
        empty("run"),
        empty("tmp"),
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource {
                name: names::engine(app, Tier::Queue),
                ..ConfigMapVolumeSource::default()
            }),
            ..Volume::default()
        },
        secret("definitions", names::engine_config(app, Tier::Queue), "definitions.json"),
        secret("cookie", names::engine_auth(app, Tier::Queue), "erlang-cookie"),
    ]
}
