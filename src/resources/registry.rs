//! The one registry of kinds: apply order, pruning, watches, the operator's role in the chart and
//! its test all iterate it. A kind that is not here cannot be put into a desired set.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::{ConfigMap, Secret, Service, ServiceAccount};
use k8s_openapi::api::networking::v1::{Ingress, NetworkPolicy};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use k8s_openapi::api::rbac::v1::{Role, RoleBinding};

/// What the operator must know of a kind that it writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindInfo {
    /// API group, empty for the core group.
    pub group: &'static str,
    /// Version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural, as in addresses and roles.
    pub plural: &'static str,
}

impl KindInfo {
    /// `apiVersion` of the kind's objects.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// A kind that may be in a desired set.
pub trait Registered:
    k8s_openapi::Metadata<Ty = k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta> + serde::Serialize
{
    /// Its entry.
    const INFO: KindInfo;
}

macro_rules! registry {
    ($($kind:ty => $group:literal, $version:literal, $name:literal, $plural:literal;)*) => {
        /// All kinds, in the order in which they are applied.
        pub const KINDS: &[KindInfo] = &[$(KindInfo { group: $group, version: $version, kind: $name, plural: $plural }),*];
        $(impl Registered for $kind {
            const INFO: KindInfo = KindInfo { group: $group, version: $version, kind: $name, plural: $plural };
        })*
    };
}

registry! {
    ServiceAccount => "", "v1", "ServiceAccount", "serviceaccounts";
    Role => "rbac.authorization.k8s.io", "v1", "Role", "roles";
    RoleBinding => "rbac.authorization.k8s.io", "v1", "RoleBinding", "rolebindings";
    Secret => "", "v1", "Secret", "secrets";
    ConfigMap => "", "v1", "ConfigMap", "configmaps";
    NetworkPolicy => "networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies";
    Service => "", "v1", "Service", "services";
    PodDisruptionBudget => "policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets";
    StatefulSet => "apps", "v1", "StatefulSet", "statefulsets";
    Job => "batch", "v1", "Job", "jobs";
    CronJob => "batch", "v1", "CronJob", "cronjobs";
    Deployment => "apps", "v1", "Deployment", "deployments";
    HorizontalPodAutoscaler => "autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers";
    Ingress => "networking.k8s.io", "v1", "Ingress", "ingresses";
}
