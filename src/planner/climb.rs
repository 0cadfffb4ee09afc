//! The climb: one application at rising numbers of users, step by step.
//!
//! Every step is planned by itself, from the same recorded plan or from none: a step says what
//! `plan --users N` says, whatever other steps were asked for. What changes from one step to the next is
//! read from the finished plans; nothing is decided here.

use serde::Serialize;

use super::falls::{Fall, falls};
use super::model::Catalogue;
use super::plan::{
    Bottleneck, CostSpan, Finding, FindingKind, Plan, Replicas, Requirement, Rung, Severity, Size, Tier, TierPlan,
};
use super::recorded::RecordedPlan;
use super::{assembly, packing};
use crate::api::{ScaledAppSpec, Trigger};
use crate::domain::{Bytes, Environment, Millicores, validate};

/// An application at rising loads.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Climb {
    /// Name of the application.
    pub app: String,
    /// Its namespace.
    pub namespace: String,
    /// Hash of the recorded plan from which every step starts; absent where each is planned afresh.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<String>,
    /// The steps, in the order of the users.
    pub steps: Vec<ClimbStep>,
}

/// What so many users need.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClimbStep {
    /// Users of a day.
    pub users: u64,
    /// Whether the step can be met: planned, and without an error among its findings.
    pub met: bool,
    /// The tiers of the plan, shortly; empty where there is no plan.
    pub tiers: Vec<ClimbTier>,
    /// Rungs that are on, with their triggers, in order.
    pub rungs: Vec<RungState>,
    /// Rungs that are not as they were at the step before; at the first step none.
    pub changed_rungs: Vec<RungChange>,
    /// What became smaller since the step before although the users are more, each with its cause.
    pub falls: Vec<Fall>,
    /// What is nearest to the most that it may have; absent where there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binding: Option<Binding>,
    /// Rough cost of a month; absent where there is no plan.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub monthly_cost: Option<CostSpan>,
    /// What the owner should know, worst first; where the spec itself is refused, why.
    pub findings: Vec<Finding>,
    /// The whole plan with all reasons; absent where the spec itself is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
}

/// One tier of a step.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct ClimbTier {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// Pods.
    pub replicas: Replicas,
    /// Size of one.
    pub per_replica: Size,
    /// What the demand needs.
    pub requirement: Requirement,
    /// What binds first.
    pub bottleneck: Bottleneck,
    /// Rough cost of a month at the fewest and at the most pods, with the routers before them.
    pub monthly_cost: CostSpan,
}

/// A rung that is on.
#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RungState {
    /// The rung.
    pub rung: Rung,
    /// What switched it on.
    pub trigger: Trigger,
}

/// A rung that was switched on or off since the step before, or is on for another reason.
#[derive(Serialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct RungChange {
    /// The rung.
    pub rung: Rung,
    /// Its trigger at the step before; absent where it was off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Trigger>,
    /// Its trigger now; absent where it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Trigger>,
    /// Why, in one sentence.
    pub because: String,
}

/// What is nearest to a ceiling that more pods do not lift: the largest pod, or the bytes of one database.
#[derive(Serialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Binding {
    /// The tier.
    pub tier: Tier,
    /// Name of the service, or the tier in small letters.
    pub name: String,
    /// The resource.
    pub resource: Bottleneck,
    /// What is needed of it over the most that there may be, in percent; above 100 the step cannot be met.
    pub ceiling_percent: u64,
}

/// What is climbed with.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Name of the application.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its spec; its load is replaced by the users of a step.
    pub spec: &'a ScaledAppSpec,
}

/// The plans of an application for so many users a day each, in the order of `users`.
///
/// Every step starts from `previous`; without it everything is planned afresh.
#[must_use]
pub fn climb(
    subject: Subject<'_>,
    catalogue: &Catalogue,
    environment: &Environment,
    previous: Option<&RecordedPlan>,
    users: &[u64],
) -> Climb {
    let mut steps: Vec<ClimbStep> = Vec::new();
    for users in users {
        let spec = with_users(subject.spec, *users);
        let step = match validate(subject.name, subject.namespace, None, &spec, environment) {
            Ok(app) => {
                let plan = assembly::plan(&app, catalogue, environment, previous);
                let before = steps.iter().rev().find_map(|step| step.plan.as_ref());
                planned(*users, catalogue, environment, before, plan)
            }
            Err(problems) => refused(
                *users,
                problems.into_iter().map(|problem| {
                    Finding::new(Severity::Error, FindingKind::InvalidSpec, problem.field, problem.message)
                }),
            ),
        };
        steps.push(step);
    }
    Climb {
        app: subject.name.to_owned(),
        namespace: subject.namespace.to_owned(),
        previous: previous.map(|recorded| recorded.hash.clone()),
        steps,
    }
}

