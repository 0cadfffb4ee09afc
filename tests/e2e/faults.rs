//! Faults under load: acknowledged orders are never lost, and orders go on.

use std::time::Duration;

use crate::cluster::{World, cluster_tool, eventually, kubectl, setting};
use crate::shop::{Load, Report};
use crate::story::shop;

/// Orders go on within ten seconds of a lost primary; CI allows twice that.
const GAP_LIMIT_SECONDS: f64 = 20.0;

async fn after(seconds: u64) {
    // The fault has to come while the load is under way, not at its first request.
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

/// Every acknowledged order is stored (`finish` checks it), and the longest pause was short.
fn assert_orders_went_on(report: &Report) {
    assert!(report.acknowledged > 0, "{}", report.whole);
    assert!(report.longest_gap_seconds < GAP_LIMIT_SECONDS, "{}", report.whole);
}

async fn delete_primary_under_load(world: &World) -> Report {
    let load = Load::start(world, 10, Duration::from_secs(45));
    after(8).await;
    let primary = world.primary().await;
    world.kubectl(&["delete", "pod", &primary, "--wait=false"]);
    let report = load.finish().await;
    println!("deleted primary {primary}: {}", report.whole);
    report
}

#[tokio::test]
async fn fault_a_deleted_primary_loses_no_order() {
    let world = shop().await;
    let report = delete_primary_under_load(&world).await;
    assert_orders_went_on(&report);
    world.ready("shop", Duration::from_secs(120)).await;
}

#[tokio::test]
async fn fault_a_deleted_primary_needs_no_operator() {
    let world = shop().await;
    let operator = ["-n", "scaledapp-system", "scale", "deployment", "scaledapp"];
    kubectl(&[&operator[..], &["--replicas=0"]].concat());
    kubectl(&[
        "-n",
        "scaledapp-system",
        "wait",
        "--for=delete",
        "pod",
        "-l",
        "app.kubernetes.io/name=scaledapp",
        "--timeout=60s",
    ]);
    let report = delete_primary_under_load(&world).await;
    kubectl(&[&operator[..], &["--replicas=2"]].concat());
    kubectl(&["-n", "scaledapp-system", "rollout", "status", "deployment", "scaledapp", "--timeout=60s"]);
    assert_orders_went_on(&report);
    world.ready("shop", Duration::from_secs(120)).await;
}

/// Sends a signal to Patroni's own process in a member; PostgreSQL beside it runs on.
fn signal_patroni(world: &World, pod: &str, signal: &str) {
    let script = format!(
        r#"found=; for p in /proc/[0-9]*; do read -r -d '' exe < "$p/cmdline" || true; \
        case "$exe" in */python3*) kill -{signal} "${{p#/proc/}}" && found=yes;; esac; done; [ "$found" ]"#
    );
    world.kubectl(&["exec", pod, "-c", "postgres", "--", "bash", "-c", &script]);
}

#[tokio::test]
async fn fault_a_primary_whose_patroni_is_frozen_loses_no_order() {
    let world = shop().await;
    let load = Load::start(&world, 10, Duration::from_secs(100));
    after(8).await;
    let primary = world.primary().await;
    signal_patroni(&world, &primary, "STOP");
    after(60).await;
    signal_patroni(&world, &primary, "CONT");
    let report = load.finish().await;
    println!("Patroni of {primary} frozen for a minute: {}", report.whole);
    assert!(report.acknowledged > 0, "{}", report.whole);
    world.ready("shop", Duration::from_secs(120)).await;
}

#[tokio::test]
async fn fault_the_api_server_away_for_two_minutes_stops_no_order() {
    let world = shop().await;
    let node = setting("SCALEDAPP_E2E_CONTROL_PLANE");
    let load = Load::start(&world, 10, Duration::from_secs(140));
    after(5).await;
    cluster_tool(&["svc", "stop", &node, "apiserver"]);
    after(120).await;
    cluster_tool(&["svc", "start", &node, "apiserver"]);
    let report = load.finish().await;
    println!("API server away for two minutes: {}", report.whole);
    report.assert_flawless();
    back_at_work(&world).await;
    world.ready("shop", Duration::from_secs(120)).await;
}

/// The operator mends something within ten seconds after the API server's return; CI allows twice that.
async fn back_at_work(world: &World) {
    eventually("the API server answers", Duration::from_secs(60), async || {
        let output = crate::cluster::kubectl_output(&["get", "--raw", "/readyz"], None);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    })
    .await;
    world.kubectl(&["delete", "poddisruptionbudget", "shop-pool"]);
    let start = std::time::Instant::now();
    eventually("the operator mends", Duration::from_secs(20), async || {
        let output = crate::cluster::kubectl_output(&["-n", &world.namespace, "get", "pdb", "shop-pool"], None);
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    })
    .await;
    println!("operator back at work {:?} after the API server", start.elapsed());
}
