//! Waiting: what share of the work waits, for how long on average, and how much these waits differ.
//!
//! Two moments of the waits of those who wait, after Whitt 1993, "Approximations for the GI/G/m queue", and Whitt 1983,
//! "The Queueing Network Analyzer". Waits that follow each other are added up as independent ones. Times are in
//! milliseconds, offered load in busy servers.

use super::queueing::erlang_c;

/// Squared coefficient of variation below which waits may be spread evenly.
const EVEN: f64 = 0.5;

/// The first three moments of a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moments {
    /// The mean.
    pub first: f64,
    /// Mean of the squares.
    pub second: f64,
    /// Mean of the cubes.
    pub third: f64,
}

/// Waiting before work.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Waiting {
    /// Share that waits at all.
    pub share: f64,
    /// Mean wait of those.
    pub mean: f64,
    /// Squared coefficient of variation of their waits: 1 of an exponential time.
    pub variation: f64,
}

/// A part of all work: it waits so long at least, and then an exponential time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// How much of the work is of this part, as a share.
    pub weight: f64,
    /// Shortest wait.
    pub least: f64,
    /// Ends of waiting a millisecond after it; none where it ends at once.
    pub rate: Option<f64>,
}

impl Moments {
    /// Of a time that is always the same.
    #[must_use]
    pub fn constant(time: f64) -> Self {
        Self { first: time, second: time.powi(2), third: time.powi(3) }
    }

    /// Of an exponential time with this mean.
    #[must_use]
    pub fn exponential(mean: f64) -> Self {
        Self { first: mean, second: 2.0 * mean.powi(2), third: 6.0 * mean.powi(3) }
    }

    /// Of times of two kinds, each as often as its weight says; of the first where neither is ever there.
    #[must_use]
    pub fn mixed([(often, one), (seldom, other)]: [(f64, Self); 2]) -> Self {
        if often + seldom <= 0.0 {
            return one;
        }
        let of = |of_one: f64, of_other: f64| (often * of_one + seldom * of_other) / (often + seldom);
        Self {
            first: of(one.first, other.first),
            second: of(one.second, other.second),
            third: of(one.third, other.third),
        }
    }

    /// The same where all takes so many times as long.
    #[must_use]
    pub fn slower(self, times: f64) -> Self {
        Self { first: self.first * times, second: self.second * times.powi(2), third: self.third * times.powi(3) }
    }

    /// Mean of what is left of the time at a moment within it: half of its second moment over its mean.
    #[must_use]
    pub fn rest(&self) -> f64 {
        self.second / (2.0 * self.first)
    }

    /// Squared coefficient of variation of the time.
    #[must_use]
    pub fn variation(&self) -> f64 {
        self.second / self.first.powi(2) - 1.0
    }

    /// Squared coefficient of variation of what is left at a moment within it.
    #[must_use]
    pub fn variation_of_rest(&self) -> f64 {
        self.third / (3.0 * self.first) / self.rest().powi(2) - 1.0
    }
}

impl Waiting {
    /// Nobody waits.
    pub const NONE: Self = Self { share: 0.0, mean: 0.0, variation: 1.0 };

    /// For one of `servers` of a common queue, of which `offered` are busy; all wait where that is too much.
    #[must_use]
    pub fn of_servers(servers: u32, offered: f64, work: &Moments) -> Self {
        let idle = f64::from(servers) - offered;
        let busy = offered / f64::from(servers);
        // Whitt 1993; exact of one server and random arrivals, where it is Pollaczek's and Khinchine's.
        let cubes = work.third / work.first.powi(3);
        let variation = 2.0 * busy - 1.0 + 4.0 * (1.0 - busy) * cubes / (3.0 * (work.variation() + 1.0).powi(2));
        let regular = (1.0 - work.variation()).max(0.0) * work.first / 2.0 * longer_by(servers, busy);
        Self { share: erlang_c(servers, offered), mean: (work.rest() + regular) / idle, variation }
    }

