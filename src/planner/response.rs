//! How long a piece of work takes, waiting included: the share that takes longer than was promised.
//!
//! `cpuPerRequest` is a mean and `serviceTime.p99` a quantile. Up to the ratio of an exponential time, `ln 100`, the
//! spread is the processor's: a lognormal time with that mean and that quantile. What is beyond is time in which no
//! core is busy, the same for each request, and the processor's time is exponential. Times are in milliseconds.

use std::f64::consts::TAU;

use super::delay::{Moments, Waiting};

/// The normal quantile of 99 %.
const Z99: f64 = 2.326_347_87;
/// Panels of Simpson's rule over the lognormal's body.
const PANELS: u32 = 32;
/// How much two rates differ at least, as a share, where a formula divides by their difference.
const ALIKE: f64 = 1e-4;
/// A share of the work that makes no difference to whether one in a hundred is late.
const NEVER: f64 = 1e-7;
/// Standard deviations beyond which nothing is.
const FAR: f64 = 7.0;

/// How the time on a core is spread.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Spread {
    Constant,
    /// Of a job: it takes its usual time, and waits for others whose times nobody declared, so exponential ones.
    Usual,
    /// With this standard deviation of the logarithm.
    Lognormal(f64),
    Exponential,
}

/// A piece of work without load.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Work {
    /// Mean time on a core.
    mean: f64,
    spread: Spread,
    /// Time in which no core is busy.
    beside: f64,
}

impl Work {
    /// A request with this mean on a core and this 99 % quantile.
    #[must_use]
    pub fn of_request(mean: f64, p99: f64) -> Self {
        let ratio = p99 / mean;
        let (spread, beside) = if ratio <= 1.0 {
            (Spread::Constant, 0.0)
        } else if ratio <= 100_f64.ln() {
            (Spread::Lognormal(Z99 - (Z99 * Z99 - 2.0 * ratio.ln()).sqrt()), 0.0)
        } else {
            (Spread::Exponential, p99 - 100_f64.ln() * mean)
        };
        Self { mean, spread, beside }
    }

    /// A job that takes this long; the jobs before it vary as exponential times do.
    #[must_use]
    pub fn of_job(time: f64) -> Self {
        Self { mean: time, spread: Spread::Usual, beside: 0.0 }
    }

    /// The same on a core of this speed, 1 for a whole one.
    #[must_use]
    pub fn at_speed(self, speed: f64) -> Self {
        Self { mean: self.mean / speed, ..self }
    }

    /// Mean time on the core.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// The time that 99 of 100 do not exceed without load.
    #[must_use]
    pub fn p99(&self) -> f64 {
        let on_core = match self.spread {
            Spread::Constant | Spread::Usual => self.mean,
            Spread::Lognormal(deviation) => self.mean * (Z99 * deviation - deviation * deviation / 2.0).exp(),
            Spread::Exponential => self.mean * 100_f64.ln(),
        };
        on_core + self.beside
    }

    /// Moments of its time on a core; of a job, of the jobs that others wait for.
    #[must_use]
    pub fn moments(&self) -> Moments {
        match self.spread {
            Spread::Constant => Moments::constant(self.mean),
            Spread::Usual | Spread::Exponential => Moments::exponential(self.mean),
            Spread::Lognormal(deviation) => {
                let (first, grows) = (self.mean, (deviation * deviation).exp());
                Moments { first, second: first.powi(2) * grows, third: first.powi(3) * grows.powi(3) }
            }
        }
    }

    /// The share that takes longer than `limit`: two waits, one after the other, and the work.
    #[must_use]
    pub fn later_than(&self, limit: f64, [one, other]: [Waiting; 2]) -> f64 {
        let limit = limit - self.beside;
        let late = self.late_after_both(limit, one, other);
        // Of two laws with the same moments the one that is worse for this limit.
        let even = one.evenly().map_or(0.0, |(least, most)| {
            let beyond = self.late_between(limit - other.all(), least, most);
            (1.0 - one.share) * self.late_after_both(limit, Waiting::NONE, other) + one.share * beyond
        });
        late.max(even)
    }

    fn late_after_both(&self, limit: f64, one: Waiting, other: Waiting) -> f64 {
        let (mut late, mut integrals) = (0.0, Integrals { work: self, alone: Vec::new(), after: Vec::new() });
        for (first, second) in one.parts().flat_map(|first| other.parts().map(move |second| (first, second))) {
            let (weight, left) = (first.weight * second.weight, limit - first.least - second.least);
            if weight >= NEVER {
                late += weight * integrals.late_at(left, first.rate, second.rate);
            }
        }
        late
    }

    /// The share that takes longer than `limit` after a wait that is spread evenly over these bounds.
    fn late_between(&self, limit: f64, least: f64, most: f64) -> f64 {
        let width = (most - least).max(1e-9);
        let over = |work: f64| ((most - (limit - work)) / width).clamp(0.0, 1.0);
        match self.spread {
            Spread::Constant | Spread::Usual => over(self.mean),
            Spread::Exponential => {
                simpson(0.0, 1.0, |step| (-(limit - least - step * width).max(0.0) / self.mean).exp())
            }
            Spread::Lognormal(deviation) => {
                let half = deviation * deviation / 2.0;
                let at = |z: f64| self.mean * (deviation * z - half).exp();
                simpson(-FAR, FAR, |z| density(z) * over(at(z)))
            }
        }
    }

