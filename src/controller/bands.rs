//! Live observations as bands. A band is written when it has held for two minutes, and an edge counts only from a
//! margin on, so that an idle application is never written to; exact values are metrics.
//!
//! Pure, but for the one question to the metrics API.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::api::{Band, TierBands};
use crate::engines::patroni::DatabaseState;
use crate::engines::rabbitmq::QueueState;
use crate::planner::{Tier, TierPlan};

use super::context::Context;
use super::decide::Accepted;
use super::observe::Observed;
use super::reconcile::Report;
use super::tiers;
use super::usage::{self, Usage};

/// How long a band must have held before it is written.
const STEADY: Duration = Duration::from_secs(120);

/// Where bands begin. A value must fall below an edge by the margin to leave the band above it.
#[derive(Clone, Copy, Debug)]
struct Scale {
    low: f64,
    high: f64,
    critical: f64,
    margin: f64,
}

/// CPU in percent of the planned size.
const CPU: Scale = Scale { low: 20.0, high: 80.0, critical: 95.0, margin: 5.0 };
/// Memory in percent of the planned size; little memory in use tells nothing, since caches fill.
const MEMORY: Scale = Scale { low: 0.0, high: 80.0, critical: 95.0, margin: 5.0 };
/// Bytes of log that the replica furthest behind has not replayed: from one segment on, and from sixty-four on.
const LAG: Scale = Scale { low: 0.0, high: 16_777_216.0, critical: 1_073_741_824.0, margin: 8_388_608.0 };
/// Messages in percent of what the fullest queue may hold.
const BACKLOG: Scale = Scale { low: 0.0, high: 50.0, critical: 90.0, margin: 10.0 };

impl Scale {
    fn band(self, value: f64, before: Option<Band>) -> Band {
        let reaches = |edge: f64, band: Band| {
            let kept = before.is_some_and(|before| before >= band);
            value >= if kept { edge - self.margin } else { edge }
        };
        if reaches(self.critical, Band::Critical) {
            Band::Critical
        } else if reaches(self.high, Band::High) {
            Band::High
        } else if reaches(self.low, Band::Normal) {
            Band::Normal
        } else {
            Band::Low
        }
    }
}

/// A band on its way into the status.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Turn {
    to: Option<Band>,
    since: Instant,
}

/// The bands on their way, by tier and name: CPU, memory, lag and backlog.
pub type Turns = BTreeMap<(Tier, String), [Option<Turn>; 4]>;
/// The bands as they are to be written.
pub type Bands = BTreeMap<(Tier, String), TierBands>;

/// What was measured of a tier, in the units of the scales.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Figures {
    cpu: Option<f64>,
    memory: Option<f64>,
    lag: Option<f64>,
    backlog: Option<f64>,
}

/// The bands of every tier of the plan.
pub async fn look(ctx: &Context, observed: &Observed, report: &Report) -> Bands {
    let Some(accepted) = &report.accepted else { return Bands::new() };
    let usage = usage::read(ctx, observed).await;
    let now = Instant::now();
    ctx.remember(&observed.key(), |memory| {
        let tiers = accepted.plan.tiers.iter().map(|tier| {
            let key = (tier.tier, tier.name.clone());
            let turns = memory.turns.entry(key.clone()).or_default();
            let figures = figures(tier, accepted, observed, report, &usage);
            (key, bands(written(observed, tier), figures, turns, now))
        });
        tiers.collect()
    })
}

fn written(observed: &Observed, tier: &TierPlan) -> TierBands {
    let name = tier.tier.to_string();
    let tiers = observed.app.status.iter().flat_map(|status| &status.tiers);
    tiers.filter(|old| old.tier == name && old.name == tier.name).find_map(|old| old.bands).unwrap_or_default()
}

fn bands(old: TierBands, figures: Figures, turns: &mut [Option<Turn>; 4], now: Instant) -> TierBands {
    let [cpu, memory, lag, backlog] = turns;
    TierBands {
        cpu: next(CPU, figures.cpu, old.cpu, cpu, now),
        memory: next(MEMORY, figures.memory, old.memory, memory, now),
        lag: next(LAG, figures.lag, old.lag, lag, now),
        backlog: next(BACKLOG, figures.backlog, old.backlog, backlog, now),
    }
}

