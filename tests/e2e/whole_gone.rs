//! Everything once gone: all pods of a tier end at once, one tier after another, under a light load. What is
//! acknowledged stays: orders, confirmed jobs, sessions.

use std::time::Duration;

use kube::ResourceExt;
use scaledapp::api::labels;

use crate::cluster::{World, eventually};
use crate::shop::Load;
use crate::whole::{ask, log_in, made_small, upload, whole_shop};

/// From the end of all pods of a tier until as many serve again.
const BACK_LIMIT: Duration = Duration::from_secs(180);
const LOAD: Duration = Duration::from_secs(40);

/// Ends all pods of a tier as a power cut would, and waits until as many are ready again.
async fn all_at_once(world: &World, component: &str) {
    let before: Vec<_> = world.pods_of(component).await.iter().map(ResourceExt::uid).collect();
    let selector = format!("{}={component}", labels::COMPONENT);
    world.kubectl(&["delete", "pod", "-l", &selector, "--grace-period=0", "--force", "--wait=false"]);
    eventually(&format!("{component} is back"), BACK_LIMIT, async || {
        let pods = world.pods_of(component).await;
        let ready = |pod: &k8s_openapi::api::core::v1::Pod| {
            let conditions = pod.status.as_ref().and_then(|status| status.conditions.clone()).unwrap_or_default();
            conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True")
        };
        let back = pods.iter().filter(|pod| !before.contains(&pod.uid()) && ready(pod)).count();
        if back >= before.len() { Ok(()) } else { Err(format!("{back} of {}", before.len())) }
    })
    .await;
}

#[tokio::test]
async fn gone_tiers_cost_no_request_and_lose_nothing() {
    let world = whole_shop().await;
    let (_, cookie) = log_in(&world);
    for component in ["proxy", "cache", "worker", "queue", "sessions"] {
        // Confirmed before the fault; whoever is gone, they are made small in the end.
        let pictures: Vec<String> = (0..3).map(|_| upload(&world)).collect();
        let load = Load::start(&world, 5, LOAD);
        tokio::time::sleep(Duration::from_secs(3)).await;
        let start = std::time::Instant::now();
        all_at_once(&world, component).await;
        println!("{component}: all pods gone and back after {:.1} s", start.elapsed().as_secs_f64());
        let report = load.finish().await;
        println!("{component} gone: {}", report.whole);
        report.assert_flawless();
        for picture in &pictures {
            made_small(&world, picture).await;
        }
        eventually("Ada is logged in still", Duration::from_secs(30), async || {
            let session = ask(&world, "/api/session", &["-b", &cookie])?;
            if session.status == 200 { Ok(()) } else { Err(session.body) }
        })
        .await;
    }
    world.ready("shop", BACK_LIMIT).await;
}
