//! The sample shop as a load and as a witness: what it acknowledged must be there.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::Deserialize as _;
use serde_json::Value;

use crate::cluster::{World, apply, ingress_url, setting};

/// A light open-loop load that goes on in the background, for so long at most.
pub struct Load {
    child: Child,
    keys: PathBuf,
    host: String,
}

/// What a load saw.
#[derive(Debug)]
pub struct Report {
    pub requests: u64,
    pub failed: u64,
    pub acknowledged: u64,
    pub longest_gap_seconds: f64,
    pub whole: Value,
}

/// Applies the sample with some changes: `(path, value)` as JSON pointers into the document.
pub fn apply_shop(world: &World, changes: &[(&str, Value)]) {
    apply_sample(world, "shop", &setting("SCALEDAPP_E2E_SHOP_IMAGE"), changes);
}

/// As [`apply_shop`], the sample with every tier.
pub fn apply_whole_shop(world: &World, changes: &[(&str, Value)]) {
    apply_sample(world, "shop-whole", &setting("SCALEDAPP_E2E_SHOP_IMAGE"), changes);
}

/// Applies a sample with an image of its application, and what it needs beside its ScaledApp.
pub fn apply_sample(world: &World, name: &str, image: &str, changes: &[(&str, Value)]) {
    let text = std::fs::read_to_string(format!("manifests/samples/{name}.yaml")).expect("the sample");
    for document in serde_yaml::Deserializer::from_str(&text) {
        let mut document = Value::deserialize(document).expect("the sample is YAML");
        document["metadata"]["namespace"] = world.namespace.clone().into();
        if document["kind"] == "ScaledApp" {
            adapt(&mut document, world, image, changes);
        }
        // As JSON: what kubectl reads of YAML is another dialect, in which a bare `yes` is no text.
        apply(&document.to_string());
    }
}

fn adapt(document: &mut Value, world: &World, image: &str, changes: &[(&str, Value)]) {
    document["spec"]["ingress"]["hosts"] = serde_json::json!([world.host]);
    for part in ["services", "workers"] {
        for pod in document["spec"][part].as_array_mut().into_iter().flatten() {
            pod["image"] = image.into();
        }
    }
    for (path, value) in changes {
        set(document, path, value.clone());
    }
}

/// Sets one value by its JSON pointer; makes the objects on the way; `null` removes it.
fn set(document: &mut Value, path: &str, value: Value) {
    let (parent, last) = path.rsplit_once('/').expect("a pointer");
    let mut at = document;
    for step in parent.split('/').skip(1) {
        at = match step.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[step],
        };
    }
    if value.is_null() {
        at.as_object_mut().expect("an object").remove(last);
    } else {
        at[last] = value;
    }
}

impl Load {
    /// Starts `rate` arrivals a second for `duration`.
    pub fn start(world: &World, rate: u32, duration: Duration) -> Self {
        let keys = std::env::temp_dir().join(format!("{}-{}.keys", world.namespace, std::process::id()));
        let child = Command::new(setting("SCALEDAPP_E2E_SHOP"))
            .args(["load", "--url", &ingress_url(), "--host", &world.host])
            .args(["--rate", &rate.to_string(), "--duration", &format!("{}s", duration.as_secs())])
            .arg("--out")
            .arg(&keys)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the load generator starts");
        Self { child, keys, host: world.host.clone() }
    }

    /// Goes on for five seconds more, so that what follows the event is seen as well, and ends.
    pub async fn finish_soon(self) -> Report {
        tokio::time::sleep(Duration::from_secs(5)).await;
        // One that has ended by itself is none to be told.
        let _ = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        self.finish().await
    }

    /// Waits for the end and checks that everything acknowledged is stored.
    pub async fn finish(self) -> Report {
        let Self { child, keys, host } = self;
        let output =
            tokio::task::spawn_blocking(move || child.wait_with_output()).await.expect("joined").expect("ended");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "load: {}\n{text}", String::from_utf8_lossy(&output.stderr));
        let whole: Value = text.lines().rev().find_map(|l| serde_json::from_str(l).ok()).expect("the load prints JSON");
        verify(&host, &keys);
        let number = |key: &str| whole[key].as_u64().unwrap_or_default();
        Report {
            requests: number("requests"),
            failed: number("failed"),
            acknowledged: number("acknowledged"),
            longest_gap_seconds: whole["longestGapSeconds"].as_f64().unwrap_or(f64::INFINITY),
            whole,
        }
    }
}

/// Panics when an acknowledged order is missing or stored twice.
pub fn verify(host: &str, keys: &std::path::Path) {
    let output = Command::new(setting("SCALEDAPP_E2E_SHOP"))
        .args(["verify", "--url", &ingress_url(), "--host", host, "--timeout", "120s"])
        .arg("--keys")
        .arg(keys)
        .output()
        .expect("the checker starts");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "acknowledged orders are missing: {said}");
}

impl Report {
    /// Nothing failed.
    pub fn assert_flawless(&self) {
        assert!(self.requests > 0, "no requests: {}", self.whole);
        assert_eq!(self.failed, 0, "failed requests: {}", self.whole);
        assert_eq!(self.whole["unexpected"].as_object().map_or(0, serde_json::Map::len), 0, "{}", self.whole);
    }
}
