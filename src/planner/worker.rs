//! Workers: pods of one job at a time, so many that 99 of 100 jobs end within `maxDelay`.
//!
//! Requirement: busy cores. Packing: Erlang C's waiting time against what `maxDelay` leaves after the
//! job's own time, a ceiling of use, spares for a lost node. The ceiling is also what drains a backlog.

use super::Finding;
use super::availability::with_spare;
use super::delay::Waiting;
use super::model::quarter_step;
use super::packing::{Context, Packing, figure, scaled, size_text, tier_plan};
use super::plan::{
    Bottleneck, FindingKind, Reason, Replicas, Requirement, Severity, Size, Tier, TierPlan, TierSettings,
    WorkerSettings,
};
use super::queueing::utilisation_target;
use super::response::Work;
use super::staffing::{Crew, Fit, Queue, by_use};
use super::web::ceilings;
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores, Millis, ValidWorker};

/// CPU sizes of a pod that does one job at a time.
const STEPS: [Millicores; 4] = [Millicores(100), Millicores(250), Millicores(500), Millicores(1000)];
/// How long a job may take over its usual time before a pod that is told to stop gives it back.
const FINISH_FACTOR: f64 = 4.0;

/// What the demand needs of a worker: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WorkerNeed {
    /// Jobs a second at the declared peak.
    pub now: f64,
    /// Jobs a second at the horizon's peak.
    pub horizon: f64,
    /// Time of a job on one core, in milliseconds.
    pub time_ms: f64,
    /// From publishing to the end, in milliseconds.
    pub delay_ms: f64,
}

/// The need of a worker.
#[must_use]
pub fn need(ctx: &Context<'_>, worker: &ValidWorker) -> WorkerNeed {
    let jobs = worker.jobs_per_request.value;
    WorkerNeed {
        now: ctx.demands.now.peak * jobs,
        horizon: ctx.demands.horizon.peak * jobs,
        time_ms: worker.time_per_job.value.0 as f64,
        delay_ms: worker.max_delay.value.0 as f64,
    }
}

/// Time of a job on a pod of this size: below one core it has only its share.
fn time_on(need: &WorkerNeed, cpu: Millicores) -> f64 {
    need.time_ms / cpu.cores().min(1.0)
}

/// Pods of a size as servers of one job each, with what a job may wait for one of them.
fn crew(need: &WorkerNeed, cpu: Millicores) -> Crew {
    let time = time_on(need, cpu);
    let work = Work::of_job(time);
    let (all, elsewhere) = (work.moments(), Waiting::NONE);
    Crew { each: 1, work, all, elsewhere, promise: need.delay_ms, queue: Queue::Common }
}

/// Jobs under way at so many a second.
fn offered(need: &WorkerNeed, cpu: Millicores, rate: f64) -> f64 {
    rate * time_on(need, cpu) / 1000.0
}

struct Choice {
    cpu: Millicores,
    now: Fit,
    horizon: Fit,
}

/// The smallest pod on which a job still takes less than half of the delay and that leaves a handful of pods.
fn choose(ctx: &Context<'_>, worker: &ValidWorker, need: &WorkerNeed) -> Choice {
    let bounds = ceilings(ctx);
    let used = |cpu: Millicores, rate: f64| Fit { pods: by_use(1, offered(need, cpu, rate), bounds), by_wait: false };
    // None where a job alone takes longer than the delay.
    let fewest = |cpu: Millicores, rate: f64| crew(need, cpu).fewest(offered(need, cpu, rate), bounds);
    let at = |cpu: Millicores| Some(Choice { cpu, now: fewest(cpu, need.now)?, horizon: fewest(cpu, need.horizon)? });
    // A pin that is too slow is told; it is still sized by use.
    let forced = |cpu: Millicores| {
        at(cpu).unwrap_or_else(|| Choice { cpu, now: used(cpu, need.now), horizon: used(cpu, need.horizon) })
    };
    if let Some(cpu) = worker.pin.cpu {
        return forced(cpu);
    }
    let preferred = ctx.catalogue.web_pods_preferred.value;
    STEPS
        .into_iter()
        .filter(|cpu| *cpu <= ctx.largest.cpu && time_on(need, *cpu) * 2.0 <= need.delay_ms)
        .filter_map(at)
        .find(|choice| f64::from(spared(ctx, choice.horizon.pods)) <= preferred)
        .unwrap_or_else(|| forced(STEPS[3].min(ctx.largest.cpu)))
}

