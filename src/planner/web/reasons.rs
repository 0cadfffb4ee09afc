//! Why a service's numbers are what they are: each with its formula and inputs.
//!
//! Decides nothing: it tells what the packing above it decided.

use super::super::packing::{figure, size_text};
use super::super::plan::{Reason, WebSettings};
use super::{Facts, crew, servers};

pub(super) fn reasons(facts: &Facts<'_>, settings: &WebSettings) -> Vec<Reason> {
    let mut list = replica_reasons(facts);
    list.extend(size_reasons(facts));
    list.extend(late_reason(facts));
    let Facts { ctx, replicas, .. } = facts;
    let catalogue = ctx.catalogue;
    list.push(
        Reason::new(
            "settings.targetCpuPercent",
            settings.target_cpu_percent,
            "floor(100 * min(1 - 0.712 / servers^0.448, ceiling)), lowered until what a loss leaves of any number of pods keeps the latency at 1.1 times it",
            "Netflix service-capacity-modeling, headroom_strategy.py, grade A; ceiling: GitLab, grade A; 1.1: Kubernetes' tolerance, grade A",
        )
        .with("servers", facts.shape.together(replicas.min) * servers(facts.per_replica.cpu).0)
        .with("ceiling", catalogue.utilisation_ceiling.value),
    );
    list.push(Reason::new(
        "settings.autoscaled",
        settings.autoscaled,
        "replicas.min < replicas.max",
        "a Deployment of one size needs no autoscaler",
    ));
    list.push(
        Reason::new(
            "settings.surge",
            settings.surge,
            "max(1, ceil(replicas.max * surgeShare))",
            catalogue.surge_share.because(),
        )
        .with("surgeShare", catalogue.surge_share.value),
    );
    list.push(Reason::new(
        "settings.maxUnavailable",
        settings.max_unavailable,
        "max(1, floor(replicas.min / 10))",
        "judgement, grade D: drains go on, and nine tenths stay",
    ));
    list
}

fn replica_reasons(facts: &Facts<'_>) -> Vec<Reason> {
    let Facts { ctx, need, shape, choice, replicas, .. } = facts;
    let spare = if shape.replicated { "max(pods + 1, ceil(pods * zones / (zones - 1)))" } else { "pods" };
    let pinned = |name: &str, value: u32| {
        Reason::new(format!("replicas.{name}"), value, "as pinned", facts.pin_field(&format!("{name}Replicas")))
    };
    let pin = &facts.service.pin;
    let max = if pin.max_replicas.is_some() {
        pinned("max", replicas.max)
    } else {
        Reason::new(
            "replicas.max",
            replicas.max,
            format!("{spare}; pods: 99 of 100 requests wait and are computed within the objective, and at most ceiling is busy"),
            "Erlang C, Whitt 1993; spare: any one node or zone may be lost",
        )
        .with("pods", choice.horizon.pods)
        .with("busyCores", figure(need.busy_horizon))
        .with("ceiling", if choice.horizon.pods == 1 { ctx.catalogue.utilisation_ceiling } else { ctx.catalogue.peak_ceiling }.value)
        .with("queriesWaitMs", figure(need.queries.all()))
        .with("waitAtMostMs", figure(crew(need, facts.per_replica.cpu, shape.queue).slack().max(0.0)))
        .with("zones", ctx.environment.zones)
    };
    let min = if pin.min_replicas.is_some() {
        pinned("min", replicas.min)
    } else {
        Reason::new(
            "replicas.min",
            replicas.min,
            "max(floor, ceil(neededNow * 2/3)), more where no target of an autoscaler would keep the latency",
            ctx.catalogue.autoscaler_floor.because(),
        )
        .with("neededNow", facts.planned_now)
        .with("busyCoresNow", figure(need.busy_now))
        .with("floor", if shape.replicated { 2 } else { 1 })
    };
    vec![max, min]
}

