//! Children are made, and come back when somebody deletes them.

use std::time::{Duration, Instant};

use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use crate::harness::app::{SOON, api_of, child, children, condition, create, large, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

#[tokio::test]
async fn children_are_created_with_labels_and_an_owner() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let app = create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    let all = children(&client, &namespace, "hello").await;
    assert!(all.len() >= 10, "{}", all.len());
    for (kind, object) in &all {
        let name = object.name_any();
        for label in ["name", "instance", "component", "part-of", "managed-by"] {
            assert!(object.labels().contains_key(&format!("app.kubernetes.io/{label}")), "{kind} {name}: {label}");
        }
        let owners = object.owner_references();
        if name == "hello-database-auth" {
            assert!(owners.is_empty(), "the passwords outlive the application");
            continue;
        }
        assert_eq!(owners.len(), 1, "{kind} {name}");
        assert_eq!(owners[0].uid, app.uid().unwrap());
        assert_eq!((owners[0].controller, owners[0].block_owner_deletion), (Some(true), Some(true)));
    }
    world::all_ready(&client, &namespace, "hello").await;
    condition(&client, &namespace, "hello", "Ready", "True").await;
    operator.stop().await;
}

#[tokio::test]
async fn a_child_of_each_kind_that_is_deleted_by_hand_is_back_within_two_seconds() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = large("shop");
    app["spec"]["migrations"] = json!([{"name": "schema", "args": ["migrate"]}]);
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "shop-database").await;
    child(&client, &namespace, "Deployment", "shop-pool").await;
    world::all_ready(&client, &namespace, "shop").await;
    let job = eventually("the migration's Job", SOON, || async {
        children(&client, &namespace, "shop").await.into_iter().find(|(kind, _)| *kind == "Job")
    })
    .await;
    world::end_job(&client, &namespace, &job.1.name_any(), true).await;
    child(&client, &namespace, "Ingress", "shop").await;
    world::all_ready(&client, &namespace, "shop").await;
    condition(&client, &namespace, "shop", "Ready", "True").await;
    operator.quiet().await;
    let mut seen = Vec::new();
    let mut slowest = Duration::ZERO;
    for (kind, object) in children(&client, &namespace, "shop").await {
        if seen.contains(&kind) || object.name_any() == "shop-database-auth" {
            continue;
        }
        seen.push(kind);
        let (name, uid) = (object.name_any(), object.uid());
        let api = api_of(&client, &namespace, kind);
        // The fixed name of a pod's lock and of a claim stays; only the child itself goes.
        api.delete(&name, &DeleteParams::background().grace_period(0)).await.unwrap();
        world::collect(&api, &name).await;
        let gone = Instant::now();
        eventually(&format!("{kind} {name} is back"), Duration::from_secs(2), || async {
            api.get_opt(&name).await.unwrap().filter(|back| back.uid() != uid)
        })
        .await;
        slowest = slowest.max(gone.elapsed());
        if kind == "Job" {
            world::end_job(&client, &namespace, &name, true).await;
        }
        world::all_ready(&client, &namespace, "shop").await;
    }
    println!("kinds: {seen:?}; slowest return: {slowest:?}");
    assert!(seen.len() >= 12, "{seen:?}");
    operator.stop().await;
}

#[tokio::test]
async fn the_passwords_are_made_once_and_survive_ten_reconciles_a_restart_and_lost_configmaps() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    let before = child(&client, &namespace, "Secret", "hello-database-auth").await;
    world::all_ready(&client, &namespace, "hello").await;
    operator.stop().await;
    let operator = Operator::start(&namespace);
    let maps = api_of(&client, &namespace, "ConfigMap");
    for name in ["hello-database-config", "hello-database-leader", "hello-pool"] {
        let _ = maps.delete(name, &DeleteParams::default()).await;
    }
    for count in 0..10 {
        crate::harness::app::change(
            &client,
            &namespace,
            "hello",
            &json!({"targets": {"dailyActiveUsers": 10000 + count}}),
        )
        .await;
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    operator.quiet().await;
    let after = child(&client, &namespace, "Secret", "hello-database-auth").await;
    assert_eq!(before.data["data"], after.data["data"]);
    assert_eq!(before.uid(), after.uid());
    operator.stop().await;
}
