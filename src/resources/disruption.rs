//! How many pods a drain may take at once.

use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Context;
use super::meta::Part;

/// The budget of a stateless tier; none for a single pod, since it would only block the drain of its node.
/// A broken pod never counts against a drain.
#[must_use]
pub fn stateless(
    context: &Context<'_>,
    part: &Part<'_>,
    name: String,
    replicas: u32,
    max_unavailable: u32,
) -> Option<PodDisruptionBudget> {
    (replicas > 1).then(|| PodDisruptionBudget {
        metadata: part.meta(context.app, name),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(max_unavailable.clamp(1, replicas - 1).cast_signed())),
            selector: Some(part.label_selector(context.app)),
            unhealthy_pod_eviction_policy: Some("AlwaysAllow".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}

/// The budget of members that hold data: one at a time may leave, and only while the others are well. A single member
/// has none: it would block every drain.
#[must_use]
pub fn members(context: &Context<'_>, part: &Part<'_>, name: String, members: u32) -> Option<PodDisruptionBudget> {
    (members >= 2).then(|| PodDisruptionBudget {
        metadata: part.meta(context.app, name),
        spec: Some(PodDisruptionBudgetSpec {
            max_unavailable: Some(IntOrString::Int(1)),
            selector: Some(part.label_selector(context.app)),
            unhealthy_pod_eviction_policy: Some("IfHealthyBudget".to_owned()),
            ..PodDisruptionBudgetSpec::default()
        }),
        ..PodDisruptionBudget::default()
    })
}
