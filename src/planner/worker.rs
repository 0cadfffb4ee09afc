//! Workers: pods of one job at a time, so many that the slowest hundredth keeps `maxDelay`.

use super::availability::with_spare;
use super::model::quarter_step;
use super::packing::{Context, Packing, figure, tier_plan};
use super::plan::{Bottleneck, Reason, Replicas, Requirement, Size, Tier, TierPlan, TierSettings, WorkerSettings};
use super::queueing::wait_quantile;
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores, ValidWorker};

/// The pods of a worker.
#[must_use]
pub fn plan(ctx: &Context<'_>, worker: &ValidWorker) -> TierPlan {
    let catalogue = ctx.catalogue;
    let cpu = worker.pin.cpu.unwrap_or(Millicores(1000));
    let time = worker.time_per_job.value.0 as f64 / cpu.cores().min(1.0);
    let slack = worker.max_delay.value.0 as f64 - time;
    let pods = |rate: f64| {
        let offered = rate * time / 1000.0;
        let mut count = ((offered / catalogue.utilisation_ceiling.value).ceil() as u32).max(1);
        while slack > 0.0 && count < 5000 && wait_quantile(count, offered, time, 0.99) > slack {
            count += 1;
        }
        if ctx.objective.replicated { with_spare(count, ctx.environment.zones) } else { count }
    };
    let rate = ctx.demands.horizon.peak * worker.jobs_per_request.value;
    let max = worker.pin.replicas.unwrap_or_else(|| pods(rate));
    let now = pods(ctx.demands.now.peak * worker.jobs_per_request.value);
    let min = if worker.autoscaled {
        ((f64::from(now) * catalogue.autoscaler_floor.value - 1e-9).ceil() as u32).max(1)
    } else {
        max
    };
    let memory = worker.pin.memory.unwrap_or(Bytes(quarter_step(
        catalogue.worker_mib.value * MIB as f64 * catalogue.memory_margin.value,
        16 * MIB,
    )));
    let settings = WorkerSettings {
        autoscaled: worker.autoscaled && min < max,
        target_cpu_percent: (catalogue.utilisation_ceiling.value * 100.0) as u32,
        max_unavailable: (min / 10).max(1),
        surge: ((f64::from(max) * catalogue.surge_share.value).ceil() as u32).max(1),
        finish_seconds: ((time * 4.0 / 1000.0).ceil() as u32).clamp(30, 7200),
        backlog_per_worker: (worker.max_delay.value.0 / worker.time_per_job.value.0).max(1),
    };
    let busy = rate * worker.time_per_job.value.as_seconds();
    let requirement = Requirement {
        cpu_millicores: busy * 1000.0,
        staffed_cpu_millicores: busy * 1000.0 / catalogue.utilisation_ceiling.value,
        memory_bytes: memory.0 as f64 * f64::from(max),
        storage_bytes: 0.0,
    };
    let reasons = vec![
        Reason::new(
            "replicas.max",
            max,
            "pods with which 99 of 100 jobs wait at most maxDelay - timePerJob",
            "Erlang C",
        )
        .with("jobs", figure(rate))
        .with("timePerJob", worker.time_per_job.value)
        .with("maxDelay", worker.max_delay.value),
        Reason::new(
            "replicas.min",
            min,
            "as replicas.max, or two thirds of the pods of now",
            "without an autoscaler nothing varies them",
        ),
        Reason::new("perReplica.cpuMillicores", cpu.0, "one core", "one job at a time"),
        Reason::new("perReplica.memoryBytes", memory.0, "step(worker * margin)", catalogue.worker_mib.because()),
    ];
    let packing = Packing {
        replicas: Replicas { min: min.min(max), max },
        per_replica: Size { cpu, memory, storage: Bytes(0) },
        bottleneck: Bottleneck::Cpu,
        roles: None,
        settings: TierSettings::Worker(settings),
    };
    tier_plan(Tier::Worker, &worker.name, "Deployment", requirement, packing, reasons)
}
