//! Traffic is led to an edge when the edge answers, not before.

use kube::api::DynamicObject;
use serde_json::json;

use crate::harness::app::{SOON, api_of, change, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

/// The Service behind the Ingress.
fn backend(ingress: &DynamicObject) -> &str {
    let path = "/spec/rules/0/http/paths/0/backend/service/name";
    ingress.data.pointer(path).and_then(serde_json::Value::as_str).unwrap()
}

#[tokio::test]
async fn an_edge_gets_the_traffic_when_it_has_a_ready_pod() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["ingress"] = json!({"hosts": ["hello.example.com"]});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    assert_eq!(backend(&child(&client, &namespace, "Ingress", "hello").await), "hello-web");
    world::all_ready(&client, &namespace, "hello").await;
    operator.quiet().await;
    let policies = api_of(&client, &namespace, "NetworkPolicy");
    let open = policies.get("hello-web").await.unwrap().data;

    change(&client, &namespace, "hello", &json!({"targets": {"availabilityPercent": "99.95"}})).await;
    child(&client, &namespace, "Deployment", "hello-edge").await;
    let (reason, message) = condition(&client, &namespace, "hello", "Reconciling", "True").await;
    assert_eq!(reason, "BackendNotReady", "{message}");
    operator.quiet().await;
    let ingresses = api_of(&client, &namespace, "Ingress");
    assert_eq!(backend(&ingresses.get("hello").await.unwrap()), "hello-web");
    assert_eq!(policies.get("hello-web").await.unwrap().data, open, "the way that is used stays open");

    world::all_ready(&client, &namespace, "hello").await;
    eventually("the edge has the traffic", SOON, || async {
        (backend(&ingresses.get("hello").await.unwrap()) == "hello-edge").then_some(())
    })
    .await;
    eventually("only the edge reaches the service", SOON, || async {
        (policies.get("hello-web").await.unwrap().data != open).then_some(())
    })
    .await;
    operator.stop().await;
}
