//! The comparison of the cache strategies, to look at and to run. It must never run twice at once in one pod: the figures would be each other's.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::Shop;
use super::api::error;
use super::frame::{self, Frame, failed, read_failed};
use super::observe::Started;
use crate::cache::compare::{self, Report};
use crate::db::failure::Failure;
use crate::db::shelf;

#[derive(Template)]
#[template(path = "strategies.html")]
struct StrategiesPage<'a> {
    frame: Frame<'a>,
    report: Option<&'a Report>,
    cached: bool,
    items: i32,
    seconds: f64,
}

enum Refusal {
    NoCache,
    Busy,
    Failed(String),
}

impl Refusal {
    fn answer(&self) -> (StatusCode, String) {
        match self {
            Self::NoCache => {
                (StatusCode::SERVICE_UNAVAILABLE, "There is no cache to compare strategies with.".to_owned())
            }
            Self::Busy => (
                StatusCode::TOO_MANY_REQUESTS,
                "A comparison is running in this pod; look again in a moment.".to_owned(),
            ),
            Self::Failed(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("The comparison could not be made: {why}.")),
        }
    }
}

async fn run(shop: &Shop) -> Result<Report, Refusal> {
    let link = shop.cache.link().ok_or(Refusal::NoCache)?;
    let Ok(_turn) = shop.comparison.try_lock() else { return Err(Refusal::Busy) };
    link.quick::<(String,)>(redis::pipe().cmd("PING"))
        .await
        .map_err(|_| Refusal::Failed("the cache does not answer".to_owned()))?;
    let databases = shop.databases().map_err(|failure| Refusal::Failed(failure.to_string()))?;
    let report = compare::run(&shop.cache, &databases.write, &shop.pod)
        .await
        .map_err(|error| Refusal::Failed(error.to_string()))?;
    let text = serde_json::to_string(&report).map_err(|error| Refusal::Failed(error.to_string()))?;
    if let Err(failure) = shelf::record(&databases.write, report.run, &shop.pod, &text).await {
        return Err(Refusal::Failed(failure.to_string()));
    }
    Ok(report)
}

async fn latest(shop: &Shop) -> Result<Option<Report>, Failure> {
    let report = shelf::latest(&shop.databases()?.write).await?;
    Ok(report.and_then(|text| serde_json::from_str(&text).ok()))
}

/// `GET /strategies`.
pub async fn page(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    match latest(&shop).await {
        Ok(report) => {
            let content = StrategiesPage {
                frame: Frame::new("Cache strategies", &shop, None, started),
                report: report.as_ref(),
                cached: shop.cache.link().is_some(),
                items: compare::ITEMS,
                seconds: compare::WATCHED.as_secs_f64(),
            };
            frame::page(StatusCode::OK, &content)
        }
        Err(failure) => read_failed(&shop, started, &failure),
    }
}

/// `POST /strategies`, the form.
pub async fn run_form(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    match detached(shop.clone()).await {
        Ok(_) => Redirect::to("/strategies").into_response(),
        Err(refusal) => {
            let (status, message) = refusal.answer();
            failed(&shop, started, status, &message, None)
        }
    }
}

/// `POST /api/strategies`: runs a comparison and answers with it.
pub async fn run_api(State(shop): super::State) -> Response {
    match detached(shop).await {
        Ok(report) => ([(header::CACHE_CONTROL, "no-store")], Json(report)).into_response(),
        Err(refusal) => {
            let (status, message) = refusal.answer();
            error(status, &message)
        }
    }
}

/// `GET /api/strategies`: the newest comparison.
pub async fn latest_api(State(shop): super::State) -> Response {
    match latest(&shop).await {
        Ok(Some(report)) => ([(header::CACHE_CONTROL, "no-store")], Json(report)).into_response(),
        Ok(None) => error(StatusCode::NOT_FOUND, "no comparison has been made yet: POST here makes one"),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

/// To its end even when the client leaves: what it put into the database is removed at the end.
async fn detached(shop: Arc<Shop>) -> Result<Report, Refusal> {
    tokio::spawn(async move { run(&shop).await }).await.unwrap_or_else(|error| Err(Refusal::Failed(error.to_string())))
}
