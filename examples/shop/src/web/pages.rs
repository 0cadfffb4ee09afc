//! The pages for people. They are filled by templates that escape, and must never be cached: each form carries the key of its own order.

use std::sync::LazyLock;

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::Shop;
use super::api::{OrderRequest, order_status, submit};
use super::observe::{Started, Tries};
use crate::db::Node;
use crate::db::failure::Failure;
use crate::db::orders::OrderError;
use crate::db::reads::{self, Answer, Order, Product};

const STYLESHEET: &str = include_str!("../../static/shop.css");

/// Changes with the stylesheet's text, so that caches may keep it for long.
static STYLE_VERSION: LazyLock<String> = LazyLock::new(|| {
    use std::hash::{DefaultHasher, Hash as _, Hasher as _};
    let mut hasher = DefaultHasher::new();
    STYLESHEET.hash(&mut hasher);
    format!("{:x}", hasher.finish())
});

/// What head and footer of each page need.
struct Frame<'a> {
    title: &'a str,
    pod: &'a str,
    node: Option<&'a Node>,
    took_ms: u128,
    style: &'a str,
}

impl<'a> Frame<'a> {
    fn new(title: &'a str, shop: &'a Shop, node: Option<&'a Node>, started: Started) -> Self {
        Self { title, pod: &shop.pod, node, took_ms: started.0.elapsed().as_millis(), style: &STYLE_VERSION }
    }
}

struct Offer {
    product: Product,
    key: Uuid,
}

#[derive(Template)]
#[template(path = "catalogue.html")]
struct CataloguePage<'a> {
    frame: Frame<'a>,
    offers: Vec<Offer>,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage<'a> {
    frame: Frame<'a>,
    orders: &'a [Order],
    placed: Option<i64>,
}

#[derive(Template)]
#[template(path = "failed.html")]
struct FailedPage<'a> {
    frame: Frame<'a>,
    message: &'a str,
    again: Option<&'a OrderRequest>,
}

/// `GET /`.
pub async fn catalogue(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    match reads::products(&shop.databases.read, shop.limits.read_deadline, &shop.metrics).await {
        Ok(Answer { node, rows }) => {
            let offers = rows.into_iter().map(|product| Offer { product, key: Uuid::new_v4() }).collect();
            let page = CataloguePage { frame: Frame::new("Catalogue", &shop, Some(&node), started), offers };
            with_node(page_response(StatusCode::OK, &page), node.clone())
        }
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// Query of `GET /orders`.
#[derive(Debug, Deserialize)]
pub struct Shown {
    /// Number of the order that was just placed.
    pub placed: Option<i64>,
}

/// `GET /orders`.
pub async fn orders(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Response {
    match reads::latest(&shop.databases.read, 50, shop.limits.read_deadline, &shop.metrics).await {
        Ok(Answer { node, rows }) => {
            let placed = shown.ok().and_then(|Query(shown)| shown.placed);
            let page = OrdersPage { frame: Frame::new("Orders", &shop, Some(&node), started), orders: &rows, placed };
            with_node(page_response(StatusCode::OK, &page), node.clone())
        }
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `POST /orders`, the form.
pub async fn place_order(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    form: Result<Form<OrderRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else {
        return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, "This form is not complete.", None);
    };
    let Some(order) = request.order(&shop.pod) else {
        return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, "The quantity must be 1 to 100.", None);
    };
    match submit(&shop, &order).await {
        Ok(placed) => {
            let mut response = Redirect::to(&format!("/orders?placed={}", placed.id)).into_response();
            response.extensions_mut().insert(Tries(placed.tries));
            with_node(response, placed.node)
        }
        Err(error) => {
            let status = order_status(&error);
            let (message, again) = match error {
                OrderError::Unknown => (
                    "We could not learn whether your order was placed. Ask again: it will not be placed twice.",
                    Some(&request),
                ),
                OrderError::Unavailable(_) => {
                    ("Your order was not placed: the shop has no database just now.", Some(&request))
                }
                OrderError::KeyTaken => ("This order was placed before, for something else.", None),
                OrderError::NoSuchProduct => ("There is no such product.", None),
            };
            failed(&shop, started, status, message, again)
        }
    }
}

/// `GET /static/shop.css`.
pub async fn stylesheet() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, STYLESHEET).into_response()
}

/// Everything else.
pub async fn not_found(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    failed(&shop, started, StatusCode::NOT_FOUND, "There is nothing here.", None)
}

fn read_failed(shop: &Shop, started: Started, failure: &Failure) -> Response {
    tracing::warn!(error = %failure, "read failed");
    let message = if failure.schema_missing() {
        "The shop is not set up yet: its schema is missing."
    } else {
        "The shop cannot reach its database just now."
    };
    failed(shop, started, StatusCode::SERVICE_UNAVAILABLE, message, None)
}

fn failed(shop: &Shop, started: Started, status: StatusCode, message: &str, again: Option<&OrderRequest>) -> Response {
    let page = FailedPage { frame: Frame::new("Sorry", shop, None, started), message, again };
    page_response(status, &page)
}

fn page_response(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, [(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn with_node(mut response: Response, node: Node) -> Response {
    response.extensions_mut().insert(node);
    response
}

/// `1234` cents as `12.34`.
#[allow(clippy::trivially_copy_pass_by_ref)] // templates pass references
fn money(cents: &i64) -> String {
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