/// The same spec for so many users a day, whatever load it declares.
#[must_use]
pub fn with_users(spec: &ScaledAppSpec, users: u64) -> ScaledAppSpec {
    let mut spec = spec.clone();
    spec.targets.daily_active_users = Some(i64::try_from(users).unwrap_or(i64::MAX));
    spec.targets.peak_requests_per_second = None;
    spec.targets.peak_concurrent_users = None;
    spec.targets.seconds_between_requests = None;
    spec
}

fn refused(users: u64, findings: impl Iterator<Item = Finding>) -> ClimbStep {
    ClimbStep {
        users,
        met: false,
        tiers: Vec::new(),
        rungs: Vec::new(),
        changed_rungs: Vec::new(),
        falls: Vec::new(),
        binding: None,
        monthly_cost: None,
        findings: findings.collect(),
        plan: None,
    }
}

fn planned(
    users: u64,
    catalogue: &Catalogue,
    environment: &Environment,
    before: Option<&Plan>,
    plan: Plan,
) -> ClimbStep {
    ClimbStep {
        users,
        met: !plan.is_refused(),
        tiers: plan.tiers.iter().map(short).collect(),
        rungs: plan
            .ladder
            .iter()
            .filter_map(|rung| rung.trigger.filter(|_| rung.on).map(|trigger| RungState { rung: rung.rung, trigger }))
            .collect(),
        changed_rungs: before.map(|before| changed(before, &plan)).unwrap_or_default(),
        falls: before.map(|before| falls(before, &plan)).unwrap_or_default(),
        binding: binding(catalogue, environment, &plan),
        monthly_cost: Some(CostSpan {
            currency: plan.monthly_cost.currency.clone(),
            low: plan.monthly_cost.low,
            high: plan.monthly_cost.high,
        }),
        findings: plan.findings.clone(),
        plan: Some(plan),
    }
}

fn short(tier: &TierPlan) -> ClimbTier {
    ClimbTier {
        tier: tier.tier,
        name: tier.name.clone(),
        replicas: tier.replicas,
        per_replica: tier.per_replica,
        requirement: tier.requirement,
        bottleneck: tier.bottleneck,
        monthly_cost: tier.monthly_cost.clone(),
    }
}

fn changed(before: &Plan, plan: &Plan) -> Vec<RungChange> {
    let was = |rung: Rung| before.ladder.iter().find(|r| r.rung == rung).and_then(|r| r.trigger.filter(|_| r.on));
    plan.ladder
        .iter()
        .map(|rung| RungChange {
            rung: rung.rung,
            from: was(rung.rung),
            to: rung.trigger.filter(|_| rung.on),
            because: rung.because.clone(),
        })
        .filter(|change| change.from != change.to)
        .collect()
}

/// The tier that is nearest to what more pods do not lift. Services and workers are spread over as many pods as they
/// need; members of a database, of a store and of the queue all do the same work, so one pod's size bounds them.
fn binding(catalogue: &Catalogue, environment: &Environment, plan: &Plan) -> Option<Binding> {
    let (cpu, memory) = environment.largest_pod.size().unwrap_or((Millicores(16_000), Bytes::gib(64)));
    let mut nearest: Option<(f64, Binding)> = None;
    for tier in plan.tiers.iter().filter(|tier| !tier.tier.spreads()) {
        let members = f64::from(tier.replicas.max.max(1));
        let (need, size) = (tier.requirement, tier.per_replica);
        let mut shares = vec![
            (Bottleneck::Cpu, need.staffed_cpu_millicores / members / cpu.0 as f64),
            (Bottleneck::Memory, (need.memory_bytes / members).min(size.memory.0 as f64) / memory.0 as f64),
        ];
        if tier.tier == Tier::Database {
            let bytes = plan.demand_at_horizon.database_bytes.max(plan.demand.database_bytes) as f64;
            let stored = bytes * catalogue.bloat_factor.value;
            shares.push((Bottleneck::Storage, stored / catalogue.database_bytes_ceiling.value));
        }
        let resource = packing::largest_part(&shares);
        let share = shares.iter().map(|(_, share)| *share).fold(0.0, f64::max);
        if nearest.as_ref().is_none_or(|(most, _)| share > *most) {
            let ceiling_percent = (share * 100.0).ceil() as u64;
            let binding = Binding { tier: tier.tier, name: tier.name.clone(), resource, ceiling_percent };
            nearest = Some((share, binding));
        }
    }
    nearest.map(|(_, binding)| binding)
}
