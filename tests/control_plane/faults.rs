//! The operator dies at each of its writes, one after the other, and the next one finishes.

use std::time::Duration;

use crate::harness::app::{child, children, create, small};
use crate::harness::operator::{Operator, Tap, environment};
use crate::harness::{admin, world};

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
    loop {
        // Each life makes two writes more than the objects that are there already need.
        let operator = Operator::start_with(&namespace, Tap::limited(deaths + 2), environment());
        tokio::time::sleep(Duration::from_millis(700)).await;
        let made = operator.tap.writes().len();
        operator.kill().await;
        deaths += 1;
        if made < deaths + 1 || deaths > all {
            break;
        }
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
