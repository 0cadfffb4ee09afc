//! The shop against a real PostgreSQL that dies, stalls and comes back: no acknowledged order is lost, none is placed twice.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use shop::config::Limits;
use support::http::{get, order};
use support::postgres::Postgres;
use support::proxy::{Cut, Proxy};
use support::{migrate, serve};
use uuid::Uuid;

/// How many rows an order has, and how often it was written.
fn rows_and_attempts(postgres: &Postgres, key: Uuid) -> String {
    postgres.sql("app", &format!("SELECT count(*), max(attempts) FROM orders WHERE key = '{key}'"))
}

async fn killed_at_commit(cut: Cut) -> String {
    let mut postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let proxy = Proxy::start(postgres.port).await;
    let url = serve(&proxy.url(), &proxy.url(), Limits::default()).await;
    let reached = proxy.arm(cut);
    let key = Uuid::new_v4();
    let asked = tokio::spawn(async move { order(&url, key, 1, 1).await });
    let cut_connection = tokio::time::timeout(Duration::from_secs(15), reached).await.expect("a COMMIT").unwrap();
    postgres.kill();
    cut_connection.send(()).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!asked.is_finished(), "the order waits for the database");
    postgres.run();
    let answer = asked.await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.json()["tries"].as_u64().unwrap() > 1);
    rows_and_attempts(&postgres, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_commit_the_order_is_placed_once() {
    assert_eq!(killed_at_commit(Cut::BeforeCommit).await, "1|1");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_after_the_commit_the_order_is_confirmed_not_doubled() {
    assert_eq!(killed_at_commit(Cut::AfterCommit).await, "1|2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_wait_for_replication_is_no_acknowledgement() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    postgres.sql("app", "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    postgres.sql("app", "SELECT pg_reload_conf()");
    let key = Uuid::new_v4();
    let asking = url.clone();
    let asked = tokio::spawn(async move { order(&asking, key, 1, 1).await });
    let waiting = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let until = Instant::now() + Duration::from_secs(6);
    while postgres.sql("postgres", waiting) == "0" {
        assert!(Instant::now() < until, "nobody waits for replication");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let answer = asked.await.unwrap();
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(answer.json()["unknownOutcome"], true);
    assert_eq!(rows_and_attempts(&postgres, key), "1|1", "it is there all the same, on this server alone");
    assert!(get(&url, "/metrics").await.body.contains("shop_orders_unknown_outcome_total 1"));

    postgres.sql("app", "ALTER SYSTEM RESET synchronous_standby_names");
    postgres.sql("app", "SELECT pg_reload_conf()");
    let settled = order(&url, key, 1, 1).await;
    assert_eq!((settled.status, &settled.json()["repeated"]), (201, &true.into()));
    assert_eq!(rows_and_attempts(&postgres, key), "1|2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_stays_away_fails_the_order_and_says_that_it_was_not_placed() {
    let mut postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let limits =
        Limits { write_deadline: Duration::from_secs(2), read_deadline: Duration::from_secs(1), ..Limits::default() };
    let url = serve(&postgres.url(), &postgres.url(), limits).await;
    let key = Uuid::new_v4();
    postgres.kill();
    let started = Instant::now();
    let answer = order(&url, key, 1, 1).await;
    assert_eq!((answer.status, &answer.json()["unknownOutcome"]), (503, &false.into()));
    assert!(started.elapsed() < Duration::from_secs(4), "bounded: {:?}", started.elapsed());
    assert_eq!(get(&url, "/healthz").await.status, 200, "readiness is not the database's");
    assert_eq!(get(&url, "/").await.status, 503);
    postgres.run();
    assert_eq!(rows_and_attempts(&postgres, key), "0|");
    assert_eq!(get(&url, "/").await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_full_of_silent_connections_costs_one_time_out() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let proxy = Proxy::start(postgres.port).await;
    let url = serve(&proxy.url(), &proxy.url(), Limits::default()).await;
    let orders = (0..8).map(|_| order(&url, Uuid::new_v4(), 1, 1));
    assert!(futures_util::future::join_all(orders).await.iter().all(|answer| answer.status == 201));
    proxy.silence();
    let (started, key) = (Instant::now(), Uuid::new_v4());
    assert_eq!(order(&url, key, 1, 1).await.status, 201);
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    assert_eq!(rows_and_attempts(&postgres, key), "1|1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_server_is_waited_out() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    postgres.sql("postgres", "ALTER DATABASE app SET default_transaction_read_only = on");
    let key = Uuid::new_v4();
    let asking = url.clone();
    let asked = tokio::spawn(async move { order(&asking, key, 1, 1).await });
    tokio::time::sleep(Duration::from_secs(1)).await;
    postgres.sql("postgres", "ALTER DATABASE app SET default_transaction_read_only = off");
    assert_eq!(asked.await.unwrap().status, 201);
    assert_eq!(rows_and_attempts(&postgres, key), "1|1");
    assert!(
        get(&url, "/metrics").await.body.contains("shop_database_retries_total{operation=\"order\",reason=\"25006\"}")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_in_flight_survives_sigterm() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut shop = Command::new(env!("CARGO_BIN_EXE_shop"))
        .env("PORT", port.to_string())
        .env("DATABASE_URL", postgres.url())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let url = format!("http://127.0.0.1:{port}");
    let until = Instant::now() + Duration::from_secs(10);
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < until, "the shop does not serve");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (asking, key) = (url.clone(), Uuid::new_v4());
    let lock = std::thread::scope(|scope| {
        let lock = scope.spawn(|| postgres.sql("app", "BEGIN; LOCK TABLE orders; SELECT pg_sleep(1.5); COMMIT"));
        std::thread::sleep(Duration::from_millis(300));
        let asked = tokio::spawn(async move { order(&asking, key, 1, 1).await });
        std::thread::sleep(Duration::from_millis(400));
        let signalled = Command::new("sh").args(["-c", &format!("kill -TERM {}", shop.id())]).status().unwrap();
        assert!(signalled.success());
        lock.join().unwrap();
        asked
    });
    let answer = lock.await.unwrap();
    assert_eq!(answer.status, 201, "{}", answer.body);
    let stopped = tokio::task::spawn_blocking(move || shop.wait().unwrap()).await.unwrap();
    assert!(stopped.success());
    assert_eq!(rows_and_attempts(&postgres, key), "1|1");
}

fn shop_command(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_shop")).args(arguments).output().unwrap();
    (
        output.status.code() == Some(0),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn load_and_verify_lose_nothing_while_the_server_is_killed_again_and_again() {
    let mut postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    let keys = std::env::temp_dir().join(format!("shop-keys-{}", Uuid::new_v4()));
    let file = keys.to_string_lossy().into_owned();
    let arguments: Vec<String> =
        ["load", "--url", &url, "--rate", "60", "--duration", "8s", "--order-percent", "50", "--out", &file]
            .map(ToOwned::to_owned)
            .into();
    let load =
        tokio::task::spawn_blocking(move || shop_command(&arguments.iter().map(String::as_str).collect::<Vec<_>>()));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        postgres.kill();
        tokio::time::sleep(Duration::from_millis(300)).await;
        postgres.run();
    }
    let (ended_well, said) = load.await.unwrap();
    assert!(ended_well, "{said}");
    let report: serde_json::Value = serde_json::from_str(said.lines().nth(1).unwrap()).unwrap();
    assert_eq!((&report["orders"], &report["failed"]), (&240.into(), &0.into()), "{said}");
    assert_eq!(report["acknowledged"], 240, "{said}");

    let verify = ["verify", "--url", &url, "--keys", &file];
    let (whole, said) = tokio::task::block_in_place(|| shop_command(&verify));
    assert!(whole && said.contains("240 acknowledged orders recorded, 240 stored, 0 missing, 0 doubled"), "{said}");
    postgres.sql("app", "DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)");
    let (whole, said) = tokio::task::block_in_place(|| shop_command(&verify));
    assert!(!whole && said.contains("1 missing"), "{said}");
    std::fs::remove_file(keys).unwrap();
}
