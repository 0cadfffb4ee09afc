//! The shop against a real PostgreSQL in quiet times: schema, pages, API.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test may fail by panicking

mod support;

use std::collections::HashMap;

use shop::config::Limits;
use support::http::{form, get, order};
use support::postgres::Postgres;
use support::{migrate, serve};
use uuid::Uuid;

#[tokio::test(flavor = "multi_thread")]
async fn migrations_run_once_even_side_by_side() {
    let postgres = Postgres::start();
    let url = postgres.url();
    let (one, other) = tokio::join!(migrate(&url), migrate(&url));
    assert_eq!(one + other, 2);
    assert_eq!(migrate(&url).await, 0);
    assert_eq!(postgres.sql("app", "SELECT count(*) FROM schema_migrations"), "2");
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
    assert!(catalogue.body.contains("served by pod <b>shop-test</b>, database node <b>127.0.0.1</b> (primary), took "));
    let headers = ["x-pod", "x-database-node", "x-database-role", "cache-control"].map(|name| catalogue.header(name));
    assert_eq!(headers, ["shop-test", "127.0.0.1", "primary", "no-store"]);

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
