//! Write-back: a write is done when the cache has it; the database gets many at once, later. Fast, and what was not written back is lost with the
//! cache, or with the pod that was writing it back: it must never be used for anything that was promised, such as an order. Counters of views are
//! what it is for.

use std::time::Duration;

use super::{Shelf, ShelfError};

/// How often what is dirty is written back.
pub const EVERY: Duration = Duration::from_millis(150);
const AT_ONCE: usize = 100;
const KEPT_MS: u64 = 60_000;

/// Puts without a lifetime, and notes that the item is dirty.
///
/// # Errors
/// The cache's.
pub async fn write(shelf: &Shelf, item: i32, version: i64) -> Result<(), ShelfError> {
    let mut question = redis::pipe();
    question.atomic();
    question.set(shelf.key(item), version).ignore();
    question.sadd(dirty(shelf), item).ignore();
    Ok(shelf.cache()?.quick::<()>(&question).await?)
}

/// Writes back what is dirty; returns how many items that were.
///
/// # Errors
/// The cache's or the database's; the items are dirty again then.
pub async fn flush(shelf: &Shelf) -> Result<usize, ShelfError> {
    let link = shelf.cache()?;
    let mut question = redis::pipe();
    question.cmd("SPOP").arg(dirty(shelf)).arg(AT_ONCE);
    let (items,): (Vec<i32>,) = link.quick(&question).await?;
    if items.is_empty() {
        return Ok(0);
    }
    let mut question = redis::pipe();
    question.mget(items.iter().map(|&item| shelf.key(item)).collect::<Vec<_>>());
    let (versions,): (Vec<Option<i64>>,) = link.quick(&question).await?;
    let pairs: Vec<(i32, i64)> =
        items.iter().zip(versions).filter_map(|(&item, version)| version.map(|version| (item, version))).collect();
    if let Err(error) = shelf.store(&pairs).await {
        link.quick::<()>(redis::pipe().sadd(dirty(shelf), &items).ignore()).await?;
        return Err(error);
    }
    // From here the database has it, so the copy may end. Not soon: a write that came meanwhile has made the item dirty again, and must be there
    // at the next flush.
    let mut question = redis::pipe();
    for (item, _) in &pairs {
        question.cmd("PEXPIRE").arg(shelf.key(*item)).arg(KEPT_MS).ignore();
    }
    link.quick::<()>(&question).await?;
    Ok(pairs.len())
}

/// How many items only the cache has.
///
/// # Errors
/// The cache's.
pub async fn unwritten(shelf: &Shelf) -> Result<u64, ShelfError> {
    let (count,): (u64,) = shelf.cache()?.quick(redis::pipe().scard(dirty(shelf))).await?;
    Ok(count)
}

fn dirty(shelf: &Shelf) -> String {
    format!("shop:shelf:{}:dirty", shelf.run)
}
