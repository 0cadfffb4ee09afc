//! Every tier shows its figures, and the dashboard draws only what there is.

use std::collections::BTreeSet;
use std::time::Duration;

use kube::ResourceExt;
use serde_json::Value;

use crate::cluster::{World, eventually};
use crate::whole::{upload, whole_shop};

/// Component and port of what the chart's PodMonitors read.
const SHOWN: [(&str, u16); 12] = [
    ("database", 9187),
    ("database", 8008),
    ("pool", 8405),
    ("pool", 8432),
    ("edge", 8405),
    ("proxy", 9131),
    ("cache", 9121),
    ("sessions", 9121),
    ("queue", 15692),
    ("cache-router", 8405),
    ("sessions-router", 8405),
    ("queue-router", 8405),
];

/// Names of the figures that a pod shows, through the API server.
async fn names(world: &World, pod: &str, port: u16) -> BTreeSet<String> {
    let path = format!("/api/v1/namespaces/{}/pods/{pod}:{port}/proxy/metrics", world.namespace);
    let request = hyper::Request::get(path).body(Vec::new()).expect("a request");
    let text = world.client.request_text(request).await.unwrap_or_else(|error| panic!("{pod}:{port}: {error}"));
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .map(str::to_owned)
        .collect()
}

/// All that is shown; every pod of every tier answers on each of its ports, though a pool without clients has no figures.
async fn shown(world: &World) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (component, port) in SHOWN {
        let pods = world.pods_of(component).await;
        assert!(!pods.is_empty(), "no pod of {component}");
        for pod in &pods {
            all.extend(names(world, &pod.name_any(), port).await);
        }
    }
    all
}

/// Names of figures in the dashboard's expressions, but for the operator's own.
fn drawn() -> BTreeSet<String> {
    let text = std::fs::read_to_string("charts/scaledapp/dashboards/scaledapp.json").expect("the dashboard");
    let dashboard: Value = serde_json::from_str(&text).expect("the dashboard is JSON");
    let panels = dashboard["panels"].as_array().expect("panels");
    let expressions = panels.iter().flat_map(|panel| panel["targets"].as_array().expect("targets"));
    expressions
        .filter_map(|target| target["expr"].as_str())
        .flat_map(|expression| expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_'))
        .filter(|word| word.contains('_') && !word.starts_with("scaledapp_"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn metrics_of_every_tier_are_shown_and_drawn() {
    let world = whole_shop().await;
    upload(&world);
    let drawn = drawn();
    // Some figures are there when what they count has happened once.
    eventually("all that is drawn", Duration::from_secs(60), async || {
        let shown = shown(&world).await;
        let missing: Vec<&String> = drawn.iter().filter(|name| !shown.contains(*name)).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("nobody shows {missing:?}")) }
    })
    .await;
}
