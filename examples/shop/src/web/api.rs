//! The JSON API. It must never answer 201 for an order that the database did not acknowledge.

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Shop;
use super::observe::Tries;
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
    pub fn order(&self, pod: &str) -> Option<NewOrder> {
        let order = NewOrder { key: self.key, product: self.product, quantity: self.quantity, pod: pod.to_owned() };
        (1..=100).contains(&self.quantity).then_some(order)
    }
}

/// Places an order and keeps count of unknown outcomes; pages and API share it.
///
/// # Errors
/// As [`place`].
pub async fn submit(shop: &Shop, order: &NewOrder) -> Result<Placed, OrderError> {
    let placed = place(&shop.databases.write, order, shop.limits.write_deadline, &shop.metrics).await;
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
pub async fn place_order(State(shop): super::State, body: Result<Json<OrderRequest>, JsonRejection>) -> Response {
    let request = match body {
        Ok(Json(request)) => request,
        Err(rejection) => return error(rejection.status(), &rejection.body_text()),
    };
    let Some(order) = request.order(&shop.pod) else {
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
    answer(
        reads::after(&shop.databases.read, range.after, limit, shop.limits.read_deadline, &shop.metrics).await,
        "orders",
    )
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
    let pool = if from == Some(Side::Primary) { &shop.databases.write } else { &shop.databases.read };
    answer(reads::count(pool, shop.limits.read_deadline, &shop.metrics).await, "count")
}

/// `GET /api/orders/keys`: every key, a line each, closed by `# end COUNT`.
pub async fn keys(State(shop): super::State, from: Result<Query<From>, QueryRejection>) -> Response {
    let Ok(Query(From { from })) = from else { return error(StatusCode::BAD_REQUEST, "from is primary or read") };
    let primary = from == Some(Side::Primary);
    let pool = if primary { &shop.databases.write } else { &shop.databases.read };
    match reads::keys(pool, primary, shop.limits.read_deadline).await {
        Ok(keys) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], Body::from_stream(keys)).into_response(),
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

fn error(status: StatusCode, message: &str) -> Response {
    (status, [(header::CACHE_CONTROL, "no-store")], Json(json!({"error": message}))).into_response()
}
