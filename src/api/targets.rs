//! What the owner promises to the users: load, latency, availability, growth.
//!
//! Types only; the arithmetic is in `planner::demand`.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Decimal, DurationText};

/// The load and the promises. Exactly one of the three load fields is given.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("(has(self.dailyActiveUsers) ? 1 : 0) + (has(self.peakRequestsPerSecond) ? 1 : 0) + (has(self.peakConcurrentUsers) ? 1 : 0) == 1").message("spec.targets takes exactly one of dailyActiveUsers, peakRequestsPerSecond and peakConcurrentUsers: keep the one you know best"))]
#[x_kube(validation = Rule::new("!has(self.secondsBetweenRequests) || has(self.peakConcurrentUsers)").message("spec.targets.secondsBetweenRequests only has a meaning with peakConcurrentUsers: remove it or declare peakConcurrentUsers"))]
#[x_kube(validation = Rule::new("!has(self.requestsPerUserPerDay) || has(self.dailyActiveUsers)").message("spec.targets.requestsPerUserPerDay only has a meaning with dailyActiveUsers: remove it or declare dailyActiveUsers"))]
pub struct Targets {
    /// People who use the application on a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000_000_000_i64))]
    pub daily_active_users: Option<i64>,
    /// Requests a second at peak, static files included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000_i64))]
    pub peak_requests_per_second: Option<i64>,
    /// People who use the application at the same moment, at peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_i64))]
    pub peak_concurrent_users: Option<i64>,
    /// Pause of one user between two requests; default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 86_400_i64))]
    pub seconds_between_requests: Option<i64>,
    /// The day from which growth counts, as YYYY-MM-DD; absent means that the load is today's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), length(max = 10))]
    pub as_of: Option<String>,
    /// Requests of one user on a day, static files included; default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_i64))]
    pub requests_per_user_per_day: Option<i64>,
    /// Peak load over average load; default "3".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_to_average: Option<Decimal>,
    /// From the edge's receipt of a request to its last byte, for dynamic uncached requests at peak.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Latency>,
    /// Share of requests in 30 days that are answered without a server error; default "99".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_percent: Option<Decimal>,
    /// How the load grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub growth: Option<Growth>,
}

/// The promised latency.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Latency {
    /// 99 of 100 requests are answered within this time; default 500ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<DurationText>,
}

/// Compound growth of the load.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Growth {
    /// Growth a month in percent; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_i64))]
    pub percent_per_month: Option<i64>,
    /// Months that autoscaler bounds and storage are planned ahead; default 6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 60_i64))]
    pub horizon_months: Option<i64>,
}
