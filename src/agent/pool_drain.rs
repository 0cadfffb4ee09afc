//! Letting the clients of a stopping pool go: each is hung up on while it has nothing under way, so
//! that it comes back through another pod. What is left then ends with `PgBouncer`.
//!
//! Must never touch a client with a transaction or a waiting query.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::SimpleQueryRow;

use super::console::{Console, ConsoleError, Side};

/// Until no new client comes here: Services forget a stopping pod within this time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);
/// In which the clients are let go.
const LET_GO: Duration = Duration::from_millis(5500);
/// How often it is looked for idle ones.
const ROUND: Duration = Duration::from_millis(100);

/// Lets all clients go, spread over [`LET_GO`] so that the other pods are not rushed.
pub async fn drain(console: &Console) {
    sleep(FORGOTTEN_AFTER).await;
    let end = Instant::now() + LET_GO;
    while Instant::now() < end {
        match round(console, end - Instant::now()).await {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "cannot let clients go"),
        }
        sleep(ROUND).await;
    }
}

/// One round; how many clients were seen.
async fn round(console: &Console, left: Duration) -> Result<usize, ConsoleError> {
    let session = console.open().await?;
    let rows = session.ask("SHOW CLIENTS").await?;
    let clients: Vec<Seen> = rows.iter().filter_map(seen).collect();
    let quota = quota(clients.len(), left);
    for client in clients.iter().filter(|client| client.idle).take(quota) {
        // It may have left, or begun something, since; the latter within a millisecond.
        let _ = session.ask(&format!("KILL_CLIENT {}", client.id)).await;
    }
    Ok(clients.len())
}

/// How many to let go in a round so that all are gone a second before the end.
fn quota(clients: usize, left: Duration) -> usize {
    let rounds = left.saturating_sub(Duration::from_secs(1)).as_millis() / ROUND.as_millis();
    clients.div_ceil(usize::try_from(rounds).unwrap_or(1).max(1))
}

struct Seen {
    id: u64,
    idle: bool,
}

fn seen(row: &SimpleQueryRow) -> Option<Seen> {
    let text = |name: &str| row.try_get(name).ok().flatten();
    let database = text("database")?;
    if !Side::ALL.iter().any(|side| side.database() == database) {
        return None;
    }
    Some(Seen { id: text("id")?.parse().ok()?, idle: is_idle(text("state")?, text("link").unwrap_or_default()) })
}

/// Without a server of its own and without a query that waits for one.
fn is_idle(state: &str, link: &str) -> bool {
    link.is_empty() && matches!(state, "active" | "idle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_clients_with_nothing_under_way_are_idle() {
        assert!(is_idle("idle", ""));
        assert!(is_idle("active", ""));
        assert!(!is_idle("active", "0x55d0"));
        assert!(!is_idle("waiting", ""));
        assert!(!is_idle("active_cancel_req", ""));
    }

    #[test]
    fn clients_are_let_go_evenly_and_all_before_the_end() {
        assert_eq!(quota(45, LET_GO), 1);
        assert_eq!(quota(450, LET_GO), 10);
        assert_eq!(quota(450, Duration::from_millis(500)), 450);
        assert_eq!(quota(0, LET_GO), 0);
    }
}
