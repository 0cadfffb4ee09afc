//! `scaledapp status` as a user calls it: what it prints, and the code it ends with.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use kube::api::{Api, DeleteParams};
use serde_json::Value;

use crate::harness::app::{apps, child, condition, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, operator_kubeconfig, stranger_kubeconfig, unknown_kubeconfig, world};

/// A kubeconfig in a file, which the command finds as it would the user's.
struct User(tempfile::NamedTempFile);

impl User {
    fn new(kubeconfig: &str) -> Self {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), kubeconfig).unwrap();
        Self(file)
    }

    fn command(&self, namespace: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_scaledapp"));
        command.args(["status", "-n", namespace]).args(args).env("KUBECONFIG", self.0.path());
        command
    }

    async fn status(&self, namespace: &str, args: &[&str]) -> (i32, String, String) {
        let mut command = self.command(namespace, args);
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (status.code().unwrap(), text(stdout), text(stderr))
    }
}

#[tokio::test]
async fn status_tells_ready_not_ready_and_not_found_apart() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let user = User::new(&operator_kubeconfig());
    create(&client, &namespace, &small("hello")).await;
    let (code, out, _) = user.status(&namespace, &["hello"]).await;
    assert!(code == 1 && out.contains("not looked at yet"), "{code} {out}");

    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let (code, out, _) = user.status(&namespace, &["hello"]).await;
    assert!(code == 1 && out.starts_with(&format!("hello in {namespace}: not ready\n")), "{code} {out}");
    assert!(out.contains("0 ready, 1 planned"), "{out}");

    world::all_ready(&client, &namespace, "hello").await;
    condition(&client, &namespace, "hello", "Ready", "True").await;
    operator.quiet().await;
    let (code, out, err) = user.status(&namespace, &["hello"]).await;
    println!("{out}");
    assert!(code == 0 && err.is_empty() && out.starts_with(&format!("hello in {namespace}: ready\n")), "{out} {err}");
    assert!(out.contains("└─ hello-database-0  ready") && !out.contains('\u{1b}'), "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 100), "{out}");
    let (code, json, _) = user.status(&namespace, &["hello", "-o", "json"]).await;
    let view: Value = serde_json::from_str(&json).unwrap();
    let tiers = view["tiers"].as_array().unwrap();
    let database = tiers.iter().find(|tier| tier["tier"] == "Database").unwrap();
    assert_eq!((code, &view["ready"], &database["pods"][0]["state"]), (0, &true.into(), &"Ready".into()));
    let (_, yaml, _) = user.status(&namespace, &["hello", "-o", "yaml"]).await;
    assert_eq!(serde_yaml::from_str::<Value>(&yaml).unwrap()["app"], "hello");

    let (code, out, err) = user.status(&namespace, &["other"]).await;
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains(&format!("there is no ScaledApp other in namespace {namespace}; there is hello")), "{err}");
    operator.stop().await;
}

#[tokio::test]
async fn status_says_in_a_sentence_why_it_may_not_look() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    for (kubeconfig, reason) in [
        (stranger_kubeconfig(), "you may not read ScaledApps here"),
        (unknown_kubeconfig(), "does not accept your credentials"),
    ] {
        let (code, out, err) = User::new(&kubeconfig).status(&namespace, &["hello"]).await;
        assert_eq!((code, out.as_str()), (4, ""));
        assert!(err.contains(reason) && err.lines().count() == 1, "{err}");
    }
}

/// A running `status --watch`, and its lines.
struct Watching {
    process: Child,
    lines: mpsc::Receiver<String>,
}

impl Watching {
    fn start(mut command: Command) -> Self {
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let out = BufReader::new(process.stdout.take().unwrap());
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || out.lines().map_while(Result::ok).try_for_each(|line| send.send(line)));
        Self { process, lines }
    }

    /// The next change, if one comes in time.
    async fn next(&mut self, within: Duration) -> Option<Value> {
        let begun = std::time::Instant::now();
        while begun.elapsed() < within {
            if let Ok(line) = self.lines.try_recv() {
                return serde_json::from_str(&line).ok();
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        None
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[tokio::test]
async fn a_watched_status_is_printed_anew_at_a_change_and_only_then() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    create(&client, &namespace, &small("hello")).await;
    let user = User::new(&operator_kubeconfig());
    let soon = Duration::from_secs(15);
    let mut watching = Watching::start(user.command(&namespace, &["hello", "--watch", "-o", "json"]));
    assert_eq!(watching.next(soon).await.unwrap()["jobs"], serde_json::json!({}));
    assert_eq!(watching.next(Duration::from_secs(2)).await, None, "nothing has changed");

    let ready = serde_json::json!([{"type": "Ready", "status": "True"}]);
    world::pod(&client, &namespace, "hello", "hello-database-0", "database", ready, "Running").await;
    let mut last = watching.next(soon).await.unwrap();
    while last["jobs"]["database"][0]["state"] != "Ready" {
        last = watching.next(soon).await.expect("the pod becomes ready");
    }
    let pods: Api<k8s_openapi::api::core::v1::Pod> = Api::namespaced(client.clone(), &namespace);
    let note = serde_json::json!({"metadata": {"annotations": {"status": "a log position"}}});
    pods.patch("hello-database-0", &kube::api::PatchParams::default(), &kube::api::Patch::Merge(&note)).await.unwrap();
    assert_eq!(watching.next(Duration::from_secs(2)).await, None, "an annotation is nothing to look at");

    apps(&client, &namespace).delete("hello", &DeleteParams::default()).await.unwrap();
    let begun = std::time::Instant::now();
    let code = loop {
        if let Some(ended) = watching.process.try_wait().unwrap() {
            break ended.code();
        }
        assert!(begun.elapsed() < soon, "the watch outlives its application");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!(code, Some(3));
}
