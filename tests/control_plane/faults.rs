//! The operator dies at each of its writes, and the next one finishes; the API server goes away and
//! comes back.

use std::time::{Duration, Instant};

use kube::api::DeleteParams;

use crate::harness::app::{api_of, child, children, create, small};
use crate::harness::operator::{Operator, Replica, Tap, environment};
use crate::harness::proxy::{Proxy, Way};
use crate::harness::{admin, eventually, operator_config, world};

#[tokio::test]
async fn a_kill_at_each_write_converges_and_nothing_is_doubled() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let reference = world::namespace(&client).await;
    create(&client, &reference, &small("hello")).await;
    let operator = Operator::start(&reference);
    child(&client, &reference, "Deployment", "hello-web").await;
    operator.quiet().await;
    let whole = names(&client, &reference).await;
    let all = operator.tap.writes().len();
    operator.stop().await;

    create(&client, &namespace, &small("hello")).await;
    let mut deaths = 0;
    while deaths < all {
        // A life writes what the lives before it wrote, which changes nothing, and one thing more.
        deaths += 1;
        let operator = Operator::start_with(&namespace, Tap::limited(deaths), environment());
        let begun = Instant::now();
        while operator.tap.writes().len() < deaths && begun.elapsed() < Duration::from_secs(3) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        operator.kill().await;
    }
    println!("{deaths} deaths, {all} writes in a life without one");
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    operator.quiet().await;
    assert_eq!(names(&client, &namespace).await, whole);
    operator.stop().await;
}

async fn names(client: &kube::Client, namespace: &str) -> Vec<(&'static str, String)> {
    let all = children(client, namespace, "hello").await;
    all.into_iter().map(|(kind, object)| (kind, object.metadata.name.unwrap())).collect()
}

/// Longer than the lease; a longer outage changes nothing, since every pause has its limit.
const OUTAGE: Duration = Duration::from_secs(25);

async fn back_at_work_after(way: Way) {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let proxy = Proxy::start(&operator_config()).await;
    let replica = Replica::start_with(&namespace, "only", proxy.through(operator_config()));
    create(&client, &namespace, &small("hello")).await;
    child(&client, &namespace, "Deployment", "hello-web").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let services = api_of(&client, &namespace, "Service");
    let lost = async {
        tokio::time::sleep(OUTAGE / 2).await;
        services.delete("hello-web", &DeleteParams::background()).await.unwrap();
    };
    tokio::join!(proxy.outage(way, OUTAGE), lost);
    let begun = Instant::now();
    eventually("a child that went during the outage is back", Duration::from_secs(10), || async {
        services.get_opt("hello-web").await.unwrap()
    })
    .await;
    println!("{way:?}: back at work after {:?}", begun.elapsed());
    assert!(replica.leads());
    replica.stop().await.unwrap();
}

#[tokio::test]
async fn after_the_api_server_was_down_the_operator_is_back_within_ten_seconds() {
    back_at_work_after(Way::Cut).await;
}

#[tokio::test]
async fn after_the_network_was_lost_the_operator_is_back_within_ten_seconds() {
    back_at_work_after(Way::Frozen).await;
}
