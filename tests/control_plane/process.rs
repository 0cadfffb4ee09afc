//! The operator as a process of its own: its pages, its memory, its end.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use futures::StreamExt;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, PostParams};
use serde_json::json;

use crate::harness::app::{child, condition, create, large};
use crate::harness::{admin, eventually, free_port, operator_kubeconfig, world};

/// Secrets of others in the namespace that the operator looks after.
const FOREIGN: usize = 5000;
/// What the operator may hold in memory, of its own: pages of its binary are not counted.
const LIMIT_KIB: u64 = 40 * 1024;

/// Ends the process when the test fails.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn get(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}

fn memory(pid: u32, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn five_thousand_foreign_secrets_do_not_fill_the_memory_and_the_end_is_graceful() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let secrets: Api<Secret> = Api::namespaced(client.clone(), &namespace);
    futures::stream::iter(0..FOREIGN)
        .for_each_concurrent(16, |count| {
            let secrets = &secrets;
            async move {
                let secret =
                    json!({"metadata": {"name": format!("foreign-{count}")}, "stringData": {"x": "y".repeat(1024)}});
                secrets.create(&PostParams::default(), &serde_json::from_value(secret).unwrap()).await.unwrap();
            }
        })
        .await;
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    fs::write(&kubeconfig, operator_kubeconfig()).unwrap();
    let port = free_port();
    let process = Command::new(env!("CARGO_BIN_EXE_scaledapp"))
        .args(["run", "--namespace", &namespace, "--watch-namespace", &namespace, "--identity", "process"])
        .args(["--listen", &format!("127.0.0.1:{port}"), "--log-format", "json"])
        .env("KUBECONFIG", &kubeconfig)
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let pid = process.id();
    let mut process = Ended(process);
    eventually("the pages", Duration::from_secs(20), || async { get(port, "/readyz").await }).await;
    create(&client, &namespace, &large("shop")).await;
    child(&client, &namespace, "Ingress", "shop").await;
    world::all_ready(&client, &namespace, "shop").await;
    condition(&client, &namespace, "shop", "Ready", "True").await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (own, all) = (memory(pid, "RssAnon"), memory(pid, "VmRSS"));
    println!("memory of the operator: {own} KiB of its own, {all} KiB with its binary");
    assert!(own < LIMIT_KIB, "{own} KiB");
    let page = get(port, "/metrics").await.unwrap();
    for metric in [
        "scaledapp_reconciles_total",
        "scaledapp_leading 1",
        "scaledapp_objects_applied_total",
        "scaledapp_reconcile_duration_seconds_bucket",
    ] {
        assert!(page.contains(metric), "{metric} is not in {page}");
    }
    assert!(get(port, "/livez").await.is_some());

    let begun = Instant::now();
    assert!(Command::new("kill").args(["-TERM", &pid.to_string()]).status().unwrap().success());
    let code = eventually("the process ends", Duration::from_secs(15), || {
        let ended = process.0.try_wait().unwrap();
        async move { ended }
    })
    .await;
    assert!(code.success(), "{code}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    println!("ended after {:?}", begun.elapsed());
    let leases: Api<k8s_openapi::api::coordination::v1::Lease> = Api::namespaced(client.clone(), &namespace);
    let lease = leases.get("scaledapp-operator").await.unwrap();
    assert_eq!(lease.spec.and_then(|spec| spec.holder_identity), None, "the lease is released");
}
