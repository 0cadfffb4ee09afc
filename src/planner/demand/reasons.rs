//! Why the demand is what it is: each figure with its formula, the numbers in it and their source.

use super::super::model::Catalogue;
use super::super::packing::{figure, scaled};
use super::super::why::Reason;
use super::{Demand, Demands, growth_factor, round};
use crate::domain::{ValidApp, ValidLoad};

/// The figures of the demand, from the users to the rows; then what growth makes of them.
#[must_use]
pub fn reasons(app: &ValidApp, catalogue: &Catalogue, demands: &Demands) -> Vec<Reason> {
    let mut list = rates(app, &demands.now);
    list.extend(requests(app, &demands.now));
    if app.has_database() || demands.now.cache_reads > 0.0 {
        list.extend(queries(app, &demands.now));
    }
    list.extend(jobs(app, &demands.now));
    list.push(
        of(
            "egressMegabitsPerSecond",
            demands.now.egress,
            "peak * responseBytes * 8 / 1000000",
            app.profile.response_size.source(),
        )
        .with("peak", figure(demands.now.peak))
        .with("responseBytes", app.profile.response_size.value.0),
    );
    list.extend(growth(app, catalogue, demands));
    list
}

fn of(name: &str, value: f64, formula: &str, source: impl Into<String>) -> Reason {
    Reason::new(format!("demand.{name}"), round(value), formula, source)
}

fn rates(app: &ValidApp, now: &Demand) -> Vec<Reason> {
    let ratio = &app.targets.peak_to_average;
    match &app.targets.load {
        ValidLoad::DailyActiveUsers { users, requests_per_user_per_day: each } => vec![
            of("averageRequestsPerSecond", now.average, "users * requestsPerUserPerDay / 86400", each.source())
                .with("users", users)
                .with("requestsPerUserPerDay", each.value),
            of("peakRequestsPerSecond", now.peak, "average * peakToAverage", ratio.source())
                .with("average", figure(now.average))
                .with("peakToAverage", ratio.value),
        ],
        ValidLoad::PeakRequestsPerSecond(peak) => vec![
            of("peakRequestsPerSecond", now.peak, "as declared", "spec.targets.peakRequestsPerSecond"),
            of("averageRequestsPerSecond", now.average, "peak / peakToAverage", ratio.source())
                .with("peak", peak)
                .with("peakToAverage", ratio.value),
        ],
        ValidLoad::PeakConcurrentUsers { users, seconds_between_requests: pause } => vec![
            of("peakRequestsPerSecond", now.peak, "users / (secondsBetweenRequests + serviceTime)", pause.source())
                .with("users", users)
                .with("secondsBetweenRequests", pause.value)
                .with("serviceTime", figure(app.profile.service_time_p99.value.as_seconds())),
            of("averageRequestsPerSecond", now.average, "peak / peakToAverage", ratio.source())
                .with("peak", figure(now.peak))
                .with("peakToAverage", ratio.value),
        ],
    }
}

fn requests(app: &ValidApp, now: &Demand) -> Vec<Reason> {
    let profile = &app.profile;
    let cacheable = now.dynamic * profile.cacheable_share.value;
    let files = if now.statics > 0.0 { 1.0 - now.served / now.statics } else { 0.0 };
    let pages = if cacheable > 0.0 { (now.dynamic - now.computed) / cacheable } else { 0.0 };
    let hits = if app.proxy.is_some() {
        "hits of a time to live over pages and files by Zipf's law; without a proxy none"
    } else {
        "no proxy is declared, so nothing is answered before the services"
    };
    vec![
        of("dynamicRequestsPerSecond", now.dynamic, "peak * (1 - staticShare)", profile.static_share.source())
            .with("peak", figure(now.peak))
            .with("staticShare", figure(profile.static_share.value)),
        of(
            "originRequestsPerSecond",
            now.origin,
            "static * (1 - fileHits) + dynamic * (1 - cacheable * pageHits)",
            hits,
        )
        .with("static", figure(now.statics))
        .with("dynamic", figure(now.dynamic))
        .with("fileHits", figure(files))
        .with("cacheable", figure(profile.cacheable_share.value))
        .with("pageHits", figure(pages)),
    ]
}

fn queries(app: &ValidApp, now: &Demand) -> Vec<Reason> {
    let profile = &app.profile;
    let computed = figure(now.computed);
    let always = now.computed * profile.queries_per_request.value * profile.read_share.value;
    let missed = if now.cache_reads > 0.0 { (now.reads - always) / now.cache_reads } else { 0.0 };
    vec![
        of(
            "cacheOperationsPerSecond",
            now.cache_reads,
            "computed * cacheReads",
            profile.cache_reads_per_request.source(),
        )
        .with("computed", &computed)
        .with("cacheReads", figure(profile.cache_reads_per_request.value)),
        of(
            "databaseReadsPerSecond",
            now.reads,
            "computed * (queries * read + cacheReads * missed)",
            profile.queries_per_request.source(),
        )
        .with("computed", &computed)
        .with("queries", figure(profile.queries_per_request.value))
        .with("read", figure(profile.read_share.value))
        .with("cacheReads", figure(profile.cache_reads_per_request.value))
        .with("missed", figure(missed)),
        of("databaseWritesPerSecond", now.writes, "computed * queries * (1 - read)", profile.read_share.source())
            .with("computed", &computed)
            .with("queries", figure(profile.queries_per_request.value))
            .with("read", figure(profile.read_share.value)),
    ]
}

fn jobs(app: &ValidApp, now: &Demand) -> Option<Reason> {
    let first = app.workers.first()?;
    let each: f64 = app.workers.iter().map(|worker| worker.jobs_per_request.value).sum();
    let reason =
        of("jobsPerSecond", now.jobs, "peak * jobsPerRequest, of all workers", first.jobs_per_request.source());
    Some(reason.with("peak", figure(now.peak)).with("jobsPerRequest", figure(each)))
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
        Reason::new(
            "demandAtHorizon.peakRequestsPerSecond",
            round(demands.horizon.peak),
            "peak * growth",
            "arithmetic",
        )
        .with("peak", figure(demands.now.peak))
        .with("growth", figure(factor)),
    ];
    if app.has_database() {
        let each = &app.profile.bytes_written_per_user_per_day;
        let users = super::daily_users(app);
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
            .with("days", figure(days))
            .with("indexesAndBloat", catalogue.bloat_factor.value),
        );
    }
    list
}
