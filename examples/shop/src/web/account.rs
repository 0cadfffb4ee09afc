//! Logging in and out, and the account with the pods that served it.
//!
//! It must never say "logged in" before the session store has acknowledged the session as [`crate::sessions`] demands, and never make an order wait
//! for a session store that is away.

use std::time::Duration;

use askama::Template;
use axum::extract::rejection::{FormRejection, JsonRejection, QueryRejection};
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use serde::Deserialize;
use serde_json::json;

use super::Shop;
use super::api::error;
use super::frame::{Frame, failed, page, with_node};
use super::observe::Started;
use crate::db::customers::{self, LogInError};
use crate::db::reads::{self, Order};
use crate::sessions::{Kept, Session, SessionError};

const COOKIE: &str = "shop_session";
/// How long a page about a session waits for a store in failover.
const PATIENT: Duration = Duration::from_secs(4);
/// How long anything else waits for it.
const BRIEF: Duration = Duration::from_millis(800);

/// Name and password.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    name: String,
    password: String,
}

struct PodLine<'a> {
    name: &'a str,
    here: bool,
    first: String,
    last: String,
}

#[derive(Template)]
#[template(path = "login.html")]
struct LogInPage<'a> {
    frame: Frame<'a>,
    message: Option<&'a str>,
    declared: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    frame: Frame<'a>,
    session: &'a Session,
    pods: Vec<PodLine<'a>>,
    kept: Option<String>,
    orders: Option<&'a [Order]>,
}

/// Why a log-in did not happen.
enum Refusal {
    Credentials(LogInError),
    Session(SessionError),
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Credentials(LogInError::Unfit) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Credentials(LogInError::WrongPassword) => StatusCode::UNAUTHORIZED,
            Self::Credentials(LogInError::Database(_)) | Self::Session(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn sentence(&self) -> &'static str {
        match self {
            Self::Credentials(LogInError::Unfit) => "A name has 2 to 40 characters, a password 8 to 200.",
            Self::Credentials(LogInError::WrongPassword) => "This name has another password.",
            Self::Credentials(LogInError::Database(_)) => {
                "You are not logged in: the shop cannot reach its database just now. Try again in a moment."
            }
            Self::Session(SessionError::Off) => {
                "This shop keeps no sessions, so nobody can log in. Orders need no log-in."
            }
            Self::Session(SessionError::Away(_)) => {
                "You are not logged in: the session store does not answer just now. Orders need no log-in."
            }
            Self::Session(SessionError::NotReplicated) => {
                "You are not logged in: no second member of the session store could confirm it just now. Orders need no log-in."
            }
        }
    }

    fn word(&self) -> &'static str {
        match self {
            Self::Credentials(LogInError::Unfit | LogInError::WrongPassword) => "refused",
            Self::Credentials(LogInError::Database(_)) => "no_database",
            Self::Session(SessionError::NotReplicated) => "not_replicated",
            Self::Session(_) => "no_sessions",
        }
    }
}

async fn log_in(shop: &Shop, credentials: &Credentials) -> Result<(String, Kept), Refusal> {
    let logged_in = async {
        // Asked first: a password is not worth hashing for nothing.
        if !shop.sessions.declared() {
            return Err(Refusal::Session(SessionError::Off));
        }
        let name = credentials.name.trim();
        let databases = shop.databases().map_err(|failure| Refusal::Credentials(failure.into()))?;
        let customer = customers::log_in(&databases.write, name, &credentials.password, shop.limits.read_deadline)
            .await
            .map_err(Refusal::Credentials)?;
        shop.sessions.open(customer, name, &shop.pod).await.map_err(Refusal::Session)
    };
    let ended = logged_in.await;
    shop.metrics.login(ended.as_ref().map_or_else(Refusal::word, |_| "logged_in"));
    if let Err(refusal) = &ended {
        tracing::info!(reason = refusal.word(), "log-in refused");
    }
    ended
}

