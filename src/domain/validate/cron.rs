//! Jobs that come by the clock.

use jiff::tz::TimeZoneDatabase;

use super::checker::{Checker, is_name};
use super::container::{Declared, container};
use crate::api::{CronJob, ScaledAppSpec};
use crate::domain::{Millis, ValidCronJob, defaults};

/// The five fields of a schedule: what they are called, and their bounds.
const FIELDS: [(&str, u32, u32); 5] =
    [("minute", 0, 59), ("hour", 0, 23), ("day of month", 1, 31), ("month", 1, 12), ("day of week", 0, 6)];
/// Names that stand for numbers, from the lowest on.
const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// The jobs, with their defaults.
pub(super) fn cron_jobs(check: &mut Checker, spec: &ScaledAppSpec) -> Vec<ValidCronJob> {
    let declared = spec.cron_jobs.as_deref().unwrap_or_default();
    check.length("spec.cronJobs", declared.len(), 16);
    check.distinct("spec.cronJobs", declared.iter().map(|job| job.name.as_str()));
    declared
        .iter()
        .enumerate()
        .map(|(index, job)| cron_job(check, spec, &format!("spec.cronJobs[{index}]"), job))
        .collect()
}

fn cron_job(check: &mut Checker, spec: &ScaledAppSpec, field: &str, job: &CronJob) -> ValidCronJob {
    if !is_name(&job.name, 15) {
        check.report(
            format!("{field}.name"),
            format!("is {:?}", job.name),
            "start with a letter, use lower-case letters, digits and '-' only, and at most 15 characters",
        );
    }
    if let Err(wrong) = schedule(&job.schedule) {
        check.report(
            format!("{field}.schedule"),
            format!("is {:?}, and {wrong}", job.schedule),
            "write minute, hour, day of month, month and day of week, such as \"0 3 * * *\" for three o'clock each night",
        );
    }
    let zone = job.time_zone.clone().unwrap_or_else(|| defaults::TIME_ZONE.to_owned());
    if TimeZoneDatabase::bundled().get(&zone).is_err() {
        check.report(
            format!("{field}.timeZone"),
            format!("is {zone:?}, which is no known time zone"),
            "write an IANA name such as Europe/Vienna or Etc/UTC",
        );
    }
    let container = container(check, spec, field, &Declared::from(job));
    let range = Millis::seconds(1)..=Millis::seconds(7 * 86_400);
    ValidCronJob {
        name: job.name.clone(),
        schedule: job.schedule.clone(),
        time_zone: zone,
        container,
        timeout: check
            .duration(&format!("{field}.timeout"), job.timeout.as_ref(), range)
            .unwrap_or(defaults::CRON_TIMEOUT),
    }
}

/// What is wrong with a schedule, as Kubernetes reads it: five fields, each `*` or a list of numbers, names and
/// ranges, with or without a step.
fn schedule(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split(' ').filter(|part| !part.is_empty()).collect();
    if parts.len() != FIELDS.len() || text.chars().any(|c| c.is_whitespace() && c != ' ') {
        return Err(format!("it has {} fields instead of five", parts.len()));
    }
    for ((name, low, high), part) in FIELDS.into_iter().zip(parts) {
        let names: &[&str] = match name {
            "month" => &MONTHS,
            "day of week" => &DAYS,
            _ => &[],
        };
        if !part.split(',').all(|entry| is_entry(entry, low, high, names)) {
            return Err(format!("{part:?} is no {name} from {low} to {high}"));
        }
    }
    Ok(())
}

fn is_entry(entry: &str, low: u32, high: u32, names: &[&str]) -> bool {
    let number = |text: &str| {
        let position = names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = match position {
            Some(place) => u32::try_from(place).ok().map(|place| place + low),
            None if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            None => None,
        };
        value.filter(|value| (low..=high).contains(value))
    };
    let (span, step) = entry.split_once('/').map_or((entry, None), |(span, step)| (span, Some(step)));
    if step
        .is_some_and(|step| !step.bytes().all(|b| b.is_ascii_digit()) || step.parse::<u32>().map_or(true, |s| s == 0))
    {
        return false;
    }
    match span.split_once('-') {
        _ if span == "*" || span == "?" => true,
        Some((from, to)) => matches!((number(from), number(to)), (Some(from), Some(to)) if from <= to),
        None => number(span).is_some(),
    }
}

#[cfg(test)]
mod tests {
    use super::schedule;

    #[test]
    fn schedules_are_read_as_kubernetes_reads_them() {
        for good in ["0 3 * * *", "*/15 * * * *", "0,30 8-18 * * MON-fri", "5 4 1 jan ?", "0 0 1-7/2 */3 6"] {
            assert_eq!(schedule(good), Ok(()), "{good}");
        }
        for wrong in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 7",
            "*/0 * * * *",
            "5-1 * * * *",
            "a * * * *",
            "@daily",
            "TZ=UTC * * * * *",
            "1, * * * *",
            "+1 * * * *",
        ] {
            assert!(schedule(wrong).is_err(), "{wrong}");
        }
    }
}
