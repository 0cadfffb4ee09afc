//! How much a cache answers: Che's approximation for a bounded memory, and renewal theory for a
//! time to live. Sources: Che, Tung and Wang 2002 as in arXiv 1202.3974; Zipf's law by Breslau 1999.
//!
//! Ranks are grouped, exactly at first and then in steps of 3 %, so that any number of items takes
//! the same time. Knows no tier and no size.

/// Ranks that are counted one by one.
const EXACT: u64 = 200;
/// Ratio of the bounds of a later group.
const STEP: f64 = 1.03;

/// Items by popularity: how many have which share of the requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Popular {
    groups: Vec<(f64, f64)>,
}

impl Popular {
    /// So many items of which the one of rank i is asked for in proportion to `i^-exponent`.
    #[must_use]
    pub fn zipf(items: u64, exponent: f64) -> Self {
        let mut groups = Vec::new();
        let mut rank = 1_u64;
        while rank <= items {
            let next = if rank <= EXACT { rank + 1 } else { ((rank as f64 * STEP) as u64).min(items) + 1 };
            let middle = (rank + next - 1) as f64 / 2.0;
            groups.push(((next - rank) as f64, middle.powf(-exponent)));
            rank = next;
        }
        let whole: f64 = groups.iter().map(|(count, weight)| count * weight).sum();
        for (_, weight) in &mut groups {
            *weight /= whole;
        }
        Self { groups }
    }

    fn sum(&self, value: impl Fn(f64) -> f64) -> f64 {
        self.groups.iter().map(|(count, share)| count * value(*share)).sum()
    }

    /// All items.
    #[must_use]
    pub fn items(&self) -> f64 {
        self.sum(|_| 1.0)
    }

    /// Hit ratio of a cache that drops the item that nobody asked for the longest, with room for so many.
    #[must_use]
    pub fn hit_ratio(&self, room: f64) -> f64 {
        if room >= self.items() {
            return 1.0;
        }
        self.hits_within(bisect(|time| self.held(time) >= room))
    }

    /// Items for which such a cache needs room to reach a hit ratio.
    #[must_use]
    pub fn room_for(&self, hit_ratio: f64) -> f64 {
        self.held(bisect(|time| self.hits_within(time) >= hit_ratio)).min(self.items())
    }

    /// Share of the requests for the most popular items, of which there is room for so many: what no policy exceeds.
    #[must_use]
    pub fn best_static(&self, room: f64) -> f64 {
        let (mut left, mut found) = (room, 0.0);
        for (count, share) in &self.groups {
            let taken = count.min(left);
            found += taken * share;
            left -= taken;
        }
        found
    }

    /// Hit ratio when an item lives for `ttl` seconds after it was fetched, at so many requests a second.
    #[must_use]
    pub fn hit_ratio_of_ttl(&self, rate: f64, ttl: f64) -> f64 {
        self.sum(|share| share * (rate * share * ttl) / (1.0 + rate * share * ttl))
    }

    /// Items that are asked for within so many seconds, at so many requests a second.
    #[must_use]
    pub fn asked_within(&self, rate: f64, seconds: f64) -> f64 {
        self.held(rate * seconds)
    }

    /// Items that are in the cache when each stays for `time` requests after the last one for it.
    fn held(&self, time: f64) -> f64 {
        self.sum(|share| -(-share * time).exp_m1())
    }

    fn hits_within(&self, time: f64) -> f64 {
        self.sum(|share| share * -(-share * time).exp_m1())
    }
}

/// The smallest argument for which a monotone condition holds, to nine digits; the last one tried if none does.
fn bisect(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    while !holds(high) && high < 1e18 {
        low = high;
        high *= 2.0;
    }
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if holds(middle) { high = middle } else { low = middle }
    }
    high
}
