//! The climb: from ten thousand to two hundred thousand users and back, under load.

use std::time::Duration;

use scaledapp::api::ScaledAppStatus;
use serde_json::json;

use crate::cluster::{World, eventually};
use crate::shop::{Load, apply_shop, apply_whole_shop};
use crate::story::READY_LIMIT;

#[tokio::test]
async fn climb_from_ten_to_two_hundred_thousand_users_and_back() {
    let world = World::new("climb").await;
    let users = |count: u64| vec![("/spec/targets/dailyActiveUsers", json!(count))];
    apply_whole_shop(&world, &users(10_000));
    world.ready("shop", Duration::from_secs(600)).await;
    let foot = world.app("shop").await.status.expect("a status");

    let load = Load::start(&world, 10, Duration::from_secs(180));
    apply_whole_shop(&world, &users(200_000));
    let took = world.ready("shop", Duration::from_secs(170)).await;
    let top = world.app("shop").await.status.expect("a status");
    let report = load.finish_soon().await;
    println!("climb, ready after {took:?}: {}", report.whole);
    report.assert_flawless();
    for tier in ["Web", "Worker"] {
        assert!(planned(&foot, tier) < planned(&top, tier), "{tier} grows: {:?}", top.tiers);
    }

    let load = Load::start(&world, 10, Duration::from_secs(60));
    apply_whole_shop(&world, &users(10_000));
    let proposed = eventually("the way down is proposed", Duration::from_secs(50), async || {
        let status = world.app("shop").await.status.unwrap_or_default();
        status.proposed.clone().ok_or_else(|| format!("{:?}", status.conditions))
    })
    .await;
    let report = load.finish_soon().await;
    println!("back down: {}", report.whole);
    report.assert_flawless();
    assert!(proposed.changes.iter().any(|c| c.object.starts_with("Database/")), "{proposed:?}");
    let down = world.app("shop").await.status.expect("a status");
    for tier in ["Database", "Cache", "Sessions", "Queue"] {
        assert_eq!(planned(&top, tier), planned(&down, tier), "{tier} stays as it is");
    }
    world.remove();
}

/// Fewest and most planned members of a tier.
fn planned(status: &ScaledAppStatus, tier: &str) -> (i32, i32) {
    let found = status.tiers.iter().find(|found| found.tier == tier).expect("the tier is there");
    (found.planned.min, found.planned.max)
}

#[tokio::test]
async fn climb_from_one_copy_to_three() {
    let world = World::new("copies").await;
    apply_shop(&world, &[("/spec/targets/availabilityPercent", json!("99"))]);
    world.ready("shop", READY_LIMIT).await;
    assert_eq!(world.app("shop").await.status.and_then(|s| s.database).as_deref(), Some("1/1"));
    let load = Load::start(&world, 10, Duration::from_secs(150));
    apply_shop(&world, &[("/spec/targets/availabilityPercent", json!("99.95"))]);
    world.ready("shop", Duration::from_secs(140)).await;
    assert_eq!(world.app("shop").await.status.and_then(|s| s.database).as_deref(), Some("3/3"));
    let report = load.finish_soon().await;
    println!("one copy to three: {}", report.whole);
    report.assert_flawless();
    world.condition("shop", "DataSafe", "True", Duration::from_secs(30)).await;
    world.remove();
}
