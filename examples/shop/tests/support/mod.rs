//! What the tests share: real servers of each tier, a proxy that breaks connections at a chosen message, and a running shop.

#![allow(dead_code)] // each test binary uses its own part

pub mod api_server;
pub mod http;
pub mod postgres;
pub mod proxy;
pub mod rabbit;
pub mod redis;

use std::sync::Arc;
use std::time::Duration;

use shop::config::status::StatusConfig;
use shop::config::tiers::Tiers;
use shop::config::{DatabaseConfig, Limits, MigrateConfig, ServeConfig, database_url};
use shop::web::{Shop, router};
use tokio::net::TcpListener;

/// A shop served inside the test, with the given addresses of its database.
pub async fn serve(write: &str, read: &str, limits: Limits) -> String {
    serve_with("shop-test", Some((write, read)), limits, Tiers::default()).await
}

/// A shop served inside the test as the given pod, with whatever it shall have.
pub async fn serve_with(pod: &str, database: Option<(&str, &str)>, limits: Limits, tiers: Tiers) -> String {
    serve_config(config(pod, database, limits, tiers)).await
}

/// A shop that reads the operator's status and has nothing else.
pub async fn serve_told(status: StatusConfig) -> String {
    let alone = config("told", None, Limits::default(), Tiers::default());
    serve_config(ServeConfig { status: Some(status), ..alone }).await
}

fn config(pod: &str, database: Option<(&str, &str)>, limits: Limits, tiers: Tiers) -> ServeConfig {
    ServeConfig {
        port: 0,
        pod: pod.to_owned(),
        database: database.map(|(write, read)| DatabaseConfig {
            write: database_url("DATABASE_URL", write).unwrap(),
            read: database_url("DATABASE_READ_URL", read).unwrap(),
        }),
        pool_size: 4,
        limits,
        tiers,
        secure: false,
        status: None,
    }
}

async fn serve_config(config: ServeConfig) -> String {
    let shop = Arc::new(Shop::new(config).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(shop)).await.unwrap() });
    url
}

/// A port that nobody has just now.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Tries until it is so, and panics when it never is.
pub async fn eventually<T, F: Future<Output = Result<T, String>>>(what: &str, mut probe: impl FnMut() -> F) -> T {
    let until = std::time::Instant::now() + Duration::from_secs(30);
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(why) => assert!(std::time::Instant::now() < until, "{what}: {why}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Brings the schema up to date; returns how many migrations that took.
pub async fn migrate(url: &str) -> u32 {
    let direct = database_url("DATABASE_DIRECT_URL", url).unwrap();
    shop::db::migrate::run(&MigrateConfig { direct, patience: Duration::from_secs(20) }).await.unwrap()
}
