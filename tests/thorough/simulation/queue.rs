//! A queueing simulation, event by event: requests come at random, pods take them in turn, each on one of its cores.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use crate::random::Random;

/// How requests find a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// They wait together, and the first free core takes the first of them.
    OneQueue,
    /// Each goes to the pod with the fewest under way when it comes, and waits there.
    LeastRequests,
    /// So many edge pods, each with a turn of its own.
    RoundRobin(u32),
    /// Any pod, as a Service of Kubernetes does it.
    Random,
}

/// Pods of equal size.
#[derive(Clone, Copy, Debug)]
pub struct Fleet {
    pub pods: u32,
    pub cores: u32,
    pub dispatch: Dispatch,
}

/// A point of time in milliseconds; times are never negative, so their bits are in their order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Time(u64);

impl Time {
    fn new(ms: f64) -> Self {
        Self(ms.max(0.0).to_bits())
    }

    fn ms(self) -> f64 {
        f64::from_bits(self.0)
    }
}

/// Pods with the times at which their cores are free again.
struct Pods {
    free: Vec<BinaryHeap<Reverse<Time>>>,
    /// Ends of all that is under way, where the choice of a pod depends on it.
    ends: BinaryHeap<Reverse<(Time, u32)>>,
    under_way: Vec<u32>,
    by_load: BTreeSet<(u32, u32)>,
    turns: Vec<u32>,
    dispatch: Dispatch,
}

impl Pods {
    fn new(fleet: Fleet) -> Self {
        let (pods, cores) = match fleet.dispatch {
            Dispatch::OneQueue => (1, fleet.pods * fleet.cores),
            _ => (fleet.pods, fleet.cores),
        };
        let idle: BinaryHeap<Reverse<Time>> = (0..cores).map(|_| Reverse(Time::new(0.0))).collect();
        let turns = if let Dispatch::RoundRobin(edges) = fleet.dispatch { edges } else { 0 };
        Self {
            free: vec![idle; pods as usize],
            ends: BinaryHeap::new(),
            under_way: vec![0; pods as usize],
            by_load: (0..pods).map(|pod| (0, pod)).collect(),
            turns: (0..turns).map(|edge| edge * pods / turns.max(1)).collect(),
            dispatch: fleet.dispatch,
        }
    }

    fn change(&mut self, pod: u32, by: i64) {
        let count = &mut self.under_way[pod as usize];
        self.by_load.remove(&(*count, pod));
        *count = (i64::from(*count) + by) as u32;
        self.by_load.insert((*count, pod));
    }

    fn choose(&mut self, now: f64, random: &mut Random) -> u32 {
        let pods = self.free.len() as u32;
        match self.dispatch {
            Dispatch::OneQueue => 0,
            Dispatch::Random => random.whole(0, u64::from(pods) - 1) as u32,
            Dispatch::RoundRobin(edges) => {
                let turn = &mut self.turns[random.whole(0, u64::from(edges) - 1) as usize];
                *turn = (*turn + 1) % pods;
                *turn
            }
            Dispatch::LeastRequests => {
                while self.ends.peek().is_some_and(|Reverse((end, _))| end.ms() <= now) {
                    if let Some(Reverse((_, pod))) = self.ends.pop() {
                        self.change(pod, -1);
                    }
                }
                self.by_load.first().map_or(0, |(_, pod)| *pod)
            }
        }
    }

    /// Puts work on a pod and gives the time that it waits for a core.
    fn put(&mut self, pod: u32, now: f64, work: f64) -> f64 {
        let Some(mut first) = self.free[pod as usize].peek_mut() else { return 0.0 };
        let start = first.0.ms().max(now);
        let end = Time::new(start + work);
        *first = Reverse(end);
        drop(first);
        if self.dispatch == Dispatch::LeastRequests {
            self.ends.push(Reverse((end, pod)));
            self.change(pod, 1);
        }
        start - now
    }
}

/// One request: its time on a core, and whether its waiting counts.
pub struct Request {
    pub work: f64,
    pub counts: bool,
}

/// What is asked of a fleet.
pub struct Load {
    /// Requests a millisecond.
    pub rate: f64,
    /// Cores that are busy on average.
    pub busy: f64,
    /// Requests that count and are seen, after a fifth as many to settle; at most ten times as many of all kinds come.
    pub requests: u32,
}

/// Calls `seen` with waiting time and work of each request that counts, in milliseconds.
pub fn run(
    fleet: Fleet,
    load: &Load,
    random: &mut Random,
    mut rest: impl FnMut(&mut Random) -> f64,
    mut next: impl FnMut(&mut Random) -> Request,
    mut seen: impl FnMut(&mut Random, f64, f64),
) {
    let mut pods = Pods::new(fleet);
    // It has run for long: as many cores are busy as will be, each with the rest of its work.
    for _ in 0..load.busy.floor() as u32 {
        let pod = pods.choose(0.0, random);
        let work = rest(random);
        pods.put(pod, 0.0, work);
    }
    let (mut settle, mut left, mut now) = (load.requests / 5, load.requests, 0.0);
    for _ in 0..load.requests.saturating_mul(10) {
        now += random.exponential() / load.rate;
        let request = next(random);
        let pod = pods.choose(now, random);
        let wait = pods.put(pod, now, request.work);
        if settle > 0 {
            settle -= 1;
        } else if request.counts {
            seen(random, wait, request.work);
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
}

/// The value that a share of all does not exceed; zero of none.
pub fn quantile(values: &mut [f64], share: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len()) - 1;
    *values.select_nth_unstable_by(place, f64::total_cmp).1
}
