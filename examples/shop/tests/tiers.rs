//! The shop against a real cache and a real session store that die, hang and come back: pages go on, log-ins are never half true.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::time::{Duration, Instant};

use hyper::Method;
use shop::config::Limits;
use shop::config::tiers::{SessionStore, Tiers, session_store};
use support::http::{get, get_as, log_in, send};
use support::postgres::Postgres;
use support::redis::Redis;
use support::{eventually, migrate, serve_with};
use uuid::Uuid;

fn cached(redis: &Redis) -> Tiers {
    Tiers { cache: Some(redis.client()), ..Tiers::default() }
}

fn sessions(redis: &Redis) -> Tiers {
    Tiers { sessions: Some(SessionStore::Redis(redis.client())), ..Tiers::default() }
}

async fn shop(pod: &str, postgres: &Postgres, tiers: Tiers) -> String {
    serve_with(pod, Some((&postgres.url(), &postgres.url())), Limits::default(), tiers).await
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_go_on_without_the_cache_and_use_it_again_when_it_is_back() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let mut redis = Redis::start();
    let url = shop("web-1", &postgres, cached(&redis)).await;
    let other = shop("web-2", &postgres, cached(&redis)).await;
    assert_eq!(get(&url, "/").await.header("x-shop-cache"), "miss");
    let hit = get(&other, "/").await;
    assert_eq!((hit.header("x-shop-cache"), hit.header("x-database-node")), ("hit", ""), "no database took part");
    assert!(hit.body.contains("Filter coffee"));

    redis.kill();
    for _ in 0..3 {
        let page = get(&url, "/products/2").await;
        assert_eq!((page.status, page.header("x-shop-cache")), (200, "away"), "{}", page.body);
    }
    redis.run();
    eventually("a hit", async || match get(&url, "/").await.header("x-shop-cache") {
        "hit" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;

    redis.signal("STOP");
    let started = Instant::now();
    for _ in 0..20 {
        assert_eq!(get(&url, "/").await.status, 200);
    }
    assert!(started.elapsed() < Duration::from_secs(3), "a cache that hangs costs little: {:?}", started.elapsed());
    redis.signal("CONT");
    eventually("a hit", async || match get(&url, "/").await.header("x-shop-cache") {
        "hit" => Ok(()),
        other => Err(other.to_owned()),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stampede_over_two_pods_is_one_load() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let redis = Redis::start();
    let urls = [shop("web-1", &postgres, cached(&redis)).await, shop("web-2", &postgres, cached(&redis)).await];
    let asked = (0..60).map(|number| get(&urls[number % 2], "/api/products"));
    let answers = futures_util::future::join_all(asked).await;
    let nodes: Vec<_> = answers.iter().map(|answer| answer.header("x-shop-cache").to_owned()).collect();
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert!(nodes.iter().all(|word| word == "miss" || word == "hit"), "{nodes:?}");
    let queries = postgres.sql("app", "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shop'");
    assert_eq!(queries, "1", "one load is one connection: {nodes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_version_left_in_the_cache_is_loaded_anew() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let redis = Redis::start();
    let url = shop("web-1", &postgres, cached(&redis)).await;
    redis.cli(&["SET", "shop:products", "{\"another\": \"shape\"}"]);
    let page = get(&url, "/").await;
    assert_eq!((page.status, page.header("x-shop-cache")), (200, "miss"), "{}", page.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_pod_and_counts_only_when_a_replica_has_it() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let mut master = Redis::start();
    let mut replica = Redis::replica_of(&master);
    let one = shop("web-1", &postgres, sessions(&master)).await;
    let (answer, cookie) = log_in(&one, "Ada", "correct horse").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!((&answer.json()["kept"]["kind"], &answer.json()["kept"]["replicas"]), (&"replicated".into(), &1.into()));
    assert!(answer.header("set-cookie").contains("HttpOnly; SameSite=Lax"), "{}", answer.header("set-cookie"));
    assert_eq!(log_in(&one, "Ada", "another password").await.0.status, 401);
    assert_eq!(log_in(&one, "A", "correct horse").await.0.status, 422);

    let two = shop("web-2", &postgres, sessions(&master)).await;
    let session = get_as(&two, "/api/session", &cookie).await.json();
    assert_eq!((&session["name"], &session["pod"]), (&"Ada".into(), &"web-2".into()));
    assert!(session["pods"]["web-1"].is_object() && session["pods"]["web-2"].is_object(), "{session}");

    let body = serde_json::json!({"key": Uuid::new_v4(), "product": 4, "quantity": 1}).to_string();
    let headers = [("cookie", cookie.as_str()), ("content-type", "application/json")];
    assert_eq!(send(&two, Method::POST, "/api/orders", &headers, body.into()).await.status, 201);
    let account = get_as(&two, "/account?kept=1", &cookie).await;
    for text in ["Hello, Ada", "web-1", "web-2", "Wild honey", "on two members"] {
        assert!(account.body.contains(text), "{text}: {}", account.body);
    }

    replica.kill();
    let (refused, _) = log_in(&one, "Ada", "correct horse").await;
    let sentence = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(refused.status == 503 && sentence.contains("no second member"), "{sentence}");
    assert_eq!(get_as(&one, "/api/session", &cookie).await.status, 200, "who is logged in stays so");

    master.kill();
    let (refused, _) = log_in(&one, "Ada", "correct horse").await;
    let sentence = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(refused.status == 503 && sentence.contains("does not answer"), "{sentence}");
    let account = get_as(&one, "/account", &cookie).await;
    assert!(account.status == 503 && account.body.contains("You are not logged out"), "{}", account.body);
    assert_eq!(get_as(&one, "/", &cookie).await.status, 200);
    let body = serde_json::json!({"key": Uuid::new_v4(), "product": 4, "quantity": 1}).to_string();
    assert_eq!(send(&one, Method::POST, "/api/orders", &headers, body.into()).await.status, 201, "orders go on");

    master.run();
    assert_eq!(get_as(&two, "/api/session", &cookie).await.status, 200, "the session was on the disk");
    assert_eq!(send(&two, Method::POST, "/api/logout", &[("cookie", &cookie)], "".into()).await.status, 303);
    assert_eq!(get_as(&one, "/api/session", &cookie).await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_single_member_says_that_it_is_one_and_a_declared_replica_is_insisted_on() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let redis = Redis::start();
    let url = shop("web-1", &postgres, sessions(&redis)).await;
    let (answer, _) = log_in(&url, "Grace", "correct horse").await;
    assert_eq!((answer.status, &answer.json()["kept"]["kind"]), (200, &"oneMember".into()), "{}", answer.body);
    assert!(answer.json()["sentence"].as_str().unwrap().contains("its loss would log you out"));

    let strict = shop("web-2", &postgres, Tiers { session_replicas: Some(2), ..sessions(&redis) }).await;
    let (refused, cookie) = log_in(&strict, "Grace", "correct horse").await;
    assert_eq!((refused.status, cookie.as_str()), (503, ""), "{}", refused.body);
    assert_eq!(redis.cli(&["KEYS", "session:*"]).lines().count(), 1, "the refused session is not left behind");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_may_live_in_the_database() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let tiers = || Tiers { sessions: Some(session_store(&postgres.url()).unwrap()), ..Tiers::default() };
    let (one, two) = (shop("web-1", &postgres, tiers()).await, shop("web-2", &postgres, tiers()).await);
    let (answer, cookie) = log_in(&one, "Edsger", "correct horse").await;
    assert_eq!((answer.status, &answer.json()["kept"]["kind"]), (200, &"database".into()), "{}", answer.body);
    let session = get_as(&two, "/api/session", &cookie).await.json();
    assert!(session["pods"]["web-1"].is_object() && session["pods"]["web-2"].is_object(), "{session}");
    let id = cookie.split_once('=').unwrap().1;
    assert_eq!(postgres.sql("app", &format!("SELECT count(*) FROM sessions WHERE id_hash LIKE '%{id}%'")), "0");
    postgres.sql("app", "UPDATE sessions SET expires_at = now() - interval '1 second'");
    assert_eq!(get_as(&two, "/api/session", &cookie).await.status, 401);
    assert_eq!(log_in(&two, "Edsger", "correct horse").await.0.status, 200);
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM sessions"), "1", "what has expired is swept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_strategies_differ_as_their_pages_say() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let redis = Redis::start();
    let url = shop("web-1", &postgres, cached(&redis)).await;
    assert_eq!(get(&url, "/api/strategies").await.status, 404);
    let report = send(&url, Method::POST, "/api/strategies", &[], "".into()).await;
    assert_eq!(report.status, 200, "{}", report.body);
    let report = report.json();
    let of = |strategy: &str, field: &str| {
        let lines = report["lines"].as_array().unwrap();
        lines.iter().find(|line| line["strategy"] == strategy).unwrap()[field].as_f64().unwrap()
    };
    for strategy in ["no cache", "cache-aside", "read-through", "write-through", "write-back", "refresh-ahead"] {
        assert!(of(strategy, "reads") > 50.0 && of(strategy, "writes") > 5.0, "{report}");
        assert!(of(strategy, "failed") < 1.0, "{report}");
    }
    for fresh in ["no cache", "write-through", "write-back"] {
        assert!(of(fresh, "stalePercent") < 0.01, "{fresh}: {report}");
    }
    assert!(of("no cache", "loadsPer100Reads") > 99.0 && of("no cache", "hitPercent") < 0.01, "{report}");
    for strategy in ["cache-aside", "read-through", "write-through", "write-back", "refresh-ahead"] {
        assert!(of(strategy, "hitPercent") > 30.0, "{strategy}: {report}");
    }
    assert!(of("read-through", "stalePercent") > 0.0, "{report}");
    assert!(of("write-back", "storesPer100Writes") < of("write-through", "storesPer100Writes"), "{report}");
    assert!(of("write-back", "atRisk") > 0.0, "{report}");
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM strategy_items"), "0");
    let page = get(&url, "/strategies").await;
    assert!(page.body.contains("Measured by pod web-1"), "{}", page.body);
}
