//! Around every request: one log line, metrics, and the headers that say who answered. It must never read or change a body.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;

use super::Shop;
use crate::cache::Served;
use crate::db::Node;

/// When the request came in; handlers that show it take it from the extensions.
#[derive(Debug, Clone, Copy)]
pub struct Started(pub Instant);

/// How often an order was tried; handlers leave it in the answer's extensions for the log.
#[derive(Debug, Clone, Copy)]
pub struct Tries(pub u32);

/// The middleware.
pub async fn request(State(shop): State<Arc<Shop>>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    request.extensions_mut().insert(Started(started));
    let method = known(request.method());
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let mut response = next.run(request).await;
    let took = started.elapsed();
    let status = response.status().as_u16();
    shop.metrics.answered(method, &route, status, took);

    let node = response.extensions().get::<Node>().cloned();
    let tries = response.extensions().get::<Tries>().map_or(1, |tries| tries.0);
    set(response.headers_mut(), "x-pod", &shop.pod);
    if let Some(node) = &node {
        set(response.headers_mut(), "x-database-node", &node.address);
        set(response.headers_mut(), "x-database-role", node.role());
    }
    if let Some(served) = response.extensions().get::<Served>().copied() {
        set(response.headers_mut(), "x-shop-cache", served.word());
    }
    let (address, role) = node.as_ref().map_or(("", ""), |node| (node.address.as_str(), node.role()));
    let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    if matches!(route.as_str(), "/healthz" | "/livez" | "/metrics") {
        tracing::debug!(method, path, route, status, ms, "request");
    } else {
        tracing::info!(method, path, route, status, ms, tries, pod = shop.pod, node = address, role, "request");
    }
    response
}

// A client may send any word as a method; a label may not take any value.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "OTHER",
    }
}

fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}
