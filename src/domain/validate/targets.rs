//! The load and the promises.

use jiff::civil::Date;

use super::checker::Checker;
use crate::api::Targets;
use crate::domain::{Millis, ValidGrowth, ValidLoad, ValidTargets, defaults};

/// The load and the promises, with their defaults.
pub(super) fn targets(check: &mut Checker, declared: &Targets) -> ValidTargets {
    let availability =
        check.decimal("spec.targets.availabilityPercent", declared.availability_percent.as_ref(), 1.0..=99.9999);
    let latency = declared.latency.as_ref().and_then(|l| l.p99.as_ref());
    let growth = declared.growth.clone().unwrap_or_default();
    if let Some(date) = &declared.as_of
        && (date.len() != 10 || date.parse::<Date>().is_err())
    {
        check.report("spec.targets.asOf", format!("is {date:?}"), "write a day of the calendar as YYYY-MM-DD");
    }
    ValidTargets {
        load: load(check, declared),
        as_of: declared.as_of.clone(),
        peak_to_average: defaults::PEAK_TO_AVERAGE.or(check.decimal(
            "spec.targets.peakToAverage",
            declared.peak_to_average.as_ref(),
            1.0..=1000.0,
        )),
        latency_p99: defaults::LATENCY_P99.or(check.duration(
            "spec.targets.latency.p99",
            latency,
            Millis(1)..=Millis::seconds(600),
        )),
        availability: defaults::AVAILABILITY.or(availability.map(|percent| percent / 100.0)),
        growth: ValidGrowth {
            percent_per_month: defaults::GROWTH_PERCENT.or(check.integer(
                "spec.targets.growth.percentPerMonth",
                growth.percent_per_month,
                0..=100,
            )),
            horizon_months: defaults::HORIZON_MONTHS.or(check.integer(
                "spec.targets.growth.horizonMonths",
                growth.horizon_months,
                0..=60,
            )),
        },
    }
}

fn load(check: &mut Checker, declared: &Targets) -> ValidLoad {
    let users = check.integer("spec.targets.dailyActiveUsers", declared.daily_active_users, 1..=10_000_000_000);
    let requests =
        check.integer("spec.targets.peakRequestsPerSecond", declared.peak_requests_per_second, 1..=100_000_000);
    let concurrent =
        check.integer("spec.targets.peakConcurrentUsers", declared.peak_concurrent_users, 1..=1_000_000_000);
    let per_user = check.integer("spec.targets.requestsPerUserPerDay", declared.requests_per_user_per_day, 1..=100_000);
    let pause = check.integer("spec.targets.secondsBetweenRequests", declared.seconds_between_requests, 1..=86_400);
    let given = [
        declared.daily_active_users.is_some(),
        declared.peak_requests_per_second.is_some(),
        declared.peak_concurrent_users.is_some(),
    ];
    match given.iter().filter(|given| **given).count() {
        0 => check.report(
            "spec.targets",
            "names no load",
            "write one of dailyActiveUsers, peakRequestsPerSecond and peakConcurrentUsers",
        ),
        1 => {}
        count => check.report(
            "spec.targets",
            format!("names {count} loads"),
            "keep one of dailyActiveUsers, peakRequestsPerSecond and peakConcurrentUsers, the one you know best",
        ),
    }
    if declared.seconds_between_requests.is_some() && declared.peak_concurrent_users.is_none() {
        check.report(
            "spec.targets.secondsBetweenRequests",
            "only has a meaning with peakConcurrentUsers",
            "remove it or declare peakConcurrentUsers",
        );
    }
    if declared.requests_per_user_per_day.is_some() && declared.daily_active_users.is_none() {
        check.report(
            "spec.targets.requestsPerUserPerDay",
            "only has a meaning with dailyActiveUsers",
            "remove it or declare dailyActiveUsers",
        );
    }
    match (users, requests, concurrent) {
        (_, Some(requests), _) => ValidLoad::PeakRequestsPerSecond(requests),
        (_, _, Some(users)) => ValidLoad::PeakConcurrentUsers {
            users,
            seconds_between_requests: defaults::SECONDS_BETWEEN_REQUESTS.or(pause),
        },
        (users, _, _) => ValidLoad::DailyActiveUsers {
            users: users.unwrap_or(1),
            requests_per_user_per_day: defaults::REQUESTS_PER_USER.or(per_user),
        },
    }
}