/// The band to write: the written one until another has held for long enough.
fn next(
    scale: Scale,
    value: Option<f64>,
    written: Option<Band>,
    turn: &mut Option<Turn>,
    now: Instant,
) -> Option<Band> {
    let before = turn.map_or(written, |turn| turn.to);
    let seen = value.map(|value| scale.band(value, before));
    if seen == written {
        *turn = None;
        return written;
    }
    let new = match *turn {
        Some(old) if side(written, old.to) == side(written, seen) => {
            Turn { to: nearer(written, old.to, seen), since: old.since }
        }
        _ => Turn { to: seen, since: now },
    };
    let steady = now.duration_since(new.since) >= STEADY;
    *turn = (!steady).then_some(new);
    if steady { new.to } else { written }
}

/// On which side of the written band another one is.
fn side(written: Option<Band>, other: Option<Band>) -> Option<Ordering> {
    Some(other?.cmp(&written?))
}

/// Of two bands on the same side the one that was reached all the time.
fn nearer(written: Option<Band>, a: Option<Band>, b: Option<Band>) -> Option<Band> {
    match side(written, b) {
        Some(Ordering::Greater) => a.min(b),
        Some(Ordering::Less) => a.max(b),
        _ => b,
    }
}

fn figures(tier: &TierPlan, accepted: &Accepted, observed: &Observed, report: &Report, usage: &Usage) -> Figures {
    let pods = || observed.pods.iter().filter(|pod| pod.is_ready() && tiers::is_member(pod, tier));
    let used: Vec<usage::Use> = pods().filter_map(|pod| usage.get(pod.metadata.name.as_deref()?)).copied().collect();
    let part = |used: &dyn Fn(&usage::Use) -> f64, planned: u64, all: &[usage::Use]| {
        let parts: Vec<f64> = all.iter().map(|one| used(one) * 100.0 / planned as f64).collect();
        if planned == 0 { None } else { typical(tier.tier, &parts) }
    };
    Figures {
        cpu: part(&|one| one.millicores, tier.per_replica.cpu.0, &used),
        memory: part(&|one| one.bytes, tier.per_replica.memory.0, &used),
        lag: report.database.as_ref().filter(|_| tier.tier == Tier::Database).and_then(lag),
        backlog: report.queue.as_ref().filter(|_| tier.tier == Tier::Queue).and_then(|queue| backlog(accepted, queue)),
    }
}

/// Of pods that share their work evenly the mean, of members with roles the busiest.
fn typical(tier: Tier, parts: &[f64]) -> Option<f64> {
    match tier {
        Tier::Database | Tier::Cache | Tier::Sessions | Tier::Queue => parts.iter().copied().reduce(f64::max),
        _ => (!parts.is_empty()).then(|| parts.iter().sum::<f64>() / parts.len() as f64),
    }
}

/// Bytes that the replica furthest behind has not replayed.
fn lag(state: &DatabaseState) -> Option<f64> {
    let (_, primary) = state.primary()?;
    state.members.iter().filter_map(|member| member.lag(primary)).max().map(|bytes| bytes as f64)
}

