//! How heavy the application is.

use std::ops::RangeInclusive;

use strum::IntoEnumIterator as _;

use super::checker::Checker;
use crate::api::{Decimal, DurationText, Profile, Quantity, RangeEnd, RangedField};
use crate::domain::unit_cost::text;
use crate::domain::{Bytes, Grade, Millis, Origin, Sourced, ValidProfile, ValidRange, defaults};

/// Longest time of a request.
pub(super) const LONGEST: Millis = Millis::seconds(60);

/// The unit costs, with presets and defaults.
pub(super) fn profile(check: &mut Checker, declared: Option<&Profile>) -> ValidProfile {
    let declared = declared.cloned().unwrap_or_default();
    let preset = defaults::PRESET.or(declared.preset);
    let cpu =
        check.duration("spec.profile.cpuPerRequest", declared.cpu_per_request.as_ref(), SPANS).map(|cpu| cpu.0 as f64);
    let service = declared.service_time.as_ref().and_then(|s| s.p99.as_ref());
    let service = check.duration("spec.profile.serviceTime.p99", service, SPANS);
    if let (Some(cpu), Some(slowest)) = (cpu, service)
        && (slowest.0 as f64) < cpu
    {
        check.report(
            "spec.profile.serviceTime.p99",
            format!("is {slowest}, and spec.profile.cpuPerRequest, the mean, is {}", Millis(cpu as u64)),
            "write how long the slowest hundredth of the requests takes without load: no less than their mean CPU time",
        );
    }
    let memory = check.bytes(
        "spec.profile.memoryPerReplica",
        declared.memory_per_replica.as_ref(),
        sizes(RangedField::MemoryPerReplica),
    );
    let cpu_ms = cpu.map_or_else(
        || Sourced::default(defaults::preset_cpu_ms(preset.value), Grade::D, defaults::PRESET_CPU_SOURCE),
        |cpu| Sourced::declared(cpu, "spec.profile.cpuPerRequest"),
    );
    let mut profile = ValidProfile {
        service_time_p99: service.map_or_else(
            || Sourced::default(defaults::service_time_p99(cpu_ms.value), Grade::D, defaults::SERVICE_TIME_SOURCE),
            |span| Sourced::declared(span, "spec.profile.serviceTime.p99"),
        ),
        memory_per_replica: memory.map_or_else(
            || Sourced::default(defaults::preset_memory(preset.value), Grade::D, defaults::PRESET_MEMORY_SOURCE),
            |bytes| Sourced::declared(bytes, "spec.profile.memoryPerReplica"),
        ),
        response_size: defaults::RESPONSE_SIZE.or(check.bytes(
            "spec.profile.responseSize",
            declared.response_size.as_ref(),
            sizes(RangedField::ResponseSize),
        )),
        read_share: defaults::READ_SHARE.or(share(check, "spec.profile.readPercent", declared.read_percent)),
        static_share: defaults::STATIC_SHARE.or(share(check, "spec.profile.staticPercent", declared.static_percent)),
        cacheable_share: defaults::CACHEABLE_SHARE.or(share(
            check,
            "spec.profile.cacheablePercent",
            declared.cacheable_percent,
        )),
        queries_per_request: defaults::QUERIES_PER_REQUEST.or(check.decimal(
            "spec.profile.queriesPerRequest",
            declared.queries_per_request.as_ref(),
            COUNTS,
        )),
        cache_reads_per_request: defaults::CACHE_READS_PER_REQUEST.or(check.decimal(
            "spec.profile.cacheReadsPerRequest",
            declared.cache_reads_per_request.as_ref(),
            COUNTS,
        )),
        bytes_written_per_user_per_day: defaults::BYTES_PER_USER.or(check.bytes(
            "spec.profile.bytesWrittenPerUserPerDay",
            declared.bytes_written_per_user_per_day.as_ref(),
            sizes(RangedField::BytesWrittenPerUserPerDay),
        )),
        preset,
        cpu_ms_per_request: cpu_ms,
        ranges: Vec::new(),
    };
    profile.ranges = ranges(check, &declared, &profile);
    profile
}

fn share(check: &mut Checker, field: &str, percent: Option<i64>) -> Option<f64> {
    check.integer(field, percent, 0..=100).map(|percent| percent as f64 / 100.0)
}

/// Bounds of unit costs that are spans of time.
const SPANS: RangeInclusive<Millis> = Millis(1)..=LONGEST;
/// Bounds of unit costs that are counts for each request.
pub(super) const COUNTS: RangeInclusive<f64> = 0.0..=10_000.0;

/// Bounds of unit costs that are sizes.
pub(super) fn sizes(field: RangedField) -> RangeInclusive<Bytes> {
    match field {
        RangedField::MemoryPerReplica => Bytes::mib(4)..=Bytes::gib(1024),
        RangedField::ResponseSize => Bytes(1)..=Bytes::gib(1),
        _ => Bytes(0)..=Bytes::gib(1),
    }
}

/// The spreads; the value that the plan is made on must lie between the ends of its own.
fn ranges(check: &mut Checker, declared: &Profile, profile: &ValidProfile) -> Vec<ValidRange> {
    let declared = declared.ranges.as_deref().unwrap_or_default();
    check.length("spec.profile.ranges", declared.len(), RangedField::iter().count());
    let fields: Vec<String> = declared.iter().map(|range| range.field.to_string()).collect();
    check.distinct("spec.profile.ranges", fields.iter().map(String::as_str));
    let ends = declared.iter().enumerate().filter_map(|(index, range)| {
        let field = format!("spec.profile.ranges[{index}]");
        let low = end(check, range.field, &format!("{field}.low"), &range.low);
        let high = end(check, range.field, &format!("{field}.high"), &range.high);
        let (low, high) = (low?, high?);
        let middle = profile.unit_cost(range.field);
        let (from, to) = (range.low.text(), range.high.text());
        if low > high {
            check.report(&field, format!("runs from {from} to {to}"), "swap low and high");
        } else if middle < low || middle > high {
            let planned = text(range.field, middle);
            let origin = profile.unit_cost_origin(range.field);
            let default = if matches!(origin, Origin::Default { .. }) { ", the default" } else { "" };
            check.report(
                &field,
                format!("runs from {from} to {to}, but the plan is made on {planned}{default}"),
                format!("let {} lie between low and high", range.field),
            );
        }
        Some(ValidRange { field: range.field, low, high })
    });
    ends.collect()
}

/// An end of a spread, with the form and the bounds of its field.
fn end(check: &mut Checker, field: RangedField, path: &str, end: &RangeEnd) -> Option<f64> {
    let written = end.text();
    match field {
        RangedField::CpuPerRequest | RangedField::ServiceTimeP99 => {
            check.duration(path, Some(&DurationText(written)), SPANS).map(|span| span.0 as f64)
        }
        RangedField::MemoryPerReplica | RangedField::ResponseSize | RangedField::BytesWrittenPerUserPerDay => {
            check.bytes(path, Some(&Quantity(written)), sizes(field)).map(|bytes| bytes.0 as f64)
        }
        RangedField::ReadPercent | RangedField::StaticPercent | RangedField::CacheablePercent => {
            let Ok(percent) = written.parse::<i64>() else {
                check.report(path, format!("is {written:?}"), "write a whole number from 0 to 100");
                return None;
            };
            share(check, path, Some(percent))
        }
        RangedField::QueriesPerRequest | RangedField::CacheReadsPerRequest => {
            check.decimal(path, Some(&Decimal(written)), COUNTS)
        }
    }
}
