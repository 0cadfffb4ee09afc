//! The autoscaler of a web service or a worker, between the plan's bounds.

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, CrossVersionObjectReference, HPAScalingPolicy, HPAScalingRules,
    HorizontalPodAutoscaler, HorizontalPodAutoscalerBehavior, HorizontalPodAutoscalerSpec, MetricSpec, MetricTarget,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use super::meta::Part;
use super::{Context, application};
use crate::domain::Millicores;
use crate::planner::TierPlan;

/// The autoscaler of the Deployment of this name; for plans that have room between their bounds.
#[must_use]
pub fn by_cpu(
    context: &Context<'_>,
    part: &Part<'_>,
    name: String,
    tier: &TierPlan,
    target_cpu_percent: u32,
) -> HorizontalPodAutoscaler {
    HorizontalPodAutoscaler {
        metadata: part.meta(context.app, name.clone()),
        spec: Some(HorizontalPodAutoscalerSpec {
            scale_target_ref: CrossVersionObjectReference {
                api_version: Some("apps/v1".to_owned()),
                kind: "Deployment".to_owned(),
                name,
            },
            min_replicas: Some(tier.replicas.min.cast_signed()),
            max_replicas: tier.replicas.max.cast_signed(),
            metrics: Some(vec![cpu(tier, target_cpu_percent)]),
            behavior: Some(behavior()),
        }),
        ..HorizontalPodAutoscaler::default()
    }
}

/// CPU of the application's container alone, so that injected sidecars do not dilute it. The target is an amount and
/// not a share of the request: where the environment shrinks requests, the plan's pod is as large as before.
fn cpu(tier: &TierPlan, target_cpu_percent: u32) -> MetricSpec {
    let target = Millicores((tier.per_replica.cpu.0 * u64::from(target_cpu_percent) / 100).max(1));
    MetricSpec {
        type_: "ContainerResource".to_owned(),
        container_resource: Some(ContainerResourceMetricSource {
            container: application::CONTAINER.to_owned(),
            name: "cpu".to_owned(),
            target: MetricTarget {
                type_: "AverageValue".to_owned(),
                average_value: Some(Quantity(target.quantity())),
                ..MetricTarget::default()
            },
        }),
        ..MetricSpec::default()
    }
}

/// Up at once, by doubling or by four pods, whichever is more; down by a tenth a minute after five calm minutes.
fn behavior() -> HorizontalPodAutoscalerBehavior {
    let policy =
        |type_: &str, value, period_seconds| HPAScalingPolicy { type_: type_.to_owned(), value, period_seconds };
    let rules = |policies, window| HPAScalingRules {
        policies: Some(policies),
        select_policy: Some("Max".to_owned()),
        stabilization_window_seconds: Some(window),
        ..HPAScalingRules::default()
    };
    HorizontalPodAutoscalerBehavior {
        scale_up: Some(rules(vec![policy("Percent", 100, 15), policy("Pods", 4, 15)], 0)),
        scale_down: Some(rules(vec![policy("Percent", 10, 60)], 300)),
    }
}
