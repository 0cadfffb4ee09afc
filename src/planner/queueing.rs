//! Queueing formulae: how many servers keep a promise of waiting time.
//!
//! Only numerically stable forms: recursions instead of factorials. Time is in milliseconds,
//! offered load in erlangs, that is in busy servers. Sources: Erlang 1917; Halfin and Whitt 1981
//! for square-root staffing; Netflix's service-capacity-modeling for its constants.

/// Servers above which waiting at the utilisation ceiling is beyond measure.
const MANY_SERVERS: u32 = 20_000;

/// Erlang B: the share of arrivals that find all of `servers` busy and leave.
#[must_use]
pub fn erlang_b(servers: u32, offered: f64) -> f64 {
    (1..=servers).fold(1.0, |blocked, k| offered * blocked / (f64::from(k) + offered * blocked))
}

/// Erlang C: the share of arrivals that must wait; 1 at or above full use.
#[must_use]
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let use_of_all = offered / f64::from(servers);
    if use_of_all >= 1.0 {
        return 1.0;
    }
    if servers > MANY_SERVERS && use_of_all < 0.95 {
        return 0.0;
    }
    let blocked = erlang_b(servers, offered);
    blocked / (1.0 - use_of_all * (1.0 - blocked))
}

/// The waiting time that a share `quantile` of arrivals does not exceed; infinite at full use.
#[must_use]
pub fn wait_quantile(servers: u32, offered: f64, service: f64, quantile: f64) -> f64 {
    let idle = f64::from(servers) - offered;
    if idle <= 0.0 {
        return f64::INFINITY;
    }
    let waiting = erlang_c(servers, offered);
    let beyond = 1.0 - quantile;
    if waiting <= beyond { 0.0 } else { service / idle * (waiting / beyond).ln() }
}

/// The share of arrivals whose response takes longer than `time`, with exponential service.
#[must_use]
pub fn response_tail(servers: u32, offered: f64, service: f64, time: f64) -> f64 {
    let waiting = erlang_c(servers, offered);
    let spread = f64::from(servers) - 1.0 - offered;
    let factor = if spread.abs() < 1e-9 { time / service } else { (1.0 - (-spread * time / service).exp()) / spread };
    (-time / service).exp() * (1.0 + waiting * factor)
}

/// The fewest servers with which at most `share` of arrivals wait.
#[must_use]
pub fn servers_for_waiting_share(offered: f64, share: f64) -> u32 {
    let least = offered.floor() as u32 + 1;
    smallest(least, |servers| erlang_c(servers, offered) <= share).unwrap_or(u32::MAX)
}

/// Square-root staffing: servers for `offered`, with a safety of `quality` standard deviations.
#[must_use]
pub fn square_root_staffing(offered: f64, quality: f64) -> f64 {
    offered + quality * offered.sqrt()
}

/// The quality of square-root staffing by availability objective (Netflix's tiers 0, 1 and 3).
#[must_use]
pub fn staffing_quality(availability: f64) -> f64 {
    if availability >= 0.9999 {
        2.375
    } else if availability >= 0.999 {
        1.761
    } else {
        1.0
    }
}

/// The use at which about 30 % of arrivals wait, by the servers that wait together.
#[must_use]
pub fn utilisation_target(servers: f64) -> f64 {
    1.0 - 0.712 / servers.powf(0.448)
}

/// The smallest number from `from` on that holds, where all larger ones hold as well.
#[must_use]
pub fn smallest(from: u32, holds: impl Fn(u32) -> bool) -> Option<u32> {
    if holds(from) {
        return Some(from);
    }
    let (mut fails, mut step) = (from, 1_u32);
    let mut held = loop {
        let next = fails.checked_add(step)?;
        if holds(next) {
            break next;
        }
        fails = next;
        step = step.saturating_mul(2);
    };
    while held - fails > 1 {
        let middle = fails + (held - fails) / 2;
        if holds(middle) { held = middle } else { fails = middle }
    }
    Some(held)
}
