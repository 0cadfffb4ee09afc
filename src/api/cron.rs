//! Jobs that come by the clock. Types only.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, Placement, ServiceSecurityContext, Volume, VolumeMount};

/// One job that comes by the clock; a run that is due while the last one goes on is left out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))").message("a name of volumeMounts is not in volumes: add the volume there, or name one that is there"))]
pub struct CronJob {
    /// Name of the job; it becomes part of its objects' names.
    #[schemars(length(min = 1, max = 15), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// When it runs, as minute, hour, day of month, month and day of week, such as `0 3 * * *`.
    #[schemars(length(min = 1, max = 128))]
    pub schedule: String,
    /// IANA time zone of the schedule; default Etc/UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub time_zone: Option<String>,
    /// Image of the job.
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
    /// After this time a run counts as failed; default 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<DurationText>,
    /// As whom the container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<ServiceSecurityContext>,
    /// On which nodes the pods may run, and how they rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
}
