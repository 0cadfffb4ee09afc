//! The validated tiers beside web and database: cache, sessions, queue, workers and proxy.

use super::{Bytes, Millicores, Millis, Sourced, ValidContainer};
use crate::api::{EvictionPolicy, Popularity, SessionStore};

/// The cache.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidCache {
    /// Which items go when the memory is full.
    pub eviction_policy: EvictionPolicy,
    /// Share of reads that the cache should answer, in (0, 1).
    pub hit_target: Sourced<f64>,
    /// Mean size of an item.
    pub item_size: Sourced<Bytes>,
    /// Distinct items that are ever asked for.
    pub item_count: Sourced<u64>,
    /// How unevenly they are asked for.
    pub popularity: Sourced<Popularity>,
    /// Sizes that the owner fixed.
    pub pin: ValidMemberPin,
    /// Members that are there already though no plan remembers them; a plan has no fewer. No field of the spec: zero,
    /// unless what runs is known.
    pub present: u32,
}

/// The sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidSessions {
    /// A session that nobody used for this long is over; whole seconds.
    pub ttl: Sourced<Millis>,
    /// Where they are kept.
    pub store: SessionStore,
    /// Sizes that the owner fixed.
    pub pin: ValidMemberPin,
    /// Members that hold sessions already though no plan remembers them; a plan has no fewer. No field of the spec:
    /// zero, unless what runs is known.
    pub present: u32,
}

/// Sizes of a cache or session store that the owner fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidMemberPin {
    /// Members, 1 or 3.
    pub members: Option<u32>,
    /// Memory of one member.
    pub memory: Option<Bytes>,
}

/// The message queue.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidQueue {
    /// The declared queues, in the order of the spec; names are distinct.
    pub queues: Vec<ValidQueueDeclaration>,
    /// Members that the owner fixed, 1 or 3.
    pub pinned_members: Option<u32>,
    /// Members that hold messages already though no plan remembers them; a plan has no fewer. No field of the spec:
    /// zero, unless what runs is known.
    pub present: u32,
}

/// One queue.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidQueueDeclaration {
    /// Its name.
    pub name: String,
    /// A message that was given out so often without success is dead.
    pub delivery_limit: u64,
    /// Most messages that wait.
    pub max_length: Sourced<u64>,
    /// Whether dead messages are kept.
    pub dead_letter: bool,
}

impl ValidQueueDeclaration {
    /// Name of the queue of its dead messages.
    #[must_use]
    pub fn dead_letter_name(&self) -> Option<String> {
        self.dead_letter.then(|| format!("{}{DEAD_SUFFIX}", self.name))
    }
}

/// Ending of the names of queues for dead messages.
pub const DEAD_SUFFIX: &str = ".dead";

/// One worker.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidWorker {
    /// Its name.
    pub name: String,
    /// What runs in its pods.
    pub container: ValidContainer,
    /// Queue from which it takes its jobs; one of the declared ones.
    pub queue: Option<String>,
    /// Jobs that one request makes.
    pub jobs_per_request: Sourced<f64>,
    /// Time of one job on one core.
    pub time_per_job: Sourced<Millis>,
    /// From publishing a job to its end.
    pub max_delay: Sourced<Millis>,
    /// Sizes that the owner fixed.
    pub pin: ValidWorkerPin,
    /// Whether an autoscaler varies the pods by their CPU use.
    pub autoscaled: bool,
}

/// Sizes of a worker that the owner fixed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValidWorkerPin {
    /// Pods.
    pub replicas: Option<u32>,
    /// CPU of one pod.
    pub cpu: Option<Millicores>,
    /// Memory of one pod.
    pub memory: Option<Bytes>,
}

/// The caching proxy.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidProxy {
    /// For how long a public answer without an age of its own is fresh.
    pub ttl: Sourced<Millis>,
    /// For how long after that it serves while the services fail.
    pub stale_if_error_for: Sourced<Millis>,
    /// Pods that the owner fixed.
    pub pinned_replicas: Option<u32>,
    /// Memory of one pod that the owner fixed.
    pub pinned_memory: Option<Bytes>,
}
