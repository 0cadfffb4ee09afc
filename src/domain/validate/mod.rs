//! From a spec to the proof that it is good: every default resolved, every rule checked.
//!
//! All problems are reported at once, each as a sentence that names the field, what is wrong and
//! what would be right. The rules of the CRD are checked again, since a command line has no API
//! server. Nothing here sizes anything, talks to a cluster or reads a clock.

mod app;
mod checker;
mod container;
mod cron;
mod external;
mod memory;
mod messaging;
mod networking;
mod observed;
mod placement;
mod profile;
mod services;
mod targets;
mod tiers;
mod volumes;

use serde::Serialize;

use super::{Backing, Environment, Measured, ValidApp};
use crate::api::ScaledAppSpec;
use checker::Checker;

pub use external::resolve as resolve_externals;
pub use memory::sessions as resolve_sessions;
pub use messaging::queue as resolve_queue;
pub use observed::observed as validate_observed;
pub use tiers::database as resolve_database;

/// What is wrong with one field.
#[derive(Serialize, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error("{message}")]
pub struct Problem {
    /// The field, such as `spec.targets.latency.p99`.
    pub field: String,
    /// A sentence: the field, what is wrong, what would be right.
    pub message: String,
}

/// Checks a spec and resolves its defaults.
///
/// # Errors
/// Everything that is wrong, in the order of the spec.
pub fn validate(
    name: &str,
    namespace: &str,
    uid: Option<&str>,
    spec: &ScaledAppSpec,
    environment: &Environment,
) -> Result<ValidApp, Vec<Problem>> {
    let mut check = Checker::default();
    app::environment(&mut check, environment);
    let name = app::name(&mut check, name, namespace);
    let changes = app::changes(&mut check, spec.changes.as_ref());
    let image_pull_secrets = app::pull_secrets(&mut check, spec.image_pull_secrets.as_deref().unwrap_or_default());
    let targets = targets::targets(&mut check, &spec.targets);
    let profile = profile::profile(&mut check, spec.profile.as_ref());
    let services = services::services(&mut check, spec);
    let workers = messaging::workers(&mut check, spec);
    let cron_jobs = cron::cron_jobs(&mut check, spec);
    let migrations = services::migrations(&mut check, spec, &services);
    let ingress = networking::ingress(&mut check, spec);
    let network = networking::network(&mut check, spec.network.as_ref());
    let externals = external::externals(&mut check, spec, name.as_str());
    let own = |backing| !externals.has(backing);
    let database = spec.database.as_ref().filter(|_| own(Backing::Database));
    let database = database.map(|declared| tiers::checked_database(&mut check, declared));
    let cache = spec.cache.as_ref().filter(|_| own(Backing::Cache));
    let cache = cache.map(|declared| memory::cache(&mut check, declared));
    let stored = spec.database.is_some();
    let sessions = spec.sessions.as_ref().filter(|_| own(Backing::Sessions));
    let sessions = sessions.map(|declared| memory::checked_sessions(&mut check, declared, stored));
    // The queues of an external broker are checked as well: workers take from them by their names.
    let queue = spec.queue.as_ref().map(|declared| messaging::checked_queue(&mut check, declared));
    let queue = queue.filter(|_| own(Backing::Queue));
    let proxy = memory::proxy(&mut check, spec);
    check.finish(ValidApp {
        name,
        namespace: namespace.to_owned(),
        uid: uid.map(ToOwned::to_owned),
        mode: spec.mode.unwrap_or_default(),
        paused: spec.paused.unwrap_or(false),
        deletion_policy: spec.deletion_policy.unwrap_or_default(),
        changes,
        image_pull_secrets,
        targets,
        profile,
        services,
        workers,
        cron_jobs,
        migrations,
        ingress,
        network,
        database,
        cache,
        sessions,
        queue,
        proxy,
        externals,
        measured: Measured::default(),
        spec: spec.clone(),
    })
}
