//! The message queue and the workers that consume from it. Types only.

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{DurationText, External, Placement, Provider, Quantity, ServiceSecurityContext, Volume, VolumeMount};

/// A message broker with declared queues, reached at one address.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.provider) && self.provider == 'External') == has(self.external)").message("spec.queue.external belongs to provider External, and that needs it: write both, such as {provider: External, external: {secretRef: {name: my-queue}}}, or neither"))]
#[x_kube(validation = Rule::new("!has(self.external) || !has(self.pin)").message("spec.queue is external, so there is nothing here that pin could shape: remove it"))]
#[x_kube(validation = Rule::new("!has(self.external) || !has(self.queues) || self.queues.all(q, !has(q.deliveryLimit) && !has(q.maxLength) && !has(q.deadLetter))").message("spec.queue is external, so its queues have only names here, for the workers that take from them: remove deliveryLimit, maxLength and deadLetter and set them at the broker"))]
pub struct Queue {
    /// BuiltIn is run by the operator; External by somebody else, and `external` says where it is.
    ///
    /// Absent means BuiltIn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<Provider>,
    /// Where the tier is, with provider External.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// The queues; the application may declare more itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub queues: Option<Vec<QueueDeclaration>>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<QueuePin>,
}

/// One queue.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueueDeclaration {
    /// Name of the queue.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// A message that was given out so often without success is dead; default 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_i64))]
    pub delivery_limit: Option<i64>,
    /// Most messages that wait; more are refused to the publisher, never dropped; default 100000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000_i64))]
    pub max_length: Option<i64>,
    /// Whether dead messages are kept in a queue beside, NAME.dead; default true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<bool>,
}

/// Sizes of the queue that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.members) || self.members == 1 || self.members == 3").message("spec.queue.pin.members is 1 or 3: two members cannot lose one without stopping"))]
pub struct QueuePin {
    /// Members: 1 or 3.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 3_i64))]
    pub members: Option<i32>,
}

/// Pods that do jobs in the background, each one job at a time.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!has(self.maxDelay) || !has(self.timePerJob) || duration(self.maxDelay) > duration(self.timePerJob)").message("a worker's maxDelay is at most its timePerJob, and a job also waits: write more than timePerJob"))]
#[x_kube(validation = Rule::new("!has(self.autoscaling) || !has(self.pin) || !has(self.pin.replicas)").message("a worker's pin.replicas fixes its pods and autoscaling varies them: keep one of the two"))]
#[x_kube(validation = Rule::new("!has(self.volumeMounts) || self.volumeMounts.all(mount, has(self.volumes) && self.volumes.exists(volume, volume.name == mount.name))").message("a name of volumeMounts is not in volumes: add the volume there, or name one that is there"))]
pub struct Worker {
    /// Name of the worker; it becomes part of its objects' names.
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Image of the worker.
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
    /// Queue of spec.queue from which it takes its jobs; absent means that jobs come to it in another way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub queue: Option<String>,
    /// Jobs that a thousand requests of the users make; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1_000_000_i64))]
    pub jobs_per_thousand_requests: Option<i64>,
    /// Time of one job on one core, measured; default 1s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_per_job: Option<DurationText>,
    /// From publishing a job to its end, for 99 of 100 jobs at peak; default 60s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_delay: Option<DurationText>,
    /// As whom the container runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub security_context: Option<ServiceSecurityContext>,
    /// On which nodes the pods may run, and how they rank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<Placement>,
    /// Sizes that the owner fixes; used as they are, and the plan says what they cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin: Option<WorkerPin>,
    /// Cpu lets an autoscaler vary the pods by their CPU use; absent means as many as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub autoscaling: Option<WorkerAutoscaling>,
}

/// By what the pods of a worker vary.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
pub enum WorkerAutoscaling {
    /// By their CPU use, for jobs that compute.
    Cpu,
}

/// Sizes of a worker that the owner fixes.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerPin {
    /// Pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 5_000_i64))]
    pub replicas: Option<i32>,
    /// CPU of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<Quantity>,
    /// Memory of one pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Quantity>,
}
