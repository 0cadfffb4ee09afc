//! The web tier: so many pods of such a size that the slowest hundredth keeps the latency promise.
//!
//! Requirement: busy cores. Packing: Erlang C's waiting time against what the latency objective
//! leaves after the service's own time, a ceiling of use, spares for a lost node or zone, and the
//! autoscaler's bounds. Knows nothing of edge or database but whether requests wait in one queue.

mod reasons;

use reasons::reasons;

use super::availability::with_spare;
use super::model::{CPU_STEPS, quarter_step};
use super::packing::{Context, Packing, size_text, tier_plan};
use super::plan::{
    Bottleneck, Finding, FindingKind, Replicas, Requirement, Severity, Size, Tier, TierPlan, TierSettings, WebSettings,
};
use super::queueing::{smallest, utilisation_target, wait_quantile};
use crate::api::LoadBalancing;
use crate::domain::quantity::MIB;
use crate::domain::{Bytes, Millicores, Origin, ValidApp, ValidService};

/// What the demand needs of one service: the second layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WebNeed {
    /// Cores busy at the declared peak.
    pub busy_now: f64,
    /// Cores busy at the horizon's peak.
    pub busy_horizon: f64,
    /// CPU time of a request in milliseconds.
    pub cpu_ms: f64,
    /// What the latency objective leaves for waiting, in milliseconds; at most 0 when it leaves nothing.
    pub slack_ms: f64,
    /// Memory at work of a pod of one core.
    pub memory: Bytes,
    /// Whether memory grows with the cores of a pod.
    pub memory_per_core: bool,
    /// What a pod's volumes in memory may hold.
    pub volumes: Bytes,
}

impl WebNeed {
    /// Memory of a pod of one core: its process at work, and its full volumes in memory.
    #[must_use]
    pub fn at_work(&self) -> Bytes {
        Bytes(self.memory.0.saturating_add(self.volumes.0))
    }

    /// How often a pod of a size has the memory of one core's process.
    fn times(&self, cpu: Millicores) -> f64 {
        if self.memory_per_core { cpu.cores().max(1.0) } else { 1.0 }
    }
}

/// How the pods of a service wait and fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Whether requests wait in one queue for all pods, instead of one queue a pod.
    pub pooled: bool,
    /// Whether the tier survives a lost node or zone.
    pub replicated: bool,
    /// Whether one pod is enough.
    pub single: Option<Millicores>,
}

/// The need of a service.
#[must_use]
pub fn need(ctx: &Context<'_>, service: &ValidService) -> WebNeed {
    let profile = &ctx.app.profile;
    let cpu_ms = profile.cpu_ms_per_request.value;
    let static_ms = ctx.catalogue.static_cpu_ms.value.min(cpu_ms);
    let busy = |dynamic: f64, statics: f64| (dynamic * cpu_ms + statics * static_ms) * service.request_share / 1000.0;
    WebNeed {
        busy_now: busy(ctx.demands.now.computed, ctx.demands.now.served),
        busy_horizon: busy(ctx.demands.horizon.computed, ctx.demands.horizon.served),
        cpu_ms,
        slack_ms: ctx.app.targets.latency_p99.value.0 as f64 - profile.service_time_p99.value.0 as f64,
        memory: profile.memory_per_replica.value,
        memory_per_core: matches!(profile.memory_per_replica.origin, Origin::Default { .. }),
        volumes: service.container.volumes_in_memory,
    }
}

/// The smallest pod that bears the horizon's peak alone, if one of the usual sizes does.
#[must_use]
pub fn single_pod(ctx: &Context<'_>, service: &ValidService, need: &WebNeed) -> Option<Millicores> {
    let most = Millicores((ctx.catalogue.web_pod_cores.value * 1000.0) as u64);
    sizes(ctx, service)
        .into_iter()
        .filter(|cpu| service.pin.cpu.is_some() || *cpu <= most)
        .find(|cpu| fewest(ctx, need, *cpu, need.busy_horizon, false).is_some_and(|fit| fit.pods == 1))
}

