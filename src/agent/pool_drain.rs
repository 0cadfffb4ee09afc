//! Letting the clients of a stopping pool go: each is hung up on while it has nothing under way, so
//! that it comes back through another pod. What is left then ends with `PgBouncer`.
//!
//! Must never touch a client with a transaction or a waiting query. A client that sends its next query in the
//! very moment in which it is hung up on sees an error: so a busy one is let go right after an answer, when
//! its next query is farthest.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_postgres::SimpleQueryRow;

use super::console::{Console, ConsoleError, Session, Side};

/// Until no new client comes here: Services forget a stopping pod within this time.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(5);
/// In which the clients are let go.
const LET_GO: Duration = Duration::from_millis(5500);
/// Between two looks.
const PAUSE: Duration = Duration::from_millis(2);
/// Idle for so many looks, a client is not about to send.
const CALM_LOOKS: u32 = 100;

/// Lets all clients go, spread over [`LET_GO`] so that the other pods are not rushed.
pub async fn drain(console: &Console) {
    sleep(FORGOTTEN_AFTER).await;
    let begun = Instant::now();
    while begun.elapsed() < LET_GO {
        match let_go(console, begun).await {
            Ok(()) => return,
            Err(error) => tracing::warn!(%error, "cannot let clients go"),
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Looks again and again, until no client is left or the time is over.
async fn let_go(console: &Console, begun: Instant) -> Result<(), ConsoleError> {
    let session = console.open().await?;
    let mut idle_looks: BTreeMap<u64, u32> = BTreeMap::new();
    let mut gone: usize = 0;
    while begun.elapsed() < LET_GO {
        let clients = look(&session).await?;
        if clients.is_empty() {
            return Ok(());
        }
        let mut allowed = allowed(clients.len() + gone, begun.elapsed()).saturating_sub(gone);
        idle_looks.retain(|id, _| clients.iter().any(|client| client.id == *id));
        for client in &clients {
            let before = idle_looks
                .insert(client.id, if client.idle { idle_looks.get(&client.id).map_or(1, |n| n + 1) } else { 0 });
            if allowed > 0 && client.idle && is_moment(before) {
                allowed -= 1;
                gone += 1;
                // It may have left since.
                let _ = session.ask(&format!("KILL_CLIENT {}", client.id)).await;
            }
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Whether an idle client may be let go, by how many looks it had been idle before: it has just had its answer,
/// or it has been calm for long.
fn is_moment(idle_before: Option<u32>) -> bool {
    idle_before.is_some_and(|looks| looks == 0 || looks >= CALM_LOOKS)
}

/// How many of all clients may be gone by now, so that all are a second before the end.
fn allowed(clients: usize, elapsed: Duration) -> usize {
    let share = elapsed.as_secs_f64() / LET_GO.saturating_sub(Duration::from_secs(1)).as_secs_f64();
    (clients as f64 * share).ceil() as usize
}

async fn look(session: &Session) -> Result<Vec<Seen>, ConsoleError> {
    Ok(session.ask("SHOW CLIENTS").await?.iter().filter_map(seen).collect())
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
    fn a_client_is_let_go_after_an_answer_or_when_calm() {
        assert!(is_moment(Some(0)));
        assert!(is_moment(Some(CALM_LOOKS)));
        assert!(!is_moment(Some(1)));
        assert!(!is_moment(None));
    }

    #[test]
    fn clients_are_let_go_evenly_and_all_before_the_end() {
        assert_eq!(allowed(450, Duration::ZERO), 0);
        assert_eq!(allowed(450, Duration::from_millis(2250)), 225);
        assert!(allowed(450, Duration::from_millis(4500)) >= 450);
    }
}
