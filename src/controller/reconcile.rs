//! One application from spec to status: observe, decide, preflight, record, build, apply, migrate,
//! serve, prune, and say how it went.
//!
//! Only this file sees both the planner and the client. The status is written whatever happened
//! in between; nothing else is written while the application is paused or only advised.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use kube::runtime::controller::Action;
use kube::runtime::events::EventType;
use tracing::{info, warn};

use crate::api::{DeletionPolicy, Mode, ScaledApp};
use crate::engines::patroni::DatabaseState;
use crate::engines::rabbitmq::QueueState;
use crate::planner::Tier;
use crate::resources::{self, Credentials, DesiredObject, Externals, Stage};

use super::apply::{ApplyError, apply};
use super::bands::{self, Bands};
use super::conditions::Trouble;
use super::context::Context;
use super::credentials;
use super::database;
use super::decide::{self, Accepted};
use super::error::{self, Class, Error, Staged};
use super::events;
use super::external;
use super::migrate::migrate;
use super::observe::{self, Observed, observe};
use super::ownership;
use super::preflight::{self, Lack, PreflightError, preflight};
use super::prune::prune;
use super::queue;
use super::revisions;
use super::status;

/// Pause until the next look at an application that is settled.
const SETTLED: Duration = Duration::from_secs(60);
/// Pause until the next look at a settled application with a database or a queue, which change without an event.
const ENGINE: Duration = Duration::from_secs(20);
/// Pause while something is waited for that may send no event.
const WAITING: Duration = Duration::from_secs(5);
/// Pause while it comes within seconds.
const SOON: Duration = Duration::from_secs(1);

/// How a reconcile went.
#[derive(Debug, Default)]
pub struct Report {
    /// Whether the operator holds still.
    pub paused: bool,
    /// Whether it only advises.
    pub advises: bool,
    /// What is built.
    pub accepted: Option<Accepted>,
    /// Why the newest spec is not what is built.
    pub refusal: Option<Trouble>,
    /// What the cluster lacks.
    pub lacks: Option<Vec<Lack>>,
    /// What the members of the database say.
    pub database: Option<DatabaseState>,
    /// What the members of the queue say.
    pub queue: Option<QueueState>,
    /// What is observed of the tiers, coarsely.
    pub bands: Bands,
    /// What is known of the owner's Secrets.
    pub externals: Externals,
    /// What went wrong or is waited for.
    pub troubles: Vec<Trouble>,
}

/// Reconciles one application.
///
/// # Errors
/// When it could not be observed or its status not be written; everything else is in the status.
pub async fn reconcile(ctx: &Context, namespace: &str, name: &str) -> Result<Action, Error> {
    let Some(mut observed) = observe(ctx, namespace, name).await? else {
        ctx.forget(&observe::key(namespace, name));
        return Ok(Action::await_change());
    };
    let mut report = Report::of(&observed.app);
    if let Err(error) = converge(ctx, &mut observed, &mut report).await {
        report.add(&error);
    }
    report.bands = bands::look(ctx, &observed, &report).await;
    say(ctx, &observed, &report).await;
    status::write(ctx, &observed, &report).await?;
    Ok(next(ctx, &observed, &report))
}

async fn converge(ctx: &Context, observed: &mut Observed, report: &mut Report) -> Result<(), Error> {
    report.decide(ctx, observed);
    let Some(newest) = &report.accepted else { return Ok(()) };
    let first = observed.revisions.newest().is_none();
    report.externals = external::look(ctx, observed, &newest.app).await?;
    let mut missing = report.hold(ctx, observed);
    let Some(accepted) = &report.accepted else { return Ok(()) };
    missing.extend(preflight(ctx, accepted, first).await?);
    let lacks = &*report.lacks.insert(missing);
    report.database = database::look(ctx, accepted).await?;
    let tells = !report.paused && !report.advises;
    match queue::look(observed, accepted, tells, Timestamp::now()).await {
        Ok(state) => report.queue = state,
        Err((state, error)) => {
            report.queue = state;
            report.troubles.push(Trouble::of(&error));
        }
    }
    if report.paused || report.advises {
        return Ok(());
    }
    if first && lacks.iter().any(|lack| lack.blocks) {
        return Err(PreflightError::EnvironmentLacks(preflight::sentences(lacks)).into());
    }
    credentials::check_identity(observed, &accepted.app)?;
    let policy = accepted.app.deletion_policy;
    if report.refusal.is_none() && revisions::record(ctx, observed, accepted.record(&ctx.catalogue), policy).await? {
        info!(app = observed.key(), plan = accepted.plan.hash, "a plan is accepted");
    }
    let mut passwords = credentials::read_or_create(ctx, observed, &accepted.app, &accepted.plan).await?;
    passwords.externals = report.externals.clone();
    let mut problems = Vec::new();
    let ended = stages(ctx, observed, accepted, &passwords, &mut problems).await;
    report.troubles.extend(problems.iter().map(Trouble::of));
    report.troubles.extend(database::kept_members(&accepted.plan, observed).iter().map(Trouble::of));
    if let (Some(state), Some(passwords)) = (&report.database, passwords.of(Tier::Database))
        && let Err(error) = database::converge(ctx, accepted, state, passwords, Timestamp::now()).await
    {
        report.troubles.push(Trouble::of(&error));
    }
    ended?;
    keep_house(ctx, observed, policy).await
}

