//! What holds: the newest spec if it is good, else the last one that was accepted.
//!
//! Pure: it sees what was observed and the configuration. It never decides a size.

use std::fmt::Write as _;

use strum::IntoStaticStr;

use crate::api::ScaledAppSpec;
use crate::domain::{self, Environment, ValidApp};
use crate::planner::{self, Catalogue, Plan, RecordedPlan, Severity, Tier};

use super::database;
use super::error::{Class, Staged};
use super::members;
use super::observe::Observed;

/// Longest message of a refusal.
const LONGEST: usize = 2000;

/// Errors of deciding: there is nothing that could be built.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum DecideError {
    /// The spec is not valid.
    #[error("{0}")]
    SpecInvalid(String),
    /// A database is there that neither the spec nor any plan knows.
    #[error(
        "spec.database declares none of our own, but {0}-database runs and no plan tells that its removal was approved: declare 'database: {{}}' without an external provider"
    )]
    DatabaseUnrecorded(String),
    /// A tier with volumes is there that neither the spec nor any plan knows.
    #[error(
        "spec.{tier} declares none of our own, but {app}-{tier} runs and no plan tells that its removal was approved: declare '{tier}: {{}}' without an external provider"
    )]
    TierUnrecorded {
        /// The application.
        app: String,
        /// The tier.
        tier: &'static str,
    },
    /// The plan cannot keep the promises of the spec.
    #[error("{0}")]
    PlanRefused(String),
}

impl Staged for DecideError {
    fn reason(&self) -> &'static str {
        self.into()
    }

    fn class(&self) -> Class {
        Class::Permanent
    }
}

/// A spec that is to be built.
#[derive(Debug)]
pub struct Accepted {
    /// The application.
    pub app: ValidApp,
    /// Its plan.
    pub plan: Plan,
}

/// What holds.
#[derive(Debug)]
pub struct Decision {
    /// What is built.
    pub accepted: Accepted,
    /// Why the newest spec is not what is built.
    pub refusal: Option<DecideError>,
}

impl Accepted {
    /// What is to be remembered of it.
    #[must_use]
    pub fn record(&self, catalogue: &Catalogue) -> RecordedPlan {
        RecordedPlan::new(&self.plan, self.app.spec.clone(), self.plan.images.clone(), catalogue.revision.clone())
    }
}

/// Decides what is built.
///
/// # Errors
/// When the newest spec is refused and none was accepted before.
pub fn decide(observed: &Observed, catalogue: &Catalogue, environment: &Environment) -> Result<Decision, DecideError> {
    let previous = observed.revisions.newest().map(|revision| &revision.plan);
    let refusal = match accept(observed, &observed.app.spec, catalogue, environment, previous) {
        Ok(accepted) => return Ok(Decision { accepted, refusal: None }),
        Err(refusal) => refusal,
    };
    let Some(previous) = previous else { return Err(refusal) };
    match again(observed, previous, catalogue, environment) {
        Some(accepted) => Ok(Decision { accepted, refusal: Some(refusal) }),
        None => Err(refusal),
    }
}

/// A recorded plan as it is built today. Findings do not stop it: it was accepted, and runs.
#[must_use]
pub fn again(
    observed: &Observed,
    recorded: &RecordedPlan,
    catalogue: &Catalogue,
    environment: &Environment,
) -> Option<Accepted> {
    let uid = observed.app.metadata.uid.as_deref();
    let mut app = domain::validate(&observed.name, &observed.namespace, uid, &recorded.spec, environment).ok()?;
    count_members(&mut app, observed);
    let plan = planner::plan(&app, catalogue, environment, Some(recorded));
    Some(Accepted { app: planner::effective(&app, &plan, Some(recorded)), plan })
}

fn accept(
    observed: &Observed,
    spec: &ScaledAppSpec,
    catalogue: &Catalogue,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
) -> Result<Accepted, DecideError> {
    let uid = observed.app.metadata.uid.as_deref();
    let mut app =
        domain::validate(&observed.name, &observed.namespace, uid, spec, environment).map_err(|problems| {
            DecideError::SpecInvalid(sentences(problems.iter().map(|p| (p.field.as_str(), p.message.as_str()))))
        })?;
    if app.database.is_none() && previous.is_none() && database::is_installed(observed) {
        return Err(DecideError::DatabaseUnrecorded(observed.name.clone()));
    }
    let unknown = [(Tier::Queue, app.queue.is_none()), (Tier::Sessions, app.sessions.is_none())]
        .into_iter()
        .find(|(tier, absent)| *absent && previous.is_none() && members::is_installed(observed, *tier));
    if let Some((tier, _)) = unknown {
        return Err(DecideError::TierUnrecorded { app: observed.name.clone(), tier: tier.component() });
    }
    count_members(&mut app, observed);
    let plan = planner::plan(&app, catalogue, environment, previous);
    if plan.is_refused() {
        let errors = plan.findings.iter().filter(|f| f.severity == Severity::Error);
        return Err(DecideError::PlanRefused(sentences(errors.map(|f| (f.field.as_str(), f.message.as_str())))));
    }
    Ok(Accepted { app: planner::effective(&app, &plan, previous), plan })
}

/// Members that hold data, though no plan may remember them: a plan has no fewer.
fn count_members(app: &mut ValidApp, observed: &Observed) {
    if let Some(declared) = &mut app.database {
        declared.present = database::present(observed);
    }
    if let Some(queue) = &mut app.queue {
        queue.present = members::present(observed, Tier::Queue);
    }
    if let Some(cache) = &mut app.cache {
        cache.present = members::present(observed, Tier::Cache);
    }
    if let Some(sessions) = &mut app.sessions {
        sessions.present = members::present(observed, Tier::Sessions);
    }
}

/// All problems in one message, none of them lost silently.
fn sentences<'a>(problems: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::new();
    let mut more = 0;
    for (field, message) in problems {
        let sentence = if message.contains(field) { message.to_owned() } else { format!("{field}: {message}") };
        if text.len() + sentence.len() > LONGEST {
            more += 1;
            continue;
        }
        if !text.is_empty() {
            text.push_str("; ");
        }
        text.push_str(&sentence);
    }
    if more > 0 {
        let _ = write!(text, "; and {more} more");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_refusal_says_how_much_it_leaves_out() {
        let long = "x".repeat(900);
        let text = sentences([("a", long.as_str()), ("b", long.as_str()), ("c", long.as_str())].into_iter());
        assert!(text.len() < LONGEST + 20);
        assert!(text.ends_with("; and 1 more"), "{text}");
    }
}
