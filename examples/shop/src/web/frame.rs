//! What all pages share: frame, failures, and the headers that say whether caches may keep them.
//!
//! A page that knows a person or carries a key must never be answered by [`public`].

use std::sync::LazyLock;

use askama::Template;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

use super::Shop;
use super::api::OrderRequest;
use super::observe::Started;
use crate::cache::{Served, Source};
use crate::db::Node;
use crate::db::failure::Failure;

/// The stylesheet of all pages.
pub const STYLESHEET: &str = include_str!("../../static/shop.css");

/// Changes with the text of stylesheet and script, so that caches may keep them for long.
static STYLE_VERSION: LazyLock<String> = LazyLock::new(|| {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    (STYLESHEET, super::architecture::SCRIPT).hash(&mut hasher);
    format!("{:x}", hasher.finish())
});

/// Shared caches keep a page for a minute and show the old one while they fetch it anew; browsers ask each time, since no purge reaches them.
const PUBLIC: &str = "public, max-age=0, s-maxage=60, stale-while-revalidate=60";

/// What head and footer of each page need.
pub struct Frame<'a> {
    /// Title of the page.
    pub title: &'a str,
    /// The pod that made it.
    pub pod: &'a str,
    /// The database node that took part.
    pub node: Option<&'a Node>,
    /// Whether the cache took part, and how.
    pub served: Option<Served>,
    /// Time since the request came in.
    pub took_ms: u128,
    /// Version of the stylesheet.
    pub style: &'a str,
}

impl<'a> Frame<'a> {
    /// A page for which the given database node was asked, if any.
    #[must_use]
    pub fn new(title: &'a str, shop: &'a Shop, node: Option<&'a Node>, started: Started) -> Self {
        let took_ms = started.0.elapsed().as_millis();
        Self { title, pod: &shop.pod, node, served: None, took_ms, style: &STYLE_VERSION }
    }

    /// A page whose data may come from the cache.
    #[must_use]
    pub fn cached(title: &'a str, shop: &'a Shop, source: &'a Source, started: Started) -> Self {
        Self { served: Some(source.served), ..Self::new(title, shop, source.node.as_ref(), started) }
    }
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame<'a>,
    message: &'a str,
    again: Option<&'a OrderRequest>,
}

/// A page that no cache may keep.
#[must_use]
pub fn page(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// A page for everybody: caches may keep it until one of its tags is purged.
#[must_use]
pub fn public(tags: &str, content: &impl Template) -> Response {
    let mut response = page(StatusCode::OK, content);
    if response.status() == StatusCode::OK {
        make_public(&mut response, PUBLIC, tags);
    }
    response
}

/// Lets caches keep a response.
pub fn make_public(response: &mut Response, control: &'static str, tags: &str) {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
    if let Ok(tags) = HeaderValue::from_str(tags) {
        response.headers_mut().insert("xkey", tags);
    }
}

/// A sentence instead of a page.
#[must_use]
pub fn failed(
    shop: &Shop,
    started: Started,
    status: StatusCode,
    message: &str,
    again: Option<&OrderRequest>,
) -> Response {
    page(status, &FailedPage { frame: Frame::new("Sorry", shop, None, started), message, again })
}

/// A page that the database could not fill.
#[must_use]
pub fn read_failed(shop: &Shop, started: Started, failure: &Failure) -> Response {
    tracing::warn!(error = %failure, "read failed");
    let message = match failure {
        Failure::NotDeclared => "This shop has no database, so there is nothing to sell.",
        failure if failure.schema_missing() => "The shop is not set up yet: its schema is missing.",
        _ => "The shop cannot reach its database just now.",
    };
    failed(shop, started, StatusCode::SERVICE_UNAVAILABLE, message, None)
}

/// Leaves in the response who took part, for its headers.
#[must_use]
pub fn with_source(mut response: Response, source: Source) -> Response {
    if let Some(node) = source.node {
        response.extensions_mut().insert(node);
    }
    response.extensions_mut().insert(source.served);
    response
}

/// As [`with_source`], where only a database took part.
#[must_use]
pub fn with_node(mut response: Response, node: Node) -> Response {
    response.extensions_mut().insert(node);
    response
}

/// `1234` cents as `€12.34`.
#[allow(clippy::trivially_copy_pass_by_ref)] // templates pass references
#[must_use]
pub fn money(cents: &i64) -> String {
    format!("€{}.{:02}", cents / 100, cents % 100)
}

#[cfg(test)]
mod tests {
    use super::money;

    #[test]
    fn prices_have_two_decimals() {
        assert_eq!(money(&1190), "€11.90");
        assert_eq!(money(&5), "€0.05");
    }
}
