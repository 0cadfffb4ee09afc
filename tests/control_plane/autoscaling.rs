//! `spec.replicas` belongs to the autoscaler.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::apps::v1::Deployment;
use kube::api::{Api, Patch, PatchParams};
use kube::runtime::{WatchStreamExt, watcher};
use serde_json::json;

use crate::harness::app::{SOON, api_of, change, child, condition, create, large};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

async fn scale(api: &Api<Deployment>, name: &str, replicas: i32) {
    let scale = json!({"spec": {"replicas": replicas}});
    let params = PatchParams { field_manager: Some("kube-controller-manager".into()), ..PatchParams::default() };
    api.patch_scale(name, &params, &Patch::Merge(&scale)).await.unwrap();
}

async fn replicas(api: &Api<Deployment>, name: &str) -> i32 {
    api.get(name).await.unwrap().spec.unwrap().replicas.unwrap()
}

#[tokio::test]
async fn replicas_set_by_an_autoscaler_survive_ten_reconciles_and_a_restart() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &large("shop")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "HorizontalPodAutoscaler", "shop-web").await;
    operator.quiet().await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    assert!(replicas(&deployments, "shop-web").await > 1, "seeded with the plan's minimum");
    scale(&deployments, "shop-web", 7).await;
    for count in 0..10 {
        let env = json!([{"name": "web", "image": "registry.example/hello:1.0", "paths": ["/"],
            "env": [{"name": "COUNT", "value": count.to_string()}]}]);
        change(&client, &namespace, "shop", &json!({"services": env})).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    condition(&client, &namespace, "shop", "PlanAccepted", "True").await;
    operator.quiet().await;
    assert_eq!(replicas(&deployments, "shop-web").await, 7);
    operator.kill().await;
    let operator = Operator::start(&namespace);
    tokio::time::sleep(Duration::from_secs(2)).await;
    operator.quiet().await;
    assert_eq!(replicas(&deployments, "shop-web").await, 7);
    operator.stop().await;
}

#[tokio::test]
async fn switching_autoscaling_on_and_off_never_passes_through_one() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &large("shop")).await;
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    let fewest = Arc::new(AtomicI64::new(i64::MAX));
    let seen = fewest.clone();
    let watched = deployments.clone();
    let watch = tokio::spawn(async move {
        let config = watcher::Config::default().fields("metadata.name=shop-web");
        let mut stream = watcher::watcher(watched, config).applied_objects().boxed();
        while let Some(Ok(live)) = stream.next().await {
            seen.fetch_min(i64::from(live.spec.unwrap().replicas.unwrap()), Ordering::SeqCst);
        }
    });
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "HorizontalPodAutoscaler", "shop-web").await;
    operator.quiet().await;
    scale(&deployments, "shop-web", 9).await;
    let service = |pin: serde_json::Value| json!({"services": [{"name": "web", "image": "registry.example/hello:1.0", "paths": ["/"], "pin": pin}]});
    for round in 0..2 {
        change(&client, &namespace, "shop", &service(json!({"minReplicas": 8, "maxReplicas": 8}))).await;
        let autoscalers = api_of(&client, &namespace, "HorizontalPodAutoscaler");
        eventually(&format!("round {round}: the autoscaler is gone"), SOON, || async {
            autoscalers.get_opt("shop-web").await.unwrap().is_none().then_some(())
        })
        .await;
        operator.quiet().await;
        assert_eq!(replicas(&deployments, "shop-web").await, 8);
        change(&client, &namespace, "shop", &service(json!({"minReplicas": 4, "maxReplicas": 20}))).await;
        child(&client, &namespace, "HorizontalPodAutoscaler", "shop-web").await;
        operator.quiet().await;
        assert_eq!(replicas(&deployments, "shop-web").await, 8, "handed over as it was");
    }
    assert!(fewest.load(Ordering::SeqCst) > 1, "it passed through {}", fewest.load(Ordering::SeqCst));
    watch.abort();
    operator.stop().await;
}