fn spared(ctx: &Context<'_>, pods: u32) -> u32 {
    if ctx.objective.replicated { with_spare(pods, ctx.environment.zones) } else { pods }
}

/// The autoscaler's fewest pods, and the use at which they and all more of them are in time, in percent.
fn autoscaling(ctx: &Context<'_>, need: &WorkerNeed, cpu: Millicores, bounds: Replicas) -> (u32, u32) {
    let rule = utilisation_target(f64::from(bounds.min)).min(ctx.catalogue.utilisation_ceiling.value);
    let highest = (rule * 100.0).floor().max(10.0) as u32;
    let crew = crew(need, cpu);
    if bounds.min >= bounds.max || crew.slack() <= 0.0 {
        return (bounds.min, highest);
    }
    crew.target(bounds, highest, ceilings(ctx), ctx.objective.replicated.then_some(ctx.environment.zones))
}

/// Pods and sizes of a worker.
pub fn plan(ctx: &Context<'_>, worker: &ValidWorker, findings: &mut Vec<Finding>) -> TierPlan {
    let catalogue = ctx.catalogue;
    let need = need(ctx, worker);
    let choice = choose(ctx, worker, &need);
    let needed = spared(ctx, choice.horizon.pods);
    let max = worker.pin.replicas.unwrap_or(needed);
    let floor = if ctx.objective.replicated { 2 } else { 1 };
    let by_rule = f64::from(spared(ctx, choice.now.pods)) * catalogue.autoscaler_floor.value - 1e-9;
    let min = if worker.autoscaled { (by_rule.ceil() as u32).max(floor).min(max) } else { max };
    let (min, target) = autoscaling(ctx, &need, choice.cpu, Replicas { min, max });
    let volumes = worker.container.volumes_in_memory;
    let memory = worker.pin.memory.unwrap_or_else(|| {
        let process = quarter_step(catalogue.worker_mib.value * MIB as f64 * catalogue.memory_margin.value, 16 * MIB);
        Bytes(process.saturating_add(volumes.0))
    });
    let finish = time_on(&need, choice.cpu) * FINISH_FACTOR / 1000.0;
    let settings = WorkerSettings {
        autoscaled: worker.autoscaled && min < max,
        target_cpu_percent: target,
        max_unavailable: (min / 10).max(1),
        surge: ((f64::from(max) * catalogue.surge_share.value).ceil() as u32).max(1),
        finish_seconds: (finish.ceil() as u32).clamp(30, 86_400),
        backlog_per_worker: ((worker.max_delay.value.0 as f64 / time_on(&need, choice.cpu)) as u64).max(1),
    };
    let replicas = Replicas { min, max };
    let per_replica = Size { cpu: choice.cpu, memory, storage: Bytes(0) };
    let facts = Facts { ctx, worker, need: &need, choice: &choice, replicas, per_replica, needed };
    facts.check(findings);
    let busy = need.horizon * need.time_ms;
    let requirement = Requirement {
        cpu_millicores: busy,
        staffed_cpu_millicores: busy / catalogue.peak_ceiling.value,
        memory_bytes: memory.0 as f64 * f64::from(max),
        ..Requirement::default()
    };
    let reasons = facts.reasons(&settings, &requirement);
    let bottleneck = if choice.horizon.by_wait {
        Bottleneck::Latency
    } else if ctx.objective.replicated && choice.horizon.pods == 1 {
        Bottleneck::Availability
    } else {
        Bottleneck::Cpu
    };
    let settings = TierSettings::Worker(settings);
    let packing = Packing { replicas, per_replica, bottleneck, roles: None, settings };
    tier_plan(Tier::Worker, &worker.name, "Deployment", requirement, packing, reasons)
}

struct Facts<'a> {
    ctx: &'a Context<'a>,
    worker: &'a ValidWorker,
    need: &'a WorkerNeed,
    choice: &'a Choice,
    replicas: Replicas,
    per_replica: Size,
    needed: u32,
}

