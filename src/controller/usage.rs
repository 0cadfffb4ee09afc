//! What the metrics API (metrics.k8s.io) says of an application's pods. Reads only; where the API is not there, or does
//! not answer, nothing is known, which is no error.

use std::collections::BTreeMap;

use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, ListParams};
use kube::{Client, ResourceExt};
use serde_json::Value;
use tracing::debug;

use crate::domain::Bytes;

use super::children;
use super::context::Context;
use super::observe::Observed;
use super::preflight;

/// CPU and memory that a pod uses.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// CPU.
    pub millicores: f64,
    /// Memory.
    pub bytes: f64,
}

/// Use by the pod's name.
pub type Usage = BTreeMap<String, Use>;

/// The use of an application's pods.
pub async fn read(ctx: &Context, observed: &Observed) -> Usage {
    if !preflight::has_metrics_api(ctx, &observed.namespace) {
        return Usage::new();
    }
    ask(&ctx.client, &observed.namespace, &observed.name).await.unwrap_or_else(|error| {
        debug!(%error, app = observed.key(), "the metrics API does not answer");
        Usage::new()
    })
}

/// The use of an application's pods, by their names.
///
/// # Errors
/// When the metrics API is not there or does not answer.
pub(super) async fn ask(client: &Client, namespace: &str, app: &str) -> kube::Result<Usage> {
    let kind = GroupVersionKind::gvk("metrics.k8s.io", "v1beta1", "PodMetrics");
    let resource = ApiResource::from_gvk_with_plural(&kind, "pods");
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let pods = api.list(&ListParams::default().labels(&children::app_selector(app))).await?;
    Ok(pods.items.iter().filter_map(|pod| Some((pod.name_any(), sum(&pod.data)?))).collect())
}

/// All containers of a pod together; `None` when a figure cannot be read.
fn sum(pod: &Value) -> Option<Use> {
    let mut sum = Use::default();
    for container in pod["containers"].as_array()? {
        sum.millicores += millicores(container["usage"]["cpu"].as_str()?)?;
        sum.bytes += Bytes::parse(container["usage"]["memory"].as_str()?)?.0 as f64;
    }
    Some(sum)
}

/// Cores as the metrics API writes them, down to billionths: `250m`, `1834u`, `183412n`.
fn millicores(text: &str) -> Option<f64> {
    let (number, scale) = match text.strip_suffix(['n', 'u', 'm']) {
        Some(number) if text.ends_with('n') => (number, 1e-6),
        Some(number) if text.ends_with('u') => (number, 1e-3),
        Some(number) => (number, 1.0),
        None => (text, 1e3),
    };
    number.parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0).map(|value| value * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{Request, Response};
    use kube::client::Body;
    use serde_json::json;

    /// As metrics-server 0.8 answers.
    #[tokio::test]
    async fn the_metrics_api_is_asked_for_the_pods_of_the_application() {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let server = tokio::spawn(async move {
            let (request, send) = handle.next_request().await.unwrap();
            let pod = |name: &str, cpu: &str| {
                json!({"metadata": {"name": name, "namespace": "prod", "labels": {"scaledapp.dev/app": "shop"}},
                    "timestamp": "2026-11-23T08:30:00Z", "window": "15.1s",
                    "containers": [{"name": "main", "usage": {"cpu": cpu, "memory": "1Mi"}}]})
            };
            let list = json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {},
                "items": [pod("shop-web-0", "250m"), pod("shop-web-1", "a lot")]});
            send.send_response(Response::new(Body::from(list.to_string().into_bytes())));
            request.uri().to_string()
        });
        let usage = ask(&Client::new(service, "prod"), "prod", "shop").await.unwrap();
        assert_eq!(usage, Usage::from([("shop-web-0".to_owned(), Use { millicores: 250.0, bytes: 1_048_576.0 })]));
        let asked = server.await.unwrap();
        assert!(asked.starts_with("/apis/metrics.k8s.io/v1beta1/namespaces/prod/pods?"), "{asked}");
        assert!(asked.contains("labelSelector=scaledapp.dev%2Fapp%3Dshop"), "{asked}");
    }

    #[test]
    fn containers_are_added_up() {
        let pod = json!({"containers": [{"usage": {"cpu": "183412000n", "memory": "2048Ki"}}, {"usage": {"cpu": "1", "memory": "1Mi"}}]});
        let sum = sum(&pod).unwrap();
        assert!((sum.millicores - 1183.412).abs() < 1e-6 && (sum.bytes - 3_145_728.0).abs() < 1e-6, "{sum:?}");
    }

    #[test]
    fn cpu_comes_in_many_units_and_nonsense_is_not_known() {
        assert_eq!([millicores("2"), millicores("250m"), millicores("1500u")], [Some(2000.0), Some(250.0), Some(1.5)]);
        assert_eq!([millicores("-1"), millicores(""), millicores("NaN")], [None, None, None]);
        assert_eq!(sum(&json!({"containers": [{"usage": {"cpu": "1n"}}]})), None);
    }
}
