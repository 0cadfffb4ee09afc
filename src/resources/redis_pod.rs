//! The pod of a member: Redis, and the Sentinel beside it where there are three members.
//!
//! The scripts of the image decide who starts as master; the pod only tells them who the members are.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, ExecAction, KeyToPath, Lifecycle,
    LifecycleHandler, ObjectFieldSelector, PodSpec, PodTemplateSpec, Probe, SecretVolumeSource, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::database_pod::{mount, port};
use super::redis::{METRICS_PORT, MONITOR_KEY, PORT, SENTINEL_PORT, Store};
use super::{Context, bindings, names, pod, rollout};

/// Name of the volume with the data.
const DATA: &str = super::members::VOLUME;
/// A hand-over of the master's role (8 s at most), and Redis' own wait for its replicas (10 s).
const FINISH_SECONDS: i64 = 40;
/// How long the Sentinel of a pod that leaves goes on.
const VOTES_SECONDS: i64 = 5;

/// The template of the members' pods.
pub(super) fn template(context: &Context<'_>, store: &Store<'_>, config_hash: String) -> PodTemplateSpec {
    let app = context.app;
    let selector = store.part().label_selector(app);
    let several = store.members() > 1;
    let spread: Vec<_> = pod::spread(&selector, true)
        .into_iter()
        // Nodes are kept apart by the affinity; zones only where the cluster has them.
        .filter(|constraint| several && constraint.topology_key.ends_with("/zone") && context.environment.zones > 1)
        .collect();
    let sentinel = store.settings.sentinel.then(|| sentinel(context, store));
    PodTemplateSpec {
        metadata: Some(store.part().template_meta(app, Some(config_hash))),
        spec: Some(PodSpec {
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            image_pull_secrets: pod::pull_secrets(context),
            security_context: Some(pod::engine_pod_security()),
            termination_grace_period_seconds: Some(FINISH_SECONDS),
            affinity: several.then(|| pod::apart(&selector)),
            topology_spread_constraints: (!spread.is_empty()).then_some(spread),
            containers: [redis(context, store)].into_iter().chain(sentinel).chain([exporter(context, store)]).collect(),
            volumes: Some(volumes(context, store)),
            ..PodSpec::default()
        }),
    }
}

fn redis(context: &Context<'_>, store: &Store<'_>) -> Container {
    Container {
        name: "redis".to_owned(),
        ports: Some(vec![port("redis", i32::from(PORT))]),
        resources: Some(pod::resources(context, &store.settings.redis)),
        // It may wait for long for who leads, and a large log takes its time. Complete once is complete: afterwards a
        // connection is proof enough, and no process has to be started for it all the time.
        startup_probe: Some(probe("ready", 2, 300)),
        readiness_probe: Some(pod::tcp_probe("redis", 5, 3)),
        liveness_probe: Some(probe("alive", 30, 3)),
        lifecycle: Some(Lifecycle {
            pre_stop: Some(LifecycleHandler {
                exec: Some(ExecAction { command: Some(vec!["member-leave".to_owned()]) }),
                ..LifecycleHandler::default()
            }),
            ..Lifecycle::default()
        }),
        ..container(context, store)
    }
}

fn sentinel(context: &Context<'_>, store: &Store<'_>) -> Container {
    Container {
        name: "sentinel".to_owned(),
        command: Some(vec!["sentinel-member".to_owned()]),
        ports: Some(vec![port("sentinel", i32::from(SENTINEL_PORT))]),
        resources: Some(pod::resources(context, &store.settings.sentinel_size)),
        startup_probe: Some(pod::tcp_probe("sentinel", 1, 300)),
        liveness_probe: Some(probe("sentinel", 30, 3)),
        // Its vote counts while the master beside it hands over.
        lifecycle: Some(rollout::stop_after(VOTES_SECONDS)),
        ..container(context, store)
    }
}

