//! Migrations come before anything that runs the new code, and a failed one holds it back.

use std::time::Duration;

use k8s_openapi::api::apps::v1::Deployment;
use kube::ResourceExt;
use kube::api::{Api, DeleteParams};
use serde_json::{Value, json};

use crate::harness::app::{SOON, api_of, change, child, children, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, eventually, world};

fn with_migrations(image: &str) -> Value {
    json!({"services": [{"name": "web", "image": image, "paths": ["/"]}],
        "migrations": [{"name": "zeroth", "args": ["migrate"]}, {"name": "first", "args": ["seed"]}]})
}

async fn jobs(client: &kube::Client, namespace: &str) -> Vec<String> {
    let all = children(client, namespace, "hello").await;
    all.into_iter().filter(|(kind, _)| *kind == "Job").map(|(_, job)| job.name_any()).collect()
}

async fn next_job(client: &kube::Client, namespace: &str, old: &[String]) -> String {
    eventually("the next Job", SOON, || async {
        jobs(client, namespace).await.into_iter().find(|name| !old.contains(name))
    })
    .await
}

async fn image(client: &kube::Client, namespace: &str) -> Option<String> {
    let api: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    let live = api.get_opt("hello-web").await.unwrap()?;
    live.spec?.template.spec?.containers.first()?.image.clone()
}

#[tokio::test]
async fn services_wait_for_migrations_in_order_and_keep_their_form_while_one_is_pending_or_failed() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["services"] = with_migrations("registry.example/hello:1.0")["services"].clone();
    app["spec"]["migrations"] = with_migrations("")["migrations"].clone();
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    child(&client, &namespace, "StatefulSet", "hello-database").await;
    operator.quiet().await;
    assert!(jobs(&client, &namespace).await.is_empty(), "the database is not ready");
    world::all_ready(&client, &namespace, "hello").await;
    let zeroth = next_job(&client, &namespace, &[]).await;
    assert!(zeroth.contains("-zeroth-"), "the spec's order, not the alphabet's: {zeroth}");
    operator.quiet().await;
    assert_eq!(jobs(&client, &namespace).await.len(), 1, "one after the other");
    assert_eq!(image(&client, &namespace).await, None);
    world::end_job(&client, &namespace, &zeroth, true).await;
    let first = next_job(&client, &namespace, std::slice::from_ref(&zeroth)).await;
    world::end_job(&client, &namespace, &first, true).await;
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;

    change(&client, &namespace, "hello", &with_migrations("registry.example/hello:2.0")).await;
    let old = [zeroth, first];
    let newer = next_job(&client, &namespace, &old).await;
    operator.quiet().await;
    assert_eq!(image(&client, &namespace).await.as_deref(), Some("registry.example/hello:1.0"));
    world::end_job(&client, &namespace, &newer, false).await;
    let (reason, message) = condition(&client, &namespace, "hello", "Stalled", "True").await;
    assert_eq!(reason, "MigrationFailed");
    assert!(message.contains(&newer), "{message}");

    let deployments = api_of(&client, &namespace, "Deployment");
    deployments.delete("hello-web", &DeleteParams::background()).await.unwrap();
    world::collect(&deployments, "hello-web").await;
    eventually("it heals in the form that was rolled out", Duration::from_secs(3), || async {
        (image(&client, &namespace).await.as_deref() == Some("registry.example/hello:1.0")).then_some(())
    })
    .await;
    operator.kill().await;
    let operator = Operator::start(&namespace);
    tokio::time::sleep(Duration::from_secs(2)).await;
    operator.quiet().await;
    assert_eq!(image(&client, &namespace).await.as_deref(), Some("registry.example/hello:1.0"), "also after a restart");

    change(&client, &namespace, "hello", &with_migrations("registry.example/hello:3.0")).await;
    for _ in 0..2 {
        let known: Vec<String> = jobs(&client, &namespace).await;
        let running = eventually("a Job to end", SOON, || async {
            let all = children(&client, &namespace, "hello").await;
            all.into_iter()
                .find(|(kind, job)| *kind == "Job" && job.data.pointer("/status/conditions").is_none())
                .map(|(_, job)| job.name_any())
        })
        .await;
        world::end_job(&client, &namespace, &running, true).await;
        drop(known);
    }
    eventually("the newest image", SOON, || async {
        (image(&client, &namespace).await.as_deref() == Some("registry.example/hello:3.0")).then_some(())
    })
    .await;
    condition(&client, &namespace, "hello", "Stalled", "False").await;
    operator.stop().await;
}
