//! The pools' agents, asked to pause around a planned change. A pause is a comfort for clients: a pool
//! that cannot be paused never holds the change up, and each pause ends by itself.

use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use hyper::Method;
use serde_json::json;

use super::http::{Authorization, request};

const PORT: u16 = 8432;

/// What is paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Writes and reads.
    All,
    /// Reads alone.
    Reads,
}

/// Pauses all pools for at most some seconds. How many have nothing running any more.
pub async fn pause(pools: &[IpAddr], token: &str, seconds: u64, scope: Scope) -> usize {
    let body = json!({ "seconds": seconds, "reads_only": scope == Scope::Reads });
    // The agent waits for running transactions for a quarter of the time.
    let limit = Duration::from_secs(seconds / 4 + 3);
    let ask =
        |ip: &IpAddr| request((*ip, PORT), Method::POST, "/pause", Authorization::Bearer(token), Some(&body), limit);
    let answers = join_all(pools.iter().map(ask)).await;
    answers.iter().flatten().filter(|a| a.status == 200 && a.json["complete"] == json!(true)).count()
}

/// Ends the pauses. A pool that cannot be asked does so by itself.
pub async fn resume(pools: &[IpAddr], token: &str) {
    let limit = Duration::from_secs(2);
    let ask = |ip: &IpAddr| request((*ip, PORT), Method::POST, "/resume", Authorization::Bearer(token), None, limit);
    for answer in join_all(pools.iter().map(ask)).await {
        if let Err(error) = answer {
            tracing::info!(%error, "a pool could not be resumed; it resumes by itself");
        }
    }
}
