//! A plain HTTP exchange for tests.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Method};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use shop::load::client::{Shop, Target};
use uuid::Uuid;

/// Above every limit of the shop's own.
const ANSWER: Duration = Duration::from_secs(40);

pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

pub async fn exchange(url: &str, method: Method, path: &str, json: Option<String>) -> Answer {
    let shop = Shop::new(&Target { url: url.to_owned(), host: None }, ANSWER).unwrap();
    let response = shop.send(method, path, json).await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
}

pub async fn get(url: &str, path: &str) -> Answer {
    exchange(url, Method::GET, path, None).await
}

pub async fn order(url: &str, key: Uuid, product: i64, quantity: i64) -> Answer {
    let body = serde_json::json!({"key": key, "product": product, "quantity": quantity}).to_string();
    exchange(url, Method::POST, "/api/orders", Some(body)).await
}

/// A form post by hand: the small client of the load generator speaks only JSON.
pub async fn form(url: &str, path: &str, fields: &HashMap<&str, String>) -> Answer {
    let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    send(url, Method::POST, path, &[("content-type", "application/x-www-form-urlencoded")], body.into()).await
}

/// Any request, with any headers and any body.
pub async fn send(url: &str, method: Method, path: &str, headers: &[(&str, &str)], body: Bytes) -> Answer {
    let mut request = hyper::Request::builder().method(method).uri(format!("{url}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let client = Client::builder(TokioExecutor::new()).build_http();
    let answered = async {
        let response = client.request(request.body(Full::new(body)).unwrap()).await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    };
    tokio::time::timeout(ANSWER, answered).await.unwrap_or_else(|_| panic!("{url}{path}: no answer within {ANSWER:?}"))
}

/// Logs in and returns the answer with the cookie to send from then on.
pub async fn log_in(url: &str, name: &str, password: &str) -> (Answer, String) {
    let body = serde_json::json!({"name": name, "password": password}).to_string();
    let answer = send(url, Method::POST, "/api/login", &[("content-type", "application/json")], body.into()).await;
    let cookie = answer.header("set-cookie").split(';').next().unwrap_or_default().to_owned();
    (answer, cookie)
}

/// A page or document as a logged-in person gets it.
pub async fn get_as(url: &str, path: &str, cookie: &str) -> Answer {
    send(url, Method::GET, path, &[("cookie", cookie)], Bytes::new()).await
}
