//! The live drawing: which pod, database node, cache, session store and queue answered this very request, and how many pods the operator
//! has planned and found ready. What stands before the pod only the browser can see, so the page's script adds it from the headers of its
//! own requests.
//!
//! It must never wait long for a part: one that is away is drawn as away.

use std::time::{Duration, Instant};

use askama::Template;
use axum::Json;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;
use tokio::time::timeout;

use super::Shop;
use super::drawing::{Drawing, Health, Part, draw};
use super::fed::fed;
use super::frame::{self, Frame};
use super::observe::Started;
use crate::db::connection::Pool;
use crate::db::{Node, pictures, reads};
use crate::link::server_of;
use crate::queue::QueueError;
use crate::sessions::SessionError;
use crate::status::AppStatus;
use crate::status::source::Told;

/// The script of the page.
pub(super) const SCRIPT: &str = include_str!("../../static/architecture.js");
const PATIENT: Duration = Duration::from_millis(900);
const NAMELESS: &str = "Nobody told this shop the name of its ScaledApp, so it shows what it sees itself.";

#[derive(Template)]
#[template(path = "architecture.html")]
struct ArchitecturePage<'a> {
    frame: Frame<'a>,
    drawings: [Drawing<'a>; 2],
    standing: Standing<'a>,
    style: &'a str,
}

#[derive(Template)]
#[template(path = "drawing.html")]
struct DrawingFragment<'a> {
    drawings: [Drawing<'a>; 2],
    standing: Standing<'a>,
}

/// What the pod has seen, with what the operator told.
struct Seen {
    parts: Vec<Part>,
    told: Option<Told>,
}

/// What the page shows of the operator's status: that, or a sentence in its place.
struct Standing<'a> {
    status: Option<&'a AppStatus>,
    untold: String,
}

impl Seen {
    fn standing(&self) -> Standing<'_> {
        match &self.told {
            None => Standing { status: None, untold: NAMELESS.to_owned() },
            Some(Ok(status)) => Standing { status: Some(status), untold: String::new() },
            Some(Err(untold)) => Standing { status: None, untold: format!("No word of the operator: {untold}.") },
        }
    }
}

/// `GET /architecture`.
pub async fn page(State(shop): super::State, Extension(started): Extension<Started>) -> Response {
    let seen = Box::pin(seen(&shop)).await;
    let frame = Frame::new("Architecture", &shop, None, started);
    let page = ArchitecturePage { style: frame.style, frame, drawings: draw(&seen.parts), standing: seen.standing() };
    frame::page(StatusCode::OK, &page)
}

/// `GET /static/architecture.js`.
pub async fn script() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=86400")];
    (headers, SCRIPT).into_response()
}

