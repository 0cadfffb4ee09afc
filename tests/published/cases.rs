//! Published cases whose demand is known: each figure within 5 %.

use scaledapp::planner::{FindingKind, Severity, Tier};

use crate::common::{app, planned};

fn near(found: f64, published: f64) {
    assert!((found / published - 1.0).abs() < 0.05, "{found} against {published}");
}

/// Stack Overflow in 2016: 2,424 requests a second of 7.7 ms, 2.41 queries of 1.2 ms and 27.8 cache operations each, 5.9 KB an
/// answer: 18.6 busy web cores, 7.0 busy database cores, 5,843 queries and 67.5 k cache operations a second, 115 Mbit/s.
///
/// Of the 2.41 queries 1.02 always reach the database and the rest are what a cache of 95 % misses. The spec takes whole
/// milliseconds, so the web cores are those of 8 ms times 7.7 / 8.
#[test]
fn stack_overflow_2016() {
    let plan = planned(&app("
targets: {peakRequestsPerSecond: 2424, peakToAverage: '1'}
profile: {cpuPerRequest: 8ms, responseSize: '5900', queriesPerRequest: '1.02', cacheReadsPerRequest: '27.8', readPercent: 100}
services: [{name: web, image: a}]
database: {}
cache: {hitPercentTarget: 95}"));
    near(plan.web("web").unwrap().requirement.cpu_millicores * 7.7 / 8.0, 18_600.0);
    near(plan.tier(Tier::Database).unwrap().requirement.cpu_millicores, 7000.0);
    near(plan.demand.database_reads_per_second, 5843.0);
    near(plan.demand.cache_operations_per_second, 67_500.0);
    near(plan.demand.egress_megabits_per_second, 115.0);
}

/// Social posts: 150 million users a day with two posts, one in ten with 1 MB, over five years: 3,472 writes a second and
/// 7,000 at twice that, 30 TB a day, 55 PB.
#[test]
fn social_posts() {
    let plan = planned(&app("
targets: {dailyActiveUsers: 150000000, requestsPerUserPerDay: 2, peakToAverage: '2', growth: {horizonMonths: 60}}
profile: {queriesPerRequest: '1', readPercent: 0, bytesWrittenPerUserPerDay: '200000'}
services: [{name: web, image: a}]
database: {}"));
    near(plan.demand.average_requests_per_second, 3472.0);
    near(plan.demand.database_writes_per_second, 7000.0);
    near(plan.demand.database_bytes as f64, 30e12);
    near(plan.demand_at_horizon.database_bytes as f64, 55e15);
    let refused = |kind| plan.findings.iter().any(|f| f.kind == kind && f.severity == Severity::Error);
    assert!(refused(FindingKind::StorageAboveOnePrimary), "55 PB are no single database's");
}

/// A paste service: 10 million writes and 100 million reads in a month of 30 days, 1.27 KB a paste: 4 writes and 40 reads a
/// second, 12.7 GB a month, 450 GB in three years.
#[test]
fn paste_service() {
    let after = |months: u32| {
        planned(&app(&format!(
            "
targets: {{dailyActiveUsers: 3666667, requestsPerUserPerDay: 1, peakToAverage: '1', growth: {{horizonMonths: {months}}}}}
profile: {{queriesPerRequest: '1', readPercent: 91, bytesWrittenPerUserPerDay: '115'}}
services: [{{name: web, image: a}}]
database: {{}}"
        )))
    };
    let demand = after(36).demand;
    near(demand.database_writes_per_second, 4.0);
    near(demand.database_reads_per_second, 40.0);
    near(after(1).demand_at_horizon.database_bytes as f64, 12.7e9);
    near(after(36).demand_at_horizon.database_bytes as f64, 450e9);
}
