//! The JSON API. It must never answer 201 for an order that the database did not acknowledge.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Shop;
use super::account::{customer_of, session_id};
use super::frame::with_source;
use super::observe::Tries;
use crate::catalogue;
use crate::db::connection::Pool;
use crate::db::failure::Failure;
use crate::db::orders::{NewOrder, OrderError, Placed, place};
use crate::db::reads;

/// Body of `POST /api/orders`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// The client's key. Without one the shop makes it, and only the shop's own retries are safe then.
    #[serde(default = "Uuid::new_v4")]
    pub key: Uuid,
    /// Number of the product.
    pub product: i64,
    /// 1 to 100.
    #[serde(default = "one")]
    pub quantity: i32,
}

fn one() -> i32 {
    1
}

impl OrderRequest {
    /// The order, when the quantity can be one.
    #[must_use]
    pub fn order(&self, pod: &str, customer: Option<i64>) -> Option<NewOrder> {
        let (key, product, quantity) = (self.key, self.product, self.quantity);
        let order = NewOrder { key, product, quantity, pod: pod.to_owned(), customer };
        (1..=100).contains(&self.quantity).then_some(order)
    }
}

/// Places an order and keeps count of unknown outcomes; pages and API share it.
///
/// # Errors
/// As [`place`].
pub async fn submit(shop: &Shop, order: &NewOrder) -> Result<Placed, OrderError> {
    let databases = shop.databases().map_err(OrderError::Unavailable)?;
    let placed = place(&databases.write, order, shop.limits.write_deadline, &shop.metrics).await;
    if matches!(placed, Err(OrderError::Unknown)) {
        shop.metrics.unknown_outcome();
    }
    placed
}

/// The status that an [`OrderError`] is answered with.
#[must_use]
pub fn order_status(error: &OrderError) -> StatusCode {
    match error {
        OrderError::Unknown | OrderError::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
        OrderError::KeyTaken => StatusCode::CONFLICT,
        OrderError::NoSuchProduct => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

/// `POST /api/orders`.
pub async fn place_order(
    State(shop): super::State,
    headers: HeaderMap,
    body: Result<Json<OrderRequest>, JsonRejection>,
) -> Response {
    let request = match body {
        Ok(Json(request)) => request,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let customer = customer_of(&shop, session_id(&headers)).await;
    let Some(order) = request.order(&shop.pod, customer) else {
        return error(StatusCode::UNPROCESSABLE_ENTITY, "quantity must be 1 to 100");
    };
    match submit(&shop, &order).await {
        Ok(placed) => {
            let answer = json!({
                "id": placed.id, "key": order.key, "pod": shop.pod, "database": placed.node.address,
                "tries": placed.tries, "repeated": placed.repeated,
            });
            let mut response = (StatusCode::CREATED, Json(answer)).into_response();
            response.extensions_mut().insert(placed.node);
            response.extensions_mut().insert(Tries(placed.tries));
            response
        }
        Err(failed) => {
            let unknown = matches!(failed, OrderError::Unknown);
            let answer = json!({"error": failed.to_string(), "key": order.key, "unknownOutcome": unknown});
            (order_status(&failed), [(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
    }
}

/// Query of `GET /api/orders`.
#[derive(Debug, Deserialize)]
pub struct Range {
    /// Only orders with a higher number.
    #[serde(default)]
    pub after: i64,
    /// At most that many, 1 to 1000.
    #[serde(default = "hundred")]
    pub limit: i64,
}

fn hundred() -> i64 {
    100
}

/// `GET /api/orders`, from the read side.
pub async fn orders(State(shop): super::State, range: Result<Query<Range>, QueryRejection>) -> Response {
    let Ok(Query(range)) = range else { return error(StatusCode::BAD_REQUEST, "after and limit are numbers") };
    let limit = range.limit.clamp(1, 1000);
    let read = async {
        let databases = shop.databases()?;
        reads::after(&databases.read, range.after, limit, shop.limits.read_deadline, &shop.metrics).await
    };
    answer(read.await, "orders")
}

/// Which database a question goes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The primary.
    Primary,
    /// The read side.
    Read,
}

/// Query of the routes that can ask either database.
#[derive(Debug, Deserialize)]
pub struct From {
    /// `read` when absent.
    pub from: Option<Side>,
}

/// `GET /api/orders/count`.
pub async fn count(State(shop): super::State, from: Result<Query<From>, QueryRejection>) -> Response {
    let Ok(Query(From { from })) = from else { return error(StatusCode::BAD_REQUEST, "from is primary or read") };
    let read = async {
        reads::count(side(&shop, from == Some(Side::Primary))?, shop.limits.read_deadline, &shop.metrics).await
    };
    answer(read.await, "count")
}

/// `GET /api/orders/keys`: every key, a line each, closed by `# end COUNT`.
pub async fn keys(State(shop): super::State, from: Result<Query<From>, QueryRejection>) -> Response {
    let Ok(Query(From { from })) = from else { return error(StatusCode::BAD_REQUEST, "from is primary or read") };
    let primary = from == Some(Side::Primary);
    let read = async { reads::keys(side(&shop, primary)?, primary, shop.limits.read_deadline).await };
    match read.await {
        Ok(keys) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(keys)).into_response(),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

fn side(shop: &Shop, primary: bool) -> Result<&Pool, Failure> {
    let databases = shop.databases()?;
    Ok(if primary { &databases.write } else { &databases.read })
}

/// `GET /api/products`, through the cache.
pub async fn products(State(shop): super::State) -> Response {
    match catalogue::products(&shop).await {
        Ok((products, source)) => {
            let answer = json!({"products": products, "cache": source.served.word(), "pod": shop.pod});
            let response = ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response();
            with_source(response, source)
        }
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

/// `GET /api/products/{id}`, through the cache, with the keys of its pictures.
pub async fn product(State(shop): super::State, id: Result<Path<i64>, PathRejection>) -> Response {
    let Ok(Path(id)) = id else { return error(StatusCode::NOT_FOUND, "no such product") };
    match catalogue::product(&shop, id).await {
        Ok(Some((product, pictures, source))) => {
            let answer =
                json!({"product": product, "pictures": pictures, "cache": source.served.word(), "pod": shop.pod});
            let response = ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response();
            with_source(response, source)
        }
        Ok(None) => error(StatusCode::NOT_FOUND, "no such product"),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

fn answer<T: Serialize>(answer: Result<reads::Answer<T>, Failure>, name: &'static str) -> Response {
    match answer {
        Ok(answer) => {
            let database = json!({
                "node": answer.node.address, "role": answer.node.role(),
                "cluster": answer.node.cluster, "lagSeconds": answer.node.lag_seconds,
            });
            let mut response = Json(json!({name: answer.rows, "database": database})).into_response();
            response.extensions_mut().insert(answer.node);
            response
        }
        Err(failure) if failure.schema_missing() => {
            error(StatusCode::SERVICE_UNAVAILABLE, "the schema is missing: run `shop migrate`")
        }
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

/// A sentence as JSON, kept by no cache.
#[must_use]
pub fn error(status: StatusCode, message: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"error": message}))).into_response()
}
