//! What the status says of a database. Pure.

use super::decide::Wanted;
use super::state::DatabaseState;

/// Value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display)]
#[allow(missing_docs)]
pub enum Truth {
    True,
    False,
    Unknown,
}

/// The condition `DataSafe`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// Whether what was promised about acknowledged writes holds now.
    pub status: Truth,
    /// Its reason.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

/// Whether the promise about acknowledged writes holds now.
#[must_use]
pub fn safety(state: &DatabaseState, wanted: &Wanted<'_>) -> Safety {
    let say = |status, reason, message: String| Safety { status, reason, message };
    if state.members.iter().all(|member| member.report.is_none()) {
        return say(Truth::Unknown, "NotObserved", "no member of the database answers".to_owned());
    }
    if !wanted.synchronous && !state.is_synchronous() {
        return if wanted.members == 1 {
            say(Truth::True, "OneCopy", "one member holds the only copy, as planned".to_owned())
        } else {
            say(Truth::True, "Asynchronous", "a failover may lose the last writes, as declared".to_owned())
        };
    }
    if !state.is_synchronous() {
        let message = "replicas are being made; writes are on one member until two follow".to_owned();
        return say(Truth::False, "SynchronousNotYet", message);
    }
    if state.primary().is_none() {
        return say(Truth::Unknown, "NoPrimary", "no member is primary; nothing is acknowledged meanwhile".to_owned());
    }
    if let Some(standby) = state.synchronous_standby() {
        let message = format!("every acknowledged write is on the primary and on {}", standby.name);
        return say(Truth::True, "Synchronous", message);
    }
    let message = "no synchronous standby: writes wait until a replica follows again".to_owned();
    say(Truth::False, "NoSynchronousStandby", message)
}

/// Whether the database can serve: it has a primary, and with synchronous replication a standby.
#[must_use]
pub fn is_ready(state: &DatabaseState) -> bool {
    state.primary().is_some() && (!state.is_synchronous() || state.synchronous_standby().is_some())
}

/// One line for `status.tiers[].message`: roles, without figures that change all the time.
#[must_use]
pub fn summary(state: &DatabaseState) -> String {
    let Some((primary, _)) = state.primary() else { return "no primary".to_owned() };
    let followers = state.followers();
    let standby = state.synchronous_standby().map(|member| member.name.as_str());
    let mut parts = vec![format!("primary {}", primary.name)];
    parts.extend(standby.map(|name| format!("synchronous standby {name}")));
    let others: Vec<&str> = followers.iter().map(|m| m.name.as_str()).filter(|name| Some(*name) != standby).collect();
    if !others.is_empty() {
        parts.push(format!("following {}", others.join(", ")));
    }
    parts.join("; ")
}