/// Pod sizes that a node can hold, or the pinned one.
fn sizes(ctx: &Context<'_>, service: &ValidService) -> Vec<Millicores> {
    if let Some(cpu) = service.pin.cpu {
        return vec![cpu];
    }
    let held: Vec<Millicores> = CPU_STEPS.into_iter().filter(|step| *step <= ctx.largest.cpu).collect();
    if held.is_empty() { vec![ctx.largest.cpu] } else { held }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fit {
    pods: u32,
    by_latency: bool,
}

/// Servers of a pod, and how much slower than a core each is: below one core a request has only its share.
fn servers(cpu: Millicores) -> (u32, f64) {
    if cpu.0 >= 1000 { ((cpu.0 / 1000) as u32, 1.0) } else { (1, cpu.cores()) }
}

/// The fewest pods of a size that keep latency and use; none when the pod is too slow for the objective.
fn fewest(ctx: &Context<'_>, need: &WebNeed, cpu: Millicores, busy: f64, pooled: bool) -> Option<Fit> {
    let (each, speed) = servers(cpu);
    let offered = busy / speed;
    let ceiling = ctx.catalogue.utilisation_ceiling.value;
    let by_use = ((offered / (ceiling * f64::from(each))).ceil() as u32).max(1);
    // Without room for waiting the plan is refused anyway; it is still sized by use.
    if need.slack_ms <= 0.0 {
        return Some(Fit { pods: by_use, by_latency: false });
    }
    let service = need.cpu_ms / speed;
    let slack = need.slack_ms - (service - need.cpu_ms);
    if slack <= 0.0 {
        return None;
    }
    let keeps = |pods: u32| {
        let (count, load) =
            if pooled { (pods.saturating_mul(each), offered) } else { (each, offered / f64::from(pods)) };
        wait_quantile(count, load, service, 0.99) <= slack
    };
    let pods = smallest(by_use, keeps)?;
    Some(Fit { pods, by_latency: pods > by_use })
}

/// The use at which the autoscaler's fewest pods still keep the promise, in percent.
fn target_percent(ctx: &Context<'_>, need: &WebNeed, cpu: Millicores, pods: u32, pooled: bool) -> u32 {
    let (each, speed) = servers(cpu);
    let count = if pooled { pods.saturating_mul(each) } else { each };
    let rule = utilisation_target(f64::from(count)).min(ctx.catalogue.utilisation_ceiling.value);
    let mut percent = (rule * 100.0).floor().max(10.0) as u32;
    let service = need.cpu_ms / speed;
    let slack = need.slack_ms - (service - need.cpu_ms);
    while percent > 10
        && slack > 0.0
        && wait_quantile(count, f64::from(count) * f64::from(percent) / 100.0, service, 0.99) > slack
    {
        percent -= 1;
    }
    percent
}

/// The fewest pods of a size that bear the horizon's peak without a spare; none when they are too slow.
#[must_use]
pub fn fewest_pods(ctx: &Context<'_>, service: &ValidService, cpu: Millicores, pooled: bool) -> Option<u32> {
    let need = need(ctx, service);
    fewest(ctx, &need, cpu, need.busy_horizon, pooled).map(|fit| fit.pods)
}

/// Memory that a pod of a size has at work, in bytes.
#[must_use]
pub fn memory_at_work(ctx: &Context<'_>, service: &ValidService, cpu: Millicores) -> f64 {
    let need = need(ctx, service);
    need.memory.0 as f64 * need.times(cpu) + need.volumes.0 as f64
}

/// Whether the requests of a service wait in one queue for all of its pods, where there is an edge.
#[must_use]
pub fn waits_together(app: &ValidApp, service: &ValidService) -> bool {
    let balancing = app.ingress.as_ref().map_or(LoadBalancing::default(), |ingress| ingress.load_balancing);
    balancing == LoadBalancing::LeastRequests && !service.paths.is_empty()
}

struct Choice {
    cpu: Millicores,
    now: Fit,
    horizon: Fit,
}

/// The size of the pods: the smallest that leaves a handful of them, larger ones only for many.
fn choose(ctx: &Context<'_>, service: &ValidService, need: &WebNeed, shape: Shape) -> Choice {
    let fit = |cpu: Millicores| {
        let now = fewest(ctx, need, cpu, need.busy_now, shape.pooled)?;
        let horizon = fewest(ctx, need, cpu, need.busy_horizon, shape.pooled)?;
        Some(Choice { cpu, now, horizon })
    };
    if let Some(cpu) = shape.single.filter(|_| !shape.replicated) {
        let one = Fit { pods: 1, by_latency: false };
        return Choice { cpu, now: one, horizon: one };
    }
    let usual = Millicores((ctx.catalogue.web_pod_cores.value * 1000.0) as u64);
    let pods = |choice: &Choice| spared(ctx, shape, choice.horizon.pods);
    let mut choices: Vec<Choice> = sizes(ctx, service).into_iter().filter_map(fit).collect();
    let position = choices
        .iter()
        .position(|c| c.cpu <= usual && f64::from(pods(c)) <= ctx.catalogue.web_pods_preferred.value)
        .or_else(|| {
            choices.iter().position(|c| c.cpu >= usual && f64::from(pods(c)) <= ctx.catalogue.web_pods_most.value)
        });
    match position {
        Some(index) => choices.swap_remove(index),
        // No size is fast enough: the objective is too close to the service's own time, and told so.
        None => choices.pop().unwrap_or_else(|| {
            let cpu = sizes(ctx, service).pop().unwrap_or(ctx.largest.cpu);
            let one = Fit { pods: 1, by_latency: true };
            Choice { cpu, now: one, horizon: one }
        }),
    }
}

fn spared(ctx: &Context<'_>, shape: Shape, pods: u32) -> u32 {
    if shape.replicated { with_spare(pods, ctx.environment.zones) } else { pods }
}

/// Pods, sizes and bounds of a service.
pub fn plan(
    ctx: &Context<'_>,
    service: &ValidService,
    need: &WebNeed,
    shape: Shape,
    findings: &mut Vec<Finding>,
) -> TierPlan {
    let choice = choose(ctx, service, need, shape);
    let planned_now = spared(ctx, shape, choice.now.pods);
    let floor = if shape.replicated || (shape.single.is_none() && choice.horizon.pods > 1) { 2 } else { 1 };
    let by_rule = (f64::from(planned_now) * ctx.catalogue.autoscaler_floor.value - 1e-9).ceil() as u32;
    let pin = &service.pin;
    let min = pin.min_replicas.unwrap_or_else(|| by_rule.max(floor));
    let target = target_percent(ctx, need, choice.cpu, min, shape.pooled);
    let by_target = (need.busy_horizon / (choice.cpu.cores() * f64::from(target) / 100.0)).ceil() as u32;
    let needed = spared(ctx, shape, choice.horizon.pods).max(floor);
    let single = shape.single.is_some() && !shape.replicated;
    let wanted = if single { needed } else { needed.max(by_target) };
    let max = pin.max_replicas.unwrap_or_else(|| wanted.max(min));
    let replicas = Replicas { min: min.min(max), max };
    let memory = pin.memory.unwrap_or_else(|| pod_memory(ctx, need, choice.cpu));
    let per_replica = Size { cpu: choice.cpu, memory, storage: Bytes(0) };
    let settings = WebSettings {
        target_cpu_percent: target,
        autoscaled: replicas.min < replicas.max,
        surge: ((f64::from(max) * ctx.catalogue.surge_share.value).ceil() as u32).max(1),
        max_unavailable: (replicas.min / 10).max(1),
    };
    let facts =
        Facts { ctx, service, need, shape, choice: &choice, replicas, per_replica, planned_now, by_target, target };
    check_pins(&facts, wanted, findings);
    let reasons = reasons(&facts, &settings);
    let ceiling = ctx.catalogue.utilisation_ceiling.value;
    let requirement = Requirement {
        cpu_millicores: need.busy_horizon * 1000.0,
        staffed_cpu_millicores: need.busy_horizon * 1000.0 / ceiling,
        memory_bytes: need.at_work().0 as f64 * f64::from(replicas.max),
        storage_bytes: 0.0,
    };
    let bottleneck = facts.bottleneck();
    let settings = TierSettings::Web(settings);
    let packing = Packing { replicas, per_replica, bottleneck, roles: None, settings };
    tier_plan(Tier::Web, &service.name, "Deployment", requirement, packing, reasons)
}

fn pod_memory(ctx: &Context<'_>, need: &WebNeed, cpu: Millicores) -> Bytes {
    let process = quarter_step(need.memory.0 as f64 * need.times(cpu) * ctx.catalogue.memory_margin.value, 16 * MIB);
    Bytes(process.saturating_add(need.volumes.0))
}

struct Facts<'a> {
    ctx: &'a Context<'a>,
    service: &'a ValidService,
    need: &'a WebNeed,
    shape: Shape,
    choice: &'a Choice,
    replicas: Replicas,
    per_replica: Size,
    planned_now: u32,
    by_target: u32,
    target: u32,
}

