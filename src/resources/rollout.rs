//! How stateless pods come and go without a failed request: what Deployments of all tiers share.

use k8s_openapi::api::apps::v1::{DeploymentStrategy, RollingUpdateDeployment};
use k8s_openapi::api::core::v1::{
    Lifecycle, LifecycleHandler, PodDNSConfig, PodDNSConfigOption, Service, ServicePort, ServiceSpec, SleepAction,
};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::Context;
use super::meta::Part;

/// Old `ReplicaSet`s that are kept for `kubectl rollout undo`.
pub const REVISION_HISTORY_LIMIT: i32 = 3;
/// A roll-out without progress for this long is reported as failed.
pub const PROGRESS_DEADLINE_SECONDS: i32 = 600;

/// New pods first, old ones only when a new one is available.
#[must_use]
pub fn surge_only(surge: u32) -> DeploymentStrategy {
    DeploymentStrategy {
        type_: Some("RollingUpdate".to_owned()),
        rolling_update: Some(RollingUpdateDeployment {
            max_surge: Some(IntOrString::Int(surge.max(1).cast_signed())),
            max_unavailable: Some(IntOrString::Int(0)),
        }),
    }
}

/// Waits before the process is told to stop, so that callers have forgotten the pod by then.
#[must_use]
pub fn stop_after(seconds: i64) -> Lifecycle {
    Lifecycle {
        pre_stop: Some(LifecycleHandler { sleep: Some(SleepAction { seconds }), ..LifecycleHandler::default() }),
        ..Lifecycle::default()
    }
}

/// Look-ups that ask the next DNS server after one second: one of them may be on a lost node.
#[must_use]
pub fn impatient_dns() -> PodDNSConfig {
    let option = |name: &str, value: &str| PodDNSConfigOption { name: Some(name.into()), value: Some(value.into()) };
    PodDNSConfig { options: Some(vec![option("timeout", "1"), option("attempts", "3")]), ..PodDNSConfig::default() }
}

/// A Service with one port named `http` that leads to the container's port of that name; headless ones show the
/// addresses of their ready pods in DNS, so `number` is the container's.
#[must_use]
pub fn http_service(context: &Context<'_>, part: &Part<'_>, name: String, number: u16, headless: bool) -> Service {
    Service {
        metadata: part.meta(context.app, name),
        spec: Some(ServiceSpec {
            cluster_ip: headless.then(|| "None".to_owned()),
            type_: Some("ClusterIP".to_owned()),
            selector: Some(part.selector(context.app)),
            ports: Some(vec![ServicePort {
                name: Some("http".to_owned()),
                port: i32::from(number),
                protocol: Some("TCP".to_owned()),
                target_port: Some(IntOrString::String("http".to_owned())),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}
