//! The application's own containers: services and migrations. Types only.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, Placement, Quantity, Volume, VolumeMount};

/// One stateless service of the application.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))").message("a name of volumeMounts is not in volumes: add the volume there, or name one that is there"))]
pub struct Service {
    /// Name of the service; it becomes part of its objects' names.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    #[x_kube(validation = Rule::new("!(self in ['edge', 'pool', 'database', 'direct', 'cache', 'sessions', 'queue', 'proxy', 'worker', 'migrate', 'plan', 'config', 'cron'])").message("a service may not bear the name of a tier (edge, pool, database, direct, cache, sessions, queue, proxy, worker, migrate, plan, config, cron): choose another, for example web"))]
    #[x_kube(validation = Rule::new("!self.matches('^(worker-.*|(cache|sessions|queue)-(members|auth|config|router|[0-9]+)|proxy-(members|auth|config|[0-9]+)|database-(members|auth|[0-9]+)|pool-(direct|auth|[0-9]+))$')").message("a service may not bear the name of a tier's object (worker-*, cache-0, queue-router, ...): choose another, for example web"))]
    pub name: String,
    /// Image of the service.
    #[schemars(length(min = 1, max = 512))]
    pub image: String,
    /// Entry point; absent means the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub command: Option<Vec<String>>,
    /// Arguments; absent means the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub args: Option<Vec<String>>,
    /// Environment beside the bindings, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub env: Option<Vec<EnvVar>>,
    /// Whole Secrets and ConfigMaps as environment, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub env_from: Option<Vec<EnvFromSource>>,
    /// Volumes of the pods, as in a pod: emptyDir, configMap, secret and projected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub volumes: Option<Vec<Volume>>,
    /// Where the volumes appear in the container, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["mountPath"]))]
    pub volume_mounts: Option<Vec<VolumeMount>>,
    /// Account that the pods run as; absent means the namespace's default, without a token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub service_account_name: Option<String>,
    /// Port on which the container listens, also given to it as PORT; default 8080.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_535_i64))]
    pub port: Option<i32>,
    /// Path prefixes that lead to this service; absent means internal only, or `/` for an only service. Services with the same paths share their requests by requestPercent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16), inner(length(max = 256), regex(pattern = r"^/[-A-Za-z0-9._~/]*$")))]
    pub paths: Option<Vec<String>>,
    /// Its part of the dynamic requests; default an equal part of what the others leave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_i64))]
    pub request_percent: Option<i64>,
    /// Paths at which the service tells its health.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// As whom the container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<ServiceSecurityContext>,
    /// On which nodes the pods may run, and how they rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<ServicePin>,
}

/// HTTP paths of the probes; an absent one is a connection to the port.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Health {
    /// Answers 200 when the pod may get requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^/"))]
    pub readiness_path: Option<String>,
    /// Answers 200 while the process is alive; absent means no liveness probe.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^/"))]
    pub liveness_path: Option<String>,
    /// Answers 200 when the start is over; absent means the readiness path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256), regex(pattern = r"^/"))]
    pub startup_path: Option<String>,
}

/// As whom a container runs; absent values are those of the `restricted` Pod Security Standard.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSecurityContext {
    /// User id of the process; needed for an image whose own user is root or a name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_294_i64))]
    pub run_as_user: Option<i64>,
    /// Group id of the process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_294_967_294_i64))]
    pub run_as_group: Option<i64>,
    /// Whether the image's file system is read-only; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only_root_filesystem: Option<bool>,
}

/// Sizes of a service that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.minReplicas) || !has(self.maxReplicas) || self.minReplicas <= self.maxReplicas").message("pin.minReplicas is above pin.maxReplicas: swap them or raise maxReplicas"))]
pub struct ServicePin {
    /// Fewest pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5_000_i64))]
    pub min_replicas: Option<i32>,
    /// Most pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5_000_i64))]
    pub max_replicas: Option<i32>,
    /// CPU of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}

/// One job that changes the database's schema.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Migration {
    /// Name of the migration.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Image; absent means the first service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub image: Option<String>,
    /// Entry point; absent means the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub command: Option<Vec<String>>,
    /// Arguments; absent means the image's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), inner(length(max = 4096)))]
    pub args: Option<Vec<String>>,
    /// Environment beside the bindings, as in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 128))]
    pub env: Option<Vec<EnvVar>>,
    /// After this time the migration counts as failed; default 10m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<DurationText>,
}

/// The name of an object in the application's namespace.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalObjectName {
    /// The object's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}
