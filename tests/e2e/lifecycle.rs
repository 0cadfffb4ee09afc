//! Deletion, re-creation, refusal: what stays, what goes, and what a bad spec changes (nothing).

use std::time::Duration;

use serde_json::{Value, json};

use crate::cluster::{World, eventually, get, kubectl, kubectl_output};
use crate::shop::{Load, apply_shop};
use crate::story::READY_LIMIT;

pub fn small() -> Vec<(&'static str, Value)> {
    vec![("/spec/targets/availabilityPercent", json!("99")), ("/spec/targets/dailyActiveUsers", json!(1000))]
}

async fn gone(world: &World, what: &str) {
    eventually(&format!("{what} are gone"), Duration::from_secs(150), async || {
        let left = world.kubectl(&["get", what, "-l", "scaledapp.dev/app=shop", "-o", "name"]);
        if left.trim().is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
}

fn orders(world: &World) -> Result<u64, String> {
    let (count, _) = get(&world.host, "/api/orders/count?from=primary")?;
    count["count"].as_u64().ok_or_else(|| count.to_string())
}

#[tokio::test]
async fn lifecycle_retained_data_is_found_again() {
    let world = World::new("retain").await;
    apply_shop(&world, &small());
    world.ready("shop", READY_LIMIT).await;
    let report = Load::start(&world, 10, Duration::from_secs(5)).finish().await;
    let before = orders(&world).expect("counted");
    assert!(before >= report.acknowledged && before > 0);

    world.kubectl(&["delete", "scaledapp", "shop", "--wait=true"]);
    for kind in ["pods", "deployments", "statefulsets", "services", "ingresses"] {
        gone(&world, kind).await;
    }
    let kept = world.kubectl(&["get", "pvc,secret,controllerrevision", "-o", "name"]);
    for name in ["data-shop-database-0", "secret/shop-database-auth", "shop-plan-"] {
        assert!(kept.contains(name), "{name} is not kept: {kept}");
    }

    apply_shop(&world, &small());
    world.ready("shop", READY_LIMIT).await;
    let after = eventually("the old orders", Duration::from_secs(30), async || orders(&world)).await;
    assert_eq!(before, after);
    world.remove();
}

#[tokio::test]
async fn lifecycle_delete_leaves_nothing() {
    let world = World::new("delete").await;
    let mut spec = small();
    spec.push(("/spec/deletionPolicy", json!("Delete")));
    apply_shop(&world, &spec);
    world.ready("shop", READY_LIMIT).await;
    world.kubectl(&["delete", "scaledapp", "shop", "--wait=true"]);
    for kind in ["pods", "pvc", "secrets", "configmaps", "controllerrevisions.apps", "services", "jobs"] {
        gone(&world, kind).await;
    }
    world.remove();
}

#[tokio::test]
async fn lifecycle_a_refused_spec_changes_nothing_even_after_a_restart() {
    let world = World::new("refused").await;
    apply_shop(&world, &small());
    world.ready("shop", READY_LIMIT).await;
    let image =
        || world.kubectl(&["get", "deployment", "shop-web", "-o", "jsonpath={.spec.template.spec.containers[0].env}"]);
    let accepted = image();

    let mut refused = small();
    refused.push(("/spec/targets/latency", json!({"p99": "1ms"})));
    refused.push(("/spec/services/0/env", json!([{"name": "REFUSED", "value": "yes"}])));
    apply_shop(&world, &refused);
    let condition = world.condition("shop", "PlanAccepted", "False", Duration::from_secs(20)).await;
    assert!(condition.message.contains("spec.targets.latency.p99"), "{}", condition.message);

    kubectl(&["-n", "scaledapp-system", "delete", "pod", "-l", "app.kubernetes.io/name=scaledapp", "--wait=true"]);
    kubectl(&["-n", "scaledapp-system", "rollout", "status", "deployment", "scaledapp", "--timeout=60s"]);
    world.kubectl(&["delete", "deployment", "shop-web"]);
    eventually("the deployment is back", Duration::from_secs(30), async || {
        let found = kubectl_output(&["-n", &world.namespace, "get", "deployment", "shop-web"], None);
        if found.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&found.stderr).into_owned()) }
    })
    .await;
    assert_eq!(accepted, image(), "as the accepted spec has it");
    world.remove();
}
