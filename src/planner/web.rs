//! The web tier: so many pods of such a size that the slowest hundredth keeps the latency promise.
//!
//! Requirement: busy cores. Packing: Erlang C's waiting time against what the latency objective
//! leaves after the service's own time, a ceiling of use, spares for a lost node or zone, and the
//! autoscaler's bounds (`staffing`). Knows nothing of edge or database but whether requests wait in one queue.

mod reasons;

use reasons::reasons;

use super::availability::with_spare;
use super::database;
use super::delay::{Moments, Waiting};
use super::model::{CPU_STEPS, quarter_step};
use super::packing::{Context, Packing, size_text, tier_plan};
use super::plan::{
    Bottleneck, Finding, FindingKind, Replicas, Requirement, Severity, Size, Tier, TierPlan, TierSettings, WebSettings,
};
use super::queueing::utilisation_target;
use super::response::Work;
use super::staffing::{Ceilings, Crew, Fit, Queue, by_use};
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
    /// A request without load, on a whole core.
    pub work: Work,
    /// Moments of the requests' times on a whole core, dynamic and static ones.
    pub all: Moments,
    /// What the queries of a request wait for the database at peak.
    pub queries: Waiting,
    /// What is promised, in milliseconds.
    pub promise_ms: f64,
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
    /// How requests find a pod.
    pub queue: Queue,
    /// Whether the tier survives a lost node or zone.
    pub replicated: bool,
    /// Whether one pod is enough.
    pub single: Option<Millicores>,
}

impl Shape {
    /// Of so many pods those whose requests wait together.
    fn together(self, pods: u32) -> u32 {
        match self.queue {
            Queue::OfEachPod | Queue::InTurn { .. } => 1,
            Queue::Common | Queue::ShortestOfPods => pods,
        }
    }
}

/// The need of a service.
#[must_use]
pub fn need(ctx: &Context<'_>, service: &ValidService) -> WebNeed {
    let profile = &ctx.app.profile;
    let cpu_ms = profile.cpu_ms_per_request.value;
    let static_ms = ctx.catalogue.static_cpu_ms.value.min(cpu_ms);
    let busy = |dynamic: f64, statics: f64| (dynamic * cpu_ms + statics * static_ms) * service.request_share / 1000.0;
    let work = Work::of_request(cpu_ms, own_p99(ctx));
    let horizon = &ctx.demands.horizon;
    let all = Moments::mixed([(horizon.computed, work.moments()), (horizon.served, Moments::constant(static_ms))]);
    WebNeed {
        busy_now: busy(ctx.demands.now.computed, ctx.demands.now.served),
        busy_horizon: busy(ctx.demands.horizon.computed, ctx.demands.horizon.served),
        cpu_ms,
        work,
        all,
        queries: database::waits(ctx),
        promise_ms: ctx.app.targets.latency_p99.value.0 as f64,
        memory: profile.memory_per_replica.value,
        memory_per_core: matches!(profile.memory_per_replica.origin, Origin::Default { .. }),
        volumes: service.container.volumes_in_memory,
    }
}

/// The service's own time at p99 without load, in milliseconds: at least what it computes.
#[must_use]
pub fn own_p99(ctx: &Context<'_>) -> f64 {
    let profile = &ctx.app.profile;
    (profile.service_time_p99.value.0 as f64).max(profile.cpu_ms_per_request.value)
}

/// The smallest pod that bears the horizon's peak alone, if one of the usual sizes does.
#[must_use]
pub fn single_pod(ctx: &Context<'_>, service: &ValidService, need: &WebNeed) -> Option<Millicores> {
    let most = Millicores((ctx.catalogue.web_pod_cores.value * 1000.0) as u64);
    sizes(ctx, service)
        .into_iter()
        .filter(|cpu| service.pin.cpu.is_some() || *cpu <= most)
        .find(|cpu| fewest(ctx, need, *cpu, need.busy_horizon, Queue::Common).is_some_and(|fit| fit.pods == 1))
}

/// Pod sizes that a node can hold, or the pinned one.
fn sizes(ctx: &Context<'_>, service: &ValidService) -> Vec<Millicores> {
    if let Some(cpu) = service.pin.cpu {
        return vec![cpu];
    }
    let held: Vec<Millicores> = CPU_STEPS.into_iter().filter(|step| *step <= ctx.largest.cpu).collect();
    if held.is_empty() { vec![ctx.largest.cpu] } else { held }
}

