//! How heavy the application is.

use super::checker::Checker;
use crate::api::{Profile, RangedField};
use crate::domain::{Bytes, Grade, Millis, Sourced, ValidProfile, defaults};

const LONGEST: Millis = Millis::seconds(60);

/// The unit costs, with presets and defaults.
pub(super) fn profile(check: &mut Checker, declared: Option<&Profile>) -> ValidProfile {
    let declared = declared.cloned().unwrap_or_default();
    let preset = defaults::PRESET.or(declared.preset);
    let cpu = check
        .duration("spec.profile.cpuPerRequest", declared.cpu_per_request.as_ref(), Millis(1)..=LONGEST)
        .map(|cpu| cpu.0 as f64);
    let service = declared.service_time.as_ref().and_then(|s| s.p99.as_ref());
    let service = check.duration("spec.profile.serviceTime.p99", service, Millis(1)..=LONGEST);
    let memory = check.bytes(
        "spec.profile.memoryPerReplica",
        declared.memory_per_replica.as_ref(),
        Bytes::mib(4)..=Bytes::gib(1024),
    );
    let cpu_ms = cpu.map_or_else(
        || Sourced::default(defaults::preset_cpu_ms(preset.value), Grade::D, defaults::PRESET_CPU_SOURCE),
        |cpu| Sourced::declared(cpu, "spec.profile.cpuPerRequest"),
    );
    ValidProfile {
        cpu_ms_per_request_high: high_end(check, &declared, cpu_ms.value),
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
            Bytes(1)..=Bytes::gib(1),
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
            0.0..=10_000.0,
        )),
        cache_reads_per_request: defaults::CACHE_READS_PER_REQUEST.or(check.decimal(
            "spec.profile.cacheReadsPerRequest",
            declared.cache_reads_per_request.as_ref(),
            0.0..=10_000.0,
        )),
        bytes_written_per_user_per_day: defaults::BYTES_PER_USER.or(check.bytes(
            "spec.profile.bytesWrittenPerUserPerDay",
            declared.bytes_written_per_user_per_day.as_ref(),
            Bytes(0)..=Bytes::gib(1),
        )),
        preset,
        cpu_ms_per_request: cpu_ms,
    }
}

fn share(check: &mut Checker, field: &str, percent: Option<i64>) -> Option<f64> {
    check.integer(field, percent, 0..=100).map(|percent| percent as f64 / 100.0)
}

/// The high end of the measured CPU time; the middle must lie between the ends.
fn high_end(check: &mut Checker, declared: &Profile, middle: f64) -> Option<f64> {
    let ranges = declared.ranges.as_deref().unwrap_or_default();
    check.length("spec.profile.ranges", ranges.len(), 8);
    let fields: Vec<String> = ranges.iter().map(|range| range.field.to_string()).collect();
    check.distinct("spec.profile.ranges", fields.iter().map(String::as_str));
    let mut high_end = None;
    for (index, range) in ranges.iter().enumerate() {
        let RangedField::CpuPerRequest = range.field;
        let field = format!("spec.profile.ranges[{index}]");
        let low = check.duration(&format!("{field}.low"), Some(&range.low), Millis(1)..=LONGEST);
        let high = check.duration(&format!("{field}.high"), Some(&range.high), Millis(1)..=LONGEST);
        let (Some(low), Some(high)) = (low, high) else { continue };
        if low > high {
            check.report(&field, format!("runs from {low} to {high}"), "swap low and high");
        } else if middle < low.0 as f64 || middle > high.0 as f64 {
            check.report(
                &field,
                format!("runs from {low} to {high}, but the plan is made on {middle}ms"),
                "let cpuPerRequest lie between low and high",
            );
        }
        high_end = Some(high.0 as f64);
    }
    high_end
}
