//! The pod of a database member: `PostgreSQL` under Patroni, and the agent that tells the routers how far behind it is
//! and shows its figures.
//!
//! Must never depend on how many members there are: growing would otherwise restart the running ones.

use k8s_openapi::api::core::v1::{
    ConfigMapVolumeSource, Container, ContainerPort, EmptyDirVolumeSource, EnvVar, EnvVarSource, ObjectFieldSelector,
    PodSpec, PodTemplateSpec, Probe, SecretKeySelector, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::database::PART;
use super::{Context, names, pod};
use crate::domain::{Bytes, EngineImages};
use crate::planner::DatabaseSettings;

/// Port of a member for PostgreSQL's figures; Patroni's own are on its REST port.
pub(super) const METRICS_PORT: u16 = 9187;

/// Alive means: Patroni's loop turns, and a postmaster that is there answers a new connection. It may
/// answer "not yet" (recovery), and it may be absent (a replica that copies the primary's data).
const ALIVE: &str = r#"exec 3<>/dev/tcp/127.0.0.1/8008 || exit 1
printf 'GET /liveness HTTP/1.0\r\n\r\n' >&3
read -r -t 4 line <&3 || exit 1
[[ $line == *' 200 '* ]] || exit 1
read -r pid 2>/dev/null </run/postgresql/.s.PGSQL.5432.lock || exit 0
kill -0 "$pid" 2>/dev/null || exit 0
pg_isready --quiet --host=/run/postgresql --timeout=4
[ $? -lt 2 ]"#;

/// The template of the members' pods.
pub(super) fn template(
    context: &Context<'_>,
    images: &EngineImages,
    settings: &DatabaseSettings,
    config_hash: String,
) -> PodTemplateSpec {
    let app = context.app;
    let scope = names::database(&app.name);
    let mut metadata = PART.template_meta(app, Some(config_hash));
    metadata.labels.get_or_insert_default().insert("cluster-name".to_owned(), scope.clone());
    let spread = pod::spread(&PART.label_selector(app), true)
        .into_iter()
        // Nodes are kept apart by the affinity; zones only where the cluster has them.
        .filter(|constraint| constraint.topology_key.ends_with("/zone") && context.environment.zones > 1)
        .collect();
    PodTemplateSpec {
        metadata: Some(metadata),
        spec: Some(PodSpec {
            service_account_name: Some(scope.clone()),
            automount_service_account_token: Some(true),
            enable_service_links: Some(false),
            image_pull_secrets: pod::pull_secrets(context),
            security_context: Some(pod::engine_pod_security()),
            termination_grace_period_seconds: Some(120),
            affinity: Some(pod::apart(&PART.label_selector(app))),
            topology_spread_constraints: Some(spread),
            init_containers: Some(vec![lag_agent(context, images, settings)]),
            containers: vec![postgres(context, images, settings)],
            volumes: Some(volumes(&scope, settings)),
            ..PodSpec::default()
        }),
    }
}

fn postgres(context: &Context<'_>, images: &EngineImages, settings: &DatabaseSettings) -> Container {
    Container {
        name: "postgres".to_owned(),
        image: Some(images.postgres.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        env: Some(environment(context)),
        ports: Some(vec![port("postgresql", 5432), port("patroni", 8008)]),
        resources: Some(pod::resources(context, &settings.postgres)),
        security_context: Some(pod::engine_container_security()),
        // A first start may restore or recover for long: ten minutes of a loop that does not turn at all.
        startup_probe: Some(Probe { timeout_seconds: Some(5), ..pod::http_probe("/liveness", "patroni", 5, 120) }),
        liveness_probe: Some(pod::exec_probe(&["bash", "-c", ALIVE], 10, 10, 3)),
        readiness_probe: Some(pod::exec_probe(
            &["pg_isready", "--quiet", "--host=/run/postgresql", "--timeout=4"],
            5,
            5,
            3,
        )),
        volume_mounts: Some(vec![
            mount("data", "/var/lib/postgresql/data", false),
            mount("sockets", "/run/postgresql", false),
            mount("shm", "/dev/shm", false),
            mount("tmp", "/tmp", false),
            mount("config", "/etc/patroni", true),
        ]),
        ..Container::default()
    }
}

/// A native sidecar: it lives as long as the member does.
fn lag_agent(context: &Context<'_>, images: &EngineImages, settings: &DatabaseSettings) -> Container {
    let max_lag = context.app.database.as_ref().map_or(5000, |database| database.max_lag.value.0);
    Container {
        name: "lag".to_owned(),
        image: Some(images.operator.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        restart_policy: Some("Always".to_owned()),
        args: Some(vec!["agent".to_owned(), "lag".to_owned(), format!("--max-lag={max_lag}ms")]),
        env: Some(vec![secret("MONITOR_PASSWORD", context, "monitor-password")]),
        ports: Some(vec![port("lag", 8009), port("metrics", i32::from(METRICS_PORT))]),
        resources: Some(pod::resources(context, &settings.agent)),
        security_context: Some(pod::engine_container_security()),
        volume_mounts: Some(vec![mount("sockets", "/run/postgresql", false)]),
        ..Container::default()
    }
}

fn environment(context: &Context<'_>) -> Vec<EnvVar> {
    vec![
        field("PATRONI_NAME", "metadata.name"),
        field("PATRONI_KUBERNETES_NAMESPACE", "metadata.namespace"),
        field("PATRONI_KUBERNETES_POD_IP", "status.podIP"),
        value("PATRONI_RESTAPI_CONNECT_ADDRESS", "$(PATRONI_KUBERNETES_POD_IP):8008"),
        value("PATRONI_POSTGRESQL_CONNECT_ADDRESS", "$(PATRONI_KUBERNETES_POD_IP):5432"),
        value("PATRONI_SUPERUSER_USERNAME", "postgres"),
        secret("PATRONI_SUPERUSER_PASSWORD", context, "superuser-password"),
        value("PATRONI_REPLICATION_USERNAME", "replicator"),
        secret("PATRONI_REPLICATION_PASSWORD", context, "replication-password"),
        value("PATRONI_RESTAPI_USERNAME", "patroni"),
        secret("PATRONI_RESTAPI_PASSWORD", context, "rest-password"),
        secret("APP_PASSWORD", context, "app-password"),
        secret("MONITOR_PASSWORD", context, "monitor-password"),
    ]
}

fn volumes(scope: &str, settings: &DatabaseSettings) -> Vec<Volume> {
    // Parallel queries share memory there; it counts as memory of the container.
    let shm = Bytes((settings.postgres.memory.0 / 4).clamp(64 << 20, 1 << 30));
    let empty = |name: &str, source: EmptyDirVolumeSource| Volume {
        name: name.to_owned(),
        empty_dir: Some(source),
        ..Volume::default()
    };
    vec![
        empty("sockets", EmptyDirVolumeSource::default()),
        empty(
            "shm",
            EmptyDirVolumeSource { medium: Some("Memory".to_owned()), size_limit: Some(Quantity(shm.quantity())) },
        ),
        empty("tmp", EmptyDirVolumeSource::default()),
        Volume {
            name: "config".to_owned(),
            config_map: Some(ConfigMapVolumeSource { name: scope.to_owned(), ..ConfigMapVolumeSource::default() }),
            ..Volume::default()
        },
    ]
}

pub(super) fn port(name: &str, number: i32) -> ContainerPort {
    ContainerPort { name: Some(name.to_owned()), container_port: number, ..ContainerPort::default() }
}

pub(super) fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}

fn value(name: &str, value: &str) -> EnvVar {
    EnvVar { name: name.to_owned(), value: Some(value.to_owned()), ..EnvVar::default() }
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector { field_path: path.to_owned(), ..ObjectFieldSelector::default() }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}

fn secret(name: &str, context: &Context<'_>, key: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: names::database_auth(&context.app.name),
                key: key.to_owned(),
                ..SecretKeySelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
