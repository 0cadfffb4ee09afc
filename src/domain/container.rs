//! What runs in a pod of the application, be it a service, a worker, a cron job or a migration.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};

use super::Bytes;
use crate::api::{Placement, ServiceSecurityContext, Volume, VolumeMount};

/// The one container of an application's pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidContainer {
    /// Its image.
    pub image: String,
    /// Entry point; empty means the image's own.
    pub command: Vec<String>,
    /// Arguments; empty means the image's own.
    pub args: Vec<String>,
    /// Environment beside the bindings.
    pub env: Vec<EnvVar>,
    /// Whole Secrets and ConfigMaps as environment.
    pub env_from: Vec<EnvFromSource>,
    /// Volumes of the pod; names are distinct, and each is of exactly one kind.
    pub volumes: Vec<Volume>,
    /// Where they appear; paths are distinct, and each is of a volume that is there.
    pub volume_mounts: Vec<VolumeMount>,
    /// What the volumes in memory may hold together, in whole MiB: memory of the pod beside that of the process.
    pub volumes_in_memory: Bytes,
    /// Account of the pod; `None` means the namespace's default, without a token.
    pub service_account_name: Option<String>,
    /// As whom it runs.
    pub security_context: ServiceSecurityContext,
    /// On which nodes the pod may run, and how it ranks.
    pub placement: Placement,
}