async fn stages(
    ctx: &Context,
    observed: &mut Observed,
    accepted: &Accepted,
    passwords: &Credentials,
    problems: &mut Vec<ApplyError>,
) -> Result<(), Error> {
    let mut plan = Stages::build(ctx, observed, accepted, passwords);
    let complete = external::complete(&passwords.externals, &accepted.app);
    if complete.is_err() {
        // Which ports are let out is in the Secrets as well: what runs keeps those that it has.
        plan.foundation.retain(|object| object.kind.kind != "NetworkPolicy");
    }
    problems.extend(apply(ctx, observed, &plan.foundation).await?);
    complete?;
    let migrated = migrate(ctx, observed, &plan.jobs, accepted.app.database.is_some()).await;
    let serve = match &migrated {
        Ok(()) => plan.serve.clone(),
        Err(_) => rolled(ctx, observed, passwords),
    };
    problems.extend(apply(ctx, observed, &serve).await?);
    if migrated.is_ok() && problems.is_empty() {
        revisions::mark_rolled(ctx, observed).await?;
    }
    // What still has the traffic stays until the way in has changed, or the last pod that uses it is gone.
    let used = migrated.is_err() || external::still_used(observed, &plan.serve);
    let used = used && external::replaces(observed, &accepted.app);
    if !used && !problems.iter().any(|problem| matches!(problem, ApplyError::BackendNotReady { .. })) {
        prune(ctx, observed, &slots([&plan.foundation, &plan.jobs, &plan.serve, &serve])).await?;
    }
    Ok(migrated?)
}

/// What runs the application's code as it was rolled out last, while a migration holds the newest.
fn rolled(ctx: &Context, observed: &Observed, passwords: &Credentials) -> Vec<DesiredObject> {
    observed
        .revisions
        .rolled()
        .and_then(|revision| decide::again(observed, &revision.plan, &ctx.catalogue, &ctx.environment))
        .filter(|older| external::complete(&passwords.externals, &older.app).is_ok())
        .map(|older| {
            let passwords = credentials::of_plan(observed, &older.app, &older.plan, passwords);
            Stages::build(ctx, observed, &older, &passwords).serve
        })
        .unwrap_or_default()
}

/// The desired set by its stages.
struct Stages {
    foundation: Vec<DesiredObject>,
    jobs: Vec<DesiredObject>,
    serve: Vec<DesiredObject>,
}

impl Stages {
    fn build(ctx: &Context, observed: &Observed, accepted: &Accepted, passwords: &Credentials) -> Self {
        let (plan, _) = database::with_its_members(&accepted.plan, observed);
        let set = resources::build(&accepted.app, &plan, &ctx.environment, Some(passwords));
        let mut stages = Self { foundation: Vec::new(), jobs: Vec::new(), serve: Vec::new() };
        let first = observed.revisions.rolled().is_none();
        for object in set.into_ordered() {
            match object.stage {
                Stage::Serve if object.early && first => stages.foundation.push(object),
                Stage::Foundation => stages.foundation.push(object),
                Stage::Migrate => stages.jobs.push(object),
                Stage::Serve => stages.serve.push(object),
            }
        }
        stages
    }
}

fn slots<const N: usize>(lists: [&Vec<DesiredObject>; N]) -> BTreeSet<(&'static str, String)> {
    lists.into_iter().flatten().map(|object| (object.kind.kind, object.name.clone())).collect()
}

async fn keep_house(ctx: &Context, observed: &Observed, policy: DeletionPolicy) -> Result<(), Error> {
    ownership::keep(ctx, observed, policy).await?;
    revisions::prune(ctx, observed).await?;
    Ok(())
}