/// Servers of a pod, and how much slower than a core each is: below one core a request has only its share.
fn servers(cpu: Millicores) -> (u32, f64) {
    if cpu.0 >= 1000 { ((cpu.0 / 1000) as u32, 1.0) } else { (1, cpu.cores()) }
}

/// Bounds of use of a tier of pods.
#[must_use]
pub fn ceilings(ctx: &Context<'_>) -> Ceilings {
    Ceilings { alone: ctx.catalogue.utilisation_ceiling.value, together: ctx.catalogue.peak_ceiling.value }
}

/// Pods of a size as servers, with what a request may wait for one of them.
fn crew(need: &WebNeed, cpu: Millicores, queue: Queue) -> Crew {
    let (each, speed) = servers(cpu);
    let (work, all) = (need.work.at_speed(speed), need.all.slower(1.0 / speed));
    Crew { each, work, all, elsewhere: need.queries, promise: need.promise_ms, queue }
}

/// The fewest pods of a size that keep latency and use; none when the pod is too slow for the objective.
fn fewest(ctx: &Context<'_>, need: &WebNeed, cpu: Millicores, busy: f64, queue: Queue) -> Option<Fit> {
    let (each, speed) = servers(cpu);
    // Without room for waiting the plan is refused anyway; it is still sized by use.
    if !crew(need, Millicores(1000), queue).possible() {
        return Some(Fit { pods: by_use(each, busy / speed, ceilings(ctx)), by_wait: false });
    }
    crew(need, cpu, queue).fewest(busy / speed, ceilings(ctx))
}

/// The fewest pods of a size that bear the horizon's peak without a spare; none when they are too slow.
#[must_use]
pub fn fewest_pods(ctx: &Context<'_>, service: &ValidService, cpu: Millicores, queue: Queue) -> Option<u32> {
    let need = need(ctx, service);
    fewest(ctx, &need, cpu, need.busy_horizon, queue).map(|fit| fit.pods)
}

/// Memory that a pod of a size has at work, in bytes.
#[must_use]
pub fn memory_at_work(ctx: &Context<'_>, service: &ValidService, cpu: Millicores) -> f64 {
    let need = need(ctx, service);
    need.memory.0 as f64 * need.times(cpu) + need.volumes.0 as f64
}

/// How the requests of a service find its pods, behind so many pods of the edge; none where there is no edge.
#[must_use]
pub fn queue(app: &ValidApp, service: &ValidService, edges: Option<u32>) -> Queue {
    let balancing = app.ingress.as_ref().map_or(LoadBalancing::default(), |ingress| ingress.load_balancing);
    match (edges.filter(|_| !service.paths.is_empty()), balancing) {
        (Some(_), LoadBalancing::LeastRequests) => Queue::ShortestOfPods,
        (Some(senders), LoadBalancing::RoundRobin) => Queue::InTurn { senders },
        _ => Queue::OfEachPod,
    }
}

struct Choice {
    cpu: Millicores,
    now: Fit,
    horizon: Fit,
}

/// The size of the pods: the smallest that leaves a handful of them, larger ones only for many.
fn choose(ctx: &Context<'_>, service: &ValidService, need: &WebNeed, shape: Shape) -> Choice {
    let fit = |cpu: Millicores| {
        let now = fewest(ctx, need, cpu, need.busy_now, shape.queue)?;
        let horizon = fewest(ctx, need, cpu, need.busy_horizon, shape.queue)?;
        Some(Choice { cpu, now, horizon })
    };
    if let Some(cpu) = shape.single.filter(|_| !shape.replicated) {
        let one = Fit { pods: 1, by_wait: false };
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
        // No size is fast enough, which is told; it is still sized by use.
        None => choices.pop().unwrap_or_else(|| {
            let cpu = sizes(ctx, service).pop().unwrap_or(ctx.largest.cpu);
            let (each, speed) = servers(cpu);
            let of = |busy: f64| Fit { pods: by_use(each, busy / speed, ceilings(ctx)), by_wait: true };
            Choice { cpu, now: of(need.busy_now), horizon: of(need.busy_horizon) }
        }),
    }
}

