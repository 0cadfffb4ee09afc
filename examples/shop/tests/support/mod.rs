//! What the tests share: a real PostgreSQL, a proxy that breaks connections at a chosen message, and a running shop.

#![allow(dead_code)] // each test binary uses its own part

pub mod http;
pub mod postgres;
pub mod proxy;

use std::sync::Arc;
use std::time::Duration;

use shop::config::{Limits, MigrateConfig, ServeConfig, database_url};
use shop::db::Databases;
use shop::metrics::Metrics;
use shop::web::{Shop, router};
use tokio::net::TcpListener;

/// A shop served inside the test, with the given addresses of its database.
pub async fn serve(write: &str, read: &str, limits: Limits) -> String {
    let config = ServeConfig {
        port: 0,
        pod: "shop-test".to_owned(),
        write: database_url("DATABASE_URL", write).unwrap(),
        read: database_url("DATABASE_READ_URL", read).unwrap(),
        pool_size: 4,
        limits,
    };
    let databases = Databases::new(&config).unwrap();
    let shop = Shop { pod: config.pod, databases, limits, metrics: Metrics::default() };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router(Arc::new(shop))).await.unwrap() });
    url
}

/// Brings the schema up to date; returns how many migrations that took.
pub async fn migrate(url: &str) -> u32 {
    let direct = database_url("DATABASE_DIRECT_URL", url).unwrap();
    shop::db::migrate::run(&MigrateConfig { direct, patience: Duration::from_secs(20) }).await.unwrap()
}
