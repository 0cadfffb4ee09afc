//! Telling the caching proxies that something has changed. It must never fail what has changed: pages have a lifetime, and that bounds their age.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{Method, Request, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::config::tiers::{Purge, Tiers};

const ANSWER: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;

/// The proxies' address, or the lack of one.
#[derive(Default)]
pub struct Proxies(Option<(Purge, Client<HttpConnector, Empty<Bytes>>)>);

impl Proxies {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(tiers: &Tiers) -> Self {
        Self(tiers.purge.clone().map(|purge| (purge, Client::builder(TokioExecutor::new()).build_http())))
    }

    /// Whether there are proxies to tell.
    #[must_use]
    pub fn declared(&self) -> bool {
        self.0.is_some()
    }

    /// Makes all proxies forget every page with this tag, a plain word; tries three times, then lets the page grow old.
    pub async fn forget(&self, tag: &str) {
        let Some((purge, client)) = &self.0 else { return };
        for attempt in 1..=TRIES {
            let Ok(request) = request(purge, tag) else {
                tracing::warn!(tag, "PURGE_URL or PURGE_TOKEN cannot be used");
                return;
            };
            let answer = timeout(ANSWER, client.request(request)).await;
            match answer {
                Ok(Ok(answer)) if answer.status().is_success() => return,
                Ok(Ok(answer)) => {
                    tracing::warn!(tag, attempt, status = answer.status().as_u16(), "the proxies refused to forget");
                }
                Ok(Err(error)) => tracing::warn!(tag, attempt, %error, "the proxies could not be told"),
                Err(_) => tracing::warn!(tag, attempt, "the proxies did not answer"),
            }
            tokio::time::sleep(Duration::from_millis(200) * attempt).await;
        }
    }
}

fn request(purge: &Purge, tag: &str) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    Request::builder()
        .method(Method::POST)
        .uri(format!("{}?tag={tag}", purge.url))
        .header(header::AUTHORIZATION, format!("Bearer {}", purge.token))
        .body(Empty::new())
}
