//! Conditions: pure functions of what was observed and applied, and of the old condition. One file
//! each, with its reasons as documented constants. Nothing here reads a clock or a cluster.

mod data_safe;
mod degraded;
mod environment_ready;
mod plan_accepted;
mod ready;
mod reconciling;
mod stalled;

use std::fmt::Write as _;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};

use crate::engines::rabbitmq::Health;
use crate::planner::Tier;

use super::error::Class;
use super::preflight::Lack;

/// Longest message of a condition.
const LONGEST: usize = 1024;

/// Everything that conditions are made from.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Generation of the spec.
    pub generation: i64,
    /// Whether the operator holds still for this application.
    pub paused: bool,
    /// Whether it only advises.
    pub advises: bool,
    /// Hash of the plan that is built.
    pub plan: Option<String>,
    /// Why the newest spec is not what is built.
    pub refusal: Option<Trouble>,
    /// What the cluster lacks; `None` before the first look.
    pub lacks: Option<Vec<Lack>>,
    /// What went wrong or is waited for.
    pub troubles: Vec<Trouble>,
    /// The tiers.
    pub tiers: Vec<TierFacts>,
    /// The database's promise.
    pub database: Option<DatabaseFacts>,
    /// The queue, as its members tell it.
    pub queue: Option<Health>,
}

/// Something that went wrong or is waited for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// What is to be done about it.
    pub class: Class,
    /// Its name.
    pub reason: &'static str,
    /// A sentence.
    pub message: String,
}

/// A tier as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TierFacts {
    /// The tier.
    pub tier: Tier,
    /// Its name.
    pub name: String,
    /// Members that the plan wants at least.
    pub wanted: i32,
    /// Members that are ready.
    pub ready: i32,
    /// Members without which it does not serve: a majority where each change takes one.
    pub needed: i32,
    /// The routers before the members, where there are such.
    pub router: Option<RouterFacts>,
    /// Whether every member runs the newest template.
    pub rolled: bool,
    /// The scheduler's message for a member that finds no node.
    pub unschedulable: Option<String>,
    /// Why a member does not start.
    pub blocked: Option<String>,
}

/// The routers before the members of a tier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouterFacts {
    /// Pods that the plan wants.
    pub wanted: i32,
    /// Pods that are ready.
    pub ready: i32,
}

impl TierFacts {
    /// Kind and name of the tier.
    #[must_use]
    pub fn title(&self) -> String {
        let tier = self.tier.component();
        if tier == self.name { tier.to_owned() } else { format!("{tier} {}", self.name) }
    }

    /// Whether the application serves its users only with this tier. Without a cache or a proxy it is slower, and
    /// without workers the jobs wait.
    #[must_use]
    pub fn is_essential(&self) -> bool {
        !matches!(self.tier, Tier::Cache | Tier::Proxy | Tier::Worker)
    }

    /// Whether it does not serve at all.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.wanted > 0 && (self.ready < self.needed.max(1) || self.router.is_some_and(|router| router.ready == 0))
    }

    /// Whether members or routers are missing.
    #[must_use]
    pub fn is_short(&self) -> bool {
        self.ready < self.wanted || self.router.is_some_and(|router| router.ready < router.wanted)
    }

    /// Whether everything that the plan wants at least is there.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.rolled && !self.is_short()
    }

    /// What is lacking, in words.
    #[must_use]
    pub fn lack(&self) -> String {
        let mut counts = format!("{}: {} of {} ready", self.title(), self.ready, self.wanted);
        if let Some(router) = self.router.filter(|router| router.ready < router.wanted) {
            let _ = write!(counts, ", {} of {} routers", router.ready, router.wanted);
        }
        if !self.rolled && !self.is_short() {
            counts.push_str(", a roll-out is under way");
        }
        match self.unschedulable.as_ref().or(self.blocked.as_ref()) {
            Some(why) => format!("{counts}, {why}"),
            None => counts,
        }
    }
}

/// The database's promise, as its engine tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFacts {
    /// Whether it takes and acknowledges writes.
    pub serves: bool,
    /// Who has which role, in words.
    pub summary: Option<String>,
    /// Whether acknowledged writes are as safe as declared.
    pub safety: Safety,
}

/// Whether acknowledged writes are as safe as declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Safety {
    /// True, False, or `None` for Unknown.
    pub status: Option<bool>,
    /// The engine's reason.
    pub reason: &'static str,
    /// In words.
    pub message: String,
}

/// What a condition says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// True, False, or `None` for Unknown.
    pub status: Option<bool>,
    /// Its reason.
    pub reason: &'static str,
    /// A sentence; may be empty.
    pub message: String,
}

impl Verdict {
    fn yes(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: Some(true), reason, message: message.into() }
    }

    fn no(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: Some(false), reason, message: message.into() }
    }

    fn unknown(reason: &'static str, message: impl Into<String>) -> Self {
        Self { status: None, reason, message: message.into() }
    }
}

/// All conditions, in a fixed order; a transition's time changes only when the status does.
#[must_use]
pub fn all(facts: &Facts, old: &[Condition], now: &Time) -> Vec<Condition> {
    let before = |name: &str| old.iter().find(|condition| condition.type_ == name);
    let mut verdicts = vec![
        ("Ready", ready::condition(facts, before("Ready"))),
        ("Reconciling", reconciling::condition(facts)),
        ("Stalled", stalled::condition(facts)),
        ("PlanAccepted", plan_accepted::condition(facts)),
        ("EnvironmentReady", environment_ready::condition(facts)),
        ("Degraded", degraded::condition(facts)),
    ];
    verdicts.extend(data_safe::condition(facts).map(|verdict| ("DataSafe", verdict)));
    verdicts.into_iter().map(|(name, verdict)| render(name, &verdict, before(name), facts.generation, now)).collect()
}

fn render(name: &str, verdict: &Verdict, old: Option<&Condition>, generation: i64, now: &Time) -> Condition {
    let status = match verdict.status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    };
    let since =
        old.filter(|old| old.status == status).map_or_else(|| now.clone(), |old| old.last_transition_time.clone());
    Condition {
        type_: name.to_owned(),
        status: status.to_owned(),
        reason: verdict.reason.to_owned(),
        message: cut(&verdict.message),
        observed_generation: Some(generation),
        last_transition_time: since,
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// Joins what several have to say.
fn join(texts: impl IntoIterator<Item = String>) -> String {
    texts.into_iter().collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests;
