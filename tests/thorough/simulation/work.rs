//! How long work takes: the distributions that a spec's figures stand for.
//!
//! `cpuPerRequest` is a mean and `serviceTime.p99` a quantile. Up to the ratio of an exponential time, `ln 100`, all
//! of the spread is the processor's: a lognormal time with that mean and that quantile. What is beyond is time in
//! which no core is busy (a query, another service), the same for each request, and the processor's time is exponential.

use crate::random::Random;

/// The normal quantile of 99 %.
const Z99: f64 = 2.326_347_87;

/// Time on a core, and time beside it.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    /// Mean time on one core, in milliseconds.
    mean: f64,
    shape: Shape,
    /// Time in which no core is busy, in milliseconds.
    pub beside: f64,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    Constant,
    /// With this standard deviation of the logarithm.
    Lognormal(f64),
    Exponential,
}

impl Work {
    /// Of a request with this mean on a core and this 99 % quantile without load.
    pub fn of_request(mean: f64, p99: f64) -> Self {
        let ratio = p99 / mean;
        let (shape, beside) = if ratio <= 1.0 {
            (Shape::Constant, 0.0)
        } else if ratio <= 100_f64.ln() {
            (Shape::Lognormal(Z99 - (Z99 * Z99 - 2.0 * ratio.ln()).sqrt()), 0.0)
        } else {
            (Shape::Exponential, p99 - 100_f64.ln() * mean)
        };
        Self { mean, shape, beside }
    }

    pub fn exponential(mean: f64) -> Self {
        Self { mean, shape: Shape::Exponential, beside: 0.0 }
    }

    pub fn constant(mean: f64) -> Self {
        Self { mean, shape: Shape::Constant, beside: 0.0 }
    }

    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// One time on a core.
    pub fn draw(&self, random: &mut Random) -> f64 {
        match self.shape {
            Shape::Constant => self.mean,
            Shape::Lognormal(deviation) => {
                self.mean * (deviation * random.normal() - deviation * deviation / 2.0).exp()
            }
            Shape::Exponential => self.mean * random.exponential(),
        }
    }

    /// What is left of the work that a busy core is found at, in a system that has run for long.
    pub fn rest(&self, random: &mut Random) -> f64 {
        match self.shape {
            Shape::Constant => self.mean * random.unit(),
            // Work is found in proportion to its length: the same law, shifted.
            Shape::Lognormal(deviation) => {
                let found = self.mean * (deviation * random.normal() + deviation * deviation / 2.0).exp();
                found * random.unit()
            }
            Shape::Exponential => self.mean * random.exponential(),
        }
    }
}
