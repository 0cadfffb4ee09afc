//! Volumes grow, and the set around them is replaced without its pods.

use k8s_openapi::api::apps::v1::StatefulSet;
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::api::{Api, ObjectMeta, PatchParams, PostParams};
use serde_json::json;

use crate::harness::app::{SOON, change, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

fn template(set: &StatefulSet) -> String {
    let spec = set.spec.as_ref().unwrap();
    let claim = spec.volume_claim_templates.as_ref().unwrap()[0].spec.as_ref().unwrap();
    claim.resources.as_ref().unwrap().requests.as_ref().unwrap()["storage"].0.clone()
}

#[tokio::test]
async fn a_volume_grows_and_a_pod_change_in_the_same_edit_comes_with_the_new_set() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["database"] = json!({"pin": {"storage": "20Gi"}});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &namespace);
    let before = sets.get("hello-database").await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &namespace);
    let labels = before.spec.as_ref().unwrap().selector.match_labels.clone();
    let spec =
        before.spec.as_ref().unwrap().volume_claim_templates.as_ref().unwrap()[0].spec.clone().map(|mut spec| {
            spec.storage_class_name = Some("standard".to_owned());
            spec
        });
    let claim = PersistentVolumeClaim {
        metadata: ObjectMeta { name: Some("data-hello-database-0".to_owned()), labels, ..ObjectMeta::default() },
        spec,
        ..PersistentVolumeClaim::default()
    };
    claims.create(&PostParams::default(), &claim).await.unwrap();
    let bound = json!({"status": {"phase": "Bound", "capacity": {"storage": template(&before)}}});
    claims
        .patch_status("data-hello-database-0", &PatchParams::default(), &kube::api::Patch::Merge(&bound))
        .await
        .unwrap();
    world::all_ready(&client, &namespace, "hello").await;

    change(&client, &namespace, "hello", &json!({"database": {"pin": {"storage": "40Gi", "cpu": "3"}}})).await;
    // The garbage collector takes the orphaning finalizer off.
    eventually("the set leaves around its pods", SOON, || async {
        let set = sets.get_opt("hello-database").await.unwrap()?;
        set.metadata.deletion_timestamp.is_some().then_some(())
    })
    .await;
    let grown = claims.get("data-hello-database-0").await.unwrap();
    assert_eq!(grown.spec.unwrap().resources.unwrap().requests.unwrap()["storage"].0, "40Gi");
    world::collect(&sets, "hello-database").await;
    let after = eventually("the new set", SOON, || async {
        sets.get_opt("hello-database").await.unwrap().filter(|set| set.metadata.uid != before.metadata.uid)
    })
    .await;
    assert_eq!(template(&after), "40Gi");
    assert_ne!(before.spec.unwrap().template, after.spec.unwrap().template);
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &namespace);
    assert!(pods.get("hello-database-0").await.unwrap().metadata.deletion_timestamp.is_none());
    condition(&client, &namespace, "hello", "Stalled", "False").await;
    operator.stop().await;
}
