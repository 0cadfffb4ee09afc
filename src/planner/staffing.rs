//! How many pods keep a promise of waiting: one arithmetic for services and workers.
//!
//! Knows servers, their speed and what work may wait; no tier, no size, no spec. Formulae are in `queueing`.

use super::availability::survivors;
use super::plan::Replicas;
use super::queueing::{erlang_c, smallest};
use super::response::{Waiting, Work};

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

/// Pods of one size, what their work takes, and what was promised.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Crew {
    /// Servers of a pod.
    pub each: u32,
    /// A piece of work on one of them.
    pub work: Work,
    /// Mean of what is left of the work, of any kind, that a busy server is found with, in milliseconds.
    pub rest: f64,
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
    /// It goes to any pod in turn, and waits there.
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

    /// Whether 99 of 100 pieces of work are done within the promise; `offered` in servers.
    #[must_use]
    pub fn keeps(&self, pods: u32, offered: f64) -> bool {
        if pods == 0 {
            return false;
        }
        let (servers, load) = match self.queue {
            Queue::OfEachPod => (self.each, offered / f64::from(pods)),
            Queue::Common | Queue::ShortestOfPods => (pods.saturating_mul(self.each), offered),
        };
        let idle = f64::from(servers) - load;
        if idle <= 0.0 {
            return false;
        }
        if servers >= MANY_SERVERS && load <= RARELY_BUSY * f64::from(servers) {
            return true;
        }
        // Who waits at a pod waits for what is before it everywhere, and then for one of that pod's own servers.
        let each = f64::from(self.each);
        let apart = self.queue == Queue::ShortestOfPods && pods > 1;
        let ends = if apart { idle * each / (idle + each) } else { idle };
        let waiting = Waiting { share: erlang_c(servers, load), rate: ends / self.rest };
        self.work.later_than(self.promise, waiting) <= LATE
    }

    /// The fewest pods that keep waiting and use; none when no number does.
    #[must_use]
    pub fn fewest(&self, offered: f64, ceilings: Ceilings) -> Option<Fit> {
        let by_use = by_use(self.each, offered, ceilings);
        if self.slack() <= 0.0 {
            return None;
        }
        let pods = smallest(by_use, |pods| self.keeps(pods, offered))?;
        Some(Fit { pods, by_wait: pods > by_use })
    }

    /// The autoscaler's fewest pods and its target, in percent of the pods' CPU, at most `highest`.
    ///
    /// An autoscaler rests while the use is within a tenth of its target. However many pods it then keeps, those that are
    /// left after a loss keep the promise. `zones` over which they are spread, where a loss is borne: the pods that a
    /// zone takes with it grow in steps of so many, so one whole step is tried.
    #[must_use]
    pub fn target(&self, replicas: Replicas, highest: u32, ceilings: Ceilings, zones: Option<u32>) -> (u32, u32) {
        let holds = |pods: u32, percent: u32| {
            let load = f64::from(pods.saturating_mul(self.each)) * f64::from(percent) / 100.0 * TOLERANCE;
            let left = zones.map_or(pods, |zones| survivors(pods, zones));
            load <= ceilings.together * f64::from(left.saturating_mul(self.each)) && self.keeps(left, load)
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
