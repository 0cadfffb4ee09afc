//! What a running application shows of itself between two readings of its tiers' metrics pages, by the user's own rights.
//!
//! Reads only: the pages through the API server's proxy to each pod, CPU and memory from the metrics API. What the
//! figures mean is decided in `figures`, which knows no client.

mod exposition;
mod figures;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::StreamExt;
use hyper::Request;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use tokio::time::Instant;

pub use figures::{Figures, NothingObserved, Reading, Window};

use super::error::message_of;
use super::look::{Look, LookError, Looker};
use super::usage::{self, Usage};
use crate::api::labels;
use crate::planner::Tier;

/// Pages that are read at the same time.
const PARALLEL: usize = 8;
/// For one page.
const ANSWER: Duration = Duration::from_secs(10);
/// How often the metrics API is asked: it knows nothing newer in between.
const SAMPLE: Duration = Duration::from_secs(15);

/// Tiers that count something of the profile, with the port of their page.
const PAGES: [(Tier, u16); 4] = [(Tier::Edge, 8405), (Tier::Pool, 8432), (Tier::Cache, 9121), (Tier::Proxy, 9131)];

/// Why an application could not be measured.
#[derive(thiserror::Error, Debug)]
pub enum MeasureError {
    /// It could not be looked at.
    #[error(transparent)]
    Look(#[from] LookError),
    /// The user may not read through pods.
    #[error("you may not read the pods' metrics pages, which needs get of pods/proxy in namespace {namespace}: {why}")]
    Forbidden {
        /// The namespace.
        namespace: String,
        /// What the server says.
        why: String,
    },
    /// There is nothing to measure.
    #[error(transparent)]
    Nothing(#[from] NothingObserved),
}

/// Reads twice with so long between, and says what the figures are.
///
/// # Errors
/// When the application or its pods cannot be read, or nothing can be said of what was read.
pub async fn measure(looker: &Looker, window: Duration) -> Result<Figures, MeasureError> {
    let look = looker.look().await?;
    let (before, mut notes) = pages(looker, &look.pods).await?;
    let begun = Instant::now();
    let web = of_tier(&look.pods, Tier::Web);
    let mut samples = Vec::new();
    while let Some(left) = window.checked_sub(begun.elapsed()).filter(|left| !left.is_zero()) {
        tokio::time::sleep(left.min(SAMPLE)).await;
        // No metrics API is no error: what it would show is then said to be missing.
        if let Ok(usage) = usage::ask(&looker.client, &looker.namespace, &looker.name).await {
            samples.push(usage);
        }
    }
    let (after, late) = pages(looker, &look.pods).await?;
    notes.extend(late);
    let seconds = begun.elapsed().as_secs_f64();
    let window = Window {
        services: services(&look),
        before,
        after,
        seconds,
        web_cores: mean_cores(&samples, &web),
        web_memory: most_memory(&samples, &web),
    };
    let mut figures = window.figures()?;
    figures.notes.extend(notes);
    Ok(figures)
}

fn services(look: &Look) -> BTreeSet<String> {
    look.pods.iter().filter_map(|pod| pod.labels().get(labels::SERVICE).cloned()).collect()
}

fn of_tier(pods: &[Pod], tier: Tier) -> BTreeSet<String> {
    let is = |pod: &&Pod| pod.labels().get(labels::COMPONENT).is_some_and(|component| component == tier.component());
    pods.iter().filter(is).map(ResourceExt::name_any).collect()
}

/// Cores of all of these pods together, on average over the samples that know any of them.
fn mean_cores(samples: &[Usage], pods: &BTreeSet<String>) -> Option<f64> {
    let sums: Vec<f64> = samples
        .iter()
        .filter(|usage| usage.keys().any(|pod| pods.contains(pod)))
        .map(|usage| usage.iter().filter(|(pod, _)| pods.contains(*pod)).map(|(_, used)| used.millicores).sum())
        .collect();
    (!sums.is_empty()).then(|| sums.iter().sum::<f64>() / sums.len() as f64 / 1000.0)
}

fn most_memory(samples: &[Usage], pods: &BTreeSet<String>) -> Option<f64> {
    let all = samples.iter().flatten().filter(|(pod, _)| pods.contains(*pod)).map(|(_, used)| used.bytes);
    all.reduce(f64::max)
}

/// The pages of all pods that have one; what could not be read is noted.
async fn pages(looker: &Looker, pods: &[Pod]) -> Result<(Reading, Vec<String>), MeasureError> {
    let wanted = PAGES
        .into_iter()
        .flat_map(|(tier, port)| of_tier(pods, tier).into_iter().map(move |pod| (tier.component(), pod, port)));
    let asked = wanted.map(|(component, pod, port)| async move {
        let page = page(looker, &pod, port).await;
        (component, pod, page)
    });
    let answers: Vec<_> = futures::stream::iter(asked).buffer_unordered(PARALLEL).collect().await;
    let (mut pages, mut notes) = (BTreeMap::new(), Vec::new());
    for (component, pod, page) in answers {
        match page {
            Ok(text) => match exposition::parse(&text) {
                Ok(samples) => {
                    pages.insert((component.to_owned(), pod), samples);
                }
                Err(error) => notes.push(format!("{pod}: {error}")),
            },
            Err(kube::Error::Api(answer)) if answer.code == 403 => {
                return Err(MeasureError::Forbidden {
                    namespace: looker.namespace.clone(),
                    why: answer.message.clone(),
                });
            }
            Err(error) => notes.push(format!("{pod}: its metrics page could not be read: {}", message_of(&error))),
        }
    }
    notes.sort();
    Ok((Reading { pages }, notes))
}

async fn page(looker: &Looker, pod: &str, port: u16) -> kube::Result<String> {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:{port}/proxy/metrics", looker.namespace);
    let request = Request::get(path).body(Vec::new()).map_err(kube::Error::HttpError)?;
    let answer = tokio::time::timeout(ANSWER, looker.client.request_text(request)).await;
    answer.unwrap_or_else(|_| Err(kube::Error::Service("no answer within 10 s".into())))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::super::usage::Use;
    use super::*;
    use hyper::Response;
    use kube::Client;
    use kube::client::Body;
    use serde_json::json;

    fn pod(name: &str, component: &str) -> serde_json::Value {
        let labels = json!({labels::COMPONENT: component, labels::SERVICE: "web"});
        json!({"metadata": {"name": name, "labels": labels}, "spec": {"containers": []}})
    }

    /// A server that answers by the path; the pages count on with each reading.
    fn looker(forbidden: bool) -> Looker {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let reading = AtomicU32::new(0);
        tokio::spawn(async move {
            while let Some((request, send)) = handle.next_request().await {
                let path = request.uri().path().to_owned();
                let (status, body) = match path.as_str() {
                    path if path.ends_with("/scaledapps/shop") => (200, json!({"apiVersion": "scaledapp.dev/v1alpha1", "kind": "ScaledApp", "metadata": {"name": "shop"}, "spec": {}}).to_string()),
                    path if path.ends_with(":8405/proxy/metrics") && forbidden => (403, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "reason": "Forbidden", "message": "pods \"shop-edge-0\" is forbidden"}).to_string()),
                    path if path.ends_with("shop-edge-0:8405/proxy/metrics") => {
                        let count = 1000 * reading.fetch_add(1, Ordering::Relaxed);
                        (200, format!("haproxy_frontend_http_requests_total{{proxy=\"edge\"}} {count}\nhaproxy_backend_http_requests_total{{proxy=\"web\"}} {count}\n"))
                    }
                    path if path.contains("/metrics.k8s.io/") => {
                        let usage = |name: &str, cpu: &str| json!({"metadata": {"name": name}, "containers": [{"usage": {"cpu": cpu, "memory": "64Mi"}}]});
                        (200, json!({"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "metadata": {}, "items": [usage("shop-web-0", "50m"), usage("shop-web-1", "30m"), usage("shop-edge-0", "900m")]}).to_string())
                    }
                    path if path.ends_with("/pods") => (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [pod("shop-edge-0", "edge"), pod("shop-web-0", "web"), pod("shop-web-1", "web"), pod("shop-pool-0", "pool")]}).to_string()),
                    _ => (503, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 503, "reason": "ServiceUnavailable", "message": "no endpoint"}).to_string()),
                };
                send.send_response(Response::builder().status(status).body(Body::from(body.into_bytes())).unwrap());
            }
        });
        let client = Client::new(service, "prod");
        Looker::new(client, "https://cluster".to_owned(), "prod".to_owned(), "shop".to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn an_application_is_read_twice_through_its_pods() {
        let found = measure(&looker(false), Duration::from_secs(40)).await.unwrap();
        assert!((found.requests_per_second - 25.0).abs() < 0.5, "{found:?}");
        // 80m for 40 s over 1000 requests.
        assert!(found.figures.contains(&("cpuPerRequest", "3.2ms".to_owned())), "{found:?}");
        assert!(found.figures.contains(&("memoryPerReplica", "\"67108864\"".to_owned())));
        assert!(found.notes.iter().any(|note| note.starts_with("shop-pool-0: its metrics page")), "{:?}", found.notes);
    }

    #[tokio::test(start_paused = true)]
    async fn rights_that_are_missing_are_named() {
        let error = measure(&looker(true), Duration::from_secs(40)).await.unwrap_err();
        assert!(error.to_string().contains("needs get of pods/proxy in namespace prod"), "{error}");
    }

    #[test]
    fn use_is_that_of_the_pods_that_are_asked_for() {
        let sample = |web: f64| {
            Usage::from([
                ("web".to_owned(), Use { millicores: web, bytes: web }),
                ("edge".to_owned(), Use { millicores: 999.0, bytes: 999.0 }),
            ])
        };
        let pods = BTreeSet::from(["web".to_owned()]);
        let samples = [sample(100.0), Usage::new(), sample(300.0)];
        assert_eq!((mean_cores(&samples, &pods), most_memory(&samples, &pods)), (Some(0.2), Some(300.0)));
        assert_eq!((mean_cores(&[], &pods), most_memory(&[], &pods)), (None, None));
    }
}
