//! How long a piece of work takes, waiting included: the share that takes longer than was promised.
//!
//! `cpuPerRequest` is a mean and `serviceTime.p99` a quantile. Up to the ratio of an exponential time, `ln 100`, the
//! spread is the processor's: a lognormal time with that mean and that quantile. What is beyond is time in which no
//! core is busy, the same for each request, and the processor's time is exponential. Waiting is Erlang's, for times
//! of another spread as Allen and Cunneen 1990 scale it. Times are in milliseconds.

use std::f64::consts::TAU;

/// The normal quantile of 99 %.
const Z99: f64 = 2.326_347_87;
/// Panels of Simpson's rule over the lognormal's body.
const PANELS: u32 = 32;
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

/// Waiting before the work: what share waits, and at which rate a wait ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// Share that waits at all.
    pub share: f64,
    /// Ends of waiting a millisecond.
    pub rate: f64,
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

    /// Mean of what is left of it on a core that is found busy with it: half of its second moment over its mean.
    #[must_use]
    pub fn rest(&self) -> f64 {
        self.mean
            * match self.spread {
                Spread::Constant => 0.5,
                Spread::Lognormal(deviation) => (deviation * deviation).exp() / 2.0,
                Spread::Usual | Spread::Exponential => 1.0,
            }
    }

    /// The share that takes longer than `limit`, waiting and work together.
    #[must_use]
    pub fn later_than(&self, limit: f64, waiting: Waiting) -> f64 {
        let limit = limit - self.beside;
        if limit <= 0.0 {
            return 1.0;
        }
        let rate = waiting.rate;
        match self.spread {
            Spread::Constant | Spread::Usual if limit < self.mean => 1.0,
            Spread::Constant | Spread::Usual => waiting.share * (-rate * (limit - self.mean)).exp(),
            Spread::Exponential => {
                let own = 1.0 / self.mean;
                let alone = (-own * limit).exp();
                let gap = (own - rate) * limit;
                // Both rates alike are a limit of the difference of the two exponentials.
                let both = if gap.abs() < 1e-6 {
                    own * limit * alone
                } else {
                    ((-rate * limit).exp() - alone) * own * limit / gap
                };
                alone + waiting.share * both
            }
            Spread::Lognormal(deviation) => {
                let at = |z: f64| self.mean * (deviation * z - deviation * deviation / 2.0).exp();
                let bound = ((limit / self.mean).ln() + deviation * deviation / 2.0) / deviation;
                let late = simpson(bound.max(-FAR), bound.max(-FAR) + FAR, density);
                let body = simpson(-FAR, bound.max(-FAR), |z| density(z) * (-rate * (limit - at(z)).max(0.0)).exp());
                late + waiting.share * body
            }
        }
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

    const NONE: Waiting = Waiting { share: 0.0, rate: 1.0 };

    #[test]
    fn without_load_one_in_a_hundred_is_later_than_the_quantile() {
        for (mean, p99) in [(50.0, 200.0), (50.0, 60.0), (50.0, 230.0), (2.0, 20.0), (10.0, 500.0)] {
            let work = Work::of_request(mean, p99);
            assert!((work.p99() / p99 - 1.0).abs() < 1e-6, "{mean} {p99}");
            assert!((work.later_than(p99, NONE) - 0.01).abs() < 1e-5, "{mean} {p99} {}", work.later_than(p99, NONE));
        }
    }

    #[test]
    fn exponential_work_is_as_late_as_one_server_makes_it() {
        // M/M/1: the response is exponential with the rate that is left.
        let work = Work { mean: 10.0, spread: Spread::Exponential, beside: 0.0 };
        let late = work.later_than(100.0, Waiting { share: 0.7, rate: 0.03 });
        assert!((late - (-3.0_f64).exp()).abs() < 1e-9, "{late}");
    }

    #[test]
    fn slower_cores_take_longer_for_what_they_compute_only() {
        assert!((Work::of_request(50.0, 200.0).at_speed(0.5).p99() - 400.0).abs() < 1e-6);
        let waits = Work::of_request(10.0, 500.0).at_speed(0.5);
        assert!((waits.p99() - (500.0 + 10.0 * 100_f64.ln())).abs() < 1e-6);
    }
}
