//! The strategies side by side: the same popularity, the same lifetime, the same writers, against the real cache and the real database.
//!
//! It must never run twice at once in one pod, and never touch what the shop sells. Readers know the newest acknowledged version of each item
//! before they ask, so a read is stale exactly when it brings an older one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Cache;
use super::strategies::{Shelf, ShelfError, Strategy, write_back};
use crate::db::connection::Pool;
use crate::db::shelf;

/// Items on each shelf; a few of them are asked for most of the time.
pub const ITEMS: i32 = 40;
/// Lifetime of a copy.
pub const TTL: Duration = Duration::from_millis(400);
/// How long each strategy is watched.
pub const WATCHED: Duration = Duration::from_millis(2500);
const READERS: u64 = 2;
const READ_EVERY: Duration = Duration::from_millis(8);
const WRITE_EVERY: Duration = Duration::from_millis(60);

/// What was seen of one strategy.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Its name.
    pub strategy: String,
    /// Reads answered.
    pub reads: u64,
    /// Writes acknowledged.
    pub writes: u64,
    /// Reads that the cache answered, in percent.
    pub hit_percent: f64,
    /// Reads that brought an old version, in percent.
    pub stale_percent: f64,
    /// The oldest such version had been replaced that many milliseconds before.
    pub stalest_ms: f64,
    /// Reads of the database for 100 reads of the shop.
    pub loads_per_100_reads: f64,
    /// Writes to the database for 100 writes of the shop.
    pub stores_per_100_writes: f64,
    /// Half of the reads took no longer.
    pub read_median_ms: f64,
    /// 99 of 100 reads took no longer.
    pub read_p99_ms: f64,
    /// Half of the writes took no longer.
    pub write_median_ms: f64,
    /// The most acknowledged writes that the cache alone had at one moment.
    pub at_risk: u64,
    /// Reads and writes that failed.
    pub failed: u64,
}

/// One comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Its number.
    pub run: Uuid,
    /// The pod that made it.
    pub pod: String,
    /// Lifetime of a copy, in milliseconds.
    pub ttl_ms: u64,
    /// One line a strategy.
    pub lines: Vec<Line>,
}

/// What readers and the writer of one shelf share.
struct Truth {
    /// When each version of each item was acknowledged; version 1 was there from the start.
    acknowledged: Vec<Mutex<Vec<Instant>>>,
    newest: Vec<AtomicI64>,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    reads: Vec<Duration>,
    writes: Vec<Duration>,
    hits: u64,
    stale: u64,
    stalest: Duration,
    failed: u64,
}

/// Watches all strategies at the same time, so that whatever else goes on is the same for each.
///
/// # Errors
/// The shelves could not be set up in the database.
pub async fn run(cache: &Arc<Cache>, pool: &Pool, pod: &str) -> Result<Report, ShelfError> {
    let run = Uuid::new_v4();
    let names: Vec<&str> = Strategy::ALL.iter().map(|strategy| strategy.name()).collect();
    shelf::prepare(pool, run, &names, ITEMS).await?;
    let watched = Strategy::ALL.map(|strategy| {
        let shelf = Shelf {
            link: Arc::clone(cache),
            pool: pool.clone(),
            run,
            strategy,
            ttl: TTL,
            loads: AtomicU64::new(0),
            stores: AtomicU64::new(0),
        };
        watch(Arc::new(shelf))
    });
    let lines = futures_util::future::join_all(watched).await;
    shelf::clear(pool, run).await?;
    let ttl_ms = u64::try_from(TTL.as_millis()).unwrap_or(u64::MAX);
    Ok(Report { run, pod: pod.to_owned(), ttl_ms, lines })
}

async fn watch(shelf: Arc<Shelf>) -> Line {
    let truth = Arc::new(Truth {
        acknowledged: (0..ITEMS).map(|_| Mutex::new(vec![Instant::now()])).collect(),
        newest: (0..ITEMS).map(|_| AtomicI64::new(1)).collect(),
        seen: Mutex::default(),
    });
    let until = Instant::now() + WATCHED;
    let readers = (0..READERS).map(|number| reader(Arc::clone(&shelf), Arc::clone(&truth), until, number));
    let ((), (), at_risk) = tokio::join!(
        async { drop(futures_util::future::join_all(readers).await) },
        writer(&shelf, &truth, until),
        back_writer(&shelf, until),
    );
    line(&shelf, &truth, at_risk)
}

