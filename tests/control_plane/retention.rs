//! What a deletion leaves, and how it is taken up again.

use k8s_openapi::api::apps::v1::ControllerRevision;
use k8s_openapi::api::core::v1::{ConfigMap, PersistentVolumeClaim, Secret};
use kube::ResourceExt;
use kube::api::{Api, DeleteParams, ListParams, PostParams};
use serde_json::json;

use scaledapp::api::ScaledApp;

use crate::harness::app::{SOON, api_of, apps, change, child, children, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

async fn claim(client: &kube::Client, namespace: &str) {
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), namespace);
    let claim = json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "data-hello-database-0",
            "labels": {"scaledapp.dev/app": "hello", "app.kubernetes.io/component": "database"}},
        "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": "standard", "resources": {"requests": {"storage": "1Ti"}}}});
    claims.create(&PostParams::default(), &serde_json::from_value(claim).unwrap()).await.unwrap();
}

/// Deletes the application and, as the garbage collector would, what it owned.
async fn delete_app(client: &kube::Client, namespace: &str) {
    let app: ScaledApp = apps(client, namespace).get("hello").await.unwrap();
    apps(client, namespace).delete("hello", &DeleteParams::background()).await.unwrap();
    for (kind, object) in children(client, namespace, "hello").await {
        if object.owner_references().iter().any(|owner| Some(&owner.uid) == app.uid().as_ref()) {
            let api = api_of(client, namespace, kind);
            let _ = api.delete(&object.name_any(), &DeleteParams::background().grace_period(0)).await;
            world::collect(&api, &object.name_any()).await;
        }
    }
}

#[tokio::test]
async fn retained_objects_outlive_the_application_and_are_adopted_again() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    claim(&client, &namespace).await;
    world::all_ready(&client, &namespace, "hello").await;
    operator.quiet().await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let before = secrets.get("hello-database-auth").await.unwrap();
    let plan = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap().plan.unwrap();
    operator.stop().await;
    delete_app(&client, &namespace).await;
    let left: Vec<String> = children(&client, &namespace, "hello").await.iter().map(|(_, o)| o.name_any()).collect();
    assert_eq!(left, ["hello-database-auth"]);

    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    assert_eq!(secrets.get("hello-database-auth").await.unwrap().data, before.data);
    let again = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap().plan.unwrap();
    assert_eq!(again, plan, "sizes are those that were recorded");
    operator.stop().await;
}

#[tokio::test]
async fn volumes_without_their_passwords_or_identity_are_refused_before_anything_is_written() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    claim(&client, &namespace).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    let (reason, message) = condition(&client, &namespace, "hello", "Stalled", "True").await;
    assert_eq!(reason, "PasswordsLost", "{message}");
    assert!(message.contains("data-hello-database-0"), "{message}");
    operator.quiet().await;
    assert!(children(&client, &namespace, "hello").await.is_empty());

    let keys = scaledapp::resources::credentials::keys(scaledapp::planner::Tier::Database);
    let passwords: std::collections::BTreeMap<_, _> = keys.iter().map(|key| (key, "kept")).collect();
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hello-database-auth",
        "labels": {"app.kubernetes.io/managed-by": "scaledapp", "scaledapp.dev/app": "hello"}}, "stringData": passwords});
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
    eventually("the next thing that lacks", SOON, || async {
        let status = apps(&client, &namespace).get("hello").await.unwrap().status?;
        status.conditions.into_iter().find(|c| c.type_ == "Stalled" && c.reason == "IdentityLost")
    })
    .await;
    world::patroni(&client, &namespace, "hello-database", 1).await;
    change(&client, &namespace, "hello", &json!({"targets": {"dailyActiveUsers": 10001}})).await;
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.stop().await;
}

#[tokio::test]
async fn owner_references_follow_the_deletion_policy() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    world::all_ready(&client, &namespace, "hello").await;
    operator.quiet().await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), &namespace);
    for (policy, owners) in [("Delete", 1), ("Retain", 0)] {
        change(&client, &namespace, "hello", &json!({"deletionPolicy": policy})).await;
        condition(&client, &namespace, "hello", "PlanAccepted", "True").await;
        operator.quiet().await;
        assert_eq!(secrets.get("hello-database-auth").await.unwrap().owner_references().len(), owners, "{policy}");
        assert_eq!(maps.get("hello-database-config").await.unwrap().owner_references().len(), owners, "{policy}");
        let name = apps(&client, &namespace).get("hello").await.unwrap().status.unwrap().plan.unwrap().revision;
        assert_eq!(revisions.get(&name).await.unwrap().owner_references().len(), owners, "{policy}");
    }
    operator.stop().await;
}

#[tokio::test]
async fn a_lock_that_a_member_makes_while_it_ends_does_not_outlive_what_was_deleted() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), &namespace);
    let operator = Operator::start(&namespace);
    for (policy, kept) in [("Retain", true), ("Delete", false)] {
        let mut app = small("hello");
        app["spec"]["deletionPolicy"] = json!(policy);
        create(&client, &namespace, &app).await;
        child(&client, &namespace, "StatefulSet", "hello-database").await;
        world::patroni(&client, &namespace, "hello-database", 1).await;
        eventually("owners as the policy says", SOON, || async {
            let owned = maps.get("hello-database-leader").await.ok()?.owner_references().len() == 1;
            (owned != kept).then_some(())
        })
        .await;
        delete_app(&client, &namespace).await;
        for object in maps.list(&ListParams::default()).await.unwrap() {
            if object.owner_references().len() == 1 {
                maps.delete(&object.name_any(), &DeleteParams::background()).await.unwrap();
            }
        }
        world::patroni(&client, &namespace, "hello-database", 1).await;
        let left = || async {
            let all = maps.list(&ListParams::default()).await.unwrap();
            all.iter().filter(|map| map.name_any().starts_with("hello-database-")).count()
        };
        if kept {
            operator.quiet().await;
            assert_eq!(left().await, 3, "passwords are retained, and so is the identity");
        } else {
            eventually("nothing of Patroni's", SOON, || async { (left().await == 0).then_some(()) }).await;
        }
    }
    operator.stop().await;
}

#[tokio::test]
async fn the_last_five_plans_are_kept() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    let mut seen = std::collections::BTreeSet::new();
    for version in 2..9 {
        let service = json!([{"name": "web", "image": format!("registry.example/hello:{version}.0"), "paths": ["/"],
            // Go writes these characters in its own way.
            "args": ["a < b && c > d"]}]);
        change(&client, &namespace, "hello", &json!({"services": service})).await;
        let known = seen.clone();
        let hash = eventually("a new plan", SOON, || async {
            let plan = apps(&client, &namespace).get("hello").await.unwrap().status?.plan?;
            (!known.contains(&plan.hash)).then_some(plan.hash)
        })
        .await;
        seen.insert(hash);
        operator.quiet().await;
    }
    condition(&client, &namespace, "hello", "Stalled", "False").await;
    let revisions: Api<ControllerRevision> = Api::namespaced(client.clone(), &namespace);
    assert_eq!(revisions.list(&ListParams::default()).await.unwrap().items.len(), 5);
    operator.stop().await;
}