/// Tells the log, the metrics and the Events what is new.
async fn say(ctx: &Context, observed: &Observed, report: &Report) {
    let key = observed.key();
    for trouble in report.refusal.iter().chain(&report.troubles) {
        ctx.metrics.failed(trouble.reason);
        if trouble.class != Class::Waiting {
            warn!(app = key, reason = trouble.reason, "{}", trouble.message);
        }
        if trouble.class == Class::Permanent && !report.paused {
            events::say(ctx, &observed.app, &key, EventType::Warning, trouble.reason, &trouble.message).await;
        }
    }
    let known = observed.app.status.as_ref().and_then(|status| status.plan.as_ref()).map(|plan| plan.hash.as_str());
    if let Some(newest) = observed.revisions.newest().filter(|newest| known != Some(newest.plan.hash.as_str())) {
        let note = format!("plan {} is accepted as {}", newest.plan.hash, newest.name);
        events::say(ctx, &observed.app, &key, EventType::Normal, "PlanAccepted", &note).await;
    }
}

/// When to look again.
fn next(ctx: &Context, observed: &Observed, report: &Report) -> Action {
    let transient = report.troubles.iter().any(|trouble| trouble.class == Class::Transient);
    let attempt = ctx.remember(&observed.key(), |memory| {
        memory.attempts = if transient { memory.attempts.saturating_add(1) } else { 0 };
        memory.attempts
    });
    if transient {
        return Action::requeue(error::pause(attempt));
    }
    // Members and copies of a queue come without an event, and Ready waits for them.
    let lacks = report.accepted.as_ref().is_some_and(|accepted| queue::lacks(accepted, report.queue.as_ref()));
    if lacks && queue::is_starting(observed, Timestamp::now()) {
        return Action::requeue(SOON);
    }
    let waits = report.troubles.iter().any(|trouble| trouble.class == Class::Waiting)
        || report.queue.as_ref().is_some_and(|queue| !queue.is_whole());
    let pause = match (waits, report.database.is_some() || report.queue.is_some()) {
        (true, _) => WAITING,
        (false, true) => ENGINE,
        (false, false) => SETTLED,
    };
    Action::requeue(pause)
}

/// What is done after a reconcile that could not even tell how it went.
#[must_use]
pub fn retry(ctx: &Context, key: &str, error: &Error) -> Action {
    ctx.metrics.failed(error.reason());
    warn!(app = key, reason = error.reason(), "{error}");
    let attempt = ctx.remember(key, |memory| {
        memory.attempts = memory.attempts.saturating_add(1);
        memory.attempts
    });
    Action::requeue(error::pause(attempt))
}

/// The context as the controller shares it.
pub type Shared = Arc<Context>;

impl Report {
    fn of(app: &ScaledApp) -> Self {
        Self { paused: app.spec.paused == Some(true), advises: app.spec.mode == Some(Mode::Advise), ..Self::default() }
    }

    /// What is built: the newest spec, or the last one that was accepted.
    fn decide(&mut self, ctx: &Context, observed: &Observed) {
        match decide::decide(observed, &ctx.catalogue, &ctx.environment) {
            Ok(decision) => {
                self.refusal = decision.refusal.as_ref().map(Trouble::of);
                self.accepted = Some(decision.accepted);
            }
            Err(refusal) => self.refusal = Some(Trouble::of(&refusal)),
        }
    }

    /// What the owner's Secrets lack. A new plan is not built on it: the one that was accepted last goes on.
    fn hold(&mut self, ctx: &Context, observed: &Observed) -> Vec<Lack> {
        let Some(newest) = &self.accepted else { return Vec::new() };
        let lacks = external::lacks(&self.externals, &newest.app);
        if let Some(error) = external::held(observed, newest, &self.externals) {
            self.refusal = Some(Trouble::of(&error));
            self.troubles.push(Trouble::of(&error));
            let last = observed.revisions.newest();
            let older = last.and_then(|last| decide::again(observed, &last.plan, &ctx.catalogue, &ctx.environment));
            self.accepted = older.or(self.accepted.take());
        }
        lacks
    }

    fn add(&mut self, error: &Error) {
        self.troubles.push(Trouble { class: error.class(), reason: error.reason(), message: error.to_string() });
    }
}

impl Trouble {
    fn of(error: &impl Staged) -> Self {
        Self { class: error.class(), reason: error.reason(), message: error.to_string() }
    }
}
