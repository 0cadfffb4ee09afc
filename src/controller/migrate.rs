//! Migrations: one Job after the other, before anything that runs the new code.
//!
//! A Job is created, never changed; a failed one holds all roll-outs and shows its last lines.

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject, ListParams, LogParams};
use serde_json::Value;
use strum::IntoStaticStr;

use crate::resources::DesiredObject;

use super::apply::{self, ApplyError};
use super::context::Context;
use super::error::{Class, Staged};
use super::observe::Observed;

/// Lines of a failed migration's log that are shown.
const LOG_LINES: i64 = 10;
/// Most bytes of them.
const LOG_BYTES: usize = 1000;

/// Why the roll-out is held.
#[derive(Debug, thiserror::Error, IntoStaticStr)]
pub enum MigrateError {
    /// The database does not take connections yet.
    #[error("migration {0} waits until the database and its pool are ready")]
    DatabaseNotReady(String),
    /// A migration of an earlier spec still runs.
    #[error("migration {0} of an earlier spec is still running")]
    EarlierMigrationRunning(String),
    /// A migration runs.
    #[error("migration {0} is running")]
    MigrationRunning(String),
    /// A migration failed.
    #[error("migration {job} failed; roll-outs are held. Its last lines: {log}")]
    MigrationFailed {
        /// The Job.
        job: String,
        /// The end of its log.
        log: String,
    },
    /// A Job could not be made.
    #[error(transparent)]
    MigrationNotCreated(#[from] ApplyError),
}

impl Staged for MigrateError {
    fn reason(&self) -> &'static str {
        match self {
            Self::MigrationNotCreated(inner) => inner.reason(),
            other => other.into(),
        }
    }

    fn class(&self) -> Class {
        match self {
            Self::MigrationFailed { .. } => Class::Permanent,
            Self::MigrationNotCreated(inner) => inner.class(),
            _ => Class::Waiting,
        }
    }
}

/// How a Job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JobState {
    Running,
    Complete,
    Failed,
}

/// How a Job stands, by its conditions.
pub(super) fn state_of(job: &DynamicObject) -> JobState {
    let holds =
        |name: &str| {
            job.data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten().any(|condition| {
                condition["type"].as_str() == Some(name) && condition["status"].as_str() == Some("True")
            })
        };
    if holds("Complete") {
        JobState::Complete
    } else if holds("Failed") {
        JobState::Failed
    } else {
        JobState::Running
    }
}

/// Goes through the migrations in their order; `Ok` when all are done. `own` tells whether the database is ours: then a
/// migration waits until it is ready.
///
/// # Errors
/// What the roll-out waits for.
pub async fn migrate(
    ctx: &Context,
    observed: &mut Observed,
    jobs: &[DesiredObject],
    own: bool,
) -> Result<(), MigrateError> {
    let others: Vec<&DesiredObject> = jobs.iter().filter(|job| job.kind.kind != "Job").collect();
    for object in others {
        if let Some(problem) = apply::apply(ctx, observed, std::slice::from_ref(object)).await?.pop() {
            return Err(problem.into());
        }
    }
    for job in jobs.iter().filter(|job| job.kind.kind == "Job") {
        match observed.child(&job.kind, &job.name).map(state_of) {
            Some(JobState::Complete) => {}
            Some(JobState::Running) => return Err(MigrateError::MigrationRunning(job.name.clone())),
            Some(JobState::Failed) => {
                let log = last_lines(ctx, observed, &job.name).await;
                return Err(MigrateError::MigrationFailed { job: job.name.clone(), log });
            }
            None => {
                if let Some(earlier) = earlier_running(observed, jobs) {
                    return Err(MigrateError::EarlierMigrationRunning(earlier));
                }
                if own && !database_ready(observed) {
                    return Err(MigrateError::DatabaseNotReady(job.name.clone()));
                }
                if let Some(problem) = apply::apply(ctx, observed, std::slice::from_ref(job)).await?.pop() {
                    return Err(problem.into());
                }
                return Err(MigrateError::MigrationRunning(job.name.clone()));
            }
        }
    }
    Ok(())
}

/// A migration that is not in the set and has not ended: two at once could undo each other.
fn earlier_running(observed: &Observed, jobs: &[DesiredObject]) -> Option<String> {
    observed
        .children
        .iter()
        .filter(|((kind, name), job)| {
            *kind == "Job" && !jobs.iter().any(|j| j.name == *name) && state_of(job) == JobState::Running
        })
        .map(|((_, name), _)| name.clone())
        .next()
}

/// Whether a migration has somebody to talk to: a member and a pool pod are ready.
fn database_ready(observed: &Observed) -> bool {
    let ready = |kind: &'static str, name: String| {
        observed
            .child_named(kind, &name)
            .and_then(|object| super::children::number(object, "/status/readyReplicas"))
            .is_some_and(|ready| ready > 0)
    };
    ready("StatefulSet", format!("{}-database", observed.name))
        && ready("Deployment", format!("{}-pool", observed.name))
}

/// The end of a Job's log; a sentence when there is none.
async fn last_lines(ctx: &Context, observed: &Observed, job: &str) -> String {
    let pods: Api<Pod> = Api::namespaced(ctx.client.clone(), &observed.namespace);
    let params = ListParams::default().labels(&format!("batch.kubernetes.io/job-name={job}")).limit(20);
    let newest = match pods.list(&params).await {
        Ok(list) => list.items.into_iter().max_by_key(|pod| pod.creation_timestamp().map(|time| time.0)),
        Err(error) => return format!("(its pods cannot be listed: {error})"),
    };
    let Some(pod) = newest else { return "(its pods are gone)".to_owned() };
    let params = LogParams { tail_lines: Some(LOG_LINES), ..LogParams::default() };
    match pods.logs(&pod.name_any(), &params).await {
        Ok(log) => tail(log.trim()),
        Err(error) => format!("(its log cannot be read: {error})"),
    }
}

/// The last bytes of a text, cut between characters.
fn tail(text: &str) -> String {
    let mut from = text.len().saturating_sub(LOG_BYTES);
    while !text.is_char_boundary(from) {
        from += 1;
    }
    text[from..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tail_of_a_log_is_cut_between_characters() {
        assert_eq!(tail("short"), "short");
        let long = "ü".repeat(LOG_BYTES);
        assert!(tail(&long).len() <= LOG_BYTES);
    }
}
