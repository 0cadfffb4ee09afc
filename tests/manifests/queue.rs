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
