//! The cache beside the database, for pages: look there first, load on a miss, put it there for a while.
//!
//! It must never be the only place of anything, and never turn its own failure into one of the page: without it everything is slower, that is all.
//!
//! Against a stampede: in one process all who miss the same key wait for one load; over all pods a short lock in the cache lets one of them load
//! while the others look again; and lifetimes are jittered, so that what was put together does not expire together.

pub mod compare;
pub mod strategies;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use crate::config::tiers::Tiers;
use crate::db::Node;
use crate::db::failure::Failure;
use crate::db::reads::Answer;
use crate::link::{Link, LinkError, LinkLimits};

const LIMITS: LinkLimits = LinkLimits { connect: Duration::from_millis(300), answer: Duration::from_millis(250) };
/// How long another pod's load is waited for before it is done here as well.
const LOOK_AGAIN: Duration = Duration::from_millis(40);
const LOOKS: u32 = 6;
const LOCK_MS: u64 = 2000;

/// How a value was come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Served {
    /// From the cache.
    Hit,
    /// From the database, and put into the cache.
    Miss,
    /// From the database: the cache does not answer.
    Away,
    /// From the database: there is no cache.
    Off,
}

impl Served {
    /// As headers and metrics say it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
            Self::Away => "away",
            Self::Off => "off",
        }
    }
}

/// Where a value came from.
#[derive(Debug, Clone)]
pub struct Source {
    /// Whether the cache had it.
    pub served: Served,
    /// The database node, unless the cache had it.
    pub node: Option<Node>,
}

#[derive(Debug, Clone)]
struct Fetched {
    body: Bytes,
    source: Source,
}

type Outcome = Result<Fetched, Arc<Failure>>;
type Flights = Mutex<HashMap<String, Weak<OnceCell<Outcome>>>>;

/// The cache, or the lack of one.
#[derive(Default)]
pub struct Cache {
    link: Option<Link>,
    flights: Flights,
}

impl Cache {
    /// Connects nowhere yet.
    #[must_use]
    pub fn new(tiers: &Tiers) -> Self {
        Self { link: tiers.cache.clone().map(|client| Link::new(client, LIMITS)), flights: Flights::default() }
    }

    /// The connection, for those who look at the cache itself.
    #[must_use]
    pub fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// The value of `key`: from the cache, or by `load`, which runs once for all who ask meanwhile. What another version of the shop left there
    /// in a shape that is not `T`'s is loaded anew.
    ///
    /// # Errors
    /// What `load` failed with; a failing cache is none.
    pub async fn get_or_load<T: Serialize + DeserializeOwned>(
        &self,
        key: &str,
        ttl: Duration,
        load: impl Future<Output = Result<Answer<T>, Failure>>,
    ) -> Result<(T, Source), Arc<Failure>> {
        let flight = self.flight(key);
        // On the heap: a load with its tries is large, and would be so in every future that may wait for it.
        let loading = Box::pin(async {
            let answer = load.await.map_err(Arc::new)?;
            let body = serde_json::to_vec(&answer.rows).map_err(|error| Arc::new(Failure::Shape(error)))?;
            Ok((body, answer.node))
        });
        let fits = |body: &[u8]| serde_json::from_slice::<T>(body).is_ok();
        let fetched = flight.get_or_init(|| self.look(key, ttl, fits, loading)).await.clone()?;
        let value = serde_json::from_slice(&fetched.body).map_err(|error| Arc::new(Failure::Shape(error)))?;
        Ok((value, fetched.source))
    }

    /// Forgets `key` after its value has changed.
    ///
    /// # Errors
    /// The cache's: until the key expires, readers may see the old value.
    pub async fn forget(&self, key: &str) -> Result<(), LinkError> {
        match &self.link {
            Some(link) => link.patient(redis::pipe().del(named(key)).ignore(), Duration::from_millis(1500)).await,
            None => Ok(()),
        }
    }

