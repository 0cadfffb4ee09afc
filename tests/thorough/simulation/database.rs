//! The database's members under the transactions that a plan was made for, one replica lost.

use scaledapp::domain::ValidDatabasePin;
use scaledapp::planner::{Tier, TierSettings};

use crate::queue::{Dispatch, Fleet, Load, Request, quantile, run};
use crate::random::Random;
use crate::scene::Scene;
use crate::work::Work;

/// Waiting times of transactions, and how many of them a dynamic request makes.
#[derive(Default)]
pub struct Transactions {
    primary: Vec<f64>,
    replica: Vec<f64>,
    reads: f64,
    writes: f64,
    /// Share of the reads that go to a replica.
    away: f64,
    /// Share of the busiest member's transactions that wait.
    pub waiting: f64,
    /// The 99 % quantile of their waiting time, in milliseconds.
    pub wait99: f64,
    /// Use of the busiest member's cores, room for vacuum included.
    pub use_of_cores: f64,
}

/// Simulates the planned database of our own, three months ahead; none where its size is pinned or there is none.
pub fn transactions(scene: &Scene, requests: u32, seed: u64) -> Option<Transactions> {
    let declared = scene.app.database.as_ref()?;
    let tier = scene.plan.tier(Tier::Database)?;
    let TierSettings::Database(settings) = &tier.settings else { return None };
    if declared.pin != ValidDatabasePin::default() {
        return None;
    }
    let (demand, catalogue) = (&scene.demands.soon, &scene.catalogue);
    let (reads, writes) = (demand.reads / 1000.0, demand.writes / 1000.0);
    let room = catalogue.database_overhead.value;
    let (read, write) = (catalogue.read_cpu_ms.value * room, catalogue.write_cpu_ms.value * room);
    let members = tier.replicas.max;
    let away = if members < 3 { 0.0 } else { catalogue.offload_share.value };
    let milli = settings.postgres.cpu.0;
    let cores = (milli / 1000).max(1) as u32;
    let pace = milli as f64 / 1000.0 / f64::from(cores);
    let member = Member { cores, speed: pace };
    let primary = member.run([(reads * (1.0 - away), read), (writes, write)], requests, seed);
    let replica = if members < 3 {
        Vec::new()
    } else {
        let each = 1.0 / f64::from(members - 2);
        member.run([(reads * away * each, read), (writes, write * catalogue.replay_share.value)], requests, seed + 1)
    };
    let busy = |reads: f64, writes: f64| (reads * read + writes * write) / pace / f64::from(cores);
    let replay = catalogue.replay_share.value;
    let of_replica = if members < 3 { 0.0 } else { busy(reads * away / f64::from(members - 2), writes * replay) };
    let share = |waits: &[f64]| waits.iter().filter(|wait| **wait > 0.0).count() as f64 / waits.len().max(1) as f64;
    let per_request = if demand.computed > 0.0 { 1.0 / demand.computed } else { 0.0 };
    Some(Transactions {
        reads: demand.reads * per_request,
        writes: demand.writes * per_request,
        away,
        waiting: share(&primary).max(share(&replica)),
        wait99: quantile(&mut primary.clone(), 0.99).max(quantile(&mut replica.clone(), 0.99)),
        use_of_cores: busy(reads * (1.0 - away), writes).max(of_replica),
        primary,
        replica,
    })
}

struct Member {
    cores: u32,
    speed: f64,
}

impl Member {
    /// Waiting times under two kinds of transactions, each with its rate and its mean time on a core.
    fn run(&self, kinds: [(f64, f64); 2], requests: u32, seed: u64) -> Vec<f64> {
        let [(often, short), (seldom, long)] = kinds;
        let rate = often + seldom;
        let busy = (often * short + seldom * long) / self.speed;
        if rate <= 0.0 {
            return Vec::new();
        }
        if busy >= f64::from(self.cores) {
            return vec![f64::INFINITY];
        }
        let draw = |random: &mut Random| {
            let mean = if random.unit() * rate < often { short } else { long };
            Work::exponential(mean / self.speed).draw(random)
        };
        let fleet = Fleet { pods: 1, cores: self.cores, dispatch: Dispatch::OneQueue };
        let mut waits = Vec::with_capacity(requests as usize);
        let next = |random: &mut Random| Request { work: draw(random), counts: true };
        run(fleet, &Load { rate, busy, requests }, &mut Random::new(seed), draw, next, |_, wait, _| waits.push(wait));
        waits
    }
}

impl Transactions {
    /// What all transactions of one dynamic request wait together, one after the other.
    pub fn waits_of_a_request(&self, random: &mut Random) -> f64 {
        let some = |random: &mut Random, mean: f64| mean.floor() as u32 + u32::from(random.unit() < mean.fract());
        let wait = |random: &mut Random, of: &[f64]| {
            if of.is_empty() { 0.0 } else { of[random.whole(0, of.len() as u64 - 1) as usize] }
        };
        let (reads, writes) = (some(random, self.reads), some(random, self.writes));
        let mut together = 0.0;
        for _ in 0..reads {
            let away = random.unit() < self.away;
            together += wait(random, if away { &self.replica } else { &self.primary });
        }
        for _ in 0..writes {
            together += wait(random, &self.primary);
        }
        together
    }
}
