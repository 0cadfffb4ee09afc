//! Refresh-ahead: a hit on a copy in the last part of its life starts a reload behind the answer, so that popular items never miss.
//! It must never let a reader wait for that reload.

use std::sync::Arc;

use super::{Read, Shelf, ShelfError, read_through};

/// From which part of its life on a copy is reloaded, in percent.
const LAST_PART: u64 = 50;

/// From the shelf; near the end of the copy's life a reload is started.
///
/// # Errors
/// The cache's or the database's.
pub async fn read(shelf: &Arc<Shelf>, item: i32) -> Result<Read, ShelfError> {
    let mut question = redis::pipe();
    question.get(shelf.key(item)).cmd("PTTL").arg(shelf.key(item));
    let (found, left): (Option<i64>, i64) = shelf.cache()?.quick(&question).await?;
    let Some(version) = found else { return read_through::fill(shelf, item).await };
    if u64::try_from(left).is_ok_and(|left| left * 100 < shelf.milliseconds() * LAST_PART) && first(shelf, item).await?
    {
        let shelf = Arc::clone(shelf);
        tokio::spawn(async move {
            let reloaded = async { shelf.put(item, shelf.load(item).await?).await };
            if let Err(error) = reloaded.await {
                tracing::debug!(%error, item, "not refreshed ahead");
            }
        });
    }
    Ok(Read { version, hit: true })
}

/// Whether this reader is the one who reloads: one is enough.
async fn first(shelf: &Shelf, item: i32) -> Result<bool, ShelfError> {
    let mut question = redis::pipe();
    let lock = format!("{}:refresh", shelf.key(item));
    question.cmd("SET").arg(lock).arg(1).arg("NX").arg("PX").arg(shelf.milliseconds() / 2);
    let (taken,): (Option<String>,) = shelf.cache()?.quick(&question).await?;
    Ok(taken.is_some())
}
