//! The next step towards the plan, from what was observed. Pure: two operators that see the same
//! do the same, and one that died between two steps is continued by the next.

use serde_json::Value;

use super::config::patch;
use super::state::{DatabaseState, Member, Report};
use crate::planner::DatabaseSettings;
use crate::resources::database_config;

/// What the plan wants of the database.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// Members.
    pub members: u32,
    /// Whether commits wait for a standby.
    pub synchronous: bool,
    /// Settings.
    pub settings: &'a DatabaseSettings,
}

impl<'a> Wanted<'a> {
    /// From the plan's settings.
    #[must_use]
    pub fn new(settings: &'a DatabaseSettings, members: u32) -> Self {
        Self { members, synchronous: settings.synchronous && members >= 3, settings }
    }
}

/// How a member is restarted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// Its pod is deleted, and made anew by the newest template.
    NewPod,
    /// Patroni restarts `PostgreSQL` in the same pod.
    InPlace,
}

/// The next step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Nothing is left to do.
    Done,
    /// Something has to come first.
    Wait(String),
    /// Change the dynamic configuration.
    Patch(Value),
    /// Delete a pod in which nothing runs, so that the newest template gets its chance.
    Replace(String),
    /// Restart a replica.
    RestartReplica(String, How),
    /// Restart the only member.
    RestartSole(String, How),
    /// Let another member lead.
    Switchover {
        /// The primary.
        leader: String,
        /// The one to lead.
        candidate: String,
    },
}

impl Step {
    /// Whether a running member stops by it, and the application may notice.
    #[must_use]
    pub fn restarts(&self) -> bool {
        matches!(self, Self::RestartReplica(..) | Self::RestartSole(..) | Self::Switchover { .. })
    }
}

/// Replicas that must follow before commits are made to wait for one: one may leave at once.
const FOLLOWERS_BEFORE_SYNCHRONOUS: usize = 2;

/// The next step towards the plan.
#[must_use]
pub fn next_step(state: &DatabaseState, wanted: &Wanted<'_>) -> Step {
    if !state.settled {
        return Step::Wait("the StatefulSet's controller".to_owned());
    }
    let stuck = |m: &&Member| !m.running && !m.terminating && m.revision != state.update_revision;
    if let Some(member) = state.members.iter().find(stuck) {
        return Step::Replace(member.name.clone());
    }
    if let Some(step) = renew_tokens(state) {
        return step;
    }
    let Some((leader, primary)) = state.primary() else {
        return Step::Wait("a primary".to_owned());
    };
    let Some(config) = &state.config else {
        return Step::Wait("Patroni's configuration".to_owned());
    };
    if let Some(change) = patch(&desired_config(state, wanted), config) {
        return Step::Patch(change);
    }
    if let Some(reason) = unhealthy(state, leader, primary) {
        return Step::Wait(reason);
    }
    match roll(state, leader, primary) {
        step if step.restarts() && state.pools_roll => {
            Step::Wait("the pool's pods, of which some come and go".to_owned())
        }
        step => step,
    }
}

/// New pods, one after the other, for members whose tokens are void. No primary is asked for: without tokens
/// there is none. What was acknowledged stays where Patroni's sync object says that it is.
fn renew_tokens(state: &DatabaseState) -> Option<Step> {
    let member = state.members.iter().find(|member| member.token_void)?;
    let whole = state.members.len() as u32 == state.replicas;
    let back = |m: &Member| !m.terminating && m.running && (m.token_void || m.ready);
    if !whole || !state.members.iter().all(back) {
        return Some(Step::Wait(format!("the other members, before {} gets a new token", member.name)));
    }
    Some(Step::Replace(member.name.clone()))
}

/// The dynamic configuration to have now: the plan's, but commits begin to wait for a standby only when
/// enough replicas follow, and go on doing so while more members are there than the plan wants.
fn desired_config(state: &DatabaseState, wanted: &Wanted<'_>) -> Value {
    let on = state.is_synchronous();
    let synchronous = if wanted.synchronous {
        on || state.followers().len() >= FOLLOWERS_BEFORE_SYNCHRONOUS
    } else {
        on && state.replicas > wanted.members
    };
    database_config::dynamic(wanted.settings, wanted.members.max(state.replicas), synchronous)
}

/// Why nothing may be restarted now; `None` when every member is well.
fn unhealthy(state: &DatabaseState, leader: &Member, primary: &Report) -> Option<String> {
    if let Some(member) = state.members.iter().find(|m| m.report.is_some_and(|report| report.failsafe)) {
        return Some(format!(
            "the API server to be seen by {} again: no member may be restarted meanwhile",
            member.name
        ));
    }
    for ordinal in 0..state.replicas {
        let Some(member) = state.members.iter().find(|member| member.ordinal == ordinal) else {
            return Some(format!("the pod of member {ordinal}"));
        };
        let well = member.ready && !member.terminating && (member.name == leader.name || member.follows(primary));
        if !well {
            return Some(format!("{} to be ready and to follow the primary", member.name));
        }
    }
    if let Some(extra) = state.members.iter().find(|member| member.ordinal >= state.replicas) {
        return Some(format!("{} to leave", extra.name));
    }
    (state.is_synchronous() && state.synchronous_standby().is_none()).then(|| "a synchronous standby".to_owned())
}

/// Restarts what has to be restarted, replicas first and one at a time; the primary last, behind a switchover.
/// Every member is well when this is asked.
fn roll(state: &DatabaseState, leader: &Member, primary: &Report) -> Step {
    let how = |member: &Member| {
        if member.revision == state.update_revision {
            member.report.is_some_and(|report| report.pending_restart).then_some(How::InPlace)
        } else {
            Some(How::NewPod)
        }
    };
    // The standby that commits wait for comes last of the replicas: each of its restarts moves that role.
    let mut replicas: Vec<&Member> = state.members.iter().filter(|member| member.name != leader.name).collect();
    replicas.sort_by_key(|member| (member.report.is_some_and(|report| report.synchronous), member.ordinal));
    if let Some((member, how)) = replicas.iter().find_map(|member| how(member).map(|how| (member, how))) {
        return Step::RestartReplica(member.name.clone(), how);
    }
    let Some(how) = how(leader) else { return Step::Done };
    if replicas.is_empty() {
        return Step::RestartSole(leader.name.clone(), how);
    }
    let candidate = if state.is_synchronous() {
        state.synchronous_standby()
    } else {
        replicas.into_iter().min_by_key(|member| member.lag(primary).unwrap_or(u64::MAX))
    };
    match candidate {
        Some(candidate) => Step::Switchover { leader: leader.name.clone(), candidate: candidate.name.clone() },
        None => Step::Wait("a replica that can lead".to_owned()),
    }
}

/// Members that the `StatefulSet` may ask for now, of those that it has and those that are planned. Members are
/// added at once; none is taken away: what a member holds alone is not proven to be elsewhere, so a smaller plan
/// keeps the size (and its reason is told). No member need answer for this.
#[must_use]
pub fn safe_members(live: u32, planned: u32) -> (u32, Option<String>) {
    if live > planned {
        let reason = format!(
            "the database keeps its {live} members: this version does not take members away, and {planned} are planned"
        );
        return (live, Some(reason));
    }
    (planned, None)
}
