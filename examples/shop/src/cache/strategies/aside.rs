//! Cache-aside: the application looks into the cache, loads on a miss and puts what it found. A write goes to the database and forgets the copy,
//! so that the next read loads. It must never put what a write made: two writers could then leave the older value behind.

use super::{Read, Shelf, ShelfError};

/// Looks, loads, puts.
///
/// # Errors
/// The cache's or the database's.
pub async fn read(shelf: &Shelf, item: i32) -> Result<Read, ShelfError> {
    if let Some(version) = shelf.get(item).await? {
        return Ok(Read { version, hit: true });
    }
    let version = shelf.load(item).await?;
    shelf.put(item, version).await?;
    Ok(Read { version, hit: false })
}

/// Stores, then forgets.
///
/// # Errors
/// The cache's or the database's.
pub async fn write(shelf: &Shelf, item: i32, version: i64) -> Result<(), ShelfError> {
    shelf.store(&[(item, version)]).await?;
    Ok(shelf.cache()?.quick::<()>(redis::pipe().del(shelf.key(item)).ignore()).await?)
}