/// `GET /architecture/drawing`: the drawing alone, for the page that shows it.
pub async fn drawing(State(shop): super::State) -> Response {
    let seen = Box::pin(seen(&shop)).await;
    match (DrawingFragment { drawings: draw(&seen.parts), standing: seen.standing() }).render() {
        Ok(html) => ([(header::CACHE_CONTROL, "no-store")], Html(html)).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

/// `GET /api/architecture`.
pub async fn json(State(shop): super::State) -> Response {
    let seen = Box::pin(seen(&shop)).await;
    let Standing { status, untold } = seen.standing();
    let untold = status.is_none().then_some(untold);
    let answer = json!({"pod": shop.pod, "parts": seen.parts, "status": status, "untold": untold});
    ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
}

async fn seen(shop: &Shop) -> Seen {
    let (mut parts, told) = tokio::join!(Box::pin(parts(shop)), shop.operator.told());
    if let Some(Ok(status)) = &told {
        fed(&mut parts, status);
    }
    Seen { parts, told }
}

async fn parts(shop: &Shop) -> Vec<Part> {
    let (primary, reads, cache, sessions, (queue, worker)) =
        tokio::join!(primary(shop), read_side(shop), cache(shop), sessions(shop), queue(shop));
    let seen = |id, title, note: &str, health| Part { note: note.to_owned(), health, ..Part::named(id, title) };
    let proxy = if shop.proxied { Health::Unknown } else { Health::Absent };
    vec![
        seen("you", "You", "this browser", Health::Up),
        seen("edge", "Edge", "load balancer", Health::Unknown),
        seen("proxy", "Proxy", if shop.proxied { "caching pages" } else { "not declared" }, proxy),
        Part { who: shop.pod.clone(), ..seen("web", "Web", "answered this", Health::Up) },
        primary,
        reads,
        cache,
        sessions,
        queue,
        worker,
    ]
}

fn part(id: &'static str, title: &'static str, asked: Result<(String, String), Health>) -> Part {
    let (who, note, health) = match asked {
        Ok((who, note)) => (who, note, Health::Up),
        Err(Health::Absent) => (String::new(), "not declared".to_owned(), Health::Absent),
        Err(health) => (String::new(), "does not answer".to_owned(), health),
    };
    Part { who, note, health, ..Part::named(id, title) }
}

fn took(started: Instant) -> String {
    format!("{:.1} ms", started.elapsed().as_secs_f64() * 1000.0)
}

async fn node(shop: &Shop, pool: &Pool) -> Result<(Node, String), Health> {
    let started = Instant::now();
    let asked = reads::whoami(pool, PATIENT, &shop.metrics);
    let node = timeout(PATIENT, asked).await.map_err(|_| Health::Away)?.map_err(|_| Health::Away)?;
    Ok((node, took(started)))
}

async fn primary(shop: &Shop) -> Part {
    let asked = async {
        let databases = shop.databases().map_err(|_| Health::Absent)?;
        let (node, took) = node(shop, &databases.write).await?;
        Ok((node.address.clone(), format!("{}, {took}", node.role())))
    };
    part("primary", "Database writes", asked.await)
}

async fn read_side(shop: &Shop) -> Part {
    let asked = async {
        let databases = shop.databases().map_err(|_| Health::Absent)?;
        let (answering, took) = node(shop, &databases.read).await?;
        let behind = if answering.replica { format!(", {:.1} s behind", answering.lag_seconds) } else { String::new() };
        Ok((answering.address.clone(), format!("{}{behind}, {took}", answering.role())))
    };
    part("reads", "Database reads", asked.await)
}

async fn cache(shop: &Shop) -> Part {
    let asked = async {
        let link = shop.cache.link().ok_or(Health::Absent)?;
        let started = Instant::now();
        let mut question = redis::pipe();
        question.cmd("CLIENT").arg("INFO").cmd("DBSIZE");
        let (info, keys): (String, u64) = link.quick(&question).await.map_err(|_| Health::Away)?;
        Ok((server_of(&info).unwrap_or_default(), format!("keys: {keys}, {}", took(started))))
    };
    part("cache", "Cache", asked.await)
}

async fn sessions(shop: &Shop) -> Part {
    let started = Instant::now();
    let asked = match shop.sessions.who().await {
        Ok(who) => Ok((who, took(started))),
        Err(SessionError::Off) => Err(Health::Absent),
        Err(_) => Err(Health::Away),
    };
    part("sessions", "Sessions", asked)
}

async fn queue(shop: &Shop) -> (Part, Part) {
    let backlog = shop.queue.backlog().await;
    let asked = match &backlog {
        Ok(backlog) => Ok((shop.queue.name().to_owned(), format!("{} waiting", backlog.waiting))),
        Err(QueueError::Off) => Err(Health::Absent),
        Err(_) => Err(Health::Away),
    };
    let newest = async { pictures::newest_worker(&shop.databases().ok()?.read, PATIENT).await.ok().flatten() };
    let worker = match backlog {
        Ok(backlog) if backlog.workers > 0 => {
            let (who, last) = newest.await.map_or_else(Default::default, |(worker, at)| (worker, format!(", {at}")));
            Ok((who, format!("{} at work{last}", backlog.workers)))
        }
        Ok(_) => Err(Health::Away),
        Err(QueueError::Off) => Err(Health::Absent),
        Err(_) => Err(Health::Unknown),
    };
    let mut worker = part("worker", "Workers", worker);
    if worker.health == Health::Unknown {
        "not to be seen".clone_into(&mut worker.note);
    }
    (part("queue", "Queue", asked), worker)
}
