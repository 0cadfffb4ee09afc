//! The pool's agent: pauses the pool around a planned change, so that clients wait instead of failing.
//!
//! It also shows the pool's figures. A pause must never outlive its author: it ends at its limit by itself, and an agent that starts
//! ends whatever its predecessor left.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::{Instant, sleep};

use super::console::{Console, Side};
use super::{AgentError, pool_drain, pool_metrics};

/// Longest pause; clients give up after `query_wait_timeout`, 30 s.
pub const LONGEST_PAUSE_SECONDS: u64 = 30;
/// Reads are let on later than writes: the router needs so long to see that the new primary is a
/// replica no longer, and would else cut reads that had just begun there.
const READS_LATER: Duration = Duration::from_millis(1500);
/// How often limits are looked at.
const TICK: Duration = Duration::from_millis(50);

/// Settings of the agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the operator asks.
    pub listen: SocketAddr,
    /// Directory of `PgBouncer`'s socket.
    pub socket: PathBuf,
    /// File with the token that the operator shows.
    pub token: PathBuf,
}

/// Asks for a pause.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
#[serde(deny_unknown_fields)]
pub struct PauseRequest {
    /// It ends by itself after this time, at most [`LONGEST_PAUSE_SECONDS`].
    pub seconds: u64,
    /// Pause reads alone: a replica is restarted, and writes have nothing to do with it.
    #[serde(default)]
    pub reads_only: bool,
}

/// What came of it.
#[derive(Serialize, Deserialize, Clone, Copy, Debug)]
pub struct PauseAnswer {
    /// Whether nothing runs any more; new transactions wait in any case.
    pub complete: bool,
}

/// When each side's pause ends; `None` is not paused.
#[derive(Debug, Default)]
struct Limits {
    /// Whether pauses are taken: not before the first resume, nor while the pod stops.
    open: bool,
    write: Option<Instant>,
    read: Option<Instant>,
}

impl Limits {
    fn of(&mut self, side: Side) -> &mut Option<Instant> {
        match side {
            Side::Write => &mut self.write,
            Side::Read => &mut self.read,
        }
    }

    /// A side whose time is over.
    fn due(&mut self, now: Instant) -> Option<Side> {
        Side::ALL.into_iter().find(|side| self.of(*side).is_some_and(|limit| limit <= now))
    }

    /// Brings the ends forward: writes now, reads a little later; never later than they were.
    fn resume(&mut self, now: Instant) {
        self.write = self.write.map(|limit| limit.min(now));
        self.read = self.read.map(|limit| limit.min(now + READS_LATER));
    }
}

#[derive(Clone)]
struct Agent {
    console: Console,
    token: PathBuf,
    limits: Arc<Mutex<Limits>>,
}

/// Runs until the pod ends, and lets its clients go then.
///
/// # Errors
/// When the port cannot be had.
pub async fn run(settings: Settings) -> Result<(), AgentError> {
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let listener = super::listen(settings.listen).await?;
    let agent = Agent { console: Console::new(&settings.socket), token: settings.token, limits: Arc::default() };
    let dead_man = tokio::spawn(dead_man(agent.clone()));
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/metrics", get(metrics))
        .route("/pause", post(pause))
        .route("/resume", post(resume))
        .with_state(agent.clone());
    let server = tokio::spawn(async move { axum::serve(listener, router).await });
    stop.recv().await;
    agent.lock().open = false;
    dead_man.abort();
    for side in Side::ALL {
        agent.resume_until_done(side).await;
    }
    pool_drain::drain(&agent.console).await;
    server.abort();
    Ok(())
}

/// Ends what a predecessor left, and then each pause at its limit.
async fn dead_man(agent: Agent) {
    for side in Side::ALL {
        agent.resume_until_done(side).await;
    }
    agent.lock().open = true;
    loop {
        sleep(TICK).await;
        let now = Instant::now();
        let due = agent.lock().due(now);
        if let Some(side) = due {
            agent.resume_until_done(side).await;
            let mut limits = agent.lock();
            // A new pause may have begun meanwhile; it has its own limit.
            if limits.of(side).is_some_and(|limit| limit <= now) {
                *limits.of(side) = None;
            }
        }
    }
}