    /// The same where so many senders give their work to `pods` in turn, each by itself: the gaps between what one of
    /// them gives to a pod are even, those between different senders' are not.
    #[must_use]
    pub fn in_turn(servers: u32, offered: f64, work: &Moments, senders: u32, pods: u32) -> Self {
        let random = Self::of_servers(servers, offered, work);
        let busy = offered / f64::from(servers);
        if busy <= 0.0 {
            return Self::NONE;
        }
        let (others, turns) = (f64::from(senders) - 1.0, f64::from(pods));
        // Whitt 1983, of streams that come together; more servers see a longer time of them at once.
        let even = 1.0 / (1.0 + 4.0 * (1.0 - busy).powi(2) * others / f64::from(servers));
        let arrivals = even / turns + 1.0 - even;
        let together = fewer(busy, work, arrivals);
        // With little load only the others' work is in the way, and it comes at random.
        let apart = (others + fewer(busy, work, 1.0 / turns)) / f64::from(senders.max(1));
        let shorter = shorter(busy, work, arrivals);
        let share = random.share * together.min(apart);
        if share <= 0.0 {
            return Self::NONE;
        }
        Self { share, mean: random.mean * (random.share * shorter / share).min(1.0), ..random }
    }

    /// Both waits, one after the other.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::of_moments(
            1.0 - (1.0 - self.share) * (1.0 - other.share),
            self.all() + other.all(),
            self.variance() + other.variance(),
        )
    }

    /// So many of these waits, one after the other; a part of one is one that is there so often.
    #[must_use]
    pub fn repeated(self, times: f64) -> Self {
        let (whole, part) = (times.floor(), times.fract());
        Self::of_moments(
            1.0 - (1.0 - self.share).powf(whole) * (1.0 - part * self.share),
            times * self.all(),
            times * self.variance() + part * (1.0 - part) * self.all().powi(2),
        )
    }

    /// For those who wait, a wait of its own on top.
    #[must_use]
    pub fn then(self, mean: f64, variation: f64) -> Self {
        let both = self.mean + mean;
        let variance = self.variation * self.mean.powi(2) + variation * mean.powi(2);
        Self { share: self.share, mean: both, variation: variance / both.powi(2) }
    }

    /// Mean wait of all, those who do not wait included.
    #[must_use]
    pub fn all(&self) -> f64 {
        self.share * self.mean
    }

    fn variance(&self) -> f64 {
        self.share * self.mean.powi(2) * (1.0 + self.variation) - self.all().powi(2)
    }

    fn of_moments(share: f64, mean: f64, variance: f64) -> Self {
        if share <= 0.0 || mean <= 0.0 {
            return Self::NONE;
        }
        let of_those = mean / share;
        Self { share, mean: of_those, variation: (variance + mean.powi(2)) / share / of_those.powi(2) - 1.0 }
    }

    /// The shortest and the longest wait where they differ little, as those for one piece of even work do: then they are
    /// spread evenly, with the same two moments, and none of them is long.
    #[must_use]
    pub fn evenly(&self) -> Option<(f64, f64)> {
        let reach = self.mean * (3.0 * self.variation.max(0.0)).sqrt();
        (self.share > 0.0 && self.variation < EVEN).then_some((self.mean - reach, self.mean + reach))
    }

    /// Those who do not wait, and waits with the same two moments: exponential ones of two kinds where they differ more
    /// than those of one kind do, after a least wait where they differ less.
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        let part = |weight: f64, least: f64, mean: f64| Part { weight, least, rate: Some(1.0 / mean) };
        let nobody = Part { weight: 1.0 - self.share, least: 0.0, rate: None };
        let (one, other) = if self.variation > 1.0 {
            let often = f64::midpoint(1.0, ((self.variation - 1.0) / (self.variation + 1.0)).sqrt());
            let kind = |weight: f64| part(self.share * weight, 0.0, self.mean / (2.0 * weight));
            (kind(often), kind(1.0 - often))
        } else {
            let spread = self.variation.max(0.0).sqrt().max(1e-3);
            (part(self.share, self.mean * (1.0 - spread), self.mean * spread), Part { weight: 0.0, ..nobody })
        };
        [nobody, one, other].into_iter().filter(|part| part.weight > 0.0)
    }
}

