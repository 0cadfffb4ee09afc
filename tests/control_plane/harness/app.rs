//! `ScaledApps` of tests, and what is asked of them.

use std::time::Duration;

use kube::api::{Api, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use kube::core::ObjectList;
use kube::{Client, ResourceExt};
use serde_json::{Value, json};

use scaledapp::api::ScaledApp;
use scaledapp::controller::children;
use scaledapp::resources::KINDS;

use super::eventually;

/// How long anything may take that takes a reconcile or two.
pub const SOON: Duration = Duration::from_secs(15);

/// One service and a database.
pub fn small(name: &str) -> Value {
    json!({"apiVersion": "scaledapp.dev/v1alpha1", "kind": "ScaledApp", "metadata": {"name": name},
        "spec": {"targets": {"dailyActiveUsers": 10000},
            "services": [{"name": "web", "image": "registry.example/hello:1.0", "paths": ["/"]}], "database": {}}})
}

/// Enough load for an edge, an autoscaler, three members and an ingress.
pub fn large(name: &str) -> Value {
    json!({"apiVersion": "scaledapp.dev/v1alpha1", "kind": "ScaledApp", "metadata": {"name": name},
        "spec": {"targets": {"dailyActiveUsers": 2_000_000, "availabilityPercent": "99.95",
                "growth": {"percentPerMonth": 8, "horizonMonths": 6}},
            "services": [{"name": "web", "image": "registry.example/hello:1.0", "paths": ["/"]}],
            "ingress": {"hosts": ["shop.example.com"]},
            "database": {}}})
}

/// `ScaledApps` of a namespace.
pub fn apps(client: &Client, namespace: &str) -> Api<ScaledApp> {
    Api::namespaced(client.clone(), namespace)
}

/// Creates an application.
pub async fn create(client: &Client, namespace: &str, app: &Value) -> ScaledApp {
    let app: ScaledApp = serde_json::from_value(app.clone()).unwrap();
    apps(client, namespace).create(&PostParams::default(), &app).await.unwrap()
}

/// Changes an application's spec.
pub async fn change(client: &Client, namespace: &str, name: &str, spec: &Value) {
    let patch = json!({"spec": spec});
    apps(client, namespace).patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap();
}

/// Waits until a condition has a status; returns its reason and message.
pub async fn condition(client: &Client, namespace: &str, name: &str, type_: &str, status: &str) -> (String, String) {
    eventually(&format!("{type_}={status} of {name}"), SOON, || async {
        let app = apps(client, namespace).get(name).await.ok()?;
        let found = app.status.as_ref()?.conditions.iter().find(|c| c.type_ == type_)?.clone();
        let generation = app.metadata.generation;
        (found.status == status && found.observed_generation == generation).then_some((found.reason, found.message))
    })
    .await
}

/// Everything that the operator wrote for an application, by kind and name.
pub async fn children(client: &Client, namespace: &str, app: &str) -> Vec<(&'static str, DynamicObject)> {
    let mut all = Vec::new();
    for kind in KINDS {
        let params = ListParams::default().labels(&children::selector(app));
        let list: ObjectList<DynamicObject> = children::api(client, kind, namespace).list(&params).await.unwrap();
        all.extend(list.items.into_iter().map(|object| (kind.kind, object)));
    }
    all
}

/// Kind, name and version of every child.
pub async fn versions(client: &Client, namespace: &str, app: &str) -> Vec<(&'static str, String, Option<String>)> {
    children(client, namespace, app).await.into_iter().map(|(k, o)| (k, o.name_any(), o.resource_version())).collect()
}

/// A child, as soon as it is there.
pub async fn child(client: &Client, namespace: &str, kind: &str, name: &str) -> DynamicObject {
    let info = KINDS.iter().find(|info| info.kind == kind).unwrap();
    let api = children::api(client, info, namespace);
    eventually(&format!("{kind} {name}"), SOON, || async { api.get_opt(name).await.unwrap() }).await
}

/// The objects of a kind.
pub fn api_of(client: &Client, namespace: &str, kind: &str) -> Api<DynamicObject> {
    children::api(client, KINDS.iter().find(|info| info.kind == kind).unwrap(), namespace)
}