impl Agent {
    fn lock(&self) -> std::sync::MutexGuard<'_, Limits> {
        self.limits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A `PgBouncer` that cannot be asked is not there yet, or no longer: then nothing is paused.
    async fn resume_until_done(&self, side: Side) {
        const TRIES: u32 = 600;
        for _ in 0..TRIES {
            match self.console.resume(side).await {
                Ok(()) => return,
                Err(error) => tracing::debug!(%error, "resume"),
            }
            sleep(Duration::from_millis(100)).await;
        }
        tracing::warn!(database = side.database(), "PgBouncer's console could not be reached for a minute");
    }

    fn knows(&self, headers: &HeaderMap) -> bool {
        let shown = headers.get(AUTHORIZATION).and_then(|v| v.to_str().ok()).and_then(|v| v.strip_prefix("Bearer "));
        let (Some(shown), Ok(expected)) = (shown, std::fs::read_to_string(&self.token)) else { return false };
        // Digests, so that the time of the comparison says nothing about the token.
        !expected.trim().is_empty() && Sha256::digest(shown) == Sha256::digest(expected.trim())
    }
}

async fn pause(
    State(agent): State<Agent>,
    headers: HeaderMap,
    Json(request): Json<PauseRequest>,
) -> Result<Json<PauseAnswer>, StatusCode> {
    if !agent.knows(&headers) {
        return Err(StatusCode::UNAUTHORIZED);
    }
    if request.seconds == 0 || request.seconds > LONGEST_PAUSE_SECONDS {
        return Err(StatusCode::BAD_REQUEST);
    }
    let length = Duration::from_secs(request.seconds);
    {
        let mut limits = agent.lock();
        if !limits.open {
            return Err(StatusCode::SERVICE_UNAVAILABLE);
        }
        // Before the pause begins: there is no moment in which it has no end.
        let end = Instant::now() + length;
        limits.read = Some(end);
        if !request.reads_only {
            limits.write = Some(end);
        }
    }
    let wait = length / 4;
    let write = async { if request.reads_only { Ok(true) } else { agent.console.pause(Side::Write, wait).await } };
    match tokio::join!(write, agent.console.pause(Side::Read, wait)) {
        (Ok(write), Ok(read)) => Ok(Json(PauseAnswer { complete: write && read })),
        (Err(error), _) | (_, Err(error)) => {
            tracing::warn!(%error, "pause");
            agent.lock().resume(Instant::now());
            Err(StatusCode::BAD_GATEWAY)
        }
    }
}

async fn resume(State(agent): State<Agent>, headers: HeaderMap) -> StatusCode {
    if !agent.knows(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    agent.lock().resume(Instant::now());
    StatusCode::NO_CONTENT
}

async fn metrics(State(agent): State<Agent>) -> Result<String, StatusCode> {
    pool_metrics::read(&agent.console).await.map_err(|error| {
        tracing::debug!(%error, "metrics");
        StatusCode::BAD_GATEWAY
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_ends_at_its_limit() {
        let now = Instant::now();
        let mut limits = Limits { open: true, write: Some(now + Duration::from_secs(20)), read: None };
        assert_eq!(limits.due(now), None);
        assert_eq!(limits.due(now + Duration::from_secs(20)), Some(Side::Write));
    }

    #[test]
    fn reads_are_let_on_after_writes_and_never_after_the_limit() {
        let now = Instant::now();
        let end = Some(now + Duration::from_secs(9));
        let mut limits = Limits { open: true, write: end, read: end };
        limits.resume(now);
        assert_eq!((limits.write, limits.read), (Some(now), Some(now + READS_LATER)));
        let mut short = Limits { open: true, write: None, read: Some(now + Duration::from_secs(1)) };
        short.resume(now);
        assert_eq!((short.write, short.read), (None, Some(now + Duration::from_secs(1))));
    }
}
