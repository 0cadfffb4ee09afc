//! A file of measured figures.

use serde::Deserialize;
use strum::IntoEnumIterator as _;

use super::Problem;
use super::checker::Checker;
use super::profile::{COUNTS, LONGEST, sizes};
use crate::api::{DurationText, Quantity, RangedField};
use crate::domain::{Millis, Observed};

/// The file as it is written: the names of the spec's profile, and what only a running application shows.
#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ObservedFile {
    app: Option<String>,
    measured_at: Option<String>,
    window: Option<String>,
    peak_requests_per_second: Option<Figure>,
    cpu_per_request: Option<Figure>,
    service_time: Option<ServiceTimeFile>,
    memory_per_replica: Option<Figure>,
    response_size: Option<Figure>,
    read_percent: Option<Figure>,
    static_percent: Option<Figure>,
    cacheable_percent: Option<Figure>,
    queries_per_request: Option<Figure>,
    cache_reads_per_request: Option<Figure>,
    bytes_written_per_user_per_day: Option<Figure>,
    cache_hit_percent: Option<Figure>,
    proxy_hit_percent: Option<Figure>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(deny_unknown_fields)]
struct ServiceTimeFile {
    p99: Option<Figure>,
}

/// A figure, with or without quotes.
#[derive(Deserialize, Clone, Debug)]
#[serde(untagged)]
enum Figure {
    Number(f64),
    Text(String),
}

impl Figure {
    fn text(&self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text.clone(),
        }
    }
}

/// Reads measured figures of YAML or JSON.
///
/// # Errors
/// Everything that is wrong with them.
pub fn observed(text: &str) -> Result<Observed, Vec<Problem>> {
    let file: ObservedFile = serde_yaml::from_str(text).map_err(|error| {
        let message = format!("These are no measured figures: {error}.");
        vec![Problem { field: "observed".to_owned(), message }]
    })?;
    let mut check = Checker::default();
    let measured_at = file.measured_at.clone().unwrap_or_default();
    let day = measured_at.parse::<jiff::civil::Date>().is_ok() || measured_at.parse::<jiff::Timestamp>().is_ok();
    if !day {
        let wrong = if measured_at.is_empty() { "is missing".to_owned() } else { format!("is {measured_at:?}") };
        check.report("measuredAt", wrong, "write when it was measured, such as 2026-11-28 or 2026-11-28T12:00:00Z");
    }
    let window = file.window.clone().unwrap_or_default();
    if window.is_empty() {
        check.report("window", "is missing", "write for how long it was measured, such as 10m");
    } else {
        check.duration(
            "window",
            Some(&DurationText(window.clone())),
            Millis::seconds(1)..=Millis::seconds(31 * 86_400),
        );
    }
    let unit_costs = RangedField::iter()
        .filter_map(|field| Some((field, unit_cost(&mut check, field, of(&file, field)?)?)))
        .collect();
    let observed = Observed {
        app: file.app.clone(),
        measured_at,
        window,
        peak_requests_per_second: file
            .peak_requests_per_second
            .as_ref()
            .and_then(|figure| number(&mut check, "peakRequestsPerSecond", figure, 1e-6, 1e8)),
        unit_costs,
        cache_hit: percent(&mut check, "cacheHitPercent", file.cache_hit_percent.as_ref()),
        proxy_hit: percent(&mut check, "proxyHitPercent", file.proxy_hit_percent.as_ref()),
    };
    let nothing = observed.figures().is_empty();
    let observed = check.finish(observed)?;
    if nothing {
        let message = "observed holds no figure: write at least one, such as cpuPerRequest: 2.4ms.".to_owned();
        return Err(vec![Problem { field: "observed".to_owned(), message }]);
    }
    Ok(observed)
}

fn of(file: &ObservedFile, field: RangedField) -> Option<&Figure> {
    match field {
        RangedField::CpuPerRequest => file.cpu_per_request.as_ref(),
        RangedField::ServiceTimeP99 => file.service_time.as_ref()?.p99.as_ref(),
        RangedField::MemoryPerReplica => file.memory_per_replica.as_ref(),
        RangedField::ResponseSize => file.response_size.as_ref(),
        RangedField::ReadPercent => file.read_percent.as_ref(),
        RangedField::StaticPercent => file.static_percent.as_ref(),
        RangedField::CacheablePercent => file.cacheable_percent.as_ref(),
        RangedField::QueriesPerRequest => file.queries_per_request.as_ref(),
        RangedField::CacheReadsPerRequest => file.cache_reads_per_request.as_ref(),
        RangedField::BytesWrittenPerUserPerDay => file.bytes_written_per_user_per_day.as_ref(),
    }
}

/// A measured unit cost; unlike a declared one it may be a part of a millisecond or of a percent.
fn unit_cost(check: &mut Checker, field: RangedField, figure: &Figure) -> Option<f64> {
    let name = field.to_string();
    match field {
        RangedField::CpuPerRequest | RangedField::ServiceTimeP99 => span(check, &name, figure),
        RangedField::MemoryPerReplica | RangedField::ResponseSize | RangedField::BytesWrittenPerUserPerDay => {
            check.bytes(&name, Some(&Quantity(figure.text())), sizes(field)).map(|bytes| bytes.0 as f64)
        }
        RangedField::ReadPercent | RangedField::StaticPercent | RangedField::CacheablePercent => {
            percent(check, &name, Some(figure))
        }
        RangedField::QueriesPerRequest | RangedField::CacheReadsPerRequest => {
            number(check, &name, figure, *COUNTS.start(), *COUNTS.end())
        }
    }
}

/// Milliseconds, of a number with `ms` or `s`.
fn span(check: &mut Checker, name: &str, figure: &Figure) -> Option<f64> {
    let text = figure.text();
    let (number, scale) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 1000.0),
        _ => ("", 1.0),
    };
    let value = number.parse::<f64>().ok().map(|value| value * scale);
    let value = value.filter(|value| (0.001..=LONGEST.0 as f64).contains(value));
    if value.is_none() {
        check.report(name, format!("is {text:?}"), format!("write a span of time up to {LONGEST}, such as 2.4ms"));
    }
    value
}

fn percent(check: &mut Checker, name: &str, figure: Option<&Figure>) -> Option<f64> {
    number(check, name, figure?, 0.0, 100.0).map(|percent| percent / 100.0)
}

fn number(check: &mut Checker, name: &str, figure: &Figure, least: f64, most: f64) -> Option<f64> {
    let text = figure.text();
    let value = text.parse::<f64>().ok().filter(|value| (least..=most).contains(value));
    if value.is_none() {
        check.report(name, format!("is {text:?}"), format!("write a number from {least} to {most}"));
    }
    value
}
