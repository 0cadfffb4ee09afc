//! Prometheus metrics. Labels come from fixed sets - route patterns, statuses, SQLSTATEs - and must never come from a client's text.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use crate::db::connection::Pool;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    method: String,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Retry {
    operation: &'static str,
    reason: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct PoolState {
    pool: &'static str,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

/// All metrics of one process.
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    duration: Family<Route, Histogram>,
    retries: Family<Retry, Counter>,
    unknown: Counter,
    pools: Family<PoolState, Gauge<u64, AtomicU64>>,
    cache: Family<Outcome, Counter>,
    logins: Family<Outcome, Counter>,
    uploads: Family<Outcome, Counter>,
    jobs: Family<Outcome, Counter>,
    job_duration: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let buckets = || Histogram::new([0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0]);
        let mut registry = Registry::with_prefix("shop");
        let requests = Family::default();
        let duration = Family::new_with_constructor(buckets as fn() -> Histogram);
        let retries = Family::default();
        let unknown = Counter::default();
        let pools = Family::default();
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request to its answer's head",
            Unit::Seconds,
            duration.clone(),
        );
        registry.register("database_retries", "Database tries that failed and were made again", retries.clone());
        registry.register(
            "orders_unknown_outcome",
            "Orders whose commit was neither acknowledged nor ruled out",
            unknown.clone(),
        );
        registry.register(
            "database_pool_connections",
            "Connections of each pool, and requests waiting for one",
            pools.clone(),
        );
        let outcomes = |registry: &mut Registry, name: &str, help: &str| {
            let family = Family::<Outcome, Counter>::default();
            registry.register(name, help, family.clone());
            family
        };
        let cache = outcomes(&mut registry, "cache_reads", "Reads of pages' data, by where they were answered");
        let logins = outcomes(&mut registry, "logins", "Log-ins, by how they ended");
        let uploads = outcomes(&mut registry, "uploads", "Uploads of pictures, by how they ended");
        let jobs = outcomes(&mut registry, "jobs", "Jobs that a worker took, by how they ended");
        let job_duration = buckets();
        registry.register_with_unit("job_duration", "Time of one job", Unit::Seconds, job_duration.clone());
        Self { registry, requests, duration, retries, unknown, pools, cache, logins, uploads, jobs, job_duration }
    }
}

impl Metrics {
    /// One request was answered.
    pub fn answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&Request { method: method.to_owned(), route: route.to_owned(), status }).inc();
        self.duration.get_or_create(&Route { route: route.to_owned() }).observe(took.as_secs_f64());
    }

    /// One try against the database failed and is made again.
    pub fn retried(&self, operation: &'static str, reason: &str) {
        self.retries.get_or_create(&Retry { operation, reason: reason.to_owned() }).inc();
    }

    /// One order ended as unknown.
    pub fn unknown_outcome(&self) {
        self.unknown.inc();
    }

    /// Data of a page was read.
    pub fn cache_read(&self, outcome: &'static str) {
        self.cache.get_or_create(&Outcome { outcome }).inc();
    }

    /// A log-in ended.
    pub fn login(&self, outcome: &'static str) {
        self.logins.get_or_create(&Outcome { outcome }).inc();
    }

    /// An upload ended.
    pub fn upload(&self, outcome: &'static str) {
        self.uploads.get_or_create(&Outcome { outcome }).inc();
    }

    /// A job ended.
    pub fn job(&self, outcome: &'static str, took: Duration) {
        self.jobs.get_or_create(&Outcome { outcome }).inc();
        self.job_duration.observe(took.as_secs_f64());
    }

    /// Takes the present state of a pool.
    pub fn observe_pool(&self, name: &'static str, pool: &Pool) {
        let status = pool.status();
        let idle = status.available;
        let values = [
            ("idle", idle),
            ("used", status.size.saturating_sub(idle)),
            ("waiting", status.waiting),
            ("max", status.max_size),
        ];
        for (state, value) in values {
            self.pools.get_or_create(&PoolState { pool: name, state }).set(value as u64);
        }
    }

    /// The exposition in the text format.
    ///
    /// # Errors
    /// Never in practice: it writes into a string.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