/// What the pods without a spare make of the waits, where nobody pinned them.
fn late_reason(facts: &Facts<'_>) -> Option<Reason> {
    let Facts { need, shape, choice, per_replica, .. } = facts;
    let (_, speed) = servers(per_replica.cpu);
    let reason = crew(need, per_replica.cpu, shape.queue).reason(choice.horizon, need.busy_horizon / speed);
    reason.filter(|_| facts.service.pin.max_replicas.is_none())
}

fn size_reasons(facts: &Facts<'_>) -> Vec<Reason> {
    let Facts { ctx, need, service, per_replica, .. } = facts;
    let (profile, targets) = (&ctx.app.profile, &ctx.app.targets);
    let cpu = match service.pin.cpu {
        Some(cpu) => Reason::new("perReplica.cpuMillicores", cpu.0, "as pinned", facts.pin_field("cpu")),
        None => Reason::new(
            "perReplica.cpuMillicores",
            per_replica.cpu.0,
            format!(
                "smallest size that bears it alone, else with which at most {} pods keep the latency, else {} cores up to {} pods, else larger",
                ctx.catalogue.web_pods_preferred.value,
                ctx.catalogue.web_pod_cores.value,
                ctx.catalogue.web_pods_most.value
            ),
            ctx.catalogue.web_pods_preferred.because(),
        )
        .with("latencyP99", targets.latency_p99.value)
        .with("serviceTimeP99", profile.service_time_p99.value)
        .with("cpuPerRequestMs", figure(need.cpu_ms)),
    };
    let busy = Reason::new(
        "requirement.cpuMillicores",
        figure(need.busy_horizon * 1000.0),
        "(dynamic * cpuPerRequest + static * staticCpu) * share, at the horizon's peak, of requests that reach the services",
        profile.cpu_ms_per_request.source(),
    )
    .with("dynamic", figure(ctx.demands.horizon.computed))
    .with("static", figure(ctx.demands.horizon.served))
    .with("cpuPerRequestMs", figure(need.cpu_ms))
    .with("staticCpuMs", figure(ctx.catalogue.static_cpu_ms.value.min(need.cpu_ms)))
    .with("share", figure(service.request_share));
    let staffed = Reason::new(
        "requirement.staffedCpuMillicores",
        figure(need.busy_horizon * 1000.0 / ctx.catalogue.peak_ceiling.value),
        "busy / ceiling",
        ctx.catalogue.peak_ceiling.because(),
    )
    .with("ceiling", ctx.catalogue.peak_ceiling.value);
    let at_work = Reason::new(
        "requirement.memoryBytes",
        need.at_work().0.saturating_mul(u64::from(facts.replicas.max)),
        if need.volumes.0 > 0 {
            "(memoryPerReplica + volumesInMemory) * replicas.max"
        } else {
            "memoryPerReplica * replicas.max"
        },
        profile.memory_per_replica.source(),
    )
    .with("memoryPerReplica", size_text(need.memory));
    let at_work = if need.volumes.0 > 0 { at_work.with("volumesInMemory", size_text(need.volumes)) } else { at_work };
    vec![cpu, memory_reason(facts), busy, staffed, at_work]
}

/// Volumes in memory are memory of the pod, beside its process.
fn memory_reason(facts: &Facts<'_>) -> Reason {
    let Facts { ctx, need, service, per_replica, .. } = facts;
    if let Some(memory) = service.pin.memory {
        return Reason::new("perReplica.memoryBytes", memory.0, "as pinned", facts.pin_field("memory"));
    }
    let process = if need.memory_per_core {
        "step(memoryPerReplica * max(1, cores) * margin)"
    } else {
        "step(memoryPerReplica * margin)"
    };
    let formula = if need.volumes.0 > 0 { format!("{process} + volumesInMemory") } else { process.to_owned() };
    let source = ctx.app.profile.memory_per_replica.source();
    let reason = Reason::new("perReplica.memoryBytes", per_replica.memory.0, formula, source)
        .with("memoryPerReplica", size_text(need.memory))
        .with("margin", ctx.catalogue.memory_margin.value);
    if need.volumes.0 > 0 { reason.with("volumesInMemory", size_text(need.volumes)) } else { reason }
}
