//! Names of an application's objects. With the limits of [`AppName`] and of service names, every
//! name, and every pod name made from it, stays within 63 characters.

use std::fmt::Display;

use super::members::VOLUME;
use crate::domain::AppName;
use crate::planner::Tier;

/// Objects of one service of the web tier.
#[must_use]
pub fn web(app: &AppName, service: &str) -> String {
    format!("{app}-{service}")
}

/// Headless Service of a web service: the edge finds pods by it.
#[must_use]
pub fn web_pods(app: &AppName, service: &str) -> String {
    format!("{app}-{service}-pods")
}

/// Objects of the edge.
#[must_use]
pub fn edge(app: &AppName) -> String {
    format!("{app}-edge")
}

/// The Ingress.
#[must_use]
pub fn ingress(app: &AppName) -> String {
    app.to_string()
}

/// Objects of the database, its binding Secret and Patroni's scope.
#[must_use]
pub fn database(app: &AppName) -> String {
    engine(app, Tier::Database)
}

/// Headless Service of the database's members.
#[must_use]
pub fn database_members(app: &AppName) -> String {
    engine_members(app, Tier::Database)
}

/// Service of one member of the database; the pod's name is the same.
#[must_use]
pub fn database_member(app: &AppName, ordinal: u32) -> String {
    engine_member(app, Tier::Database, ordinal)
}

/// Secret with the generated passwords.
#[must_use]
pub fn database_auth(app: &AppName) -> String {
    engine_auth(app, Tier::Database)
}

/// Volume claim of one member of the database.
#[must_use]
pub fn database_claim(app: &AppName, ordinal: u32) -> String {
    engine_claim(app, Tier::Database, ordinal)
}

/// Patroni's own ConfigMaps: configuration, leader lock, synchronous members, requested failover.
#[must_use]
pub fn patroni_objects(app: impl Display) -> [String; 4] {
    ["config", "leader", "sync", "failover"].map(|suffix| format!("{app}-database-{suffix}"))
}

/// Objects of the pool.
#[must_use]
pub fn pool(app: &AppName) -> String {
    format!("{app}-pool")
}

/// Service of the database without pooling, through the pool's routers.
#[must_use]
pub fn pool_direct(app: &AppName) -> String {
    format!("{app}-pool-direct")
}

/// Secret of the pool: its users and its agent's token.
#[must_use]
pub fn pool_auth(app: &AppName) -> String {
    format!("{app}-pool-auth")
}

/// Objects of the cache, of the sessions, of the queue or of the proxy, and the Service at which clients reach it.
#[must_use]
pub fn engine(app: &AppName, tier: Tier) -> String {
    format!("{app}-{}", tier.component())
}

/// Headless Service of an engine's members.
#[must_use]
pub fn engine_members(app: &AppName, tier: Tier) -> String {
    format!("{app}-{}-members", tier.component())
}

/// Service of one member of an engine; the pod's name is the same.
#[must_use]
pub fn engine_member(app: &AppName, tier: Tier, ordinal: u32) -> String {
    format!("{app}-{}-{ordinal}", tier.component())
}

/// Generated Secret of an engine; made once, never applied.
#[must_use]
pub fn engine_auth(app: &AppName, tier: Tier) -> String {
    format!("{app}-{}-auth", tier.component())
}

/// Secret with the part of an engine's configuration that holds secrets.
#[must_use]
pub fn engine_config(app: &AppName, tier: Tier) -> String {
    format!("{app}-{}-config", tier.component())
}

/// Volume claim of one member of an engine.
#[must_use]
pub fn engine_claim(app: &AppName, tier: Tier, ordinal: u32) -> String {
    format!("{}{ordinal}", engine_claims(app, tier))
}

/// What the volume claims of all of an engine's members begin with.
#[must_use]
pub fn engine_claims(app: impl Display, tier: Tier) -> String {
    format!("{VOLUME}-{app}-{}-", tier.component())
}

/// Objects of the routers before an engine's members.
#[must_use]
pub fn router(app: &AppName, tier: Tier) -> String {
    format!("{app}-{}-router", tier.component())
}

/// Objects of a worker.
#[must_use]
pub fn worker(app: &AppName, worker: &str) -> String {
    format!("{app}-worker-{worker}")
}

/// `NetworkPolicy` of all migrations.
#[must_use]
pub fn migrations(app: &AppName) -> String {
    format!("{app}-migrate")
}

/// Job of a migration; `hash` tells one image and arguments from another.
#[must_use]
pub fn migration(app: &AppName, name: &str, hash: &str) -> String {
    format!("{app}-migrate-{name}-{hash}")
}

/// `NetworkPolicy` of all cron jobs.
#[must_use]
pub fn cron_jobs(app: &AppName) -> String {
    format!("{app}-cron")
}

/// A cron job; its Jobs add eleven characters, its pods six more.
#[must_use]
pub fn cron_job(app: &AppName, name: &str) -> String {
    format!("{app}-cron-{name}")
}

/// ControllerRevision of a plan.
#[must_use]
pub fn plan_revision(app: &AppName, hash: &str) -> String {
    format!("{app}-plan-{hash}")
}

/// Address of a Service inside the cluster.
#[must_use]
pub fn host(service: &str, namespace: &str) -> String {
    format!("{service}.{namespace}.svc")
}