/// The autoscaler's fewest pods, and the use at which they and all more of them keep the promise, in percent.
fn autoscaling(ctx: &Context<'_>, need: &WebNeed, shape: Shape, cpu: Millicores, bounds: Replicas) -> (u32, u32) {
    let crew = crew(need, cpu, shape.queue);
    let servers = shape.together(bounds.min).saturating_mul(crew.each);
    let ceiling = ctx.catalogue.utilisation_ceiling.value;
    let highest = (utilisation_target(f64::from(servers)).min(ceiling) * 100.0).floor().max(10.0) as u32;
    if bounds.min >= bounds.max || crew.slack() <= 0.0 {
        return (bounds.min, highest);
    }
    crew.target(bounds, highest, ceilings(ctx), shape.replicated.then_some(ctx.environment.zones))
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
    let wanted = spared(ctx, shape, choice.horizon.pods).max(floor);
    let bounds = Replicas { min: pin.min_replicas.unwrap_or_else(|| by_rule.max(floor)), max: wanted };
    let max = pin.max_replicas.unwrap_or_else(|| wanted.max(bounds.min));
    let bounds = Replicas { min: bounds.min.min(max), max };
    let (fewest, target) = autoscaling(ctx, need, shape, choice.cpu, bounds);
    let replicas = if pin.min_replicas.is_some() { bounds } else { Replicas { min: fewest, max } };
    let memory = pin.memory.unwrap_or_else(|| pod_memory(ctx, need, choice.cpu));
    let per_replica = Size { cpu: choice.cpu, memory, storage: Bytes(0) };
    let settings = WebSettings {
        target_cpu_percent: target,
        autoscaled: replicas.min < replicas.max,
        surge: ((f64::from(max) * ctx.catalogue.surge_share.value).ceil() as u32).max(1),
        max_unavailable: (replicas.min / 10).max(1),
    };
    let facts = Facts { ctx, service, need, shape, choice: &choice, replicas, per_replica, planned_now };
    check_pins(&facts, wanted, findings);
    check_speed(&facts, findings);
    let reasons = reasons(&facts, &settings);
    let ceiling = ctx.catalogue.peak_ceiling.value;
    let requirement = Requirement {
        cpu_millicores: need.busy_horizon * 1000.0,
        staffed_cpu_millicores: need.busy_horizon * 1000.0 / ceiling,
        memory_bytes: need.at_work().0 as f64 * f64::from(replicas.max),
        ..Requirement::default()
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
}

impl Facts<'_> {
    fn bottleneck(&self) -> Bottleneck {
        let horizon = self.choice.horizon;
        if self.shape.replicated && horizon.pods == 1 {
            Bottleneck::Availability
        } else if horizon.by_wait {
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

/// A pod on which a request takes longer than the objective whatever their number: less than a core where no larger
/// one may be taken, or queries that wait too long.
fn check_speed(facts: &Facts<'_>, findings: &mut Vec<Finding>) {
    let Facts { ctx, service, need, shape, per_replica, .. } = facts;
    let (promised, waits) = (ctx.app.targets.latency_p99.value, need.queries.all());
    let crew = crew(need, per_replica.cpu, shape.queue);
    if promised.0 as f64 <= own_p99(ctx) || crew.possible() {
        return;
    }
    let queries = if waits >= 1.0 {
        format!(", its queries wait {waits:.0} ms for the database at peak on average")
    } else {
        String::new()
    };
    let told = format!(
        "On {} of CPU a request of service {} takes {:.0} ms at p99 without any load{queries}, and {promised} are promised",
        per_replica.cpu,
        service.name,
        crew.work.p99()
    );
    findings.push(if service.pin.cpu.is_some() {
        let message = format!("{told}: raise pin.cpu to 1, or promise more.");
        Finding::new(Severity::Warning, FindingKind::PinBelowRequirement, facts.pin_field("cpu"), message)
    } else {
        let message = format!("{told}: promise more, or offer larger nodes (environment.largestPod).");
        Finding::new(Severity::Error, FindingKind::LatencyBelowServiceTime, "spec.targets.latency.p99", message)
    });
}
