//! The shop against a real PostgreSQL in quiet times: schema, pages, API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::collections::HashMap;

use shop::config::Limits;
use shop::config::tiers::Tiers;
use support::http::{form, get, log_in, order};
use support::postgres::Postgres;
use support::{migrate, serve, serve_with};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_even_side_by_side() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let (one, other) = tokio::join!(migrate(&url), migrate(&url));
    assert_eq!(one + other, 3);
    assert_eq!(migrate(&url).await, 0);
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM schema_migrations"), "3");
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM products"), "12");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_migration_is_refused() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    postgres.sql("app", "UPDATE schema_migrations SET checksum = 'another' WHERE version = 1");
    let direct = shop::config::database_url("DATABASE_DIRECT_URL", &postgres.url()).unwrap();
    let config = shop::config::MigrateConfig { direct, patience: std::time::Duration::from_secs(5) };
    let error = shop::db::migrate::run(&config).await.unwrap_err().to_string();
    assert!(error.contains("migration 1 (schema)"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_say_who_served_them() {
    let postgres = Postgres::start();
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    let bare = get(&url, "/").await;
    assert_eq!(bare.status, 503);
    assert!(bare.body.contains("schema is missing"), "{}", bare.body);

    migrate(&postgres.url()).await;
    let catalogue = get(&url, "/").await;
    assert_eq!(catalogue.status, 200, "{}", catalogue.body);
    assert!(catalogue.body.contains("Chef&#39;s knife"), "text is escaped: {}", catalogue.body);
    assert!(catalogue.body.contains("€11.90"));
    assert!(
        catalogue
            .body
            .contains("served by pod <b>shop-test</b>, database node <b>127.0.0.1</b> (primary), cache off, took ")
    );
    let headers = ["x-pod", "x-database-node", "x-database-role", "x-shop-cache"].map(|name| catalogue.header(name));
    assert_eq!(headers, ["shop-test", "127.0.0.1", "primary", "off"]);

    let wanted = get(&url, "/buy?product=3&quantity=2").await;
    assert!(wanted.body.contains("2 × Sourdough loaf") && wanted.body.contains("€13.00"), "{}", wanted.body);
    assert!(wanted.body.contains("name=\"key\""), "the order's key is on this page alone");
    assert_eq!(get(&url, "/buy?product=99&quantity=1").await.status, 404);
    assert_eq!(get(&url, "/buy?product=3&quantity=0").await.status, 422);

    let key = Uuid::new_v4();
    let fields = HashMap::from([("key", key.to_string()), ("product", "3".to_owned()), ("quantity", "2".to_owned())]);
    let first = form(&url, "/orders", &fields).await;
    assert_eq!(first.status, 303, "{}", first.body);
    assert_eq!(
        form(&url, "/orders", &fields).await.header("location"),
        first.header("location"),
        "a form sent twice is one order"
    );
    let orders = get(&url, first.header("location")).await;
    for text in ["Sourdough loaf", "€13.00", "<dd>shop-test</dd>", "Replay lag", "is placed"] {
        assert!(orders.body.contains(text), "{text}: {}", orders.body);
    }
    assert_eq!(get(&url, "/nothing").await.status, 404);
    assert_eq!(get(&url, "/static/shop.css").await.header("cache-control"), "public, max-age=86400");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_keeps_one_order_for_one_key() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    let key = Uuid::new_v4();
    let first = order(&url, key, 1, 1).await;
    assert_eq!(first.status, 201, "{}", first.body);
    let (first, again) = (first.json(), order(&url, key, 1, 1).await.json());
    assert_eq!(first["key"], key.to_string());
    assert_eq!((&first["pod"], &first["database"]), (&"shop-test".into(), &"127.0.0.1".into()));
    assert_eq!((&again["id"], &again["repeated"]), (&first["id"], &true.into()));
    assert_eq!(order(&url, key, 2, 1).await.status, 409);
    assert_eq!(order(&url, Uuid::new_v4(), 99, 1).await.status, 422);
    assert_eq!(order(&url, Uuid::new_v4(), 1, 0).await.status, 422);
    let other = Uuid::new_v4();
    assert_eq!(order(&url, other, 2, 3).await.status, 201);

    let page = get(&url, &format!("/api/orders?after={}&limit=10", first["id"])).await.json();
    assert_eq!(page["orders"].as_array().unwrap().len(), 1);
    assert_eq!(page["orders"][0]["key"], other.to_string());
    assert_eq!(page["database"]["role"], "primary");
    for from in ["primary", "read"] {
        assert_eq!(get(&url, &format!("/api/orders/count?from={from}")).await.json()["count"], 2);
    }
    assert_eq!(get(&url, "/api/orders/count?from=elsewhere").await.status, 400);
    assert_eq!(get(&url, "/api/orders/keys?from=primary").await.body, format!("{key}\n{other}\n# end 2\n"));

    let metrics = get(&url, "/metrics").await.body;
    for line in [
        "shop_http_requests_total{method=\"POST\",route=\"/api/orders\",status=\"201\"} 3",
        "shop_http_request_duration_seconds_bucket{le=",
        "shop_database_pool_connections{pool=\"write\",state=\"max\"} 4",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_for_everybody_may_be_kept_and_all_others_may_not() {
    let postgres = Postgres::start();
    migrate(&postgres.url()).await;
    let url = serve(&postgres.url(), &postgres.url(), Limits::default()).await;
    for (path, tag) in [("/", "catalogue"), ("/products/7", "product-7 catalogue")] {
        let page = get(&url, path).await;
        assert!(page.header("cache-control").starts_with("public, max-age=0, s-maxage=60"), "{path}");
        assert!(page.header("xkey").starts_with(tag), "{path}: {}", page.header("xkey"));
        assert!(!page.body.contains("name=\"key\"") && !page.headers.contains_key("set-cookie"), "{path} knows nobody");
    }
    for path in [
        "/orders",
        "/buy?product=1&quantity=1",
        "/account",
        "/products/1/picture",
        "/strategies",
        "/architecture",
        "/nothing",
    ] {
        assert_eq!(get(&url, path).await.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shop_without_any_tier_says_so_in_sentences() {
    let url = serve_with("alone", None, Limits::default(), Tiers::default()).await;
    assert_eq!(get(&url, "/healthz").await.status, 200);
    let (login, _) = log_in(&url, "Ada", "correct horse").await;
    assert_eq!((login.status, login.json()["error"].as_str().unwrap().contains("keeps no sessions")), (503, true));
    let catalogue = get(&url, "/").await;
    assert!(catalogue.status == 503 && catalogue.body.contains("has no database"), "{}", catalogue.body);
    assert_eq!(order(&url, Uuid::new_v4(), 1, 1).await.status, 503);
    let drawing = get(&url, "/api/architecture").await.json();
    let health = |id: &str| {
        let parts = drawing["parts"].as_array().unwrap();
        parts.iter().find(|part| part["id"] == id).unwrap()["health"].as_str().unwrap().to_owned()
    };
    for id in ["primary", "reads", "cache", "sessions", "queue", "worker", "proxy"] {
        assert_eq!(health(id), "absent", "{id}");
    }
    assert_eq!(health("web"), "up");
}
