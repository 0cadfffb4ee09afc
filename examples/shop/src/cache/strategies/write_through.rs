//! Write-through: a write is done when both the database and the cache have it, so that reads after it hit and are fresh.
//! It must never put first: a write that the database refuses would be read all the same.

use super::{Shelf, ShelfError};

/// Stores, then puts.
///
/// # Errors
/// The cache's or the database's.
pub async fn write(shelf: &Shelf, item: i32, version: i64) -> Result<(), ShelfError> {
    shelf.store(&[(item, version)]).await?;
    shelf.put(item, version).await
}
