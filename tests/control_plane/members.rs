//! Members of the database are never taken away, whoever asks.

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams};
use serde_json::json;

use crate::harness::app::{SOON, apps, change, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

async fn members(client: &kube::Client, namespace: &str) -> i32 {
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    sets.get("hello-database").await.unwrap().spec.unwrap().replicas.unwrap()
}

/// Loses the memory of accepted plans.
async fn forget(client: &kube::Client, namespace: &str) {
    let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), namespace);
    for revision in revisions.list(&ListParams::default()).await.unwrap() {
        revisions.delete(&revision.name_any(), &DeleteParams::default()).await.unwrap();
    }
}

#[tokio::test]
async fn members_stay_under_a_smaller_spec_without_memory_and_after_a_scale() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["database"] = json!({"pin": {"members": 3}});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 3);

    let fewer = json!({"database": {"pin": {"members": 1}}, "changes": {"policy": "Automatic"}});
    change(&client, &namespace, "hello", &fewer).await;
    let (reason, message) = condition(&client, &namespace, "hello", "Stalled", "True").await;
    assert_eq!(reason, "MembersKept", "{message}");
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 3);
    let plan = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap().plan.unwrap();
    let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), &namespace);
    let recorded = revisions.get(&plan.revision).await.unwrap().data.unwrap().0;
    let tier = recorded["tiers"].as_array().unwrap().iter().find(|tier| tier["tier"] == "Database").unwrap();
    assert_eq!(tier["replicas"], json!({"min": 3, "max": 3}));
    operator.stop().await;

    forget(&client, &namespace).await;
    let operator = Operator::start(&namespace);
    eventually("a plan is recorded again", SOON, || async {
        (!revisions.list(&ListParams::default()).await.unwrap().items.is_empty()).then_some(())
    })
    .await;
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 3);

    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &namespace);
    let scale = Patch::Merge(json!({"spec": {"replicas": 5}}));
    sets.patch_scale("hello-database", &PatchParams::default(), &scale).await.unwrap();
    change(&client, &namespace, "hello", &json!({"targets": {"dailyActiveUsers": 10001}})).await;
    eventually("the reason", SOON, || async {
        let status = apps(&client, &namespace).get("hello").await.unwrap().status?;
        status.conditions.into_iter().find(|c| c.type_ == "Stalled" && c.message.contains("keeps its 5 members"))
    })
    .await;
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 5);
    operator.stop().await;

    forget(&client, &namespace).await;
    change(&client, &namespace, "hello", &json!({"database": null})).await;
    let operator = Operator::start(&namespace);
    let (reason, message) = condition(&client, &namespace, "hello", "Stalled", "True").await;
    assert_eq!(reason, "DatabaseUnrecorded", "{message}");
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 5);
    operator.stop().await;
}

#[tokio::test]
async fn an_approved_removal_takes_the_tier_and_leaves_what_holds_its_data() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    world::all_ready(&client, &namespace, "hello").await;
    change(&client, &namespace, "hello", &json!({"database": null})).await;
    let hash = eventually("a proposal", SOON, || async {
        Some(apps(&client, &namespace).get("hello").await.unwrap().status?.proposed?.hash)
    })
    .await;
    operator.quiet().await;
    assert_eq!(members(&client, &namespace).await, 1);
    let set: StatefulSet = Api::namespaced(client.clone(), &namespace).get("hello-database").await.unwrap();
    let kept = set.spec.unwrap().persistent_volume_claim_retention_policy.unwrap().when_deleted;
    assert_eq!(kept.as_deref(), Some("Retain"));

    change(&client, &namespace, "hello", &json!({"changes": {"approved": hash}})).await;
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &namespace);
    eventually("the set goes", SOON, || async {
        sets.get_opt("hello-database").await.unwrap().is_none().then_some(())
    })
    .await;
    let secrets: Api<k8s_openapi::api::core::v1::Secret> = Api::namespaced(client.clone(), &namespace);
    let maps: Api<k8s_openapi::api::core::v1::ConfigMap> = Api::namespaced(client.clone(), &namespace);
    operator.quiet().await;
    assert!(secrets.get_opt("hello-database-auth").await.unwrap().is_some());
    assert!(maps.get_opt("hello-database-sync").await.unwrap().is_some());
    assert!(sets.get_opt("hello-database").await.unwrap().is_none());
    operator.stop().await;
}
