//! The web tier grows under load by itself, between the plan's bounds. The way down takes more than five calm minutes
//! by design; `make bench` measures it.

use std::time::Duration;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use kube::api::Api;
use serde_json::json;

use crate::cluster::{World, eventually};
use crate::shop::{Load, apply_shop};
use crate::story::READY_LIMIT;

/// Pods so small that a light load is much for them.
const PIN: (i32, i32, &str) = (2, 4, "50m");

#[tokio::test]
async fn autoscale_web_grows_under_load_within_the_plans_bounds() {
    let (min, max, cpu) = PIN;
    let world = World::new("autoscale").await;
    let pin = json!({"minReplicas": min, "maxReplicas": max, "cpu": cpu});
    apply_shop(&world, &[("/spec/targets/availabilityPercent", json!("99")), ("/spec/services/0/pin", pin)]);
    world.ready("shop", READY_LIMIT).await;
    let scalers: Api<HorizontalPodAutoscaler> = Api::namespaced(world.client.clone(), &world.namespace);

    let load = Load::start(&world, 150, Duration::from_secs(120));
    let wanted = eventually("more web pods", Duration::from_secs(110), async || {
        let scaler = scalers.get("shop-web").await.map_err(|error| error.to_string())?;
        let wanted = scaler.status.as_ref().map_or(0, |status| status.desired_replicas);
        if wanted > min { Ok(wanted) } else { Err(format!("{:?}", scaler.status)) }
    })
    .await;
    assert!(wanted <= max, "{wanted} pods, at most {max} are planned");
    let ready = eventually("they are ready, and the operator leaves them", Duration::from_secs(60), async || {
        let status = world.app("shop").await.status.unwrap_or_default();
        let web = status.tiers.iter().find(|tier| tier.tier == "Web").map_or(0, |tier| tier.ready);
        if web > min { Ok(web) } else { Err(format!("{web} ready")) }
    })
    .await;
    let report = load.finish_soon().await;
    println!("autoscale: {min} to {wanted} wanted, {ready} ready: {}", report.whole);
    report.assert_flawless();
    world.remove();
}
