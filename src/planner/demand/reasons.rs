//! Why the demand is what it is: each figure with its formula, the numbers in it and their source.

use super::super::model::Catalogue;
use super::super::packing::{figure, scaled};
use super::super::why::Reason;
use super::{Demand, Demands, daily_users, growth_factor, mean_seconds, round};
use crate::domain::{ValidApp, ValidLoad};

/// Which of the demands a reason is about.
#[derive(Clone, Copy)]
struct At<'a> {
    part: &'static str,
    demand: &'a Demand,
}

impl At<'_> {
    fn of(self, name: &str, value: f64, formula: &str, source: impl Into<String>) -> Reason {
        Reason::new(format!("{}.{name}", self.part), round(value), formula, source)
    }
}

/// The figures of the demand, from the users to the rows; then, where it grows, those of the horizon.
#[must_use]
pub fn reasons(app: &ValidApp, catalogue: &Catalogue, demands: &Demands) -> Vec<Reason> {
    let now = At { part: "demand", demand: &demands.now };
    let mut list = rates(app, catalogue, now);
    list.extend(derived(app, now));
    if app.has_database() {
        let each = &app.profile.bytes_written_per_user_per_day;
        list.push(
            Reason::new(
                "demand.databaseBytes",
                demands.now.bytes.round(),
                "users * bytesWritten, of the first day",
                each.source(),
            )
            .with("users", figure(daily_users(app, catalogue)))
            .with("bytesWritten", scaled(each.value.0 as f64)),
        );
    }
    list.extend(growth(app, catalogue, demands));
    list
}

/// What follows from a peak, at any time.
fn derived(app: &ValidApp, at: At<'_>) -> Vec<Reason> {
    let mut list = requests(app, at);
    if app.has_database() || at.demand.cache_reads > 0.0 {
        list.extend(queries(app, at));
    }
    list.extend(jobs(app, at));
    let mean = if at.demand.computed > 0.0 { at.demand.concurrent / at.demand.computed } else { 0.0 };
    list.push(
        at.of(
            "concurrentRequests",
            at.demand.concurrent,
            "computed * meanSeconds",
            app.profile.service_time_p99.source(),
        )
        .with("computed", figure(at.demand.computed))
        .with("meanSeconds", figure(mean)),
    );
    let size = &app.profile.response_size;
    list.push(
        at.of("egressMegabitsPerSecond", at.demand.egress, "peak * responseBytes * 8 / 1000000", size.source())
            .with("peak", figure(at.demand.peak))
            .with("responseBytes", size.value.0),
    );
    list
}

fn rates(app: &ValidApp, catalogue: &Catalogue, at: At<'_>) -> Vec<Reason> {
    let demand = at.demand;
    let ratio = &app.targets.peak_to_average;
    let average = |peak: String| {
        at.of("averageRequestsPerSecond", demand.average, "peak / peakToAverage", ratio.source())
            .with("peak", peak)
            .with("peakToAverage", ratio.value)
    };
    if let Some(measured) = &app.measured.peak_requests_per_second {
        return vec![
            at.of("peakRequestsPerSecond", demand.peak, "as measured", measured.source()),
            average(figure(measured.value)),
        ];
    }
    match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, requests_per_user_per_day: each } => vec![
            at.of("averageRequestsPerSecond", demand.average, "users * requestsPerUserPerDay / 86400", each.source())
                .with("users", users)
                .with("requestsPerUserPerDay", each.value),
            at.of("peakRequestsPerSecond", demand.peak, "average * peakToAverage", ratio.source())
                .with("average", figure(demand.average))
                .with("peakToAverage", ratio.value),
        ],
        ValidLoad::PeakRequestsPerSecond(peak) => vec![
            at.of("peakRequestsPerSecond", demand.peak, "as declared", "spec.targets.peakRequestsPerSecond"),
            average(peak.to_string()),
        ],
        ValidLoad::PeakConcurrentUsers { users, seconds_between_requests: pause } => vec![
            at.of(
                "peakRequestsPerSecond",
                demand.peak,
                "users / (secondsBetweenRequests + meanServiceTime)",
                pause.source(),
            )
            .with("users", users)
            .with("secondsBetweenRequests", pause.value)
            .with("meanServiceTime", figure(mean_seconds(app, catalogue))),
            average(figure(demand.peak)),
        ],
    }
}