    /// The share whose time on a core is longer than `limit`.
    fn late_alone(&self, limit: f64) -> f64 {
        match self.spread {
            Spread::Constant | Spread::Usual => f64::from(limit < self.mean),
            Spread::Exponential => (-limit / self.mean).exp(),
            Spread::Lognormal(deviation) => {
                let bound = (((limit / self.mean).ln() + deviation * deviation / 2.0) / deviation).max(-FAR);
                simpson(bound, bound + FAR, density)
            }
        }
    }

    /// The share that takes longer than `limit` after an exponential time with this rate; `alone` without that time.
    fn late_after(&self, limit: f64, rate: f64, alone: f64) -> f64 {
        match self.spread {
            Spread::Constant | Spread::Usual if alone > 0.0 => alone,
            Spread::Constant | Spread::Usual => (-rate * (limit - self.mean)).exp(),
            Spread::Exponential => {
                let own = 1.0 / self.mean;
                let gap = (own - rate) * limit;
                let both = if gap.abs() < 1e-6 {
                    own * limit * alone
                } else {
                    ((-rate * limit).exp() - alone) * own * limit / gap
                };
                alone + both
            }
            Spread::Lognormal(deviation) => {
                let half = deviation * deviation / 2.0;
                let bound = (((limit / self.mean).ln() + half) / deviation).max(-FAR);
                let at = |z: f64| self.mean * (deviation * z - half).exp();
                alone + simpson(-FAR, bound, |z| (-z * z / 2.0 - rate * (limit - at(z)).max(0.0)).exp() / TAU.sqrt())
            }
        }
    }
}

/// What one question integrates: parts of waits share limits and rates, and each integral is taken once.
struct Integrals<'a> {
    work: &'a Work,
    alone: Vec<(f64, f64)>,
    after: Vec<([f64; 2], f64)>,
}

impl Integrals<'_> {
    /// The share that with two exponential times of these rates before it takes longer than `limit`.
    fn late_at(&mut self, limit: f64, one: Option<f64>, other: Option<f64>) -> f64 {
        if limit <= 0.0 {
            return 1.0;
        }
        match (one, other) {
            (None, None) => self.alone(limit),
            (Some(rate), None) | (None, Some(rate)) => self.after(limit, rate),
            (Some(one), Some(other)) => {
                // Both rates alike are a limit of the difference of the two exponentials.
                let other = if (one / other - 1.0).abs() < ALIKE { one * (1.0 + ALIKE) } else { other };
                (other * self.after(limit, one) - one * self.after(limit, other)) / (other - one)
            }
        }
    }

    fn alone(&mut self, limit: f64) -> f64 {
        if let Some((_, known)) = self.alone.iter().find(|(at, _)| at.total_cmp(&limit).is_eq()) {
            return *known;
        }
        let value = self.work.late_alone(limit);
        self.alone.push((limit, value));
        value
    }

    fn after(&mut self, limit: f64, rate: f64) -> f64 {
        let same = |at: &[f64; 2]| at[0].total_cmp(&limit).is_eq() && at[1].total_cmp(&rate).is_eq();
        if let Some((_, known)) = self.after.iter().find(|(at, _)| same(at)) {
            return *known;
        }
        let alone = self.alone(limit);
        let value = self.work.late_after(limit, rate, alone);
        self.after.push(([limit, rate], value));
        value
    }
}

fn density(z: f64) -> f64 {
    (-z * z / 2.0).exp() / TAU.sqrt()
}

/// The integral of a smooth function, by Simpson's rule.
fn simpson(from: f64, to: f64, value: impl Fn(f64) -> f64) -> f64 {
    let step = (to - from) / f64::from(PANELS);
    let inner: f64 = (1..PANELS)
        .map(|index| value(from + step * f64::from(index)) * if index.is_multiple_of(2) { 2.0 } else { 4.0 })
        .sum();
    (value(from) + inner + value(to)) * step / 3.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_load_one_in_a_hundred_is_later_than_the_quantile() {
        for (mean, p99) in [(50.0, 200.0), (50.0, 60.0), (50.0, 230.0), (2.0, 20.0), (10.0, 500.0)] {
            let work = Work::of_request(mean, p99);
            assert!((work.p99() / p99 - 1.0).abs() < 1e-6, "{mean} {p99}");
            assert!(
                (work.later_than(p99, [Waiting::NONE; 2]) - 0.01).abs() < 1e-5,
                "{mean} {p99} {}",
                work.later_than(p99, [Waiting::NONE; 2])
            );
        }
    }

    #[test]
    fn exponential_work_is_as_late_as_one_server_makes_it() {
        // M/M/1: the response is exponential with the rate that is left.
        let work = Work { mean: 10.0, spread: Spread::Exponential, beside: 0.0 };
        let late = work.later_than(100.0, [Waiting { share: 0.7, mean: 1.0 / 0.03, variation: 1.0 }, Waiting::NONE]);
        assert!((late - (-3.0_f64).exp()).abs() < 1e-9, "{late}");
    }

    #[test]
    fn slower_cores_take_longer_for_what_they_compute_only() {
        assert!((Work::of_request(50.0, 200.0).at_speed(0.5).p99() - 400.0).abs() < 1e-6);
        let waits = Work::of_request(10.0, 500.0).at_speed(0.5);
        assert!((waits.p99() - (500.0 + 10.0 * 100_f64.ln())).abs() < 1e-6);
    }
}
