//! What the operator recorded, read back by `scaledapp plan --live` and `scaledapp diff --live` as a user calls them.

use std::process::Command;

use serde_json::Value;

use crate::harness::app::{child, create, small};
use crate::harness::operator::Operator;
use crate::harness::{admin, operator_kubeconfig, stranger_kubeconfig, world};

/// Runs the command with a kubeconfig, as a user would.
async fn run(kubeconfig: &str, args: &[&str]) -> (i32, String, String) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), kubeconfig).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_scaledapp"));
    command.args(args).env("KUBECONFIG", file.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_spec_is_compared_with_what_runs() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let app = small("hello");
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, app: &Value| {
        let file = folder.path().join(name);
        std::fs::write(&file, app.to_string()).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let same = write("same.yaml", &app);
    let user = operator_kubeconfig();
    let (code, out, _) = run(&user, &["diff", "-f", &same, "--live", "-n", &namespace]).await;
    assert!(
        code == 1 && out.contains(&format!("there is no ScaledApp hello in namespace {namespace}")),
        "{code} {out}"
    );

    create(&client, &namespace, &app).await;
    let (code, out, _) = run(&user, &["plan", "-f", &same, "--live", "-n", &namespace]).await;
    assert!(code == 0 && out.starts_with("Previous plan: none, no plan of hello"), "{code} {out}");

    let operator = Operator::start(&namespace);
    child(&client, &namespace, "Deployment", "hello-web").await;
    operator.quiet().await;
    let (code, out, _) = run(&user, &["plan", "-f", &same, "--live", "-n", &namespace]).await;
    let first = out.lines().next().unwrap();
    assert!(code == 0 && first.contains(" of ControllerRevision hello-plan-"), "{code} {out}");

    let mut grown = app.clone();
    grown["spec"]["targets"]["dailyActiveUsers"] = 2_000_000.into();
    let grown = write("grown.yaml", &grown);
    let (code, out, _) = run(&user, &["diff", "-f", &grown, "--live", "-n", &namespace]).await;
    println!("{out}");
    assert!(code == 1 && out.contains("spec.targets.dailyActiveUsers"), "{code} {out}");
    let (code, json, err) = run(&user, &["diff", "-f", &grown, "--live", "-n", &namespace, "-o", "json"]).await;
    let found: Value = serde_json::from_str(&json).unwrap();
    assert!(code == 1 && err.contains(found["previous"].as_str().unwrap()), "{err}");

    let (code, out, err) = run(&stranger_kubeconfig(), &["diff", "-f", &grown, "--live", "-n", &namespace]).await;
    assert!(code == 4 && out.is_empty() && err.contains("you may not read"), "{code} {err}");
    operator.stop().await;
}
