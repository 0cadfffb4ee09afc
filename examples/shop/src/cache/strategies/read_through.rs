//! Read-through: the application asks the shelf alone, which loads what it lacks. Writes go past it to the database, so a copy may be stale for
//! its whole lifetime. It must never be used where a reader has to see its own write.

use super::{Read, Shelf, ShelfError};

/// From the shelf, which fills itself.
///
/// # Errors
/// The cache's or the database's.
pub async fn read(shelf: &Shelf, item: i32) -> Result<Read, ShelfError> {
    match shelf.get(item).await? {
        Some(version) => Ok(Read { version, hit: true }),
        None => fill(shelf, item).await,
    }
}

/// Loads an item and keeps it, unless a writer has put a newer one meanwhile.
pub(super) async fn fill(shelf: &Shelf, item: i32) -> Result<Read, ShelfError> {
    let version = shelf.load(item).await?;
    let mut question = redis::pipe();
    // NX: what a write-through or write-back put after our load is newer than what we loaded.
    question.cmd("SET").arg(shelf.key(item)).arg(version).arg("NX").arg("PX").arg(shelf.milliseconds()).ignore();
    shelf.cache()?.quick::<()>(&question).await?;
    Ok(Read { version, hit: false })
}
