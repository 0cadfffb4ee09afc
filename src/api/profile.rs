//! How heavy the application is. Types only.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

use super::{Decimal, DurationText, Quantity, RangeEnd};

/// Unit costs of the application; every absent value comes from the preset or a documented default.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Profile {
    /// Kind of application, for the CPU that a request takes: Thin 2 ms, Compiled 20 ms, Interpreted 50 ms, Heavy 100 ms.
    ///
    /// Absent means Interpreted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// CPU time of one dynamic request, measured; overrides the preset.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_per_request: Option<DurationText>,
    /// Time of one dynamic request without load.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_time: Option<ServiceTime>,
    /// Memory of one web pod at work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_per_replica: Option<Quantity>,
    /// Mean size of an answer; default 20Ki.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_size: Option<Quantity>,
    /// Share of database queries that only read; default 80.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_i64))]
    pub read_percent: Option<i64>,
    /// Share of requests for files that never need the application; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_i64))]
    pub static_percent: Option<i64>,
    /// Share of the other requests for pages that the services mark public, which a proxy may keep; default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_i64))]
    pub cacheable_percent: Option<i64>,
    /// Queries that always reach the database, for each dynamic request at the origin, with those for sessions that are kept there; default "3".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queries_per_request: Option<Decimal>,
    /// Reads that a cache may answer, for each dynamic request at the origin; without a cache they reach the database; default "0".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_reads_per_request: Option<Decimal>,
    /// Bytes that one user adds to the database on a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_written_per_user_per_day: Option<Quantity>,
    /// Measured spreads: the plan is made on the declared value and checked on the end that costs more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 10), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["field"]))]
    pub ranges: Option<Vec<ProfileRange>>,
}

/// Presets of CPU time a request.
#[derive(schemars::JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display)]
pub enum Preset {
    /// A thin service in Rust or Go: 2 ms.
    Thin,
    /// A compiled application with SQL, such as C#, Java or Go: 20 ms.
    Compiled,
    /// Pages in Python or Node: 50 ms.
    #[default]
    Interpreted,
    /// Pages of a large framework: 100 ms.
    Heavy,
}

/// Time of a request without load.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceTime {
    /// 99 of 100 requests take at most this long on an idle server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p99: Option<DurationText>,
}

/// A measured spread of one unit cost.
///
/// Both ends are written as the field itself is: a duration, a quantity, a whole percent or a decimal.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[x_kube(validation = Rule::new("!(self.field in ['cpuPerRequest', 'serviceTime.p99']) || (type(self.low) == string && self.low.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$') && type(self.high) == string && self.high.matches('^([0-9]{1,5}(h|m|s|ms)){1,4}$'))").message("the ends of a range of cpuPerRequest and serviceTime.p99 are durations: write them as 8ms or 1s"))]
#[x_kube(validation = Rule::new("!(self.field in ['readPercent', 'staticPercent', 'cacheablePercent']) || ((type(self.low) == int ? self.low >= 0 && self.low <= 100 : self.low.matches('^([0-9]|[1-9][0-9]|100)$')) && (type(self.high) == int ? self.high >= 0 && self.high <= 100 : self.high.matches('^([0-9]|[1-9][0-9]|100)$')))").message("the ends of a range of readPercent, staticPercent and cacheablePercent are whole percents: write numbers from 0 to 100"))]
#[x_kube(validation = Rule::new("!(self.field in ['queriesPerRequest', 'cacheReadsPerRequest']) || ((type(self.low) == int || self.low.matches('^[0-9]{1,9}([.][0-9]{1,6})?$')) && (type(self.high) == int || self.high.matches('^[0-9]{1,9}([.][0-9]{1,6})?$')))").message("the ends of a range of queriesPerRequest and cacheReadsPerRequest are decimals: write them as \"2.5\""))]
#[x_kube(validation = Rule::new("!(self.field in ['memoryPerReplica', 'responseSize', 'bytesWrittenPerUserPerDay']) || ((type(self.low) == int || self.low.matches('^[0-9]{1,15}([.][0-9]{1,6})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$')) && (type(self.high) == int || self.high.matches('^[0-9]{1,15}([.][0-9]{1,6})?(k|M|G|T|P|Ki|Mi|Gi|Ti|Pi)?$')))").message("the ends of a range of memoryPerReplica, responseSize and bytesWrittenPerUserPerDay are quantities: write them as 20Ki or 1.5Gi"))]
pub struct ProfileRange {
    /// Which unit cost.
    pub field: RangedField,
    /// The low end, written as the field is.
    pub low: RangeEnd,
    /// The high end, written as the field is.
    pub high: RangeEnd,
}

/// Unit costs that may be given as a spread, by their paths below `spec.profile`.
#[derive(
    schemars::JsonSchema,
    Serialize,
    Deserialize,
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    strum::Display,
    strum::EnumIter,
)]
#[serde(rename_all = "camelCase")]
#[strum(serialize_all = "camelCase")]
pub enum RangedField {
    /// CPU time of one dynamic request.
    CpuPerRequest,
    /// Time of one dynamic request without load.
    #[serde(rename = "serviceTime.p99")]
    #[strum(serialize = "serviceTime.p99")]
    ServiceTimeP99,
    /// Memory of one web pod at work.
    MemoryPerReplica,
    /// Mean size of an answer.
    ResponseSize,
    /// Share of database queries that only read.
    ReadPercent,
    /// Share of requests for files.
    StaticPercent,
    /// Share of the other requests for pages that a proxy may keep.
    CacheablePercent,
    /// Queries for each dynamic request at the origin.
    QueriesPerRequest,
    /// Reads that a cache may answer, for each dynamic request at the origin.
    CacheReadsPerRequest,
    /// Bytes that one user adds to the database on a day.
    BytesWrittenPerUserPerDay,
}
