//! How many pods keep a promise of waiting: one arithmetic for services and workers.
//!
//! Knows servers, their speed and what work may wait; no tier, no size, no spec. Formulae are in `queueing`.

use super::availability::survivors;
use super::delay::{Moments, Waiting};
use super::packing::figure;
use super::plan::{Reason, Replicas};
use super::queueing::smallest;
use super::response::Work;

/// By how much the use of CPU may differ from an autoscaler's target without that it does anything: Kubernetes'
/// default tolerance of a HorizontalPodAutoscaler.
const TOLERANCE: f64 = 1.1;
/// Lowest target of an autoscaler, in percent; below it the pods are fixed instead.
const LOWEST_TARGET: u32 = 10;
/// Servers above which nobody waits at [`RARELY_BUSY`]: less than one in 10,000 by Halfin and Whitt.
const MANY_SERVERS: u32 = 2000;
/// Use at which many servers are hardly ever all busy.
const RARELY_BUSY: f64 = 0.9;

/// Share of work that may take longer than promised.
const LATE: f64 = 0.01;

/// How much of the room for late work is given to waiting: the rest is for what two moments do not say.
const TRUSTED: f64 = 0.95;

/// Pods of one size, what their work takes, and what was promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crew {
    /// Servers of a pod.
    pub each: u32,
    /// A piece of work on one of them.
    pub work: Work,
    /// Moments of the work of any kind on one of them.
    pub all: Moments,
    /// What the work waits for elsewhere, however many pods there are.
    pub elsewhere: Waiting,
    /// Within which 99 of 100 are to be done, in milliseconds.
    pub promise: f64,
    /// How work finds a server.
    pub queue: Queue,
}

/// How work finds a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// All of it waits together, and whoever is free takes the first.
    Common,
    /// It goes to the pod with the least under way, and waits there.
    ShortestOfPods,
    /// So many senders give it to one pod after the other, each by itself, and it waits there.
    InTurn {
        /// How many senders.
        senders: u32,
    },
    /// It goes to any pod, and waits there.
    OfEachPod,
}

/// Bounds of use.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Of one pod alone, above which a second one is there.
    pub alone: f64,
    /// Of several at peak, when as many are lost as may be.
    pub together: f64,
}

/// The fewest pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fit {
    /// How many.
    pub pods: u32,
    /// Whether waiting asks for more than use does.
    pub by_wait: bool,
}

/// What so many pods make of the work that is offered.
struct Outlook {
    /// Servers for which work waits together.
    servers: u32,
    /// How busy they are, as a share.
    busy: f64,
    /// Who waits for one of them, and how long.
    waiting: Waiting,
    /// Share of the work that is late, with what it waits for elsewhere.
    late: f64,
}

/// The fewest pods of so many servers with which the use stays below its bounds; `offered` in servers.
#[must_use]
pub fn by_use(each: u32, offered: f64, ceilings: Ceilings) -> u32 {
    let servers = f64::from(each);
    if offered <= ceilings.alone * servers {
        return 1;
    }
    ((offered / (ceilings.together * servers)).ceil() as u32).max(2)
}

impl Crew {
    /// What the promise leaves beside the work's own time, in milliseconds; at most zero when nothing.
    #[must_use]
    pub fn slack(&self) -> f64 {
        self.promise - self.work.p99()
    }

    /// Share that is late although it waits for no pod.
    fn late_without(&self) -> f64 {
        self.work.later_than(self.promise, [Waiting::NONE, self.elsewhere])
    }

    /// Whether 99 of 100 pieces of work are done within the promise; `without` waiting for a pod so much is late, and
    /// `offered` is in servers.
    fn keeps(&self, without: f64, pods: u32, offered: f64) -> bool {
        if pods == 0 {
            return false;
        }
        let (servers, load) = self.servers(pods, offered);
        if load >= f64::from(servers) {
            return false;
        }
        let waiting = self.waiting(pods, servers, load);
        let room = TRUSTED * (LATE - without);
        // Where so few wait at all, how long they do makes no difference.
        waiting.share <= room || self.work.later_than(self.promise, [waiting, self.elsewhere]) - without <= room
    }

    /// What so many pods make of the work, in the words of a derivation; none of pods that are not enough for it at all.
    fn outlook(&self, pods: u32, offered: f64) -> Option<Outlook> {
        let (servers, load) = self.servers(pods, offered);
        if pods == 0 || load >= f64::from(servers) {
            return None;
        }
        let waiting = self.waiting(pods, servers, load);
        let late = self.work.later_than(self.promise, [waiting, self.elsewhere]);
        Some(Outlook { servers, busy: load / f64::from(servers), waiting, late })
    }

