//! The defaults that a plan rests on because the spec declares nothing else, with the grade of their evidence.

use std::fmt::Display;

use crate::domain::{Grade, Origin, Sourced, ValidApp, ValidCache, ValidLoad, ValidWorker};
use crate::planner::ladder::percent;

/// A default that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assumption {
    /// The field that would say better.
    pub(super) field: String,
    pub(super) value: String,
    pub(super) grade: Grade,
    pub(super) source: &'static str,
}

#[derive(Default)]
struct Assumptions(Vec<Assumption>);

impl Assumptions {
    fn note<T: Display>(&mut self, field: impl Into<String>, sourced: &Sourced<T>) {
        self.write(field, sourced, ToString::to_string);
    }

    fn share(&mut self, field: impl Into<String>, sourced: &Sourced<f64>) {
        self.write(field, sourced, |share| percent(*share));
    }

    fn write<T>(&mut self, field: impl Into<String>, sourced: &Sourced<T>, text: impl Fn(&T) -> String) {
        if let Origin::Default { grade, source } = sourced.origin {
            self.0.push(Assumption { field: field.into(), value: text(&sourced.value), grade, source });
        }
    }
}

/// All defaults that this application's plan rests on, in the order of the spec.
pub(super) fn assumptions(app: &ValidApp) -> Vec<Assumption> {
    let mut found = Assumptions::default();
    targets(app, &mut found);
    profile(app, &mut found);
    for worker in &app.workers {
        work(worker, &mut found);
    }
    if let Some(database) = &app.database {
        found.note("spec.database.reads.maxLag", &database.max_lag);
    }
    if let Some(cache) = app.cache.as_ref().or(app.externals.cache.as_ref()) {
        cached(cache, &mut found);
    }
    if let Some(ttl) = app.sessions.as_ref().map(|sessions| &sessions.ttl).or(app.externals.session_ttl.as_ref()) {
        found.note("spec.sessions.ttl", ttl);
    }
    for queue in app.queue.iter().flat_map(|queue| &queue.queues) {
        found.note(format!("spec.queue.queues[{}].maxLength", queue.name), &queue.max_length);
    }
    if let Some(proxy) = &app.proxy {
        found.note("spec.proxy.ttl", &proxy.ttl);
        found.note("spec.proxy.staleIfErrorFor", &proxy.stale_if_error_for);
    }
    found.0
}

fn targets(app: &ValidApp, found: &mut Assumptions) {
    let targets = &app.targets;
    match &targets.load {
        ValidLoad::DailyActiveUsers { requests_per_user_per_day, .. } => {
            found.note("spec.targets.requestsPerUserPerDay", requests_per_user_per_day);
        }
        ValidLoad::PeakConcurrentUsers { seconds_between_requests, .. } => {
            found.note("spec.targets.secondsBetweenRequests", seconds_between_requests);
        }
        ValidLoad::PeakRequestsPerSecond(_) => {}
    }
    found.note("spec.targets.peakToAverage", &targets.peak_to_average);
    found.note("spec.targets.latency.p99", &targets.latency_p99);
    found.share("spec.targets.availabilityPercent", &targets.availability);
    found.note("spec.targets.growth.percentPerMonth", &targets.growth.percent_per_month);
    found.note("spec.targets.growth.horizonMonths", &targets.growth.horizon_months);
}

fn profile(app: &ValidApp, found: &mut Assumptions) {
    let profile = &app.profile;
    found.note("spec.profile.preset", &profile.preset);
    found.write("spec.profile.cpuPerRequest", &profile.cpu_ms_per_request, |ms| format!("{ms}ms"));
    found.note("spec.profile.serviceTime.p99", &profile.service_time_p99);
    found.note("spec.profile.memoryPerReplica", &profile.memory_per_replica);
    found.note("spec.profile.responseSize", &profile.response_size);
    found.share("spec.profile.staticPercent", &profile.static_share);
    found.share("spec.profile.cacheablePercent", &profile.cacheable_share);
    if app.has_database() {
        found.note("spec.profile.queriesPerRequest", &profile.queries_per_request);
        found.share("spec.profile.readPercent", &profile.read_share);
        found.note("spec.profile.bytesWrittenPerUserPerDay", &profile.bytes_written_per_user_per_day);
    }
    found.note("spec.profile.cacheReadsPerRequest", &profile.cache_reads_per_request);
}

fn work(worker: &ValidWorker, found: &mut Assumptions) {
    let field = |name: &str| format!("spec.workers[{}].{name}", worker.name);
    found.write(field("jobsPerThousandRequests"), &worker.jobs_per_request, |jobs| (jobs * 1000.0).to_string());
    found.note(field("timePerJob"), &worker.time_per_job);
    found.note(field("maxDelay"), &worker.max_delay);
}

fn cached(cache: &ValidCache, found: &mut Assumptions) {
    found.share("spec.cache.hitPercentTarget", &cache.hit_target);
    found.note("spec.cache.itemSize", &cache.item_size);
    found.note("spec.cache.itemCount", &cache.item_count);
    found.note("spec.cache.popularity", &cache.popularity);
}
