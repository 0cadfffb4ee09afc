//! What the status says, and when.

use std::time::Duration;

use futures::StreamExt;
use kube::api::{Api, ListParams, Patch, PatchParams, WatchEvent, WatchParams};
use scaledapp::api::ScaledApp;
use serde_json::json;

use crate::harness::app::{SOON, apps, change, child, condition, create, large, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

#[tokio::test]
async fn a_fresh_object_is_in_progress_for_kstatus() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let app = create(&client, &namespace, &small("hello")).await;
    assert_eq!(app.status.and_then(|status| status.observed_generation), Some(-1));
}

#[tokio::test]
async fn the_owner_reads_back_what_he_wrote() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let written = large("shop");
    create(&client, &namespace, &written).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "shop-web").await;
    operator.quiet().await;
    let stored = serde_json::to_value(apps(&client, &namespace).get("shop").await.unwrap()).unwrap();
    assert_eq!(stored["spec"], written["spec"]);
    operator.stop().await;
}

#[tokio::test]
async fn an_unschedulable_pod_is_not_ready_with_the_schedulers_message() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let message = "0/4 nodes are available: 4 Insufficient memory.";
    let begun = std::time::Instant::now();
    world::pod(
        &client,
        &namespace,
        "hello",
        "hello-web-x",
        "web",
        json!([
        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]),
        "Pending",
    )
    .await;
    eventually("the scheduler's message", Duration::from_secs(30), || async {
        let status = apps(&client, &namespace).get("hello").await.unwrap().status?;
        status.conditions.into_iter().find(|c| c.type_ == "Ready" && c.status == "False" && c.message.contains(message))
    })
    .await;
    println!("told after {:?}", begun.elapsed());
    operator.stop().await;
}

#[tokio::test]
async fn a_status_is_small_has_one_ready_and_keeps_its_times() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = large("shop");
    let services: Vec<_> = (0..16)
        .map(|n| json!({"name": format!("service-{n}"), "image": "registry.example/hello:1.0", "paths": [format!("/{n}")]}))
        .collect();
    app["spec"]["services"] = json!(services);
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "shop-service-15").await;
    operator.quiet().await;
    let stored = apps(&client, &namespace).get("shop").await.unwrap();
    let status = stored.status.unwrap();
    let size = serde_json::to_vec(&status).unwrap().len();
    println!("status of {} tiers: {size} bytes", status.tiers.len());
    assert!(size < 16 * 1024, "{size}");
    assert_eq!(status.conditions.iter().filter(|c| c.type_ == "Ready").count(), 1);
    let times: Vec<_> = status.conditions.iter().map(|c| c.last_transition_time.clone()).collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
    apps(&client, &namespace).patch("shop", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    operator.quiet().await;
    let later = apps(&client, &namespace).get("shop").await.unwrap().status.unwrap();
    assert_eq!(times, later.conditions.iter().map(|c| c.last_transition_time.clone()).collect::<Vec<_>>());
    operator.stop().await;
}

#[tokio::test]
async fn a_roll_out_is_told_by_the_first_status_of_a_changed_spec() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    world::all_ready(&client, &namespace, "hello").await;
    condition(&client, &namespace, "hello", "Reconciling", "False").await;
    operator.quiet().await;
    let image = json!([{"name": "web", "image": "registry.example/hello:1.1", "paths": ["/"]}]);
    change(&client, &namespace, "hello", &json!({"services": image})).await;
    let changed = apps(&client, &namespace).get("hello").await.unwrap();
    let first = |app: ScaledApp| {
        let found = app.status?.conditions.into_iter().find(|c| c.type_ == "Reconciling")?;
        (found.observed_generation == changed.metadata.generation).then_some(found)
    };
    let version = changed.metadata.resource_version.clone().unwrap();
    let mut events = apps(&client, &namespace).watch(&WatchParams::default(), &version).await.unwrap().boxed();
    let mut told = first(changed.clone());
    while told.is_none() {
        let event = tokio::time::timeout(SOON, events.next()).await.expect("a status").unwrap().unwrap();
        if let WatchEvent::Modified(app) = event {
            told = first(app);
        }
    }
    let told = told.unwrap();
    assert_eq!((told.status.as_str(), told.reason.as_str()), ("True", "RollingOut"));
    assert_eq!(told.message, "web: 1 of 1 ready, a roll-out is under way");
    world::all_ready(&client, &namespace, "hello").await;
    condition(&client, &namespace, "hello", "Reconciling", "False").await;
    operator.stop().await;
}

#[tokio::test]
async fn events_are_written_once_for_each_thing_that_happened() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["targets"]["latency"] = json!({"p99": "2ms"});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    condition(&client, &namespace, "hello", "Stalled", "True").await;
    for count in 0..5 {
        let touch = json!({"metadata": {"annotations": {"touched": count.to_string()}}});
        apps(&client, &namespace).patch("hello", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client.clone(), &namespace);
    let all = events.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(all.len(), 1, "{:?}", all.iter().map(|e| &e.reason).collect::<Vec<_>>());
    assert!(all[0].series.is_none());
    operator.stop().await;
}
