//! How far this member of the database is behind, in seconds, as `HAProxy` asks by its `agent-check`; and its figures.
//!
//! Answers from its last look, so at once also when the database hangs; a look that is too old
//! counts as too far behind. Must never take the primary out: its lag is zero by definition.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

use super::{AgentError, database_metrics};

/// Between two looks.
const PERIOD: Duration = Duration::from_millis(500);
/// For one look; a database that does not answer by then has not been seen.
pub(super) const LOOK_TIMEOUT: Duration = Duration::from_secs(1);
/// A look older than this says nothing any more.
const STALE_AFTER: Duration = Duration::from_secs(3);
/// An idle primary is silent for half of `wal_sender_timeout` (5 s): a shorter bound would call it lost.
const SILENCE_LEAST: Duration = Duration::from_secs(3);

/// Zero when everything that the primary is known to have is replayed and the primary was heard of
/// lately; else the age of the last replayed transaction, and -1 where even that is unknown.
const QUERY: &str = "\
SELECT CASE
  WHEN NOT pg_is_in_recovery() THEN 0::float8
  WHEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'
    AND pg_last_wal_replay_lsn() >= latest_end_lsn
    AND clock_timestamp() - last_msg_receipt_time < make_interval(secs => $1)) THEN 0::float8
  ELSE COALESCE(GREATEST(extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()), 0)::float8, -1::float8)
END";

/// Settings of the agent.
#[derive(Clone, Debug)]
pub struct Settings {
    /// A replica further behind gets no reads.
    pub max_lag: Duration,
    /// Where `HAProxy` asks.
    pub listen: SocketAddr,
    /// Where Prometheus asks.
    pub metrics: SocketAddr,
    /// Directory of the database's socket.
    pub socket: PathBuf,
    /// Password of the user `monitor`.
    pub password: String,
}

/// One look at the database.
#[derive(Clone, Copy, Debug)]
struct Look {
    at: Instant,
    /// `None` when it is unknown.
    lag: Option<Duration>,
}

/// What `HAProxy` is told.
fn verdict(look: Option<Look>, now: Instant, max_lag: Duration) -> &'static str {
    let fresh = look.filter(|look| now.saturating_duration_since(look.at) <= STALE_AFTER);
    match fresh.and_then(|look| look.lag) {
        Some(lag) if lag <= max_lag => "up\n",
        _ => "down\n",
    }
}

/// Runs until the pod ends.
///
/// # Errors
/// When the port cannot be had.
pub async fn run(settings: Settings) -> Result<(), AgentError> {
    let mut stop = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    let listener = super::listen(settings.listen).await?;
    let last: Arc<Mutex<Option<Look>>> = Arc::default();
    let watch = tokio::spawn(watch(settings.clone(), Arc::clone(&last)));
    let metrics = super::listen(settings.metrics).await?;
    let metrics = tokio::spawn(axum::serve(metrics, database_metrics::router(settings.clone())).into_future());
    loop {
        tokio::select! {
            _ = stop.recv() => break,
            accepted = listener.accept() => {
                let Ok((mut stream, _)) = accepted else { continue };
                let look = *last.lock().unwrap_or_else(PoisonError::into_inner);
                let answer = verdict(look, Instant::now(), settings.max_lag);
                tokio::spawn(async move {
                    let _ = timeout(LOOK_TIMEOUT, async {
                        stream.write_all(answer.as_bytes()).await?;
                        stream.shutdown().await
                    })
                    .await;
                });
            }
        }
    }
    watch.abort();
    metrics.abort();
    Ok(())
}

async fn watch(settings: Settings, last: Arc<Mutex<Option<Look>>>) {
    let mut client: Option<Client> = None;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if client.as_ref().is_none_or(Client::is_closed) {
            client = connect(&settings).await;
        }
        let Some(open) = &client else { continue };
        if let Some(lag) = look(open, settings.max_lag).await {
            *last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Look { at: Instant::now(), lag });
        } else {
            client = None;
        }
    }
}

pub(super) async fn connect(settings: &Settings) -> Option<Client> {
    let mut config = Config::new();
    config
        .host_path(&settings.socket)
        .port(5432)
        .user("monitor")
        .dbname("postgres")
        .password(&settings.password)
        .application_name("scaledapp-lag");
    let (client, connection) = timeout(LOOK_TIMEOUT, config.connect(NoTls)).await.ok()?.ok()?;
    tokio::spawn(async move {
        // Its end shows as a closed client.
        let _ = connection.await;
    });
    Some(client)
}

/// `None` when the database did not answer.
async fn look(client: &Client, max_lag: Duration) -> Option<Option<Duration>> {
    let silence = max_lag.max(SILENCE_LEAST).as_secs_f64();
    let row = timeout(LOOK_TIMEOUT, client.query_one(QUERY, &[&silence])).await.ok()?.ok()?;
    let seconds: f64 = row.try_get(0).ok()?;
    Some(Duration::try_from_secs_f64(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(lag: Option<Duration>, age: Duration) -> &'static str {
        let now = Instant::now() + Duration::from_secs(3600);
        verdict(Some(Look { at: now.checked_sub(age).unwrap(), lag }), now, Duration::from_secs(5))
    }

    #[test]
    fn a_replica_within_the_bound_is_up() {
        assert_eq!(at(Some(Duration::ZERO), Duration::ZERO), "up\n");
        assert_eq!(at(Some(Duration::from_secs(5)), STALE_AFTER), "up\n");
    }

    #[test]
    fn a_lagging_unknown_or_unseen_replica_is_down() {
        assert_eq!(at(Some(Duration::from_millis(5001)), Duration::ZERO), "down\n");
        assert_eq!(at(None, Duration::ZERO), "down\n");
        assert_eq!(at(Some(Duration::ZERO), STALE_AFTER + Duration::from_millis(1)), "down\n");
        assert_eq!(verdict(None, Instant::now(), Duration::from_secs(5)), "down\n");
    }
}