    /// Why so many pods: what they make of the work, and what one fewer would; none where no number keeps the promise.
    #[must_use]
    pub fn reason(&self, fit: Fit, offered: f64) -> Option<Reason> {
        let found = self.outlook(fit.pods, offered).filter(|_| self.possible())?;
        let percent = |share: f64| format!("{} %", figure(share * 100.0));
        let reason = Reason::new(
            "replicas.late",
            percent(found.late),
            "share of the work that is later than promised, waiting and work together; it may be 1 %, less a twentieth of what waiting adds",
            "Erlang C says who waits; how long, two moments of the work, grade D, held by simulation",
        )
        .with("pods", fit.pods)
        .with("boundBy", if fit.by_wait { "waiting" } else { "use" })
        .with("serversTogether", found.servers)
        .with("busy", percent(found.busy))
        .with("waits", percent(found.waiting.share))
        .with("meanWaitMs", figure(found.waiting.mean));
        if fit.pods < 2 {
            return Some(reason);
        }
        let fewer = self.outlook(fit.pods - 1, offered);
        Some(reason.with("lateWithOneFewer", fewer.map_or_else(|| "all".to_owned(), |fewer| percent(fewer.late))))
    }

    /// The servers for which work waits together, and what they are offered.
    fn servers(&self, pods: u32, offered: f64) -> (u32, f64) {
        match self.queue {
            Queue::OfEachPod | Queue::InTurn { .. } => (self.each, offered / f64::from(pods)),
            Queue::Common | Queue::ShortestOfPods => (pods.saturating_mul(self.each), offered),
        }
    }

    fn waiting(&self, pods: u32, servers: u32, load: f64) -> Waiting {
        if servers >= MANY_SERVERS && load <= RARELY_BUSY * f64::from(servers) {
            return Waiting::NONE;
        }
        let random = || Waiting::of_servers(servers, load, &self.all);
        match self.queue {
            // Who waits at a pod waits for what is before it everywhere, and then for one of that pod's own servers, of
            // which its part of them all was waited for already: so it is right in light traffic, and with one pod.
            Queue::ShortestOfPods if pods > 1 => {
                let own = 1.0 - 1.0 / f64::from(pods);
                random().then(own * self.all.rest() / f64::from(self.each), self.all.variation_of_rest())
            }
            Queue::InTurn { senders } => Waiting::in_turn(servers, load, &self.all, senders, pods),
            _ => random(),
        }
    }

    /// Whether 99 of 100 pieces of work would be done within the promise by pods without number.
    #[must_use]
    pub fn possible(&self) -> bool {
        self.slack() > 0.0 && self.late_without() <= LATE
    }

    /// The fewest pods that keep waiting and use; none when no number does.
    #[must_use]
    pub fn fewest(&self, offered: f64, ceilings: Ceilings) -> Option<Fit> {
        let by_use = by_use(self.each, offered, ceilings);
        if !self.possible() {
            return None;
        }
        let without = self.late_without();
        let pods = smallest(by_use, |pods| self.keeps(without, pods, offered))?;
        Some(Fit { pods, by_wait: pods > by_use })
    }

    /// The autoscaler's fewest pods and its target, in percent of the pods' CPU, at most `highest`.
    ///
    /// An autoscaler rests while the use is within a tenth of its target. However many pods it then keeps, those that are
    /// left after a loss keep the promise. `zones` over which they are spread, where a loss is borne: the pods that a
    /// zone takes with it grow in steps of so many, so one whole step is tried.
    #[must_use]
    pub fn target(&self, replicas: Replicas, highest: u32, ceilings: Ceilings, zones: Option<u32>) -> (u32, u32) {
        let without = self.late_without();
        let holds = |pods: u32, percent: u32| {
            let load = f64::from(pods.saturating_mul(self.each)) * f64::from(percent) / 100.0 * TOLERANCE;
            let left = zones.map_or(pods, |zones| survivors(pods, zones));
            load <= ceilings.together * f64::from(left.saturating_mul(self.each)) && self.keeps(without, left, load)
        };
        let keeps = |fewest: u32, percent: u32| {
            let next = fewest.saturating_add(zones.unwrap_or(1).max(1)).min(replicas.max);
            (fewest..next).all(|pods| holds(pods, percent))
        };
        let fewest = smallest(replicas.min, |pods| pods >= replicas.max || keeps(pods, LOWEST_TARGET));
        let Some(fewest) = fewest.filter(|pods| *pods < replicas.max) else { return (replicas.max, highest) };
        // The highest that holds is one below the lowest that does not.
        let beyond = smallest(LOWEST_TARGET, |percent| percent > highest || !keeps(fewest, percent));
        (fewest, beyond.map_or(LOWEST_TARGET, |percent| percent.saturating_sub(1)).clamp(LOWEST_TARGET, highest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_finds_all_pods_busy_waits_for_what_the_chosen_one_has() {
        let work = Moments::constant(40.0);
        let crew = |each, queue| Crew {
            each,
            work: Work::of_job(40.0),
            all: work,
            elsewhere: Waiting::NONE,
            promise: 100.0,
            queue,
        };
        // In light traffic that is the rest of one request: of a constant 40 ms 20 on average.
        for pods in [2, 3, 10] {
            let wait = crew(1, Queue::ShortestOfPods).waiting(pods, pods, 1e-6).mean;
            assert!((wait / 20.0 - 1.0).abs() < 0.15, "{pods} pods: {wait}");
        }
        // With many busy pods it is that on top of what all wait for together.
        let (own, common) = (crew(2, Queue::ShortestOfPods), crew(2, Queue::Common));
        let more = own.waiting(50, 100, 95.0).mean - common.waiting(50, 100, 95.0).mean;
        assert!((more - 0.98 * 10.0).abs() < 1e-9, "{more}");
    }
}