async fn reader(shelf: Arc<Shelf>, truth: Arc<Truth>, until: Instant, number: u64) {
    let mut chance = fastrand::Rng::with_seed(number);
    while Instant::now() < until {
        tokio::time::sleep(READ_EVERY).await;
        let item = popular(chance.f64());
        let Ok(index) = usize::try_from(item) else { continue };
        let (newest, asked) = (truth.newest[index].load(Ordering::SeqCst), Instant::now());
        let answer = shelf.read(item).await;
        let took = asked.elapsed();
        let mut seen = lock(&truth.seen);
        match answer {
            Ok(read) => {
                seen.reads.push(took);
                seen.hits += u64::from(read.hit);
                if read.version < newest {
                    seen.stale += 1;
                    let next = usize::try_from(read.version).unwrap_or(0);
                    let replaced = lock(&truth.acknowledged[index]).get(next).copied();
                    seen.stalest = seen.stalest.max(replaced.map_or(Duration::ZERO, |at| asked.duration_since(at)));
                }
            }
            Err(_) => seen.failed += 1,
        }
    }
}

/// The only writer of a shelf, so that versions are acknowledged in order.
async fn writer(shelf: &Shelf, truth: &Truth, until: Instant) {
    let mut chance = fastrand::Rng::with_seed(7);
    while Instant::now() < until {
        tokio::time::sleep(WRITE_EVERY).await;
        let item = popular(chance.f64());
        let Ok(index) = usize::try_from(item) else { continue };
        let (version, asked) = (truth.newest[index].load(Ordering::SeqCst) + 1, Instant::now());
        let answer = shelf.write(item, version).await;
        let took = asked.elapsed();
        if answer.is_ok() {
            lock(&truth.acknowledged[index]).push(Instant::now());
            truth.newest[index].store(version, Ordering::SeqCst);
            lock(&truth.seen).writes.push(took);
        } else {
            // It may have been stored all the same; the same version is written again when the item's turn comes.
            lock(&truth.seen).failed += 1;
        }
    }
}

async fn back_writer(shelf: &Shelf, until: Instant) -> u64 {
    let mut at_risk = 0;
    if shelf.strategy != Strategy::WriteBack {
        return at_risk;
    }
    while Instant::now() < until {
        tokio::time::sleep(write_back::EVERY).await;
        at_risk = at_risk.max(write_back::unwritten(shelf).await.unwrap_or(0));
        if let Err(error) = write_back::flush(shelf).await {
            tracing::debug!(%error, "not written back");
        }
    }
    // What the last writes left; bounded, since the writer has ended.
    while write_back::flush(shelf).await.is_ok_and(|written| written > 0) {}
    at_risk
}

/// Item `n` is asked for in proportion to 1 / (n + 1), as popular things are.
fn popular(chance: f64) -> i32 {
    let harmonic = |items: i32| (1..=items).map(|item| 1.0 / f64::from(item)).sum::<f64>();
    let mut left = chance * harmonic(ITEMS);
    for item in 0..ITEMS {
        left -= 1.0 / f64::from(item + 1);
        if left <= 0.0 {
            return item;
        }
    }
    ITEMS - 1
}

fn line(shelf: &Shelf, truth: &Truth, at_risk: u64) -> Line {
    let mut seen = std::mem::take(&mut *lock(&truth.seen));
    seen.reads.sort_unstable();
    seen.writes.sort_unstable();
    let (reads, writes) = (seen.reads.len() as u64, seen.writes.len() as u64);
    Line {
        strategy: shelf.strategy.name().to_owned(),
        reads,
        writes,
        hit_percent: per_100(seen.hits, reads),
        stale_percent: per_100(seen.stale, reads),
        stalest_ms: milliseconds(seen.stalest),
        loads_per_100_reads: per_100(shelf.loads.load(Ordering::Relaxed), reads),
        stores_per_100_writes: per_100(shelf.stores.load(Ordering::Relaxed), writes),
        read_median_ms: milliseconds(quantile(&seen.reads, 50)),
        read_p99_ms: milliseconds(quantile(&seen.reads, 99)),
        write_median_ms: milliseconds(quantile(&seen.writes, 50)),
        at_risk,
        failed: seen.failed,
    }
}

#[allow(clippy::cast_precision_loss)] // counts of seconds' work, far below 2^52
fn per_100(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

fn quantile(sorted: &[Duration], percent: usize) -> Duration {
    sorted.get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_items_are_asked_for_most() {
        assert_eq!(popular(0.0), 0);
        assert_eq!(popular(1.0), ITEMS - 1);
        let mut chance = fastrand::Rng::with_seed(1);
        let first = (0..1000).filter(|_| popular(chance.f64()) < 4).count();
        assert!((400..600).contains(&first), "{first}");
    }

    #[test]
    fn quantiles_of_nothing_are_nothing() {
        assert_eq!(quantile(&[], 99), Duration::ZERO);
        let sorted: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(quantile(&sorted, 99), Duration::from_millis(100));
        assert_eq!((per_100(1, 3), per_100(0, 0)), (33.3, 0.0));
    }
}
