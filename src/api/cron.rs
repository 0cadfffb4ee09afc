//! Jobs that come by the clock. Types only.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, ServiceSecurityContext};

/// One job that comes by the clock; a run that is due while the last one goes on is left out.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
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
    /// After this time a run counts as failed; default 1h.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<DurationText>,
    /// As whom the container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<ServiceSecurityContext>,
}
