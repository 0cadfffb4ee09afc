//! What the shop sells, as its pages read it: through the cache where there is one. It must never be asked what an order costs: the order's own
//! statement reads the price.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::cache::Source;
use crate::db::failure::Failure;
use crate::db::pictures;
use crate::db::reads::{self, Product};
use crate::web::Shop;

/// Lifetime in the cache; changes forget what they touch, so this only bounds what a lost message leaves behind.
const TTL: Duration = Duration::from_secs(30);
const PRODUCTS: &str = "products";
/// The tag of all pages that list products.
pub const TAG: &str = "catalogue";

/// The tag of all pages that show a product.
#[must_use]
pub fn tag(product: i64) -> String {
    format!("product-{product}")
}

/// The cache's key of a product's pictures.
#[must_use]
pub fn pictures_key(product: i64) -> String {
    format!("pictures:{product}")
}

/// All products.
///
/// # Errors
/// The database's failure, when the cache has nothing.
pub async fn products(shop: &Shop) -> Result<(Vec<Product>, Source), Arc<Failure>> {
    let databases = shop.databases()?;
    let load = reads::products(&databases.read, shop.limits.read_deadline, &shop.metrics);
    let (products, source) = shop.cache.get_or_load(PRODUCTS, TTL, load).await?;
    shop.metrics.cache_read(source.served.word());
    Ok((products, source))
}

/// One product with its newest pictures; nothing when it is not sold.
///
/// # Errors
/// As [`products`].
pub async fn product(shop: &Shop, id: i64) -> Result<Option<(Product, Vec<Uuid>, Source)>, Arc<Failure>> {
    let (products, _) = products(shop).await?;
    let Some(product) = products.into_iter().find(|product| product.id == id) else { return Ok(None) };
    let databases = shop.databases()?;
    // From the primary: a replica may not have yet what a worker just purged the pages for.
    let load = pictures::of_product(&databases.write, id, shop.limits.read_deadline);
    let (pictures, source) = shop.cache.get_or_load(&pictures_key(id), TTL, load).await?;
    shop.metrics.cache_read(source.served.word());
    Ok(Some((product, pictures, source)))
}
