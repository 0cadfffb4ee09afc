//! Two replicas, one writer.

use std::time::{Duration, Instant};

use k8s_openapi::api::coordination::v1::Lease;
use kube::api::{Api, ListParams};

use scaledapp::runtime::Metrics;

use crate::harness::app::{apps, child, create, small};
use crate::harness::operator::Replica;
use crate::harness::{admin, eventually, world};

fn writes(metrics: &Metrics) -> u64 {
    let page = metrics.page().unwrap();
    page.lines()
        .filter(|line| line.starts_with("scaledapp_api_writes_total"))
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum()
}

#[tokio::test]
async fn one_replica_writes_and_the_other_takes_over_at_a_graceful_stop_and_at_a_kill() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let first = Replica::start(&namespace, "first");
    eventually("the first leads", Duration::from_secs(20), || async { first.leads().then_some(()) }).await;
    let second = Replica::start(&namespace, "second");
    create(&client, &namespace, &small("one")).await;
    child(&client, &namespace, "Deployment", "one-web").await;
    assert_eq!(writes(&second.metrics), 0, "the standby writes nothing");
    let begun = Instant::now();
    first.stop().await.unwrap();
    eventually("the second leads", Duration::from_secs(20), || async { second.leads().then_some(()) }).await;
    println!("takeover after a graceful stop: {:?}", begun.elapsed());
    assert!(begun.elapsed() < Duration::from_secs(5));
    create(&client, &namespace, &small("two")).await;
    child(&client, &namespace, "Deployment", "two-web").await;

    let third = Replica::start(&namespace, "third");
    let leases: Api<Lease> = Api::namespaced(client.clone(), &namespace);
    eventually("the second holds the lease", Duration::from_secs(10), || async {
        let lease = leases.get("scaledapp-operator").await.ok()?;
        (lease.spec?.holder_identity.as_deref() == Some("second")).then_some(())
    })
    .await;
    let begun = Instant::now();
    let metrics = second.metrics.clone();
    second.kill();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = writes(&metrics);
    eventually("the third leads", Duration::from_secs(30), || async { third.leads().then_some(()) }).await;
    println!("takeover after a kill: {:?}", begun.elapsed());
    create(&client, &namespace, &small("three")).await;
    child(&client, &namespace, "Deployment", "three-web").await;
    assert_eq!(writes(&metrics), before, "the dead one wrote no more");
    assert_eq!(apps(&client, &namespace).list(&ListParams::default()).await.unwrap().items.len(), 3);
    third.stop().await.unwrap();
}