impl Facts<'_> {
    fn field(&self, name: &str) -> String {
        format!("spec.workers[{}].pin.{name}", self.worker.name)
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        let Self { worker, need, choice, needed, .. } = self;
        let mut warn = |name: &str, message: String| {
            let kind = FindingKind::PinBelowRequirement;
            findings.push(Finding::new(Severity::Warning, kind, self.field(name), message));
        };
        if let Some(pinned) = worker.pin.replicas.filter(|pinned| pinned < needed) {
            warn(
                "replicas",
                format!(
                    "Worker {} is pinned to {pinned} pods, but its jobs need {needed}: raise pin.replicas, or allow a longer maxDelay.",
                    worker.name
                ),
            );
        }
        let time = time_on(need, choice.cpu);
        if time >= need.delay_ms && worker.pin.cpu.is_some() {
            warn(
                "cpu",
                format!(
                    "On {} of CPU a job of worker {} takes {:.0} s, and maxDelay is {}: raise pin.cpu to 1, or maxDelay.",
                    choice.cpu,
                    worker.name,
                    time / 1000.0,
                    worker.max_delay.value
                ),
            );
        }
    }

    fn reasons(&self, settings: &WorkerSettings, requirement: &Requirement) -> Vec<Reason> {
        let mut list = self.size_reasons(requirement);
        let catalogue = self.ctx.catalogue;
        list.extend([
            Reason::new(
                "settings.autoscaled",
                settings.autoscaled,
                "autoscaling Cpu, and replicas.min < replicas.max",
                "a backlog is not CPU: pods vary by it only where the owner asks",
            ),
            Reason::new(
                "settings.targetCpuPercent",
                settings.target_cpu_percent,
                "floor(100 * min(1 - 0.712 / replicas.min^0.448, ceiling)), lowered until what a loss leaves of any number of pods is in time at 1.1 times it",
                "Netflix service-capacity-modeling, headroom_strategy.py, grade A; ceiling: GitLab, grade A; 1.1: Kubernetes' tolerance, grade A",
            )
            .with("ceiling", catalogue.utilisation_ceiling.value),
            Reason::new(
                "settings.maxUnavailable",
                settings.max_unavailable,
                "max(1, floor(replicas.min / 10))",
                "judgement, grade D: drains go on, and nine tenths stay",
            ),
            Reason::new(
                "settings.surge",
                settings.surge,
                "max(1, ceil(replicas.max * surgeShare))",
                catalogue.surge_share.because(),
            )
            .with("surgeShare", catalogue.surge_share.value),
            Reason::new(
                "settings.finishSeconds",
                settings.finish_seconds,
                "4 * time of a job on this pod, at least 30 s",
                "judgement, grade D: a job in progress ends, or goes back to the queue",
            )
            .with("timePerJob", self.worker.time_per_job.value)
            .with("cpu", self.per_replica.cpu),
            Reason::new(
                "settings.backlogPerWorker",
                settings.backlog_per_worker,
                "max(1, floor(maxDelay / timePerJobHere))",
                "the last of them then still ends within maxDelay",
            )
            .with("maxDelay", self.worker.max_delay.value)
            .with("timePerJobHere", Millis(time_on(self.need, self.choice.cpu).round() as u64)),
        ]);
        list.extend(self.drain_reason());
        list
    }

    /// How long what came in during one `maxDelay` without any pod takes, beside what comes in meanwhile.
    fn drain_reason(&self) -> Option<Reason> {
        let Self { need, worker, replicas, .. } = self;
        let served = f64::from(replicas.max) / (time_on(need, self.choice.cpu) / 1000.0);
        let delay_s = worker.max_delay.value.as_seconds();
        (need.horizon > 0.0 && served > need.horizon).then(|| {
            Reason::new(
                "drainSeconds",
                figure(need.horizon * delay_s / (served - need.horizon)),
                "jobs * maxDelay / (replicas.max / timePerJobHere - jobs)",
                "a backlog is done at the rate that is left over",
            )
            .with("jobsPerSecond", figure(need.horizon))
            .with("servedPerSecond", figure(served))
            .with("maxDelay", worker.max_delay.value)
        })
    }

    fn pinned(&self, quantity: &str, value: u64, name: &str) -> Reason {
        Reason::new(quantity, value, "as pinned", self.field(name))
    }

    fn memory_reason(&self) -> Reason {
        let (catalogue, volumes) = (self.ctx.catalogue, self.worker.container.volumes_in_memory);
        if let Some(memory) = self.worker.pin.memory {
            return self.pinned("perReplica.memoryBytes", memory.0, "memory");
        }
        let formula = if volumes.0 > 0 { "step(worker * margin) + volumesInMemory" } else { "step(worker * margin)" };
        let value = self.per_replica.memory.0;
        let reason = Reason::new("perReplica.memoryBytes", value, formula, catalogue.worker_mib.because())
            .with("worker", size_text(Bytes::mib(catalogue.worker_mib.value as u64)))
            .with("margin", catalogue.memory_margin.value);
        if volumes.0 > 0 { reason.with("volumesInMemory", size_text(volumes)) } else { reason }
    }

    fn size_reasons(&self, requirement: &Requirement) -> Vec<Reason> {
        let Self { ctx, worker, need, choice, replicas, per_replica, .. } = self;
        let catalogue = ctx.catalogue;
        let spare = if ctx.objective.replicated { "max(pods + 1, ceil(pods * zones / (zones - 1)))" } else { "pods" };
        let max = match worker.pin.replicas {
            Some(count) => self.pinned("replicas.max", u64::from(count), "replicas"),
            None => Reason::new(
                "replicas.max",
                replicas.max,
                format!("{spare}, pods with which 99 of 100 jobs wait at most maxDelay less the job's own time"),
                "Erlang C; below the ceiling, so that a backlog drains",
            )
            .with(
                "ceiling",
                if choice.horizon.pods == 1 { catalogue.utilisation_ceiling } else { catalogue.peak_ceiling }.value,
            )
            .with("jobsPerSecond", figure(need.horizon))
            .with("timePerJob", worker.time_per_job.value)
            .with("maxDelay", worker.max_delay.value)
            .with("pods", choice.horizon.pods)
            .with("zones", ctx.environment.zones),
        };
        let min = if worker.autoscaled {
            Reason::new(
                "replicas.min",
                replicas.min,
                "ceil(2/3 * pods of now), more where no target of an autoscaler would be in time",
                catalogue.autoscaler_floor.because(),
            )
            .with("jobsPerSecondNow", figure(need.now))
        } else {
            Reason::new("replicas.min", replicas.min, "replicas.max", "nothing varies the pods without autoscaling")
        };
        let cpu = match worker.pin.cpu {
            Some(cpu) => self.pinned("perReplica.cpuMillicores", cpu.0, "cpu"),
            None => Reason::new(
                "perReplica.cpuMillicores",
                per_replica.cpu.0,
                "smallest of 100m, 250m, 500m, 1 on which a job takes at most half of maxDelay, with at most 12 pods; 1 where it takes more of them, since a job keeps one core busy",
                catalogue.web_pods_preferred.because(),
            )
            .with("timePerJobHere", Millis(time_on(need, choice.cpu).round() as u64)),
        };
        let late = crew(need, per_replica.cpu).reason(choice.horizon, offered(need, per_replica.cpu, need.horizon));
        let mut list = vec![
            max,
            cpu,
            self.memory_reason(),
            min,
            Reason::new(
                "requirement.cpuMillicores",
                figure(requirement.cpu_millicores),
                "jobs * timePerJob",
                worker.time_per_job.source(),
            )
            .with("jobsPerSecond", figure(need.horizon))
            .with("timePerJob", worker.time_per_job.value)
            .with("jobsPerRequest", figure(worker.jobs_per_request.value)),
            Reason::new(
                "requirement.staffedCpuMillicores",
                figure(requirement.staffed_cpu_millicores),
                "busy / ceiling",
                catalogue.peak_ceiling.because(),
            )
            .with("ceiling", catalogue.peak_ceiling.value),
            Reason::new(
                "requirement.memoryBytes",
                figure(requirement.memory_bytes),
                "memory * replicas.max",
                catalogue.worker_mib.because(),
            )
            .with("memory", scaled(requirement.memory_bytes / f64::from(replicas.max))),
        ];
        list.extend(late.filter(|_| worker.pin.replicas.is_none()));
        list
    }
}
