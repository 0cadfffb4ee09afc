//! Unit costs of the profile by their names: to read one, to put another in its place, to write it as a spec does.
//!
//! In the unit of the field: milliseconds, bytes, shares in [0, 1], counts for each request. Knows no bounds: those are
//! the validation's.

use super::{Bytes, Millis, Origin, ValidProfile, defaults};
use crate::api::RangedField;

/// A spread of one unit cost; the profile's own value lies within it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ValidRange {
    /// Which one.
    pub field: RangedField,
    /// The low end.
    pub low: f64,
    /// The high end, at least the low one.
    pub high: f64,
}

impl ValidProfile {
    /// A unit cost in its unit.
    #[must_use]
    pub fn unit_cost(&self, field: RangedField) -> f64 {
        match field {
            RangedField::CpuPerRequest => self.cpu_ms_per_request.value,
            RangedField::ServiceTimeP99 => self.service_time_p99.value.0 as f64,
            RangedField::MemoryPerReplica => self.memory_per_replica.value.0 as f64,
            RangedField::ResponseSize => self.response_size.value.0 as f64,
            RangedField::ReadPercent => self.read_share.value,
            RangedField::StaticPercent => self.static_share.value,
            RangedField::CacheablePercent => self.cacheable_share.value,
            RangedField::QueriesPerRequest => self.queries_per_request.value,
            RangedField::CacheReadsPerRequest => self.cache_reads_per_request.value,
            RangedField::BytesWrittenPerUserPerDay => self.bytes_written_per_user_per_day.value.0 as f64,
        }
    }

    /// Where a unit cost comes from.
    #[must_use]
    pub const fn unit_cost_origin(&self, field: RangedField) -> &Origin {
        match field {
            RangedField::CpuPerRequest => &self.cpu_ms_per_request.origin,
            RangedField::ServiceTimeP99 => &self.service_time_p99.origin,
            RangedField::MemoryPerReplica => &self.memory_per_replica.origin,
            RangedField::ResponseSize => &self.response_size.origin,
            RangedField::ReadPercent => &self.read_share.origin,
            RangedField::StaticPercent => &self.static_share.origin,
            RangedField::CacheablePercent => &self.cacheable_share.origin,
            RangedField::QueriesPerRequest => &self.queries_per_request.origin,
            RangedField::CacheReadsPerRequest => &self.cache_reads_per_request.origin,
            RangedField::BytesWrittenPerUserPerDay => &self.bytes_written_per_user_per_day.origin,
        }
    }

    /// The place of a unit cost's origin.
    pub const fn unit_cost_origin_mut(&mut self, field: RangedField) -> &mut Origin {
        match field {
            RangedField::CpuPerRequest => &mut self.cpu_ms_per_request.origin,
            RangedField::ServiceTimeP99 => &mut self.service_time_p99.origin,
            RangedField::MemoryPerReplica => &mut self.memory_per_replica.origin,
            RangedField::ResponseSize => &mut self.response_size.origin,
            RangedField::ReadPercent => &mut self.read_share.origin,
            RangedField::StaticPercent => &mut self.static_share.origin,
            RangedField::CacheablePercent => &mut self.cacheable_share.origin,
            RangedField::QueriesPerRequest => &mut self.queries_per_request.origin,
            RangedField::CacheReadsPerRequest => &mut self.cache_reads_per_request.origin,
            RangedField::BytesWrittenPerUserPerDay => &mut self.bytes_written_per_user_per_day.origin,
        }
    }

    /// Puts another value in the place of a unit cost, which keeps its origin; a default service time follows the CPU
    /// time that it is derived from.
    pub fn set_unit_cost(&mut self, field: RangedField, value: f64) {
        let bytes = Bytes(value.round() as u64);
        match field {
            RangedField::CpuPerRequest => {
                self.cpu_ms_per_request.value = value;
                if matches!(self.service_time_p99.origin, Origin::Default { .. }) {
                    self.service_time_p99.value = defaults::service_time_p99(value);
                }
            }
            RangedField::ServiceTimeP99 => self.service_time_p99.value = Millis(value.ceil() as u64),
            RangedField::MemoryPerReplica => self.memory_per_replica.value = bytes,
            RangedField::ResponseSize => self.response_size.value = bytes,
            RangedField::ReadPercent => self.read_share.value = value,
            RangedField::StaticPercent => self.static_share.value = value,
            RangedField::CacheablePercent => self.cacheable_share.value = value,
            RangedField::QueriesPerRequest => self.queries_per_request.value = value,
            RangedField::CacheReadsPerRequest => self.cache_reads_per_request.value = value,
            RangedField::BytesWrittenPerUserPerDay => self.bytes_written_per_user_per_day.value = bytes,
        }
    }
}

/// A value as a spec writes it, with at most two decimals.
#[must_use]
pub fn text(field: RangedField, value: f64) -> String {
    let short = |value: f64| format!("{}", (value * 100.0).round() / 100.0);
    match field {
        RangedField::CpuPerRequest | RangedField::ServiceTimeP99 => {
            if value >= 1000.0 && value % 1000.0 == 0.0 {
                format!("{}s", value / 1000.0)
            } else {
                format!("{}ms", short(value))
            }
        }
        RangedField::MemoryPerReplica | RangedField::ResponseSize | RangedField::BytesWrittenPerUserPerDay => {
            Bytes(value.round() as u64).quantity()
        }
        RangedField::ReadPercent | RangedField::StaticPercent | RangedField::CacheablePercent => short(value * 100.0),
        RangedField::QueriesPerRequest | RangedField::CacheReadsPerRequest => short(value),
    }
}