/// Asks Redis as the user who may look and do nothing else.
fn exporter(context: &Context<'_>, store: &Store<'_>) -> Container {
    let auth = names::engine_auth(&context.app.name, store.tier);
    Container {
        command: Some(vec![
            "prometheus-redis-exporter".to_owned(),
            format!("-web.listen-address=:{METRICS_PORT}"),
            format!("-redis.addr=redis://127.0.0.1:{PORT}"),
            "-redis.user=monitor".to_owned(),
            // The configuration holds passwords, and is the plan's.
            "-config-command=-".to_owned(),
            "-set-client-name=false".to_owned(),
        ]),
        env: Some(vec![bindings::from_secret("REDIS_PASSWORD", auth, MONITOR_KEY)]),
        ..pod::exporter(context, &context.environment.images.redis, METRICS_PORT)
    }
}

/// What both containers have in common.
fn container(context: &Context<'_>, store: &Store<'_>) -> Container {
    Container {
        image: Some(context.environment.images.redis.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        env: Some(environment(context, store)),
        security_context: Some(pod::engine_container_security()),
        volume_mounts: Some(mounts()),
        ..Container::default()
    }
}

fn mounts() -> Vec<VolumeMount> {
    vec![
        mount(DATA, "/data", false),
        mount("run", "/run/redis", false),
        mount("config", "/etc/redis", true),
        mount("users", "/etc/redis-auth", true),
    ]
}

fn environment(context: &Context<'_>, store: &Store<'_>) -> Vec<EnvVar> {
    let app = context.app;
    let member = |ordinal: u32| {
        let host = names::host(&names::engine_member(&app.name, store.tier, ordinal), &app.namespace);
        // With the dot at its end a name is asked for once, not with every search domain.
        format!("{host}.{}.", context.environment.cluster_domain)
    };
    let members: Vec<String> = (0..store.slots()).map(member).collect();
    let value = |name: &str, value: String| EnvVar { name: name.to_owned(), value: Some(value), ..EnvVar::default() };
    vec![
        EnvVar {
            name: "MEMBER".to_owned(),
            value_from: Some(EnvVarSource {
                field_ref: Some(ObjectFieldSelector {
                    field_path: "metadata.name".to_owned(),
                    ..ObjectFieldSelector::default()
                }),
                ..EnvVarSource::default()
            }),
            ..EnvVar::default()
        },
        value("MEMBERS", members.join(" ")),
        value("SENTINEL", store.settings.sentinel.to_string()),
        value("PERSISTENT", store.settings.persistent.to_string()),
        bindings::from_secret("ADMIN_PASSWORD", names::engine_auth(&app.name, store.tier), "admin-password"),
    ]
}

/// Patient: on a node that has too much to do, a slow answer must not become a restart.
fn probe(question: &str, period: i32, failures: i32) -> Probe {
    pod::exec_probe(&["member-probe", question], period, 15, failures)
}

fn volumes(context: &Context<'_>, store: &Store<'_>) -> Vec<Volume> {
    let app = &context.app.name;
    let volume = |name: &str| Volume { name: name.to_owned(), ..Volume::default() };
    let key = |key: &str| KeyToPath { key: key.to_owned(), path: key.to_owned(), ..KeyToPath::default() };
    let run = EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit: Some(Quantity("1Mi".to_owned())) };
    let data = Volume { empty_dir: Some(EmptyDirVolumeSource::default()), ..volume(DATA) };
    let mut volumes = vec![
        // In memory: the configuration as it runs holds a password.
        Volume { empty_dir: Some(run), ..volume("run") },
        Volume {
            config_map: Some(ConfigMapVolumeSource {
                name: names::engine(app, store.tier),
                ..ConfigMapVolumeSource::default()
            }),
            ..volume("config")
        },
        Volume {
            secret: Some(SecretVolumeSource {
                secret_name: Some(names::engine_config(app, store.tier)),
                items: Some(vec![key("users.acl"), key("sentinel-users.acl")]),
                ..SecretVolumeSource::default()
            }),
            ..volume("users")
        },
    ];
    volumes.extend((!store.settings.persistent).then_some(data));
    volumes
}