/// How full the fullest declared queue is, in percent.
fn backlog(accepted: &Accepted, state: &QueueState) -> Option<f64> {
    let declared = accepted.app.queue.iter().flat_map(|queue| &queue.queues);
    let parts = declared.filter_map(|queue| {
        let messages = state.queues.get(&queue.name)?.messages;
        Some(messages as f64 * 100.0 / queue.max_length.value.max(1) as f64)
    });
    parts.reduce(f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written of values that are seen every twenty seconds.
    fn run(scale: Scale, start: Option<Band>, values: &[Option<f64>]) -> Vec<Option<Band>> {
        let (mut written, mut turn, begun) = (start, None, Instant::now());
        let step = |(index, value): (usize, &Option<f64>)| {
            let now = begun + Duration::from_secs(20) * u32::try_from(index).unwrap();
            written = next(scale, *value, written, &mut turn, now);
            written
        };
        values.iter().enumerate().map(step).collect()
    }

    fn writes(start: Option<Band>, bands: &[Option<Band>]) -> usize {
        let before = std::iter::once(&start).chain(bands);
        before.zip(bands).filter(|(before, after)| before != after).count()
    }

    #[test]
    fn bands_have_edges() {
        let cpu = |value| CPU.band(value, None);
        assert_eq!([cpu(0.0), cpu(19.9), cpu(20.0), cpu(79.9)], [Band::Low, Band::Low, Band::Normal, Band::Normal]);
        assert_eq!([cpu(80.0), cpu(94.9), cpu(95.0)], [Band::High, Band::High, Band::Critical]);
        assert_eq!([MEMORY.band(0.0, None), LAG.band(0.0, None)], [Band::Normal, Band::Normal]);
        assert_eq!([LAG.band(2e7, None), LAG.band(2e9, None)], [Band::High, Band::Critical]);
    }

    #[test]
    fn a_band_is_left_only_below_the_margin() {
        assert_eq!(CPU.band(76.0, Some(Band::Normal)), Band::Normal);
        assert_eq!(CPU.band(76.0, Some(Band::High)), Band::High);
        assert_eq!(CPU.band(74.9, Some(Band::High)), Band::Normal);
        assert_eq!(CPU.band(91.0, Some(Band::Critical)), Band::Critical);
        assert_eq!(CPU.band(10.0, Some(Band::Critical)), Band::Low);
    }

    #[test]
    fn a_band_is_written_when_it_has_held_for_two_minutes() {
        let seen = run(CPU, Some(Band::Normal), &[Some(85.0); 8]);
        assert_eq!(seen, [[Some(Band::Normal); 6].as_slice(), &[Some(Band::High); 2]].concat());
        let first = run(CPU, None, &[Some(1.0); 8]);
        assert_eq!(first, [[None; 6].as_slice(), &[Some(Band::Low); 2]].concat());
    }

    #[test]
    fn a_peak_of_less_than_two_minutes_writes_nothing() {
        let mut values = vec![Some(99.0); 6];
        values.push(Some(50.0));
        let values = values.repeat(5);
        assert_eq!(writes(Some(Band::Normal), &run(CPU, Some(Band::Normal), &values)), 0);
    }

    #[test]
    fn a_value_at_an_edge_writes_once_at_most() {
        let values: Vec<_> = (0..300).map(|n| Some(if n % 2 == 0 { 81.5 } else { 78.5 })).collect();
        assert!(writes(Some(Band::Normal), &run(CPU, Some(Band::Normal), &values)) <= 1);
    }

    #[test]
    fn between_two_higher_bands_the_one_that_held_is_written() {
        let values: Vec<_> = (0..7).map(|n| Some(if n % 2 == 0 { 99.0 } else { 82.0 })).collect();
        assert_eq!(run(CPU, Some(Band::Normal), &values).last(), Some(&Some(Band::High)));
    }

    #[test]
    fn ten_idle_minutes_write_nothing() {
        let values: Vec<_> = (0..30).map(|n| Some(f64::from(n % 5))).collect();
        assert_eq!(writes(Some(Band::Low), &run(CPU, Some(Band::Low), &values)), 0);
    }

    #[test]
    fn a_figure_that_nobody_tells_loses_its_band_after_two_minutes() {
        let short = [&[None; 5][..], &[Some(1.0); 3]].concat();
        assert_eq!(writes(Some(Band::Low), &run(CPU, Some(Band::Low), &short)), 0);
        assert_eq!(run(CPU, Some(Band::Low), &[None; 8]).last(), Some(&None));
    }

    #[test]
    fn members_with_roles_are_as_busy_as_the_busiest() {
        assert_eq!(typical(Tier::Database, &[10.0, 90.0]), Some(90.0));
        assert_eq!(typical(Tier::Web, &[10.0, 90.0]), Some(50.0));
        assert_eq!(typical(Tier::Web, &[]), None);
    }
}
