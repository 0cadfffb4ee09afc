//! The queue as `RabbitMQ` runs it: which members see each other, which declared queues can confirm, and what of the
//! declaration is still to be told to it.
//!
//! Must never delete a queue, nor take a member from one: what it holds was confirmed. A queue that is no longer
//! declared stays, and the status says so.

mod decide;
mod observe;
#[cfg(test)]
mod tests;

pub use decide::{Change, Health, changes, health};
pub use observe::{Broker, observe};

use std::collections::BTreeMap;

use serde_json::Value;

/// What the member that sees most of the others says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueState {
    /// The members that the cluster knows.
    pub nodes: Vec<Node>,
    /// The queues of the application's virtual host, by name.
    pub queues: BTreeMap<String, Queue>,
    /// Its policies, by name, as they were set.
    pub policies: BTreeMap<String, Value>,
    /// Why publishers are made to wait: memory or disk of a member.
    pub alarms: Option<String>,
}

impl QueueState {
    /// Whether every member runs and holds every quorum queue: nothing is left to come by itself.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.nodes.iter().all(|node| node.running)
            && self.queues.values().all(|queue| queue.kind != "quorum" || queue.online >= self.nodes.len())
    }
}

/// A member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// Whether it is seen.
    pub running: bool,
    /// Whether it is about to stop.
    pub drained: bool,
}

/// A queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// `quorum`, if a confirmed message is to survive a member.
    pub kind: String,
    /// Members that hold it.
    pub members: usize,
    /// Those of them that answer.
    pub online: usize,
    /// The member that takes its messages.
    pub leader: String,
    /// Messages in it, those given out included.
    pub messages: u64,
}
