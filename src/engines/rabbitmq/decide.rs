//! What is to be told to the queue, and how it is. Pure.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{Queue, QueueState};
use crate::resources::queue_config::Declared;

/// One thing to tell.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// A policy that is missing or differs.
    Policy {
        /// Its name, which is the queue's.
        name: String,
        /// What it is to be.
        body: Value,
    },
    /// A queue that is missing.
    Queue {
        /// Its name.
        name: String,
    },
    /// Some member leads more queues than its part, as after a restart of the others.
    Rebalance,
}

/// How the queue is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether every declared queue takes and confirms messages.
    pub serves: bool,
    /// What is not as it should be, in words.
    pub lack: Option<String>,
    /// What stays though it is no longer declared.
    pub left: Option<String>,
}

/// What is still to be told, in the order in which it is: a policy before its queue, so that no message comes before.
///
/// A queue gets its copies on the members that are there when it is made, and a later member a copy only at the next round of the
/// membership reconciliation, up to half a minute later. So while `coming` members start that the cluster does not know yet, no queue is made:
/// none takes a message that only one member would hold.
#[must_use]
pub fn changes(state: &QueueState, declared: &[Declared], coming: usize) -> Vec<Change> {
    if !has_majority(state) {
        return Vec::new();
    }
    let mut changes = Vec::new();
    for queue in declared {
        let body = queue.policy_body();
        if state.policies.get(&queue.name) != Some(&body) {
            changes.push(Change::Policy { name: queue.name.clone(), body });
        }
        if coming == 0 && !state.queues.contains_key(&queue.name) {
            changes.push(Change::Queue { name: queue.name.clone() });
        }
    }
    if changes.is_empty() && is_lopsided(state) {
        changes.push(Change::Rebalance);
    }
    changes
}

/// How the queue is, with so many members wanted.
#[must_use]
pub fn health(state: &QueueState, declared: &[Declared], members: usize) -> Health {
    let mut lacks = Vec::new();
    let mut serves = has_majority(state);
    if !serves {
        lacks.push("no majority of the members".to_owned());
    }
    let running = state.nodes.iter().filter(|node| node.running).count();
    if running < members {
        lacks.push(format!("{running} of {members} members are part of the cluster"));
    }
    for wanted in declared {
        let lack = match state.queues.get(&wanted.name) {
            None => Some("does not exist yet".to_owned()),
            Some(found) if found.kind != "quorum" => Some(format!(
                "is a {} queue, which no other member holds: delete it, and the operator declares it anew",
                found.kind
            )),
            Some(found) if found.online * 2 <= found.members => {
                serves = false;
                Some(format!("has {} of {} members online", found.online, found.members))
            }
            Some(found) if found.online < members => Some(format!("is on {} of {members} members", found.online)),
            Some(_) => None,
        };
        serves &= state.queues.contains_key(&wanted.name);
        lacks.extend(lack.map(|lack| format!("queue {} {lack}", wanted.name)));
    }
    lacks.extend(state.alarms.as_ref().map(|alarms| format!("publishers wait: {alarms}")));
    Health { serves, lack: joined(&lacks), left: left(state, declared) }
}

/// Queues that once were declared: they have a policy of ours, and nobody wants it any more.
fn left(state: &QueueState, declared: &[Declared]) -> Option<String> {
    let ours = |name: &&String| {
        let once = Declared { name: (*name).clone(), policy: Value::Null }.policy_body();
        let policy = state.policies.get(*name);
        policy.is_some_and(|policy| ["pattern", "priority"].iter().all(|key| policy[*key] == once[*key]))
            && !declared.iter().any(|wanted| wanted.name == **name)
    };
    let texts = state.queues.keys().filter(ours).map(|name| {
        let messages = state.queues.get(name).map_or(0, |queue| queue.messages);
        format!("queue {name} is no longer declared and stays, with {messages} messages")
    });
    joined(&texts.collect::<Vec<_>>())
}

fn joined(texts: &[String]) -> Option<String> {
    (!texts.is_empty()).then(|| texts.join("; "))
}

fn has_majority(state: &QueueState) -> bool {
    state.nodes.iter().filter(|node| node.running).count() * 2 > state.nodes.len()
}

/// Whether a member leads more queues than its part, while all of them could lead.
fn is_lopsided(state: &QueueState) -> bool {
    let all = state.nodes.len();
    let quorum: Vec<&Queue> = state.queues.values().filter(|queue| queue.kind == "quorum").collect();
    if state.nodes.iter().any(|node| !node.running || node.drained) || quorum.iter().any(|queue| queue.online < all) {
        return false;
    }
    let mut led: BTreeMap<&str, usize> = BTreeMap::new();
    for queue in &quorum {
        *led.entry(queue.leader.as_str()).or_default() += 1;
    }
    led.values().any(|count| *count > quorum.len().div_ceil(all.max(1)))
}

/// The pod of a node's name.
pub(super) fn short(node: &str) -> &str {
    let host = node.split_once('@').map_or(node, |(_, host)| host);
    host.split('.').next().unwrap_or(host)
}
