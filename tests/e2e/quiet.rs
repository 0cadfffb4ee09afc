//! An idle operator is quiet and small.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use crate::cluster::{kubectl, setting};
use crate::story::shop;

/// `make bench` measures ten minutes; the test asks for one.
const IDLE: Duration = Duration::from_secs(60);
/// Resident memory stays under 40 MiB; CI allows twice that.
const MEMORY_LIMIT_KIB: u64 = 80 * 1024;

/// Longest time until the first bands of every tier are written: two minutes after its pods are measured.
const MEASURED: Duration = Duration::from_secs(240);

/// Waits for the first bands: the last write about an application that nothing happens to.
async fn measured() {
    let begun = std::time::Instant::now();
    while begun.elapsed() < MEASURED {
        let apps: Value = serde_json::from_str(&kubectl(&["get", "scaledapps", "-A", "-o", "json"])).expect("JSON");
        let tiers = apps["items"].as_array().into_iter().flatten().filter_map(|app| app["status"]["tiers"].as_array());
        if tiers.flatten().all(|tier| tier["bands"]["cpu"].is_string()) {
            return;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// Minutes after which no band of a tier that has just started changes any more.
const SETTLING: u32 = 3;

#[tokio::test]
async fn quiet_an_idle_operator_writes_only_its_lease() {
    let _world = shop().await;
    // What earlier tests stirred up comes to rest first: a ready application has nothing under way, but removed
    // namespaces take a moment.
    tokio::time::sleep(Duration::from_secs(20)).await;
    measured().await;
    let mut writes = writes_of_a_minute().await;
    // A tier that started not long ago still falls from one band to the next; each fall is written once, and then never.
    for _ in 0..SETTLING {
        if writes.is_empty() || !writes.keys().all(|write| write.starts_with("patch scaledapps/")) {
            break;
        }
        writes = writes_of_a_minute().await;
    }
    assert!(writes.is_empty(), "writes while idle: {writes:?}");
}

/// What the operator writes while nothing happens, leases aside, by verb and object.
async fn writes_of_a_minute() -> BTreeMap<String, u32> {
    let log = setting("SCALEDAPP_E2E_AUDIT_LOG");
    let begin = fs::metadata(&log).expect("the audit log").len();
    tokio::time::sleep(IDLE).await;
    let text = fs::read(&log).expect("the audit log");
    let new = String::from_utf8_lossy(&text[usize::try_from(begin).unwrap_or(0).min(text.len())..]).into_owned();
    let mut writes: BTreeMap<String, u32> = BTreeMap::new();
    for event in new.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let user = event["user"]["username"].as_str().unwrap_or_default();
        let verb = event["verb"].as_str().unwrap_or_default();
        let resource = event["objectRef"]["resource"].as_str().unwrap_or_default();
        let write = !matches!(verb, "get" | "list" | "watch") && event["stage"] == "ResponseComplete";
        if write && user == "system:serviceaccount:scaledapp-system:scaledapp" && resource != "leases" {
            *writes.entry(format!("{verb} {resource}/{}", event["objectRef"]["name"])).or_default() += 1;
        }
    }
    writes
}

#[tokio::test]
async fn quiet_the_operator_is_small() {
    let _world = shop().await;
    let pods =
        kubectl(&["-n", "scaledapp-system", "get", "pods", "-l", "app.kubernetes.io/name=scaledapp", "-o", "name"]);
    for pod in pods.lines() {
        let status = kubectl(&["-n", "scaledapp-system", "exec", pod, "--", "cat", "/proc/1/status"]);
        let resident = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok())
            .expect("VmRSS");
        println!("{pod}: {} MiB resident", resident / 1024);
        assert!(resident < MEMORY_LIMIT_KIB, "{pod}: {resident} KiB");
    }
}
