//! The story of the README: the sample becomes a running application with its database.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Secret};
use kube::ResourceExt;
use kube::api::Api;

use crate::cluster::{World, eventually, get};
use crate::shop::{Load, apply_shop};

/// CI allows twice the time that the benchmarks found.
pub const READY_LIMIT: Duration = Duration::from_secs(240);

/// The sample shop, ready; shared by the tests that leave it as it is.
pub async fn shop() -> World {
    let world = World::new("shop").await;
    apply_shop(&world, &[]);
    world.ready("shop", READY_LIMIT).await;
    world
}

#[tokio::test]
async fn story_the_sample_serves_orders_through_the_ingress() {
    let world = shop().await;
    let report = Load::start(&world, 10, Duration::from_secs(10)).finish().await;
    report.assert_flawless();
    assert!(report.acknowledged > 0, "{}", report.whole);
    let (orders, headers) = eventually("orders read from a replica", Duration::from_secs(20), async || {
        let (orders, headers) = get(&world.host, "/api/orders?limit=5")?;
        let role = headers.iter().find(|(name, _)| name == "x-database-role").map(|(_, value)| value.as_str());
        if role == Some("replica") { Ok((orders, headers)) } else { Err(format!("answered by {role:?}")) }
    })
    .await;
    assert!(orders.to_string().contains("key"), "{orders} {headers:?}");
}

#[tokio::test]
async fn story_every_tier_is_spread_and_reported() {
    let world = shop().await;
    let nodes: Api<Node> = Api::all(world.client.clone());
    for component in ["web", "database", "pool", "edge"] {
        let mut zones = Vec::new();
        for pod in world.pods_of(component).await {
            let node = nodes.get(&pod.spec.clone().and_then(|s| s.node_name).expect("scheduled")).await.expect("node");
            zones.push(node.labels().get("topology.kubernetes.io/zone").cloned());
        }
        zones.sort();
        let pods = zones.len();
        zones.dedup();
        assert!(pods >= 2 && zones.len() >= pods.min(3), "{component}: {pods} pods in zones {zones:?}");
    }
    let status = world.app("shop").await.status.expect("a status");
    for tier in ["Edge", "Web", "Pool", "Database"] {
        let found = status.tiers.iter().find(|t| t.tier == tier).unwrap_or_else(|| panic!("{tier} in {status:?}"));
        assert!(found.ready >= found.planned.min, "{found:?}");
    }
    assert!(serde_json::to_vec(&status).expect("JSON").len() < 16 * 1024);
}

#[tokio::test]
async fn story_the_binding_has_the_names_of_service_binding() {
    let world = shop().await;
    let secrets: Api<Secret> = Api::namespaced(world.client.clone(), &world.namespace);
    let binding = secrets.get("shop-database").await.expect("the binding").data.expect("data");
    for key in ["type", "provider", "host", "port", "username", "password", "database", "uri", "read-uri", "direct-uri"]
    {
        assert!(binding.contains_key(key), "{key} is missing");
    }
}
