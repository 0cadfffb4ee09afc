//! What the owner says of pods, as the API server takes it.

use k8s_openapi::api::scheduling::v1::PriorityClass;
use kube::ResourceExt;
use kube::api::{Api, Patch, PatchParams};
use serde_json::{Value, json};

use crate::harness::app::{apps, child, children, condition, create, small, versions};
use crate::harness::operator::Operator;
use crate::harness::{admin, world};

/// Service, worker and cron job that say all they can, without the tiers, with the cluster's `class` of priority.
fn speaking(class: &str) -> Value {
    let text = std::fs::read_to_string("tests/accepted/pods.yaml").unwrap();
    let mut app: Value = serde_yaml::from_str(&text).unwrap();
    app["metadata"] = json!({"name": "pods"});
    app["spec"]["services"][0]["placement"]["priorityClassName"] = class.into();
    app["spec"]["workers"][0]["placement"]["priorityClassName"] = class.into();
    app["spec"]["workers"][0].as_object_mut().unwrap().remove("queue");
    for tier in ["migrations", "database", "cache", "sessions", "queue", "proxy", "ingress"] {
        app["spec"].as_object_mut().unwrap().remove(tier);
    }
    app
}

/// Whether all that is wanted is there; the API server adds its defaults.
fn holds(live: &Value, wanted: &Value) -> bool {
    match (live, wanted) {
        (Value::Object(live), Value::Object(wanted)) => {
            wanted.iter().all(|(key, value)| live.get(key).is_some_and(|live| holds(live, value)))
        }
        (Value::Array(live), Value::Array(wanted)) => {
            live.len() == wanted.len() && live.iter().zip(wanted).all(|(live, wanted)| holds(live, wanted))
        }
        _ => live == wanted,
    }
}

#[tokio::test]
async fn volumes_and_placement_reach_the_pods_and_their_defaults_make_no_write() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let classes: Api<PriorityClass> = Api::all(client.clone());
    let class = json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
        "metadata": {"name": &namespace}, "value": 100});
    classes.patch(&namespace, &PatchParams::apply("tests"), &Patch::Apply(&class)).await.unwrap();
    let app = speaking(&namespace);
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    let template = "/spec/template/spec";
    for (kind, name, pod, said) in [
        ("Deployment", "pods-web", template, &app["spec"]["services"][0]),
        ("Deployment", "pods-worker-video", template, &app["spec"]["workers"][0]),
        ("CronJob", "pods-cron-report", "/spec/jobTemplate/spec/template/spec", &app["spec"]["cronJobs"][0]),
    ] {
        let live = child(&client, &namespace, kind, name).await.data;
        let live = live.pointer(pod).unwrap();
        assert!(holds(&live["volumes"], &said["volumes"]), "{name}: {}", live["volumes"]);
        assert!(holds(&live["containers"][0]["volumeMounts"], &said["volumeMounts"]), "{name}: {live}");
        assert!(holds(live, &said["placement"]), "{name}: {live}");
        assert_eq!(live["serviceAccountName"], said["serviceAccountName"]);
    }
    world::all_ready(&client, &namespace, "pods").await;
    operator.quiet().await;
    let before = versions(&client, &namespace, "pods").await;
    let written = operator.tap.count();
    let touch = json!({"metadata": {"annotations": {"touched": "yes"}}});
    apps(&client, &namespace).patch("pods", &PatchParams::default(), &Patch::Merge(&touch)).await.unwrap();
    operator.quiet().await;
    assert_eq!(operator.tap.count(), written, "{:?}", operator.tap.writes().split_off(written));
    assert_eq!(versions(&client, &namespace, "pods").await, before);
    operator.stop().await;
}

#[tokio::test]
async fn a_priority_class_that_is_not_there_is_named_before_anything_is_written() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let mut app = small("hello");
    app["spec"]["services"][0]["placement"] = json!({"priorityClassName": "nowhere"});
    create(&client, &namespace, &app).await;
    let operator = Operator::start(&namespace);
    let (_, message) = condition(&client, &namespace, "hello", "EnvironmentReady", "False").await;
    assert!(message.contains("priority class nowhere does not exist"), "{message}");
    operator.quiet().await;
    let written = children(&client, &namespace, "hello").await;
    assert!(written.is_empty(), "{:?}", written.iter().map(|(_, object)| object.name_any()).collect::<Vec<_>>());
    operator.stop().await;
}
