//! Workers: jobs wait in one queue, each pod does one at a time.

use scaledapp::domain::{ValidWorker, ValidWorkerPin};
use scaledapp::planner::TierPlan;

use crate::queue::{Dispatch, Fleet, Load, Request, quantile, run};
use crate::random::Random;
use crate::scene::{Scene, wait99};
use crate::work::Work;

/// A worker of a scene whose sizes nobody fixed.
pub struct Worker<'a> {
    pub tier: &'a TierPlan,
    /// Time of a job on this pod, in milliseconds.
    time: f64,
    /// From publishing to the end, in milliseconds.
    pub objective: f64,
    jobs: f64,
}

impl<'a> Worker<'a> {
    pub fn all(scene: &'a Scene) -> Vec<Self> {
        let workers = scene.app.workers.iter().filter(|worker| worker.pin == ValidWorkerPin::default());
        workers.filter_map(|worker| Self::new(scene, worker)).collect()
    }

    fn new(scene: &'a Scene, declared: &'a ValidWorker) -> Option<Self> {
        let tier = scene.plan.worker(&declared.name)?;
        let speed = (tier.per_replica.cpu.0 as f64 / 1000.0).min(1.0);
        Some(Self {
            tier,
            time: declared.time_per_job.value.0 as f64 / speed,
            objective: declared.max_delay.value.0 as f64,
            jobs: scene.demands.horizon.peak * declared.jobs_per_request.value / 1000.0,
        })
    }

    pub fn asked(&self) -> bool {
        self.jobs > 0.0
    }

    pub fn busy(&self) -> f64 {
        self.jobs * self.time
    }

    /// The 99 % quantile of waiting, and the job's usual time, over the objective. Jobs of `constant` length, or exponential.
    pub fn delay(&self, pods: u32, constant: bool, requests: u32, seed: u64) -> f64 {
        if pods == 0 || self.busy() >= f64::from(pods) {
            return f64::INFINITY;
        }
        let work = if constant { Work::constant(self.time) } else { Work::exponential(self.time) };
        let fleet = Fleet { pods, cores: 1, dispatch: Dispatch::OneQueue };
        let load = Load { rate: self.jobs, busy: self.busy(), requests };
        let mut waits = Vec::with_capacity(requests as usize);
        let random = &mut Random::new(seed);
        let next = |random: &mut Random| Request { work: work.draw(random), counts: true };
        run(fleet, &load, random, |random| work.rest(random), next, |_, wait, _| waits.push(wait));
        (quantile(&mut waits, 0.99) + self.time) / self.objective
    }

    /// Whether Erlang's formula keeps the objective.
    pub fn erlang_keeps(&self, pods: u32) -> bool {
        wait99(pods, self.busy(), self.time) + self.time <= self.objective
    }
}
