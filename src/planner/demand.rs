//! Demand: what the users ask, by the formulae of the capacity model; the first of three layers.
//!
//! Knows targets and profile only; no tier, size or limit.

mod reasons;

use super::cache::Fit;
use super::model::Catalogue;
use super::plan::DemandFigures;
use super::proxy;
use crate::domain::{ValidApp, ValidLoad, ValidWorker, defaults};

pub use reasons::reasons;

/// Days of a mean month.
pub const DAYS_PER_MONTH: f64 = 365.0 / 12.0;
/// Months ahead for which stateful tiers are sized.
pub const STATEFUL_MONTHS: u64 = 3;

/// Demand at one time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demand {
    /// Requests a second on average.
    pub average: f64,
    /// Requests a second at peak.
    pub peak: f64,
    /// Those of the peak that the application computes.
    pub dynamic: f64,
    /// Those of the peak that are static files.
    pub statics: f64,
    /// Requests a second that reach the services.
    pub origin: f64,
    /// Dynamic requests a second that reach the services.
    pub computed: f64,
    /// Static files a second that reach the services.
    pub served: f64,
    /// Reads a second that a cache may answer.
    pub cache_reads: f64,
    /// Jobs a second of all workers.
    pub jobs: f64,
    /// Those of them that come by the queue.
    pub queued: f64,
    /// Database reads a second.
    pub reads: f64,
    /// Database writes a second.
    pub writes: f64,
    /// Megabits a second to the users.
    pub egress: f64,
    /// Bytes of rows in the database, without indexes.
    pub bytes: f64,
    /// Dynamic requests under way at the services.
    pub concurrent: f64,
}

/// Demand now, when stateful tiers are next looked at, and at the horizon.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Demands {
    /// At the declared targets.
    pub now: Demand,
    /// Three months on.
    pub soon: Demand,
    /// At the horizon.
    pub horizon: Demand,
}

/// Demand of a validated application, with all reads at the database.
#[must_use]
pub fn demands(app: &ValidApp, catalogue: &Catalogue) -> Demands {
    let at = |months| at(app, catalogue, months);
    Demands { now: at(0), soon: at(STATEFUL_MONTHS), horizon: at(app.targets.growth.horizon_months.value) }
}

impl Demands {
    /// The same where a cache answers its share of the reads that it may answer.
    #[must_use]
    pub fn behind(self, cached: Option<Fit>) -> Self {
        let hit = cached.map_or(0.0, |fit| fit.hit);
        let behind = |demand: Demand| Demand { reads: demand.reads - demand.cache_reads * hit, ..demand };
        Self { now: behind(self.now), soon: behind(self.soon), horizon: behind(self.horizon) }
    }
}

/// Growth over so many months, as a factor.
#[must_use]
pub fn growth_factor(app: &ValidApp, months: u64) -> f64 {
    (1.0 + app.targets.growth.percent_per_month.value as f64 / 100.0).powi(months as i32)
}

fn at(app: &ValidApp, catalogue: &Catalogue, months: u64) -> Demand {
    let (profile, growth) = (&app.profile, growth_factor(app, months));
    let (average, peak) = rates(app, catalogue);
    let (average, peak) = (average * growth, peak * growth);
    let statics = peak * profile.static_share.value;
    let dynamic = peak - statics;
    let cacheable = dynamic * profile.cacheable_share.value;
    let hits = proxy::hits(app, catalogue, statics, cacheable);
    let served = statics * (1.0 - hits.files);
    let computed = dynamic - cacheable * hits.pages;
    let queries = computed * profile.queries_per_request.value;
    let cache_reads = computed * profile.cache_reads_per_request.value;
    let jobs = |of: fn(&ValidWorker) -> bool| {
        let each = app.workers.iter().filter(|worker| of(worker)).map(|worker| peak * worker.jobs_per_request.value);
        each.fold(0.0, |sum, jobs| sum + jobs)
    };
    let always = queries * profile.read_share.value;
    Demand {
        concurrent: computed * mean_seconds(app, catalogue),
        average,
        peak,
        dynamic,
        statics,
        origin: served + computed,
        computed,
        served,
        cache_reads,
        jobs: jobs(|_| true),
        queued: jobs(|worker| worker.queue.is_some()),
        reads: always + cache_reads,
        writes: queries - always,
        egress: peak * profile.response_size.value.0 as f64 * 8.0 / 1e6,
        bytes: if app.has_database() { bytes(app, catalogue, months) } else { 0.0 },
    }
}

/// Mean time of a request without load, in seconds, of which the slowest hundredth is declared.
#[must_use]
pub fn mean_seconds(app: &ValidApp, catalogue: &Catalogue) -> f64 {
    let slowest = app.profile.service_time_p99.value.as_seconds();
    (slowest / catalogue.tail_over_mean.value).max(app.profile.cpu_ms_per_request.value / 1000.0)
}

/// Average and peak requests a second: at the declared targets, or as the peak was measured.
fn rates(app: &ValidApp, catalogue: &Catalogue) -> (f64, f64) {
    let ratio = app.targets.peak_to_average.value;
    app.measured
        .peak_requests_per_second
        .as_ref()
        .map_or_else(|| declared_rates(app, catalogue), |peak| (peak.value / ratio, peak.value))
}

/// Average and peak requests a second at the declared targets.
#[must_use]
pub fn declared_rates(app: &ValidApp, catalogue: &Catalogue) -> (f64, f64) {
    let ratio = app.targets.peak_to_average.value;
    match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, requests_per_user_per_day } => {
            let average = *users as f64 * requests_per_user_per_day.value as f64 / 86_400.0;
            (average, average * ratio)
        }
        ValidLoad::PeakRequestsPerSecond(peak) => (*peak as f64 / ratio, *peak as f64),
        ValidLoad::PeakConcurrentUsers { users, seconds_between_requests } => {
            // Little's law: each user waits for an answer and then pauses.
            let cycle = seconds_between_requests.value as f64 + mean_seconds(app, catalogue);
            let peak = *users as f64 / cycle;
            (peak / ratio, peak)
        }
    }
}

/// Users of a day; where the load was declared in another way, those that would make it.
#[must_use]
pub fn daily_users(app: &ValidApp, catalogue: &Catalogue) -> f64 {
    match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, .. } => *users as f64,
        _ => declared_rates(app, catalogue).0 * 86_400.0 / defaults::REQUESTS_PER_USER.value as f64,
    }
}

/// What has been written after so many months; at least the first day's.
fn bytes(app: &ValidApp, catalogue: &Catalogue, months: u64) -> f64 {
    let day = daily_users(app, catalogue) * app.profile.bytes_written_per_user_per_day.value.0 as f64;
    let months: f64 = (0..months).map(|month| growth_factor(app, month)).sum();
    (day * DAYS_PER_MONTH * months).max(day)
}

impl Demand {
    /// The figures of the JSON.
    #[must_use]
    pub fn figures(&self) -> DemandFigures {
        DemandFigures {
            average_requests_per_second: round(self.average),
            peak_requests_per_second: round(self.peak),
            origin_requests_per_second: round(self.origin),
            database_reads_per_second: round(self.reads),
            database_writes_per_second: round(self.writes),
            cache_operations_per_second: round(self.cache_reads),
            jobs_per_second: round(self.jobs),
            egress_megabits_per_second: round(self.egress),
            database_bytes: self.bytes.round() as u64,
            concurrent_requests: round(self.concurrent),
        }
    }
}

/// Three decimals, so that the same plan is the same bytes everywhere.
#[must_use]
pub fn round(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
