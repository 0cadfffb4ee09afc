//! A small HTTP client that reports what happened instead of failing. It must never follow a redirect or try again.

#![allow(clippy::doc_markdown)] // some docs here are help text, where brackets would show

use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use clap::Args;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use uuid::Uuid;

use super::tally::Outcome;

/// Which shop, and by which name.
#[derive(Debug, Clone, Args)]
pub struct Target {
    /// Where the shop or the ingress before it listens, such as http://127.0.0.1:18080
    #[arg(long)]
    pub url: String,
    /// The Host header, where the shop is reached by another name than that of the URL
    #[arg(long)]
    pub host: Option<String>,
}

/// A shop, seen from outside.
pub struct Shop {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    host: Option<String>,
    timeout: Duration,
}

const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

#[derive(Deserialize)]
struct Acknowledged {
    key: Uuid,
}

impl Shop {
    /// # Errors
    /// A URL that is none, or not http.
    pub fn new(target: &Target, timeout: Duration) -> anyhow::Result<Self> {
        let uri: Uri = target.url.parse().context("--url is not a URL")?;
        ensure!(uri.scheme_str() == Some("http") && uri.authority().is_some(), "--url must look like http://host:port");
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(timeout.min(Duration::from_secs(10))));
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(15)).build(connector);
        Ok(Self { client, url: target.url.trim_end_matches('/').to_owned(), host: target.host.clone(), timeout })
    }

    /// Sends one request and returns its head; the time limit is the caller's.
    ///
    /// # Errors
    /// Transport.
    pub async fn send(&self, method: Method, path: &str, json: Option<String>) -> anyhow::Result<Response<Incoming>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.url))
            .header(header::USER_AGENT, "shop-load");
        if let Some(host) = &self.host {
            request = request.header(header::HOST, host);
        }
        if json.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let request = request.body(Full::new(Bytes::from(json.unwrap_or_default())))?;
        Ok(self.client.request(request).await?)
    }

    /// Views one page.
    pub async fn page(&self, path: &str) -> Outcome {
        self.exchange(Method::GET, path, None).await.map_or_else(|failed| failed, |(status, body)| judge(status, &body))
    }

    /// Places one order; only a 201 that names our key is an acknowledgement.
    pub async fn order(&self, key: Uuid, product: u64) -> Outcome {
        let body = serde_json::json!({"key": key, "product": product, "quantity": 1}).to_string();
        match self.exchange(Method::POST, "/api/orders", Some(body)).await {
            Err(failed) => failed,
            Ok((StatusCode::CREATED, body)) => match serde_json::from_slice::<Acknowledged>(&body) {
                Ok(acknowledged) if acknowledged.key == key => Outcome::Placed(key),
                _ => Outcome::Unexpected(201),
            },
            Ok((status, _body)) if status.is_success() => Outcome::Unexpected(status.as_u16()),
            Ok((status, body)) => judge(status, &body),
        }
    }

    async fn exchange(&self, method: Method, path: &str, json: Option<String>) -> Result<(StatusCode, Bytes), Outcome> {
        let whole = async {
            let response = self.send(method, path, json).await.map_err(|_| Outcome::Transport)?;
            let status = response.status();
            let body =
                Limited::new(response.into_body(), LARGEST_ANSWER).collect().await.map_err(|_| Outcome::Transport)?;
            Ok((status, body.to_bytes()))
        };
        tokio::time::timeout(self.timeout, whole).await.unwrap_or(Err(Outcome::TimedOut))
    }
}

fn judge(status: StatusCode, body: &[u8]) -> Outcome {
    match status.as_u16() {
        code if status.is_server_error() => Outcome::ServerError(code, sentence(body)),
        _ if status.is_success() => Outcome::Seen,
        code => Outcome::Unexpected(code),
    }
}

const LONGEST_SENTENCE: usize = 200;

/// What an answer says to a reader: its text without markup, as a line.
fn sentence(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut in_tag = false;
    let shown: String = text
        .chars()
        .map(|c| {
            in_tag = c == '<' || in_tag && c != '>';
            if in_tag || c == '>' { ' ' } else { c }
        })
        .collect();
    shown.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(LONGEST_SENTENCE).collect()
}

#[cfg(test)]
mod tests {
    use super::sentence;

    #[test]
    fn a_sentence_is_the_text_without_markup() {
        assert_eq!(sentence(b"<p class=\"note\">The shop\n  rests</p>, 2 > 1"), "The shop rests , 2 1");
        assert_eq!(sentence(&[b'x'; 999]).len(), 200);
    }
}
