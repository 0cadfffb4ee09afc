//! What is not ours stays as it is, and one broken object stops nobody else.

use kube::ResourceExt;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams, PostParams};
use serde_json::json;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;

use crate::harness::app::{api_of, apps, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, world};

#[tokio::test]
async fn a_foreign_object_of_our_name_is_left_alone_and_named_in_a_condition() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let services = api_of(&client, &namespace, "Service");
    let foreign: DynamicObject = serde_json::from_value(json!({"apiVersion": "v1", "kind": "Service",
        "metadata": {"name": "hello-web", "labels": {"owner": "somebody"}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 8000}]}}))
    .unwrap();
    let before = services.create(&PostParams::default(), &foreign).await.unwrap();
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    let (reason, message) = condition(&client, &namespace, "hello", "Stalled", "True").await;
    assert_eq!(reason, "ForeignObject");
    assert!(message.contains("Service hello-web"), "{message}");
    child(&client, &namespace, "Deployment", "hello-pool").await;
    operator.quiet().await;
    let after = services.get("hello-web").await.unwrap();
    assert_eq!(before.resource_version(), after.resource_version());
    services.delete("hello-web", &DeleteParams::default()).await.unwrap();
    let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
    apps(&client, &namespace).patch("hello", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    condition(&client, &namespace, "hello", "Stalled", "False").await;
    child(&client, &namespace, "Service", "hello-web").await;
    operator.stop().await;
}

#[tokio::test]
async fn a_malformed_stored_object_does_not_stop_the_others() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    // A second version of the truth: the schema is opened, a wrong object stored, the schema shut.
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut open = scaledapp::api::crd::crd();
    for version in &mut open.spec.versions {
        let schema = version.schema.as_mut().unwrap().open_api_v3_schema.as_mut().unwrap();
        let spec = schema.properties.as_mut().unwrap().get_mut("spec").unwrap();
        *spec =
            serde_json::from_value(json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true})).unwrap();
    }
    let apply = PatchParams::apply("tests").force();
    crds.patch(&open.name_any(), &apply, &Patch::Apply(&open)).await.unwrap();
    let broken = json!({"apiVersion": "scaledapp.dev/v1alpha1", "kind": "ScaledApp", "metadata": {"name": "broken"},
        "spec": {"targets": "many", "services": 7}});
    let resource = kube::api::ApiResource::erase::<scaledapp::api::ScaledApp>(&());
    let raw: Api<DynamicObject> = Api::namespaced_with(client.clone(), &namespace, &resource);
    let object: DynamicObject = serde_json::from_value(broken).unwrap();
    crate::harness::eventually("the open schema takes it", crate::harness::app::SOON, || async {
        raw.create(&PostParams::default(), &object).await.ok()
    })
    .await;
    let shut = scaledapp::api::crd::crd();
    crds.patch(&shut.name_any(), &apply, &Patch::Apply(&shut)).await.unwrap();

    let operator = Operator::start(&namespace);
    create(&client, &namespace, &small("hello")).await;
    child(&client, &namespace, "Deployment", "hello-web").await;
    assert!(operator.metrics.page().unwrap().contains("scaledapp_malformed_objects_total"));
    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(client.clone(), &namespace);
    crate::harness::eventually("an Event for it", crate::harness::app::SOON, || async {
        events
            .list(&ListParams::default())
            .await
            .unwrap()
            .items
            .into_iter()
            .find(|e| e.reason.as_deref() == Some("MalformedObject"))
    })
    .await;
    raw.delete("broken", &DeleteParams::default()).await.unwrap();
    operator.stop().await;
}