/// How many of those who wait when work arrives at random wait when the gaps have this squared coefficient of variation,
/// at most 1: Kraemer and Langenbach-Belz 1976, as in Whitt 1983.
fn fewer(busy: f64, work: &Moments, arrivals: f64) -> f64 {
    let spread = work.variation();
    let less = (1.0 - arrivals) * (1.0 - busy) * (1.0 + arrivals + busy * spread)
        / (1.0 + busy * (spread - 1.0) + busy.powi(2) * (4.0 * arrivals + spread));
    (1.0 - less).max(0.0)
}

/// The mean wait of all then, as a share of the one with random arrivals; of the same authors.
fn shorter(busy: f64, work: &Moments, arrivals: f64) -> f64 {
    let both = (arrivals + work.variation()).max(1e-9);
    let gap = (1.0 - arrivals).powi(2);
    both / (1.0 + work.variation()) * (-2.0 * (1.0 - busy) * gap / (3.0 * busy * both)).exp()
}

/// By how much constant work waits longer for one of many servers than Allen and Cunneen's half of the exponential's
/// wait, as a share of it: Cosmetatos 1975, bounded as in Whitt 1993.
fn longer_by(servers: u32, busy: f64) -> f64 {
    let count = f64::from(servers);
    let more = (1.0 - busy) * (count - 1.0) * ((4.0 + 5.0 * count).sqrt() - 2.0) / (16.0 * count * busy);
    if busy > 0.0 { more.min(0.24) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn exponential_work_waits_exponentially() {
        let waiting = Waiting::of_servers(10, 8.0, &Moments::exponential(50.0));
        near(waiting.mean, 25.0);
        near(waiting.variation, 1.0);
        assert_eq!(waiting.parts().count(), 2);
    }

    #[test]
    fn one_server_waits_as_pollaczek_and_khinchine_say() {
        // Constant work of 10 ms, half of the time busy: the mean wait is 5 ms, of the half that waits 10.
        let waiting = Waiting::of_servers(1, 0.5, &Moments::constant(10.0));
        near(waiting.all(), 5.0);
        // E[W^2] = 2 E[W]^2 + lambda E[S^3] / (3 (1 - rho)) = 50 + 0.05 * 1000 / 1.5.
        near(waiting.share * waiting.mean.powi(2) * (1.0 + waiting.variation), 50.0 + 100.0 / 3.0);
    }

    #[test]
    fn turns_of_many_senders_are_random_and_of_few_shorter() {
        let work = Moments::mixed([(1.0, Moments::constant(1.0)), (2.0, Moments::exponential(30.0))]);
        let random = Waiting::of_servers(4, 2.5, &work);
        let of = |senders| Waiting::in_turn(4, 2.5, &work, senders, 6);
        assert!((of(100_000).all() / random.all() - 1.0).abs() < 0.01);
        let all: Vec<f64> = [1, 2, 4, 100].map(|senders| of(senders).all()).to_vec();
        assert!(all.is_sorted() && all[3] < random.all(), "{all:?}");
    }

    #[test]
    fn waits_in_a_row_add_their_means_and_variances() {
        let one = Waiting { share: 0.5, mean: 10.0, variation: 1.0 };
        near(one.repeated(3.0).all(), 15.0);
        near(one.repeated(3.0).variance(), 3.0 * 75.0);
        near(one.repeated(2.0).share, 0.75);
        near(one.repeated(2.0).mean, one.and(one).mean);
        near(one.repeated(2.5).all(), 12.5);
        assert_eq!(one.repeated(0.0), Waiting::NONE);
        near(one.and(Waiting::NONE).mean, 10.0);
    }

    #[test]
    fn parts_have_the_mean_and_the_variation() {
        for variation in [0.2, 1.0, 3.0] {
            let waiting = Waiting { share: 0.5, mean: 10.0, variation };
            let of = |value: fn(f64, f64) -> f64| {
                waiting
                    .parts()
                    .map(|part| part.weight * value(part.least, part.rate.map_or(0.0, f64::recip)))
                    .sum::<f64>()
            };
            near(of(|_, _| 1.0), 1.0);
            near(of(|least, mean| least + mean), 5.0);
            near(of(|least, mean| least.powi(2) + 2.0 * least * mean + 2.0 * mean.powi(2)), 50.0 * (1.0 + variation));
        }
    }
}
