//! The database beyond its objects: what its members say, and planned changes one step at a time.
//!
//! The engine decides what is safe; this stage only keeps restarts inside the owner's window, and
//! turns silence into waiting. Nothing here elects or promotes.

use jiff::Timestamp;
use strum::IntoStaticStr;

use crate::engines::EngineError;
use crate::engines::patroni::{self, DatabaseState, Outcome, Truth, Wanted};
use crate::planner::{Finding, FindingKind, Plan, Replicas, Severity, Tier, TierSettings};
use crate::resources::Passwords;

use super::conditions::{DatabaseFacts, Safety};
use super::context::Context;
use super::decide::Accepted;
use super::error::{Class, Staged, class_of};
use super::members;
use super::observe::Observed;
use super::window;

/// Errors of the database's stage.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum DatabaseError {
    /// A planned change is under way, or something must come first.
    #[error("the database waits for {0}")]
    DatabaseChanging(String),
    /// A restart waits for the owner's window.
    #[error("a restart of the database waits for the window of spec.changes")]
    WindowClosed,
    /// There are more members than are asked for, and none is taken away.
    #[error("{0}")]
    MembersKept(String),
    /// A member or the API server did not answer as it should.
    #[error("the database could not be changed: {0}")]
    EngineFailed(#[from] EngineError),
}

impl Staged for DatabaseError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        match self {
            Self::DatabaseChanging(_) | Self::WindowClosed => Class::Waiting,
            Self::MembersKept(_) => Class::Permanent,
            Self::EngineFailed(EngineError::Kube(source)) => class_of(source),
            Self::EngineFailed(_) => Class::Transient,
        }
    }
}

/// What the plan wants of the database; `None` without one.
fn wanted(plan: &Plan) -> Option<Wanted<'_>> {
    let tier = plan.tier(Tier::Database)?;
    let TierSettings::Database(settings) = &tier.settings else { return None };
    Some(Wanted::new(settings, tier.replicas.min))
}

/// What the members say; `None` without a database.
///
/// # Errors
/// When the API server cannot be asked for them; silent members are no error.
pub async fn look(ctx: &Context, accepted: &Accepted) -> Result<Option<DatabaseState>, DatabaseError> {
    if wanted(&accepted.plan).is_none() {
        return Ok(None);
    }
    Ok(Some(patroni::observe(&ctx.client, &accepted.app).await?))
}

/// Takes the next step towards the plan, if it may be taken at this time.
///
/// # Errors
/// What is waited for, or what failed.
pub async fn converge(
    ctx: &Context,
    accepted: &Accepted,
    state: &DatabaseState,
    passwords: &Passwords,
    now: Timestamp,
) -> Result<(), DatabaseError> {
    let Some(wanted) = wanted(&accepted.plan) else { return Ok(()) };
    if state.members.is_empty() {
        return Ok(());
    }
    if patroni::next_step(state, &wanted).restarts() && !window::is_open(accepted.app.changes.window.as_ref(), now) {
        return Err(DatabaseError::WindowClosed);
    }
    match patroni::converge(&ctx.client, &accepted.app, passwords, state, &wanted).await? {
        Outcome::Done => Ok(()),
        Outcome::Waiting { reason } => Err(DatabaseError::DatabaseChanging(reason)),
    }
}

/// What the conditions need to know of the database; `None` without one.
///
/// Where no member answers, Patroni's own objects and the pods' readiness tell who leads.
#[must_use]
pub fn facts(plan: &Plan, state: Option<&DatabaseState>, observed: &Observed) -> Option<DatabaseFacts> {
    let wanted = wanted(plan)?;
    let answered = state.filter(|state| state.members.iter().any(|member| member.report.is_some()));
    if let Some(state) = answered {
        let safety = patroni::safety(state, &wanted);
        return Some(DatabaseFacts {
            serves: patroni::is_ready(state),
            summary: Some(join(patroni::summary(state), kept_by_plan(plan))),
            safety: Safety { status: truth(safety.status), reason: safety.reason, message: safety.message },
        });
    }
    let leader = annotation(observed, "leader", "leader").filter(|name| is_ready(observed, name));
    let standby = annotation(observed, "sync", "sync_standby").is_some_and(|list| {
        list.split(',').map(str::trim).any(|name| Some(name) != leader.as_deref() && is_ready(observed, name))
    });
    let serves = leader.is_some() && (standby || !wanted.synchronous);
    let message = "no member of the database answers the operator".to_owned();
    Some(DatabaseFacts { serves, summary: None, safety: Safety { status: None, reason: "NotObserved", message } })
}

/// Whether the database's `StatefulSet` is there and ours.
#[must_use]
pub fn is_installed(observed: &Observed) -> bool {
    members::is_installed(observed, Tier::Database)
}

/// Members that hold data, whatever plans remember.
#[must_use]
pub fn present(observed: &Observed) -> u32 {
    members::present(observed, Tier::Database)
}

/// The plan with as many members as there are, when it has fewer: what is built, not what is recorded.
#[must_use]
pub fn with_its_members(plan: &Plan, observed: &Observed) -> (Plan, Option<DatabaseError>) {
    let mut built = plan.clone();
    let live = present(observed);
    let mut reason = None;
    for tier in built.tiers.iter_mut().filter(|tier| tier.tier == Tier::Database) {
        let (members, why) = patroni::safe_members(live, tier.replicas.max);
        tier.replicas = Replicas { min: tier.replicas.min.max(members), max: members };
        reason = why.map(DatabaseError::MembersKept);
    }
    (built, reason)
}

/// Why there are more members than the owner or the plan asks for, where the owner should act on it.
#[must_use]
pub fn kept_members(plan: &Plan, observed: &Observed) -> Option<DatabaseError> {
    let pinned = kept_by_plan(plan).filter(|finding| finding.severity >= Severity::Warning);
    with_its_members(plan, observed).1.or(pinned.map(|finding| DatabaseError::MembersKept(finding.message.clone())))
}

fn kept_by_plan(plan: &Plan) -> Option<&Finding> {
    plan.findings.iter().find(|finding| finding.kind == FindingKind::MembersKept)
}

fn join(summary: String, kept: Option<&Finding>) -> String {
    match kept {
        Some(finding) => format!("{summary}; {}", finding.message),
        None => summary,
    }
}

fn truth(truth: Truth) -> Option<bool> {
    match truth {
        Truth::True => Some(true),
        Truth::False => Some(false),
        Truth::Unknown => None,
    }
}

fn annotation(observed: &Observed, suffix: &str, key: &str) -> Option<String> {
    let value = observed.patroni(suffix)?.metadata.annotations.as_ref()?.get(key)?;
    (!value.is_empty()).then(|| value.clone())
}

fn is_ready(observed: &Observed, name: &str) -> bool {
    observed.pods.iter().any(|pod| pod.metadata.name.as_deref() == Some(name) && pod.is_ready())
}