fn requests(app: &ValidApp, at: At<'_>) -> Vec<Reason> {
    let demand = at.demand;
    let profile = &app.profile;
    let cacheable = demand.dynamic * profile.cacheable_share.value;
    let files = if demand.statics > 0.0 { 1.0 - demand.served / demand.statics } else { 0.0 };
    let pages = if cacheable > 0.0 { (demand.dynamic - demand.computed) / cacheable } else { 0.0 };
    let hits = match (&app.proxy, &app.measured.proxy_hit) {
        (None, _) => "no proxy is declared, so nothing is answered before the services".to_owned(),
        (_, Some(measured)) => measured.source(),
        _ => "hits of a time to live over pages and files by Zipf's law; without a proxy none".to_owned(),
    };
    vec![
        at.of("dynamicRequestsPerSecond", demand.dynamic, "peak * (1 - staticShare)", profile.static_share.source())
            .with("peak", figure(demand.peak))
            .with("staticShare", figure(profile.static_share.value)),
        at.of(
            "originRequestsPerSecond",
            demand.origin,
            "static * (1 - fileHits) + dynamic * (1 - cacheable * pageHits)",
            hits,
        )
        .with("static", figure(demand.statics))
        .with("dynamic", figure(demand.dynamic))
        .with("fileHits", figure(files))
        .with("cacheable", figure(profile.cacheable_share.value))
        .with("pageHits", figure(pages)),
    ]
}

fn queries(app: &ValidApp, at: At<'_>) -> Vec<Reason> {
    let demand = at.demand;
    let profile = &app.profile;
    let computed = figure(demand.computed);
    let always = demand.computed * profile.queries_per_request.value * profile.read_share.value;
    let missed = if demand.cache_reads > 0.0 { (demand.reads - always) / demand.cache_reads } else { 0.0 };
    vec![
        at.of(
            "cacheOperationsPerSecond",
            demand.cache_reads,
            "computed * cacheReads",
            profile.cache_reads_per_request.source(),
        )
        .with("computed", &computed)
        .with("cacheReads", figure(profile.cache_reads_per_request.value)),
        at.of(
            "databaseReadsPerSecond",
            demand.reads,
            "computed * (queries * read + cacheReads * missed)",
            profile.queries_per_request.source(),
        )
        .with("computed", &computed)
        .with("queries", figure(profile.queries_per_request.value))
        .with("read", figure(profile.read_share.value))
        .with("cacheReads", figure(profile.cache_reads_per_request.value))
        .with("missed", figure(missed)),
        at.of("databaseWritesPerSecond", demand.writes, "computed * queries * (1 - read)", profile.read_share.source())
            .with("computed", &computed)
            .with("queries", figure(profile.queries_per_request.value))
            .with("read", figure(profile.read_share.value)),
    ]
}

fn jobs(app: &ValidApp, at: At<'_>) -> Option<Reason> {
    let demand = at.demand;
    let first = app.workers.first()?;
    let each: f64 = app.workers.iter().map(|worker| worker.jobs_per_request.value).sum();
    let reason =
        at.of("jobsPerSecond", demand.jobs, "peak * jobsPerRequest, of all workers", first.jobs_per_request.source());
    Some(reason.with("peak", figure(demand.peak)).with("jobsPerRequest", figure(each)))
}

fn growth(app: &ValidApp, catalogue: &Catalogue, demands: &Demands) -> Vec<Reason> {
    let targets = &app.targets;
    let months = targets.growth.horizon_months.value;
    let factor = growth_factor(app, months);
    let mut list = vec![
        Reason::new(
            "growth",
            figure(factor),
            "(1 + percent / 100) ^ months",
            targets.growth.percent_per_month.source(),
        )
        .with("percent", targets.growth.percent_per_month.value)
        .with("months", months),
    ];
    let then = At { part: "demandAtHorizon", demand: &demands.horizon };
    if factor > 1.0 {
        for (name, now, value) in [
            ("averageRequestsPerSecond", demands.now.average, demands.horizon.average),
            ("peakRequestsPerSecond", demands.now.peak, demands.horizon.peak),
        ] {
            let reason = then.of(name, value, "now * growth", "arithmetic");
            list.push(reason.with("now", figure(now)).with("growth", figure(factor)));
        }
        list.extend(derived(app, then));
    }
    if app.has_database() {
        let each = &app.profile.bytes_written_per_user_per_day;
        let users = daily_users(app, catalogue);
        let days = demands.horizon.bytes / (users * each.value.0 as f64).max(1.0);
        list.push(
            Reason::new(
                "demandAtHorizon.databaseBytes",
                demands.horizon.bytes.round(),
                "users * bytesWritten * days, days of the horizon with the growth of their month",
                each.source(),
            )
            .with("users", figure(users))
            .with("bytesWritten", scaled(each.value.0 as f64))
            .with("days", (days * 10.0).round() / 10.0),
        );
    }
    list
}