    fn flight(&self, key: &str) -> Arc<OnceCell<Outcome>> {
        let mut flights = self.flights.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::new(OnceCell::new());
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }

    async fn look(
        &self,
        key: &str,
        ttl: Duration,
        fits: impl Fn(&[u8]) -> bool,
        load: impl Future<Output = Result<(Vec<u8>, Node), Arc<Failure>>>,
    ) -> Outcome {
        let Some(link) = &self.link else { return loaded(load.await, Served::Off) };
        let lock = format!("lock:{key}");
        for look in 0..=LOOKS {
            if look > 0 {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            match link.quick::<(Option<Vec<u8>>,)>(redis::pipe().get(named(key))).await {
                Ok((Some(body),)) if fits(&body) => {
                    return Ok(Fetched { body: body.into(), source: Source { served: Served::Hit, node: None } });
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, key, "the cache is away");
                    break;
                }
            }
            if look == LOOKS || locked(link, &lock).await {
                let fetched = loaded(load.await, Served::Miss);
                if let Ok(fetched) = &fetched {
                    put(link, key, &lock, fetched, ttl).await;
                }
                return fetched;
            }
        }
        loaded(load.await, Served::Away)
    }
}

fn loaded(answer: Result<(Vec<u8>, Node), Arc<Failure>>, served: Served) -> Outcome {
    answer.map(|(body, node)| Fetched { body: body.into(), source: Source { served, node: Some(node) } })
}

/// Whether this pod is the one to load.
async fn locked(link: &Link, lock: &str) -> bool {
    let mut question = redis::pipe();
    question.cmd("SET").arg(named(lock)).arg(1).arg("NX").arg("PX").arg(LOCK_MS);
    link.quick::<(Option<String>,)>(&question).await.is_ok_and(|(taken,)| taken.is_some())
}

async fn put(link: &Link, key: &str, lock: &str, fetched: &Fetched, ttl: Duration) {
    let milliseconds = jittered(ttl, fastrand::f64());
    let mut question = redis::pipe();
    question.cmd("SET").arg(named(key)).arg(fetched.body.as_ref()).arg("PX").arg(milliseconds).ignore();
    question.del(named(lock)).ignore();
    if let Err(error) = link.quick::<()>(&question).await {
        tracing::debug!(%error, key, "not put into the cache");
    }
}

/// A lifetime of 85 to 115 % in milliseconds.
fn jittered(ttl: Duration, chance: f64) -> u64 {
    u64::try_from(ttl.mul_f64(0.85 + 0.3 * chance).as_millis()).unwrap_or(u64::MAX).max(1)
}

fn named(key: &str) -> String {
    format!("shop:{key}")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[test]
    fn lifetimes_are_spread() {
        let ttl = Duration::from_secs(10);
        assert_eq!(jittered(ttl, 0.0), 8500);
        assert_eq!(jittered(ttl, 1.0), 11500);
        assert_eq!(jittered(Duration::ZERO, 0.5), 1);
    }

    #[tokio::test]
    async fn all_who_miss_at_once_share_one_load() {
        let cache = Cache::default();
        let loads = AtomicU32::new(0);
        let load = || async {
            loads.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
            let node = Node { address: "db".to_owned(), replica: false, cluster: String::new(), lag_seconds: 0.0 };
            Ok(Answer { node, rows: 42 })
        };
        let asked = (0..20).map(|_| cache.get_or_load("key", Duration::from_secs(1), load()));
        let answers: Vec<Result<(i32, Source), _>> = futures_util::future::join_all(asked).await;
        assert!(answers.iter().all(|answer| answer.as_ref().unwrap().0 == 42));
        assert_eq!(loads.load(Ordering::SeqCst), 1);
        let (_, source): (i32, _) = cache.get_or_load("key", Duration::from_secs(1), load()).await.unwrap();
        assert_eq!(source.served, Served::Off);
    }
}
