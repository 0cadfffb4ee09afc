//! Tiers that somebody else runs: nothing is built on a Secret that is not there or not complete, and nothing of our
//! own goes while pods use it.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::Secret;
use kube::Client;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::app::{SOON, apps, change, child, children, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

/// A password that nothing but the Secret may show.
const PASSWORD: &str = "hunter2";

/// The owner's Secret with these keys, in place of the one that is there.
async fn secret(client: &Client, namespace: &str, name: &str, data: Value) {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let secret =
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "type": "Opaque", "stringData": data});
    api.patch(name, &PatchParams::apply("owner").force(), &Patch::Apply(&secret)).await.unwrap();
}

/// Makes the operator look, as it does by itself within a minute.
async fn touch(client: &Client, namespace: &str) {
    static COUNT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let count = COUNT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let touch = json!({"metadata": {"annotations": {"touched": count.to_string()}}});
    apps(client, namespace).patch("hello", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
}

fn external(secret: &str) -> Value {
    json!({"provider": "External", "external": {"secretRef": {"name": secret}}})
}

async fn says(client: &Client, namespace: &str, type_: &str, status: &str, words: &[&str]) {
    eventually(&format!("{type_}={status} with {words:?}"), SOON, || async {
        let app = apps(client, namespace).get("hello").await.ok()?;
        let found = app.status?.conditions.into_iter().find(|c| c.type_ == type_ && c.status == status)?;
        words.iter().all(|word| found.message.contains(word)).then_some(())
    })
    .await;
}

async fn web(client: &Client, namespace: &str) -> Option<Deployment> {
    Api::<Deployment>::namespaced(client.clone(), namespace).get_opt("hello-web").await.unwrap()
}

async fn template(client: &Client, namespace: &str) -> String {
    let spec = web(client, namespace).await.unwrap().spec.unwrap();
    serde_json::to_string(&spec.template).unwrap()
}

#[tokio::test]
async fn nothing_is_built_before_the_owners_secret_is_complete() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["database"] = external("theirs");
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    says(&client, &namespace, "EnvironmentReady", "False", &["Secret theirs does not exist", "key uri"]).await;
    says(&client, &namespace, "Reconciling", "True", &["theirs"]).await;
    secret(&client, &namespace, "theirs", json!({"host": "db.example"})).await;
    says(&client, &namespace, "EnvironmentReady", "False", &["Secret theirs has no key uri"]).await;
    let stalled = condition(&client, &namespace, "hello", "Stalled", "False").await;
    operator.quiet().await;
    assert!(children(&client, &namespace, "hello").await.is_empty(), "{stalled:?}");

    let uri = format!("postgresql://shop:{PASSWORD}@db.example:6432/shop");
    secret(&client, &namespace, "theirs", json!({"host": "db.example", "uri": uri})).await;
    child(&client, &namespace, "Deployment", "hello-web").await;
    condition(&client, &namespace, "hello", "EnvironmentReady", "True").await;
    operator.quiet().await;
    let status = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap();
    assert_eq!(status.database.as_deref(), Some("External"));
    let tier = status.tiers.iter().find(|tier| tier.tier == "Database").unwrap();
    assert_eq!((tier.endpoint.as_deref(), tier.planned.max), (Some("db.example:6432"), 0));
    assert!(tier.message.as_ref().unwrap().starts_with("External"), "{tier:?}");
    assert!(!serde_json::to_string(&status).unwrap().contains(PASSWORD));
    for (kind, object) in children(&client, &namespace, "hello").await {
        let written = serde_json::to_string(&object).unwrap();
        assert!(!["StatefulSet", "Secret"].contains(&kind) && !written.contains(PASSWORD), "{kind} {written}");
    }
    operator.stop().await;
}

#[tokio::test]
async fn a_changed_secret_rolls_the_pods_and_one_that_went_leaves_them_as_they_are() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    secret(&client, &namespace, "theirs", json!({"uri": "postgresql://a:b@one.example/shop"})).await;
    let mut app = small("hello");
    app["spec"]["database"] = external("theirs");
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let first = template(&client, &namespace).await;

    secret(&client, &namespace, "theirs", json!({"uri": "postgresql://a:new@one.example/shop"})).await;
    touch(&client, &namespace).await;
    eventually("another template", SOON, || async { (template(&client, &namespace).await != first).then_some(()) })
        .await;
    operator.quiet().await;
    let second = template(&client, &namespace).await;

    Api::<Secret>::namespaced(client.clone(), &namespace).delete("theirs", &DeleteParams::default()).await.unwrap();
    touch(&client, &namespace).await;
    says(&client, &namespace, "Reconciling", "True", &["Secret theirs does not exist"]).await;
    operator.quiet().await;
    assert_eq!(template(&client, &namespace).await, second);
    let policies = children(&client, &namespace, "hello").await;
    assert!(policies.iter().any(|(kind, _)| *kind == "NetworkPolicy"));
    operator.stop().await;
}

#[tokio::test]
async fn a_new_spec_with_a_hole_leaves_what_was_accepted() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"].as_object_mut().unwrap().remove("database");
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let first = template(&client, &namespace).await;
    let services = json!([{"name": "web", "image": "registry.example/hello:2.0", "paths": ["/"]}]);
    change(&client, &namespace, "hello", &json!({"cache": external("theirs"), "services": services})).await;
    let (reason, message) = condition(&client, &namespace, "hello", "PlanAccepted", "False").await;
    assert!(reason == "BindingIncomplete" && message.contains("Secret theirs"), "{reason}: {message}");
    condition(&client, &namespace, "hello", "Stalled", "False").await;
    operator.quiet().await;
    assert_eq!(template(&client, &namespace).await, first);
    secret(&client, &namespace, "theirs", json!({"uri": "redis://cache.example"})).await;
    condition(&client, &namespace, "hello", "PlanAccepted", "True").await;
    eventually("the new image", SOON, || async {
        template(&client, &namespace).await.contains("hello:2.0").then_some(())
    })
    .await;
    operator.stop().await;
}

#[tokio::test]
async fn a_database_of_our_own_stays_until_approved_and_until_no_pod_uses_it() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    secret(&client, &namespace, "theirs", json!({"uri": "postgresql://a:b@one.example/shop"})).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    world::all_ready(&client, &namespace, "hello").await;
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    world::all_ready(&client, &namespace, "hello").await;
    operator.quiet().await;

    change(&client, &namespace, "hello", &json!({"database": external("theirs")})).await;
    let hash = eventually("a proposal", SOON, || async {
        apps(&client, &namespace).get("hello").await.ok()?.status?.proposed.map(|proposed| proposed.hash)
    })
    .await;
    operator.quiet().await;
    assert!(!template(&client, &namespace).await.contains("theirs"), "unasked");
    change(&client, &namespace, "hello", &json!({"changes": {"approved": hash}})).await;
    eventually("the new address", SOON, || async {
        template(&client, &namespace).await.contains("theirs").then_some(())
    })
    .await;
    operator.quiet().await;
    // Nobody marks the pods as rolled yet: some may still use the database.
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &namespace);
    assert!(sets.get_opt("hello-database").await.unwrap().is_some_and(|set| set.metadata.deletion_timestamp.is_none()));
    world::all_ready(&client, &namespace, "hello").await;
    eventually("the end of the database", SOON, || async {
        let live = sets.get_opt("hello-database").await.unwrap();
        live.is_none_or(|set| set.metadata.deletion_timestamp.is_some()).then_some(())
    })
    .await;
    operator.stop().await;
}
