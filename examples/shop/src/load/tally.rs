//! Counting what the load met. It must never drop a sample: whatever is not plainly good is counted somewhere.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A page view.
    Page,
    /// A JSON order.
    Order,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A page was shown.
    Seen,
    /// An order was acknowledged.
    Placed(Uuid),
    /// Status 500 or above, and the sentence that came with it: it tells which tier answered.
    ServerError(u16, String),
    /// An answer that is neither good nor a server's failure: the run is set up wrongly.
    Unexpected(u16),
    /// Refused, reset, cut short.
    Transport,
    /// No whole answer in time.
    TimedOut,
    /// Too many were under way.
    NotSent,
}

/// One arrival.
#[derive(Debug, Clone)]
pub struct Sample {
    /// What was asked for.
    pub kind: Kind,
    /// What came of it.
    pub outcome: Outcome,
    /// From the scheduled arrival to the end of the answer.
    pub took: Duration,
    /// When it ended, from the start of the run.
    pub at: Duration,
}

/// All arrivals of a run.
#[derive(Debug, Default)]
pub struct Tally {
    pages: u64,
    orders: u64,
    acknowledged: Vec<Duration>,
    took: Vec<Duration>,
    failures: BTreeMap<String, u64>,
    unexpected: BTreeMap<u16, u64>,
    failed_between: Option<(Duration, Duration)>,
    first_failures: Vec<FailedSample>,
}

/// As many failures are told one by one.
const TOLD_FAILURES: usize = 8;

impl Tally {
    /// Counts one arrival.
    pub fn add(&mut self, sample: &Sample) {
        match sample.kind {
            Kind::Page => self.pages += 1,
            Kind::Order => self.orders += 1,
        }
        let mut said = String::new();
        let failure = match &sample.outcome {
            Outcome::Seen => return self.took.push(sample.took),
            Outcome::Placed(_) => {
                self.acknowledged.push(sample.at);
                return self.took.push(sample.took);
            }
            Outcome::Unexpected(status) => {
                *self.unexpected.entry(*status).or_default() += 1;
                return;
            }
            Outcome::ServerError(status, sentence) => {
                said.clone_from(sentence);
                status.to_string()
            }
            Outcome::Transport => "transport".to_owned(),
            Outcome::TimedOut => "timeout".to_owned(),
            Outcome::NotSent => "notSent".to_owned(),
        };
        if self.first_failures.len() < TOLD_FAILURES {
            self.first_failures.push(FailedSample {
                kind: sample.kind,
                failure: failure.clone(),
                at_seconds: sample.at.as_secs_f64(),
                took_seconds: sample.took.as_secs_f64(),
                said,
            });
        }
        *self.failures.entry(failure).or_default() += 1;
        let first = self.failed_between.map_or(sample.at, |(first, _)| first.min(sample.at));
        let last = self.failed_between.map_or(sample.at, |(_, last)| last.max(sample.at));
        self.failed_between = Some((first, last));
    }

    /// The figures of a run of this length.
    #[must_use]
    pub fn report(mut self, length: Duration) -> Report {
        self.took.sort_unstable();
        self.acknowledged.sort_unstable();
        let failed = self.failures.values().sum();
        let gap = (self.orders > 0).then(|| longest_gap(&self.acknowledged, length));
        Report {
            requests: self.pages + self.orders,
            pages: self.pages,
            orders: self.orders,
            ok: self.took.len() as u64,
            failed,
            acknowledged: self.acknowledged.len() as u64,
            longest_gap_seconds: gap.map(|(from, to)| to.saturating_sub(from).as_secs_f64()),
            longest_gap_between_seconds: gap.map(|(from, to)| (from.as_secs_f64(), to.as_secs_f64())),
            p50_milliseconds: percentile(&self.took, 50),
            p99_milliseconds: percentile(&self.took, 99),
            failed_between_seconds: self.failed_between.map(|(first, last)| (first.as_secs_f64(), last.as_secs_f64())),
            failures: self.failures,
            first_failures: self.first_failures,
            unexpected: self.unexpected,
        }
    }
}

/// Begin and end of the longest time without an acknowledged order, from the start of the run to its end.
fn longest_gap(acknowledged: &[Duration], length: Duration) -> (Duration, Duration) {
    let mut last = Duration::ZERO;
    let mut longest = (Duration::ZERO, Duration::ZERO);
    for &at in acknowledged.iter().chain([&length]) {
        if at.saturating_sub(last) > longest.1.saturating_sub(longest.0) {
            longest = (last, at);
        }
        last = last.max(at);
    }
    longest
}

