//! The pages for people: what is for sale, and ordering it. Catalogue and products are the same for everybody and may be kept by caches;
//! what carries the key of an order must never be.

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, PathRejection, QueryRejection};
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use uuid::Uuid;

use super::account::{customer_of, session_id};
use super::api::{OrderRequest, order_status, submit};
use super::frame::{Frame, STYLESHEET, failed, page, public, read_failed, with_node, with_source};
use super::observe::{Started, Tries};
use crate::catalogue;
use crate::db::orders::OrderError;
use crate::db::reads::{self, Answer, Order, Product};

#[derive(Template)]
#[template(path = "catalogue.html")]
struct CataloguePage<'a> {
    frame: Frame<'a>,
    products: &'a [Product],
}

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage<'a> {
    frame: Frame<'a>,
    product: &'a Product,
    pictures: &'a [Uuid],
}

#[derive(Template)]
#[template(path = "buy.html")]
struct BuyPage<'a> {
    frame: Frame<'a>,
    product: &'a Product,
    quantity: i32,
    total_cents: i64,
    key: Uuid,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage<'a> {
    frame: Frame<'a>,
    orders: &'a [Order],
    placed: Option<i64>,
}

/// `GET /`.
pub async fn catalogue(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    match catalogue::products(&shop).await {
        Ok((products, source)) => {
            let tags = format!("{} {}", catalogue::TAG, env!("CARGO_PKG_NAME"));
            let frame = Frame::cached("Catalogue", &shop, &source, started);
            let response = public(&tags, &CataloguePage { frame, products: &products });
            with_source(response, source)
        }
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `GET /products/{id}`.
pub async fn product(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    id: Result<Path<i64>, PathRejection>,
) -> Response {
    let Ok(Path(id)) = id else { return no_such_product(&shop, started) };
    match catalogue::product(&shop, id).await {
        Ok(Some((product, pictures, source))) => {
            let tags = format!("{} {}", catalogue::tag(id), catalogue::TAG);
            let frame = Frame::cached(&product.name, &shop, &source, started);
            let response = public(&tags, &ProductPage { frame, product: &product, pictures: &pictures });
            with_source(response, source)
        }
        Ok(None) => no_such_product(&shop, started),
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// Query of `GET /buy`.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    /// Number of the product.
    pub product: i64,
    /// 1 to 100.
    pub quantity: i32,
}

/// `GET /buy`: the order as it would be, with the key that makes it one however often it is sent.
pub async fn buy(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let Ok(Query(Wanted { product, quantity })) = wanted else { return no_such_product(&shop, started) };
    if !(1..=100).contains(&quantity) {
        return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, "The quantity must be 1 to 100.", None);
    }
    match catalogue::product(&shop, product).await {
        Ok(Some((product, _, source))) => {
            let frame = Frame::cached("Your order", &shop, &source, started);
            let total_cents = product.price_cents * i64::from(quantity);
            let content = BuyPage { frame, product: &product, quantity, total_cents, key: Uuid::new_v4() };
            let response = page(StatusCode::OK, &content);
            with_source(response, source)
        }
        Ok(None) => no_such_product(&shop, started),
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
    let latest = async {
        let databases = shop.databases()?;
        reads::latest(&databases.read, 50, shop.limits.read_deadline, &shop.metrics).await
    };
    match latest.await {
        Ok(Answer { node, rows }) => {
            let placed = shown.ok().and_then(|Query(shown)| shown.placed);
            let frame = Frame::new("Orders", &shop, Some(&node), started);
            let response = page(StatusCode::OK, &OrdersPage { frame, orders: &rows, placed });
            with_node(response, node)
        }
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `POST /orders`, the form.
pub async fn place_order(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    headers: HeaderMap,
    form: Result<Form<OrderRequest>, FormRejection>,
) -> Response {
    let Ok(Form(request)) = form else {
        return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, "This form is not complete.", None);
    };
    let customer = customer_of(&shop, session_id(&headers)).await;
    let Some(order) = request.order(&shop.pod, customer) else {
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

fn no_such_product(shop: &super::Shop, started: Started) -> Response {
    failed(shop, started, StatusCode::NOT_FOUND, "There is no such product.", None)
}
