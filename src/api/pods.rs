//! What services, workers and cron jobs say of their pods in the words of a pod: volumes and placement. Types only.
//!
//! Kubernetes' own types would bring every kind of volume, so these have only what is served.

use std::collections::BTreeMap;

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::Quantity;

/// A volume, as in a pod: exactly one of emptyDir, configMap, secret and projected.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("[has(self.emptyDir), has(self.configMap), has(self.secret), has(self.projected)].filter(kind, kind).size() == 1").message("a volume is exactly one of emptyDir, configMap, secret and projected: other kinds, such as hostPath or claims, are not served, since pods of the application keep no data"))]
pub struct Volume {
    /// Name by which volumeMounts refer to it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// A directory that is empty when a pod starts and gone when it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub empty_dir: Option<EmptyDirVolume>,
    /// The keys of a ConfigMap as files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ConfigMapVolume>,
    /// The keys of a Secret as files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretVolume>,
    /// Several sources in one directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projected: Option<ProjectedVolume>,
}

/// A directory of a pod's own.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.medium) || has(self.sizeLimit)").message("emptyDir in Memory needs sizeLimit: what it holds is memory of the pod, and the plan adds that much to it"))]
pub struct EmptyDirVolume {
    /// Memory keeps it in the pod's memory; absent means the node's disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<VolumeMedium>,
    /// The pod is evicted when it holds more; needed in memory, where the pod gets that much more of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_limit: Option<Quantity>,
}

/// Where an empty directory lies.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum VolumeMedium {
    /// In the pod's memory.
    Memory,
}

/// A ConfigMap as files.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConfigMapVolume {
    /// Name of the ConfigMap.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Keys and their files; absent means all keys, each in a file of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub items: Option<Vec<KeyToPath>>,
    /// Permissions of the files; default 420, which is 0644.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511_i64))]
    pub default_mode: Option<i32>,
    /// Whether a pod starts without it; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A Secret as files.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretVolume {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253))]
    pub secret_name: String,
    /// Keys and their files; absent means all keys, each in a file of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub items: Option<Vec<KeyToPath>>,
    /// Permissions of the files; default 420, which is 0644.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511_i64))]
    pub default_mode: Option<i32>,
    /// Whether a pod starts without it; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A key and the file that holds it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyToPath {
    /// The key.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
    /// Path of the file within the volume.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^/]"))]
    pub path: String,
    /// Permissions of the file; absent means defaultMode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511_i64))]
    pub mode: Option<i32>,
}

/// Several sources in one directory.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectedVolume {
    /// What the directory holds.
    #[schemars(length(min = 1, max = 8))]
    pub sources: Vec<ProjectedSource>,
    /// Permissions of the files; default 420, which is 0644.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 511_i64))]
    pub default_mode: Option<i32>,
}

/// One source: exactly one of configMap, secret, serviceAccountToken and downwardAPI.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("[has(self.configMap), has(self.secret), has(self.serviceAccountToken), has(self.downwardAPI)].filter(kind, kind).size() == 1").message("a source of a projected volume is exactly one of configMap, secret, serviceAccountToken and downwardAPI: write each as an entry of its own"))]
pub struct ProjectedSource {
    /// The keys of a ConfigMap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_map: Option<ProjectedKeys>,
    /// The keys of a Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<ProjectedKeys>,
    /// A token of the pod's account for somebody else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_token: Option<ProjectedToken>,
    /// Fields of the pod itself.
    #[serde(rename = "downwardAPI", default, skip_serializing_if = "Option::is_none")]
    pub downward_api: Option<ProjectedFields>,
}

/// Keys of a ConfigMap or Secret.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectedKeys {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// Keys and their files; absent means all keys, each in a file of its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32))]
    pub items: Option<Vec<KeyToPath>>,
    /// Whether a pod starts without it; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub optional: Option<bool>,
}

/// A token of the pod's account.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectedToken {
    /// For whom it is; absent means the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
    /// For how long it is good; it is renewed before; default 3600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 4_294_967_296_i64))]
    pub expiration_seconds: Option<i64>,
    /// Path of the file within the volume.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^/]"))]
    pub path: String,
}

/// Fields of the pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectedFields {
    /// The fields and their files.
    #[schemars(length(min = 1, max = 16))]
    pub items: Vec<ProjectedField>,
}

/// A field of the pod and the file that holds it.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProjectedField {
    /// Path of the file within the volume.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^/]"))]
    pub path: String,
    /// The field.
    pub field_ref: PodField,
}

/// A field of the pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodField {
    /// Name, namespace, uid, labels or annotations of its metadata, such as `metadata.name`.
    #[schemars(
        length(max = 256),
        regex(pattern = r"^metadata\.(name|namespace|uid|labels|annotations|(labels|annotations)\['[^']+'\])$")
    )]
    pub field_path: String,
}

/// Where a volume appears in the container, as in a pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VolumeMount {
    /// Name of the volume.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
    /// Absolute path in the container.
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^/[^:]*$"))]
    #[x_kube(validation = Rule::new("!self.matches('^/+((proc|sys)(/.*)?|dev/*)?$')").message("mountPath may not cover /, /dev, /proc or /sys, which the container's runtime fills: choose a directory of the application's own"))]
    pub mount_path: String,
    /// Path within the volume; absent means all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256), regex(pattern = r"^[^/]"))]
    pub sub_path: Option<String>,
    /// Whether the container may only read it; default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<bool>,
}

/// On which nodes the pods may run, and how they rank, as in a pod.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Placement {
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("maxProperties" = 16))]
    pub node_selector: Option<BTreeMap<String, String>>,
    /// Taints that the pods bear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    pub tolerations: Option<Vec<Toleration>>,
    /// PriorityClass of the pods; absent means the cluster's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

/// A taint that pods bear.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("has(self.key) || (has(self.operator) && self.operator == 'Exists')").message("a toleration without key needs operator Exists, and then bears every taint: write the taint's key"))]
#[x_kube(validation = Rule::new("!has(self.value) || !has(self.operator) || self.operator != 'Exists'").message("a toleration with operator Exists bears every value: remove value, or take operator Equal"))]
#[x_kube(validation = Rule::new("!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')").message("tolerationSeconds only has a meaning with effect NoExecute: write that effect, or remove it"))]
pub struct Toleration {
    /// Key of the taint; absent means every taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 317))]
    pub key: Option<String>,
    /// Exists bears every value of the key; Equal only the one given.
    ///
    /// Absent means Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// Value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// Effect of the taint; absent means every effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
    /// For how long a pod stays on a node that gets the taint; absent means for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 31_536_000_i64))]
    pub toleration_seconds: Option<i64>,
}

/// Which values of a taint are borne.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum TolerationOperator {
    /// Every value.
    Exists,
    /// One value.
    Equal,
}

/// What a taint does.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum TaintEffect {
    /// Keeps new pods off.
    NoSchedule,
    /// Keeps new pods off where other nodes have room.
    PreferNoSchedule,
    /// Drives pods away.
    NoExecute,
}