/// Nearest rank, in milliseconds; none without samples.
fn percentile(sorted: &[Duration], percent: usize) -> Option<f64> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map(|took| took.as_secs_f64() * 1000.0)
}

/// A failure, told by itself.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FailedSample {
    /// What was asked for.
    pub kind: Kind,
    /// Status or kind of the failure.
    pub failure: String,
    /// When it ended, from the start of the run.
    pub at_seconds: f64,
    /// From the scheduled arrival to its end.
    pub took_seconds: f64,
    /// What the answer said.
    pub said: String,
}

/// The figures of a run; the names are those of the JSON line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Arrivals.
    pub requests: u64,
    /// Page views among them.
    pub pages: u64,
    /// Orders among them.
    pub orders: u64,
    /// Answered as they should be.
    pub ok: u64,
    /// Status 500 or above, transport errors, time-outs, not sent.
    pub failed: u64,
    /// Orders answered with 201.
    pub acknowledged: u64,
    /// Longest time without an acknowledged order; none when no order was asked for.
    pub longest_gap_seconds: Option<f64>,
    /// When it began and ended, from the start of the run.
    pub longest_gap_between_seconds: Option<(f64, f64)>,
    /// Median time of good answers, from their scheduled arrival.
    pub p50_milliseconds: Option<f64>,
    /// 99th percentile of the same.
    pub p99_milliseconds: Option<f64>,
    /// When the first and the last failure ended.
    pub failed_between_seconds: Option<(f64, f64)>,
    /// Failures by status or kind.
    pub failures: BTreeMap<String, u64>,
    /// The first failures, one by one.
    pub first_failures: Vec<FailedSample>,
    /// Other answers that were not asked for, by status; they are neither ok nor failed.
    pub unexpected: BTreeMap<u16, u64>,
}

impl Report {
    /// One line for people.
    #[must_use]
    pub fn sentence(&self) -> String {
        let figure = |value: Option<f64>, unit: &str| {
            value.map_or_else(|| "none".to_owned(), |value| format!("{value:.1} {unit}"))
        };
        let unexpected: u64 = self.unexpected.values().sum();
        let strange = if unexpected > 0 { format!(", {unexpected} unexpected answers") } else { String::new() };
        format!(
            "{} requests: {} ok, {} failed{strange}; {} of {} orders acknowledged, longest gap {}; p50 {}, p99 {}",
            self.requests,
            self.ok,
            self.failed,
            self.acknowledged,
            self.orders,
            figure(self.longest_gap_seconds, "s"),
            figure(self.p50_milliseconds, "ms"),
            figure(self.p99_milliseconds, "ms"),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn gaps_count_from_the_start_and_to_the_end() {
        assert_eq!(longest_gap(&[s(1), s(2), s(6)], s(8)), (s(2), s(6)));
        assert_eq!(longest_gap(&[s(5), s(6)], s(8)), (s(0), s(5)));
        assert_eq!(longest_gap(&[s(1)], s(8)), (s(1), s(8)));
        assert_eq!(longest_gap(&[], s(8)), (s(0), s(8)));
    }

    #[test]
    fn percentiles_are_nearest_rank() {
        let took: Vec<_> = (1..=100).map(s).collect();
        assert_eq!(percentile(&took, 50), Some(50_000.0));
        assert_eq!(percentile(&took, 99), Some(99_000.0));
        assert_eq!(percentile(&[s(1)], 99), Some(1000.0));
        assert_eq!(percentile(&[], 50), None);
    }

    #[test]
    fn every_outcome_is_counted() {
        let mut tally = Tally::default();
        let outcomes = [
            (Kind::Page, Outcome::Seen),
            (Kind::Order, Outcome::Placed(Uuid::nil())),
            (Kind::Order, Outcome::ServerError(503, "no pod".to_owned())),
            (Kind::Page, Outcome::Unexpected(404)),
            (Kind::Page, Outcome::Transport),
            (Kind::Order, Outcome::TimedOut),
            (Kind::Page, Outcome::NotSent),
        ];
        for (kind, outcome) in outcomes {
            tally.add(&Sample { kind, outcome, took: s(1), at: s(3) });
        }
        let report = tally.report(s(10));
        assert_eq!((report.requests, report.ok, report.failed, report.acknowledged), (7, 2, 4, 1));
        assert_eq!(report.unexpected.get(&404), Some(&1));
        assert_eq!(report.failures.get("503"), Some(&1));
        let told: Vec<_> = report.first_failures.iter().map(|f| (f.failure.as_str(), f.said.as_str())).collect();
        assert_eq!(told, [("503", "no pod"), ("transport", ""), ("timeout", ""), ("notSent", "")]);
    }
}
