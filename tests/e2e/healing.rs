//! Self-healing: what is deleted by hand comes back, and so does the operator's own work.

use std::cell::Cell;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::api::{Api, DeleteParams, DynamicObject, ListParams};
use kube::core::{ApiResource, GroupVersionKind};
use scaledapp::api::labels;
use scaledapp::resources::{KINDS, KindInfo};
use serde_json::json;

use crate::cluster::{World, eventually, kubectl};
use crate::shop::{Load, apply_shop};
use crate::story::shop;

/// A deleted child is back within two seconds; CI allows twice that.
const HEAL_LIMIT: Duration = Duration::from_secs(4);

fn api(world: &World, kind: &KindInfo) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk(kind.group, kind.version, kind.kind);
    let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural);
    Api::namespaced_with(world.client.clone(), &world.namespace, &resource)
}

#[tokio::test]
async fn healing_every_deleted_child_is_back() {
    let world = shop().await;
    let ours = ListParams::default().labels(&format!(
        "{}=shop,{}={}",
        labels::APP,
        labels::MANAGED_BY,
        labels::MANAGED_BY_VALUE
    ));
    let mut slowest = (Duration::ZERO, String::new());
    for kind in KINDS {
        let api = api(&world, kind);
        for object in api.list(&ours).await.expect("children are listed") {
            let name = object.name_any();
            // The generated passwords are made once; a Secret that is lost is another fault with another cure.
            if name == "shop-database-auth" {
                continue;
            }
            // Workloads leave their pods, since many tests share them; all else goes as with kubectl.
            let workload = matches!(kind.kind, "Deployment" | "StatefulSet");
            let orphan = workload.then_some(kube::api::PropagationPolicy::Orphan);
            let by_hand = DeleteParams { propagation_policy: orphan, ..DeleteParams::default() };
            api.delete(&name, &by_hand).await.expect("deleted by hand");
            // Counted from the moment it is gone: one that leaves its pods goes when the garbage collector has let go of them.
            let start = Cell::new(Instant::now());
            eventually(&format!("{} {name} is back", kind.kind), HEAL_LIMIT, async || match api.get_opt(&name).await {
                Ok(Some(found)) if found.uid() == object.uid() => {
                    start.set(Instant::now());
                    Err("not gone yet".to_owned())
                }
                Ok(Some(_)) => Ok(()),
                other => Err(format!("{:?}", other.map(|o| o.is_some()))),
            })
            .await;
            let start = start.get();
            if start.elapsed() > slowest.0 {
                slowest = (start.elapsed(), format!("{} {name}", kind.kind));
            }
        }
    }
    println!("slowest to come back: {slowest:?}");
    world.ready("shop", Duration::from_secs(180)).await;
}

#[tokio::test]
async fn healing_an_operator_killed_at_any_moment_converges() {
    let world = World::new("killed").await;
    let small = [("/spec/targets/availabilityPercent", json!("99")), ("/spec/targets/dailyActiveUsers", json!(1000))];
    apply_shop(&world, &small);
    for round in 0..6_u64 {
        let mut spec = small.to_vec();
        spec.push(("/spec/services/0/env", json!([{"name": "ROUND", "value": round.to_string()}])));
        apply_shop(&world, &spec);
        tokio::time::sleep(Duration::from_millis(150 * round)).await;
        kubectl(&[
            "-n",
            "scaledapp-system",
            "delete",
            "pod",
            "-l",
            "app.kubernetes.io/name=scaledapp",
            "--grace-period=0",
            "--force",
            "--wait=false",
        ]);
    }
    world.ready("shop", Duration::from_secs(180)).await;
    let web = world.kubectl(&["get", "deployment", "shop-web", "-o", "json"]);
    assert!(web.contains("\"ROUND\""), "the last spec is the one that runs");
    Load::start(&world, 5, Duration::from_secs(5)).finish().await.assert_flawless();
    world.remove();
}