impl Facts<'_> {
    fn bottleneck(&self) -> Bottleneck {
        let horizon = self.choice.horizon;
        if self.shape.replicated && horizon.pods == 1 {
            Bottleneck::Availability
        } else if horizon.by_latency {
            Bottleneck::Latency
        } else {
            Bottleneck::Cpu
        }
    }

    fn pin_field(&self, name: &str) -> String {
        format!("spec.services[{}].pin.{name}", self.service.name)
    }
}

fn check_pins(facts: &Facts<'_>, wanted: u32, findings: &mut Vec<Finding>) {
    let mut warn = |name: &str, message: String| {
        let field = facts.pin_field(name);
        findings.push(Finding::new(Severity::Warning, FindingKind::PinBelowRequirement, field, message));
    };
    let pin = &facts.service.pin;
    if let Some(most) = pin.max_replicas.filter(|most| *most < wanted) {
        warn(
            "maxReplicas",
            format!(
                "Service {} is pinned to at most {most} pods, but the targets need {wanted}: raise pin.maxReplicas or lower spec.targets.",
                facts.service.name
            ),
        );
    }
    let needed = pod_memory(facts.ctx, facts.need, facts.per_replica.cpu);
    if let Some(memory) = pin.memory.filter(|memory| *memory < facts.need.at_work()) {
        warn(
            "memory",
            format!(
                "Service {} is pinned to {} a pod, but its pods need {} at work: raise pin.memory to {}.",
                facts.service.name,
                size_text(memory),
                size_text(facts.need.at_work()),
                size_text(needed)
            ),
        );
    }
}
