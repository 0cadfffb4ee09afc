//! An operator with nothing to do writes nothing.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::{Api, DeleteParams, Patch, PatchParams};
use serde_json::json;

use crate::harness::app::{apps, change, child, condition, create, large, small, versions};
use crate::harness::operator::Operator;
use crate::harness::{admin, world};

#[tokio::test]
async fn the_second_reconcile_changes_no_resource_version_and_an_idle_operator_writes_nothing() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &large("shop")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Ingress", "shop").await;
    world::all_ready(&client, &namespace, "shop").await;
    condition(&client, &namespace, "shop", "Ready", "True").await;
    operator.quiet().await;
    let before = versions(&client, &namespace, "shop").await;
    let status = apps(&client, &namespace).get("shop").await.unwrap().resource_version();
    let written = operator.tap.count();

    let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
    apps(&client, &namespace).patch("shop", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(25)).await;
    assert_eq!(operator.tap.count(), written, "{:?}", operator.tap.writes().split_off(written));
    assert_eq!(versions(&client, &namespace, "shop").await, before);
    operator.stop().await;

    let touched = apps(&client, &namespace).get("shop").await.unwrap().resource_version();
    assert_ne!(touched, status);
    let restarted = Operator::start(&namespace);
    tokio::time::sleep(Duration::from_secs(3)).await;
    restarted.quiet().await;
    assert_eq!(versions(&client, &namespace, "shop").await, before, "a restarted operator changes nothing");
    assert_eq!(apps(&client, &namespace).get("shop").await.unwrap().resource_version(), touched);
    restarted.stop().await;
}

#[tokio::test]
async fn a_mutation_by_somebody_else_makes_no_write_loop() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    // What an injecting webhook leaves: a label and a sidecar, by another manager.
    let deployments = crate::harness::app::api_of(&client, &namespace, "Deployment");
    let injected = json!({"metadata": {"labels": {"mesh": "on"}},
        "spec": {"template": {"spec": {"containers": [{"name": "sidecar", "image": "mesh"}]}}}});
    deployments.patch("hello-web", &PatchParams::default(), &Patch::Strategic(&injected)).await.unwrap();
    operator.quiet().await;
    let written = operator.tap.count();
    let version = deployments.get("hello-web").await.unwrap().resource_version();
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(operator.tap.count(), written);
    let live = deployments.get("hello-web").await.unwrap();
    assert_eq!(live.resource_version(), version);
    assert!(live.labels().contains_key("mesh"));
    operator.stop().await;
}

#[tokio::test]
async fn a_write_of_patroni_into_a_pod_or_its_configmaps_wakes_nobody() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    world::all_ready(&client, &namespace, "hello").await;
    condition(&client, &namespace, "hello", "Ready", "True").await;
    operator.quiet().await;
    let reconciles = |page: &str| -> u64 {
        page.lines()
            .filter(|line| line.starts_with("scaledapp_reconciles_total"))
            .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
            .sum()
    };
    let before = reconciles(&operator.metrics.page().unwrap());
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &namespace);
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client.clone(), &namespace);
    for position in 0..20 {
        let note = json!({"metadata": {"annotations": {"status": format!("{{\"xlog_location\":{position}}}")}}});
        pods.patch("hello-database-0", &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
        maps.patch("hello-database-leader", &PatchParams::default(), &Patch::Merge(&note)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let after = reconciles(&operator.metrics.page().unwrap());
    // The look of every twenty seconds may fall into the six.
    assert!(after - before <= 1, "{before} -> {after}");
    operator.stop().await;
}

#[tokio::test]
async fn paused_and_advise_write_nothing_but_status() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut advised = small("advised");
    advised["spec"]["mode"] = json!("Advise");
    let mut paused = small("paused");
    paused["spec"]["paused"] = json!(true);
    create(&client, &namespace, &advised).await;
    create(&client, &namespace, &paused).await;
    let operator = Operator::start(&namespace);
    condition(&client, &namespace, "advised", "PlanAccepted", "True").await;
    condition(&client, &namespace, "paused", "PlanAccepted", "True").await;
    operator.quiet().await;
    let stray: Vec<_> = operator
        .tap
        .writes()
        .into_iter()
        .filter(|w| !w.path.ends_with("/status") && !w.path.contains("/events"))
        .collect();
    assert!(stray.is_empty(), "{stray:?}");
    let status = apps(&client, &namespace).get("advised").await.unwrap().status.unwrap();
    assert!(!status.tiers.is_empty(), "the plan is shown");

    change(&client, &namespace, "paused", &json!({"paused": false})).await;
    child(&client, &namespace, "Deployment", "paused-web").await;
    operator.quiet().await;
    change(&client, &namespace, "paused", &json!({"paused": true})).await;
    condition(&client, &namespace, "paused", "Reconciling", "False").await;
    let deployments = crate::harness::app::api_of(&client, &namespace, "Deployment");
    deployments.delete("paused-web", &DeleteParams::default()).await.unwrap();
    world::collect(&deployments, "paused-web").await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(deployments.get_opt("paused-web").await.unwrap().is_none(), "paused heals nothing");
    operator.stop().await;
}
