//! The accept and reject tables against the real API server: what the schema and the CEL rules are said to
//! refuse, it refuses; what only the operator can know, it lets through.

use kube::Client;
use kube::api::{DynamicObject, PostParams};
use serde::Deserialize as _;
use serde_json::Value;

use crate::harness::{admin, world};

/// Creates nothing: a dry run, as strict as kubectl's.
async fn dry_run(client: &Client, namespace: &str, object: &Value) -> Result<DynamicObject, kube::Error> {
    let path = format!("/apis/scaledapp.dev/v1alpha1/namespaces/{namespace}/scaledapps");
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let mut request = kube::core::Request::new(path).create(&dry, serde_json::to_vec(object).unwrap()).unwrap();
    *request.uri_mut() = format!("{}&fieldValidation=Strict", request.uri()).parse().unwrap();
    client.request(request).await
}

fn documents(folder: &str) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), std::fs::read_to_string(path).unwrap()))
        .collect();
    all.sort();
    all
}

/// The `ScaledApp` of a manifest as kubectl sends it; what is no JSON has no way to the API server.
fn object(text: &str, namespace: &str) -> Value {
    let mut documents = serde_yaml::Deserializer::from_str(text).map(|document| Value::deserialize(document).unwrap());
    let mut object = documents.find(|document| document["kind"] == "ScaledApp").unwrap();
    object["metadata"]["namespace"] = namespace.into();
    object
}

#[tokio::test]
async fn the_api_server_refuses_what_the_table_says_and_no_more() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut wrong = Vec::new();
    let table = documents("tests/refused");
    assert!(table.len() >= 30);
    for (name, text) in table {
        let by = text.lines().next().and_then(|line| line.strip_prefix("# refused by: ")).unwrap_or_default();
        let answer = dry_run(&client, &namespace, &object(&text, &namespace)).await;
        match (by, answer) {
            ("operator", Ok(_)) => {}
            ("schema" | "cel", Err(kube::Error::Api(status))) if [400, 422].contains(&status.code) => {
                // A rule speaks for itself: its sentence begins with the field as the owner wrote it.
                if by == "cel" && !(status.message.contains("spec.") || status.message.contains("metadata.")) {
                    wrong.push(format!("{name}: {}", status.message));
                }
            }
            (_, Ok(_)) => wrong.push(format!("{name}: accepted, though refused by {by}")),
            (_, Err(error)) => wrong.push(format!("{name} (refused by {by}): {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn the_api_server_accepts_the_samples() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    for (name, text) in documents("manifests/samples").into_iter().chain(documents("tests/accepted")) {
        let answer = dry_run(&client, &namespace, &object(&text, &namespace)).await;
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
}
