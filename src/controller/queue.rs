//! The queue beyond its objects: what its members say, and the declared queues of a live application.
//!
//! Reads at every look, also while the operator holds still; tells only what differs. Members that do not answer are
//! no error here: their pods' readiness says enough.

use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use strum::IntoStaticStr;

use crate::engines::EngineError;
use crate::engines::rabbitmq::{self, Health, QueueState};
use crate::planner::Tier;
use crate::resources::queue_config::declared;
use crate::resources::{credentials, names};

use super::decide::Accepted;
use super::error::{Class, Staged};
use super::observe::Observed;
use super::pods::PodView;

/// How long a member that starts is waited for before queues are declared without it.
const COMES_WITHIN: SignedDuration = SignedDuration::from_secs(120);

/// Errors of the queue's stage.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum QueueError {
    /// A member did not take what is declared.
    #[error("the queue could not be told what is declared: {0}")]
    QueueNotTold(#[from] EngineError),
}

impl Staged for QueueError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        Class::Transient
    }
}

/// Looks at the queue, and tells it what it lacks unless the operator holds still. `None` without one, or when no
/// member answers.
///
/// # Errors
/// When a member refuses a change or breaks off.
pub async fn look(
    observed: &Observed,
    accepted: &Accepted,
    tells: bool,
    now: Timestamp,
) -> Result<Option<QueueState>, (Option<QueueState>, QueueError)> {
    let Some((members, password)) = reachable(observed, accepted) else { return Ok(None) };
    let Some((broker, state)) = rabbitmq::observe(&members, &password).await else { return Ok(None) };
    let wanted = declared(&accepted.app);
    let changes =
        if tells { rabbitmq::changes(&state, &wanted, coming(observed, accepted, &state, now)) } else { Vec::new() };
    for change in &changes {
        if let Err(error) = broker.tell(change).await {
            return Err((Some(state), error.into()));
        }
    }
    if changes.is_empty() {
        return Ok(Some(state));
    }
    tracing::info!(app = observed.key(), changes = changes.len(), "the queue was told what is declared");
    Ok(rabbitmq::observe(&members, &password).await.map(|(_, state)| state).or(Some(state)))
}

/// Members that have started lately and are not part of the cluster yet; none once it has all its members.
fn coming(observed: &Observed, accepted: &Accepted, state: &QueueState, now: Timestamp) -> usize {
    let wanted = accepted.plan.tier(Tier::Queue).map_or(0, |tier| tier.replicas.max as usize);
    let starts = |pod: &&PodView| !pod.is_ready() && pod.unschedulable().is_none();
    let starting = members(observed).filter(|pod| came_lately(pod, now)).filter(starts).count();
    starting.min(wanted.saturating_sub(state.nodes.len()))
}

/// Whether something of the queue is still to come, as the plan wants it.
#[must_use]
pub fn lacks(accepted: &Accepted, state: Option<&QueueState>) -> bool {
    health(accepted, state).is_some_and(|health| health.lack.is_some())
}

/// Whether a member started lately: what comes then comes soon.
#[must_use]
pub fn is_starting(observed: &Observed, now: Timestamp) -> bool {
    members(observed).any(|pod| came_lately(pod, now))
}

fn came_lately(pod: &PodView, now: Timestamp) -> bool {
    let created = pod.metadata.creation_timestamp.as_ref();
    created.is_some_and(|created| now.duration_since(created.0) < COMES_WITHIN)
}

fn members(observed: &Observed) -> impl Iterator<Item = &PodView> {
    observed.pods.iter().filter(|pod| pod.label(crate::api::labels::COMPONENT) == Some(Tier::Queue.component()))
}

/// Addresses of the members that serve, and the password of the operator's user.
fn reachable(observed: &Observed, accepted: &Accepted) -> Option<(Vec<IpAddr>, String)> {
    accepted.plan.tier(Tier::Queue)?;
    let secret = observed.secret(&names::engine_auth(&accepted.app.name, Tier::Queue))?;
    let key = secret.data.as_ref()?.get(credentials::QUEUE_ADMIN)?;
    let password = String::from_utf8(key.0.clone()).ok()?;
    let members: Vec<IpAddr> = members(observed)
        .filter(|pod| pod.is_ready())
        .filter_map(|pod| pod.status.pod_ip.as_ref()?.parse().ok())
        .collect();
    (!members.is_empty()).then_some((members, password))
}

/// How the queue is, in the words of its members; `None` without one, or when none of them answered.
#[must_use]
pub fn health(accepted: &Accepted, state: Option<&QueueState>) -> Option<Health> {
    let members = accepted.plan.tier(Tier::Queue)?.replicas.max;
    Some(rabbitmq::health(state?, &declared(&accepted.app), members as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_counts_as_one_that_comes_for_two_minutes() {
        let pod: PodView = serde_json::from_value(serde_json::json!({
            "metadata": {"name": "shop-queue-1", "creationTimestamp": "2026-11-28T12:00:00Z"},
            "status": {"phase": "Running"},
        }))
        .unwrap();
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        assert!(came_lately(&pod, at("2026-11-28T12:01:59Z")));
        assert!(!came_lately(&pod, at("2026-11-28T12:02:01Z")));
    }
}
