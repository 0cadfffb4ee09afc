//! The climb: from ten thousand to two hundred thousand users and back, under load.

use std::time::Duration;

use serde_json::json;

use crate::cluster::{World, eventually};
use crate::shop::{Load, apply_shop};
use crate::story::READY_LIMIT;

#[tokio::test]
async fn climb_from_ten_to_two_hundred_thousand_users_and_back() {
    let world = World::new("climb").await;
    let users = |count: u64| vec![("/spec/targets/dailyActiveUsers", json!(count))];
    apply_shop(&world, &users(10_000));
    world.ready("shop", READY_LIMIT).await;
    let foot = world.app("shop").await.status.expect("a status");

    let load = Load::start(&world, 10, Duration::from_secs(180));
    apply_shop(&world, &users(200_000));
    world.ready("shop", Duration::from_secs(170)).await;
    let top = world.app("shop").await.status.expect("a status");
    let report = load.finish().await;
    println!("climb: {}", report.whole);
    report.assert_flawless();
    assert_ne!(foot.tiers, top.tiers, "the climb changes the tiers");

    let load = Load::start(&world, 10, Duration::from_secs(60));
    apply_shop(&world, &users(10_000));
    let proposed = eventually("the way down is proposed", Duration::from_secs(50), async || {
        let status = world.app("shop").await.status.unwrap_or_default();
        status.proposed.clone().ok_or_else(|| format!("{:?}", status.conditions))
    })
    .await;
    let report = load.finish().await;
    println!("back down: {}", report.whole);
    report.assert_flawless();
    assert!(proposed.changes.iter().any(|c| c.object.starts_with("Database/")), "{proposed:?}");
    let database = |status: &scaledapp::api::ScaledAppStatus| {
        status.tiers.iter().find(|t| t.tier == "Database").map(|t| t.planned)
    };
    let down = world.app("shop").await.status.expect("a status");
    assert_eq!(database(&top), database(&down), "the stateful tier stays as it is");
    world.remove();
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
    let report = load.finish().await;
    println!("one copy to three: {}", report.whole);
    report.assert_flawless();
    world.condition("shop", "DataSafe", "True", Duration::from_secs(30)).await;
    world.remove();
}
