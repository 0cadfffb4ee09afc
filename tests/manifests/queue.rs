//! What the queue is configured with. `images/test/queue.sh` runs real processes on exactly these files.

use serde_json::{Value, json};

use crate::samples::{Sample, goldens_are_updated, queue, root};

/// A key of a Secret as text.
fn secret(sample: &Sample, name: &str, key: &str) -> String {
    let data: std::collections::BTreeMap<String, k8s_openapi::ByteString> =
        serde_json::from_value(sample.object("Secret", name)["data"].clone()).unwrap();
    String::from_utf8(data[key].0.clone()).unwrap()
}

fn files(sample: &Sample) -> Value {
    let text = |name: &str, key: &str| sample.object("ConfigMap", name)["data"][key].clone();
    let pod = &sample.object("StatefulSet", "shop-queue")["spec"]["template"]["spec"];
    json!({
        "rabbitmq.conf": text("shop-queue", "rabbitmq.conf"),
        "members": text("shop-queue", "members"),
        "haproxy.cfg": text("shop-queue-router", "haproxy.cfg"),
        "definitions.json": secret(sample, "shop-queue-config", "definitions.json"),
        "credentials": (["app-password", "admin-password", "monitor-password", "erlang-cookie"]
            .map(|key| (key.to_owned(), json!(secret(sample, "shop-queue-config", key))))
            .into_iter().collect::<serde_json::Map<String, Value>>()),
        "arguments": pod["containers"][0]["env"][2]["value"],
        "alive": pod["containers"][0]["livenessProbe"]["exec"]["command"][2],
    })
}

#[test]
fn the_files_are_those_that_real_processes_were_tried_with() {
    let path = root().join("images/testdata/queue.json");
    let found = json!({"one": files(&queue("99")), "three": files(&queue("99.95"))});
    let text = format!("{found:#}\n");
    if goldens_are_updated() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; see it with UPDATE_GOLDEN=1, then run images/test/queue.sh", path.display());
}

#[test]
fn growing_from_one_to_three_restarts_no_member() {
    let template = |sample: &Sample| sample.object("StatefulSet", "shop-queue")["spec"]["template"].clone();
    let (one, three) = (queue("99"), queue("99.95"));
    assert_eq!(one.object("StatefulSet", "shop-queue")["spec"]["replicas"], 1);
    assert_eq!(three.object("StatefulSet", "shop-queue")["spec"]["replicas"], 3);
    assert_eq!(template(&one), template(&three));
    let names = |sample: &Sample| -> Vec<Value> {
        sample.of_kinds(&["Service"]).map(|service| service["metadata"]["name"].clone()).collect()
    };
    let of_queue = |sample: &Sample| -> Vec<Value> {
        names(sample).into_iter().filter(|name| name.as_str().unwrap_or_default().starts_with("shop-queue")).collect()
    };
    assert_eq!(of_queue(&one), of_queue(&three));
}

#[test]
fn a_worker_has_time_for_its_job_and_no_pause_before_it_stops() {
    let sample = crate::samples::longest();
    let deployment = sample.object("Deployment", "a-name-with-all-30-characters0-worker-video-of-20-charsxxx");
    let pod = &deployment["spec"]["template"]["spec"];
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() >= 2 * 12, "{pod}");
    let container = &pod["containers"][0];
    assert!(container["lifecycle"].is_null() && container["ports"].is_null(), "{container}");
    let address = container["env"].as_array().unwrap().iter().find(|variable| variable["name"] == "AMQP_URL").unwrap();
    assert_eq!(
        address["valueFrom"]["secretKeyRef"],
        json!({"name": "a-name-with-all-30-characters0-queue", "key": "uri"})
    );
    assert_eq!(deployment["spec"]["strategy"]["rollingUpdate"]["maxUnavailable"], 0);
    assert_eq!(
        sample.object("HorizontalPodAutoscaler", "a-name-with-all-30-characters0-worker-mail")["spec"]["scaleTargetRef"]
            ["kind"],
        "Deployment"
    );
}
