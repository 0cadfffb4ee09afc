//! A refused spec changes nothing that runs, and what runs goes on being looked after.

use kube::api::{Api, DeleteParams, PostParams};
use serde_json::json;

use k8s_openapi::api::apps::v1::Deployment;

use crate::harness::app::{api_of, apps, change, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

/// A spec that the schema takes and the plan cannot meet.
fn impossible() -> serde_json::Value {
    json!({"targets": {"latency": {"p99": "2ms"}}, "services": [{"name": "web", "image": "registry.example/hello:2.0", "paths": ["/"]}]})
}

#[tokio::test]
async fn the_schema_refuses_what_it_can() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut tables = Vec::new();
    for (pointer, value) in [
        ("/spec/targets/dailyActiveUsers", json!(-1)),
        ("/spec/services", json!([])),
        ("/spec/services/0/name", json!("Not a name")),
        ("/metadata/name", json!("a-name-that-is-far-longer-than-thirty-characters")),
        ("/spec/database", json!({"provider": "Nobody"})),
    ] {
        let mut app = small("hello");
        *app.pointer_mut(pointer).unwrap() = value;
        tables.push((pointer, app));
    }
    let mut unknown = small("hello");
    unknown["spec"]["unheardOf"] = json!(1);
    tables.push(("/spec/unheardOf", unknown));
    let resource = kube::api::ApiResource::erase::<scaledapp::api::ScaledApp>(&());
    let api: Api<kube::api::DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    for (what, app) in tables {
        let object = serde_json::from_value(app).unwrap();
        // As kubectl sends it: unknown fields are refused.
        let mut request =
            kube::core::Request::new(format!("/apis/scaledapp.dev/v1alpha1/namespaces/{namespace}/scaledapps"))
                .create(&PostParams::default(), serde_json::to_vec::<kube::api::DynamicObject>(&object).unwrap())
                .unwrap();
        let uri = format!("{}&fieldValidation=Strict", request.uri());
        *request.uri_mut() = uri.parse().unwrap();
        let answer: Result<kube::api::DynamicObject, kube::Error> = client.request(request).await;
        assert!(
            matches!(&answer, Err(kube::Error::Api(status)) if [400, 422].contains(&status.code)),
            "{what}: {answer:?}"
        );
    }
    api.create(&PostParams::default(), &serde_json::from_value(small("hello")).unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_refused_spec_a_restart_and_a_deleted_child_leave_the_accepted_form() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let accepted = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap().plan.unwrap();

    change(&client, &namespace, "hello", &impossible()).await;
    let (reason, message) = condition(&client, &namespace, "hello", "PlanAccepted", "False").await;
    assert!(["PlanRefused", "SpecInvalid"].contains(&reason.as_str()), "{reason}");
    assert!(message.contains(&accepted.hash), "{message}");
    condition(&client, &namespace, "hello", "Stalled", "True").await;
    operator.kill().await;

    let deployments = api_of(&client, &namespace, "Deployment");
    deployments.delete("hello-web", &DeleteParams::background()).await.unwrap();
    world::collect(&deployments, "hello-web").await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    let typed: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    let image = typed.get("hello-web").await.unwrap().spec.unwrap().template.spec.unwrap().containers[0].image.clone();
    assert_eq!(image.as_deref(), Some("registry.example/hello:1.0"));
    let status = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap();
    assert_eq!(status.plan.unwrap(), accepted);

    change(&client, &namespace, "hello", &json!({"targets": {"latency": null}})).await;
    condition(&client, &namespace, "hello", "PlanAccepted", "True").await;
    eventually("the new image", crate::harness::app::SOON, || async {
        let spec = typed.get("hello-web").await.unwrap().spec.unwrap();
        (spec.template.spec.unwrap().containers[0].image.as_deref() == Some("registry.example/hello:2.0")).then_some(())
    })
    .await;
    operator.stop().await;
}

#[tokio::test]
async fn a_refused_spec_without_a_past_writes_nothing() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["targets"]["latency"] = json!({"p99": "2ms"});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    condition(&client, &namespace, "hello", "PlanAccepted", "False").await;
    condition(&client, &namespace, "hello", "Ready", "False").await;
    operator.quiet().await;
    assert!(crate::harness::app::children(&client, &namespace, "hello").await.is_empty());
    operator.stop().await;
}

#[tokio::test]
async fn everything_that_the_cluster_lacks_is_listed_before_the_first_write() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let quotas: Api<k8s_openapi::api::core::v1::ResourceQuota> = Api::namespaced(client.clone(), &namespace);
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tiny"},
        "spec": {"hard": {"requests.cpu": "1m"}}});
    quotas.create(&PostParams::default(), &serde_json::from_value(quota).unwrap()).await.unwrap();
    let mut app = crate::harness::app::large("shop");
    app["spec"]["database"] = json!({"storage": {"className": "absent"}});
    app["spec"]["ingress"]["className"] = json!("nowhere");
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    let (_, message) = condition(&client, &namespace, "shop", "EnvironmentReady", "False").await;
    for lack in ["storage class absent", "ingress class nowhere", "metrics.k8s.io", "quota tiny"] {
        assert!(message.contains(lack), "{lack} is not in: {message}");
    }
    operator.quiet().await;
    assert!(crate::harness::app::children(&client, &namespace, "shop").await.is_empty());
    operator.stop().await;
}