/// The session's id that a browser sent.
#[must_use]
pub fn session_id(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|line| line.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// The customer behind a session, if that can be learnt at once: an order needs no session.
pub async fn customer_of(shop: &Shop, id: Option<&str>) -> Option<i64> {
    match shop.sessions.find(id?, &shop.pod, BRIEF).await {
        Ok(session) => session.map(|session| session.customer),
        Err(error) => {
            tracing::info!(%error, "an order goes on without its session");
            None
        }
    }
}

fn cookie(shop: &Shop, id: &str, seconds: u64) -> Option<HeaderValue> {
    let secure = if shop.secure { "; Secure" } else { "" };
    HeaderValue::from_str(&format!("{COOKIE}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}")).ok()
}

fn with_cookie(shop: &Shop, id: &str, seconds: u64, mut response: Response) -> Response {
    if let Some(cookie) = cookie(shop, id, seconds) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// `POST /login`, the form.
pub async fn log_in_form(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    form: Result<Form<Credentials>, FormRejection>,
) -> Response {
    let Ok(Form(credentials)) = form else {
        return failed(&shop, started, StatusCode::UNPROCESSABLE_ENTITY, "This form is not complete.", None);
    };
    match log_in(&shop, &credentials).await {
        Ok((id, kept)) => {
            let kept = match kept {
                Kept::Replicated { replicas } => replicas.to_string(),
                Kept::OneMember => "0".to_owned(),
                Kept::Database => "database".to_owned(),
            };
            let response = Redirect::to(&format!("/account?kept={kept}")).into_response();
            with_cookie(&shop, &id, shop.sessions.ttl.as_secs(), response)
        }
        Err(refusal) => log_in_page(&shop, started, refusal.status(), Some(refusal.sentence())),
    }
}

fn log_in_page(shop: &Shop, started: Started, status: StatusCode, message: Option<&str>) -> Response {
    let frame = Frame::new("Log in", shop, None, started);
    page(status, &LogInPage { frame, message, declared: shop.sessions.declared() })
}

/// `POST /api/login {name, password}`.
pub async fn log_in_api(State(shop): super::State, body: Result<Json<Credentials>, JsonRejection>) -> Response {
    let Ok(Json(credentials)) = body else { return error(StatusCode::BAD_REQUEST, "name and password are wanted") };
    match log_in(&shop, &credentials).await {
        Ok((id, kept)) => {
            let answer = json!({
                "name": credentials.name.trim(), "pod": shop.pod, "kept": kept, "sentence": kept.sentence(),
            });
            let response = ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response();
            with_cookie(&shop, &id, shop.sessions.ttl.as_secs(), response)
        }
        Err(refusal) => error(refusal.status(), refusal.sentence()),
    }
}

/// `POST /logout`, the form, and `POST /api/logout`.
pub async fn log_out(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    headers: HeaderMap,
) -> Response {
    let ended = match session_id(&headers) {
        Some(id) => shop.sessions.close(id).await,
        None => Ok(()),
    };
    match ended {
        Ok(()) | Err(SessionError::Off) => with_cookie(&shop, "", 0, Redirect::to("/").into_response()),
        Err(_) => {
            let message = "You are still logged in: the session store does not answer just now. Try again in a moment.";
            failed(&shop, started, StatusCode::SERVICE_UNAVAILABLE, message, None)
        }
    }
}

/// `GET /api/session`.
pub async fn session(State(shop): super::State, headers: HeaderMap) -> Response {
    let Some(id) = session_id(&headers) else { return error(StatusCode::UNAUTHORIZED, "not logged in") };
    match shop.sessions.find(id, &shop.pod, PATIENT).await {
        Ok(Some(session)) => {
            let answer = json!({"name": session.name, "since": session.since, "pod": shop.pod, "pods": session.pods});
            ([(header::CACHE_CONTROL, "no-store")], Json(answer)).into_response()
        }
        Ok(None) => error(StatusCode::UNAUTHORIZED, "not logged in"),
        Err(failure) => error(StatusCode::SERVICE_UNAVAILABLE, &failure.to_string()),
    }
}

/// Query of `GET /account`.
#[derive(Debug, Deserialize)]
pub struct Shown {
    /// What the log-in said of how the session is kept.
    pub kept: Option<String>,
}

/// `GET /account`.
pub async fn account(
    State(shop): super::State,
    Extension(started): Extension<Started>,
    headers: HeaderMap,
    shown: Result<Query<Shown>, QueryRejection>,
) -> Response {
    let Some(id) = session_id(&headers) else { return log_in_page(&shop, started, StatusCode::OK, None) };
    let session = match shop.sessions.find(id, &shop.pod, PATIENT).await {
        Ok(Some(session)) => session,
        Ok(None) => return log_in_page(&shop, started, StatusCode::OK, Some("Your session has ended.")),
        Err(SessionError::Off) => return log_in_page(&shop, started, StatusCode::OK, None),
        Err(failure) => {
            tracing::warn!(error = %failure, "a session could not be read");
            let message =
                "The session store does not answer just now. You are not logged out; the rest of the shop goes on.";
            return failed(&shop, started, StatusCode::SERVICE_UNAVAILABLE, message, None);
        }
    };
    let orders = async {
        let databases = shop.databases()?;
        reads::of_customer(&databases.read, session.customer, BRIEF * 2, &shop.metrics).await
    };
    let orders = orders
        .await
        .inspect_err(|failure| tracing::warn!(error = %failure, "a customer's orders could not be read"))
        .ok();
    let pods = session
        .pods
        .iter()
        .map(|(name, served)| PodLine {
            name,
            here: *name == shop.pod,
            first: clock(served.first),
            last: clock(served.last),
        })
        .collect();
    let node = orders.as_ref().map(|orders| orders.node.clone());
    let content = AccountPage {
        frame: Frame::new("Your account", &shop, node.as_ref(), started),
        session: &session,
        pods,
        kept: shown.ok().and_then(|Query(shown)| kept(&shown.kept?)).map(Kept::sentence),
        orders: orders.as_ref().map(|orders| orders.rows.as_slice()),
    };
    let response = page(StatusCode::OK, &content);
    match node {
        Some(node) => with_node(response, node),
        None => response,
    }
}

fn kept(text: &str) -> Option<Kept> {
    match text {
        "0" => Some(Kept::OneMember),
        "database" => Some(Kept::Database),
        text => text.parse().ok().map(|replicas| Kept::Replicated { replicas }),
    }
}

/// Seconds since 1970 as the time of the day, UTC.
fn clock(seconds: u64) -> String {
    let of_day = seconds % 86_400;
    format!("{:02}:{:02}:{:02}", of_day / 3600, of_day / 60 % 60, of_day % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; shop_session=abc; shop_session_old=x"));
        assert_eq!(session_id(&headers), Some("abc"));
        headers.insert(header::COOKIE, HeaderValue::from_static("other_shop_session=abc"));
        assert_eq!(session_id(&headers), None);
    }

    #[test]
    fn times_are_of_the_day() {
        assert_eq!(clock(1_795_412_345), "05:39:05");
        assert_eq!(clock(86_399), "23:59:59");
    }
}
