//! What holds for every plan, over thousands of random specs of every field.
//!
//! The specs follow from a seed, so that a run is the same everywhere; `SCALEDAPP_SEED` draws others and
//! `SCALEDAPP_CASES` more. A case that fails is made smaller, field by field, before it is shown.

#[path = "../common/mod.rs"]
mod common;
#[path = "../common/random.rs"]
mod random;
#[path = "../common/specs.rs"]
mod specs;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use scaledapp::api::ScaledApp;
use scaledapp::domain::{Environment, ValidApp};
use scaledapp::planner::climb::{Subject, climb};
use scaledapp::planner::{Catalogue, FindingKind, Plan, Severity, Size, Tier, TierPlan, effective, lints, plan};
use scaledapp::resources::{self, Credentials};
use serde_json::Value;

use random::Random;
use specs::Case;

/// Objectives of availability, rising.
const OBJECTIVES: [&str; 6] = ["90", "99", "99.5", "99.9", "99.95", "99.99"];

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What is wrong with a case, if anything is.
type Check = fn(&Case, &mut Random) -> Result<(), String>;

fn failure(check: Check, case: &Case, seed: u64) -> Option<String> {
    match std::panic::catch_unwind(|| check(case, &mut Random::new(seed))) {
        Ok(outcome) => outcome.err(),
        Err(panic) => Some(format!("panics: {:?}", panic.downcast_ref::<String>())),
    }
}

/// The case without every field that it fails without.
fn smaller(check: Check, case: &Case, seed: u64) -> Case {
    let mut small = case.clone();
    loop {
        let mut paths = Vec::new();
        members("", &small.spec, &mut paths);
        let found = paths.iter().find_map(|path| {
            let mut fewer = small.clone();
            let (parent, name) = path.rsplit_once('/')?;
            fewer.spec.pointer_mut(parent)?.as_object_mut()?.remove(name)?;
            // What is no longer of the API's shape is no smaller case.
            serde_json::from_value::<scaledapp::api::ScaledAppSpec>(fewer.spec.clone()).ok()?;
            fewer.valid()?;
            failure(check, &fewer, seed).map(|_| fewer)
        });
        match found {
            Some(fewer) => small = fewer,
            None => return small,
        }
    }
}

/// Pointers to all members of objects.
fn members(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| {
            found.push(format!("{path}/{name}"));
            members(&format!("{path}/{name}"), child, found);
        }),
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(i, child)| members(&format!("{path}/{i}"), child, found));
        }
        _ => {}
    }
}

/// Tries a property on every case, on all processors.
fn holds_for_every_spec(check: Check) {
    let (first, cases) = (number("SCALEDAPP_SEED", 1_000_000), number("SCALEDAPP_CASES", 10_000));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let next = AtomicU64::new(0);
    let failed = std::thread::scope(|scope| {
        let work = || {
            loop {
                let seed = first + next.fetch_add(1, Ordering::Relaxed);
                if seed >= first + cases {
                    return None;
                }
                let case = Case::draw(seed);
                if failure(check, &case, seed).is_some() {
                    next.store(cases, Ordering::Relaxed);
                    return Some((seed, case));
                }
            }
        };
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        running.into_iter().filter_map(|thread| thread.join().unwrap_or_default()).min_by_key(|(seed, _)| *seed)
    });
    if let Some((seed, case)) = failed {
        let small = smaller(check, &case, seed);
        let told = failure(check, &small, seed).unwrap_or_default();
        panic!(
            "seed {seed}: {told}\n{} zones, {:?}, {} %\n{:#}",
            small.zones, small.largest, small.request_percent, small.spec
        );
    }
}

fn ensure(holds: bool, told: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(told()) }
}

fn planned(case: &Case) -> Option<(ValidApp, Plan)> {
    let app = case.valid()?;
    let plan = plan(&app, &Catalogue::builtin(), &case.environment(), None);
    Some((app, plan))
}

fn of<'a>(plan: &'a Plan, tier: Tier, name: &str) -> Option<&'a TierPlan> {
    plan.tiers.iter().find(|other| other.tier == tier && other.name == name)
}

/// Paths of all numbers and switches below a value that are not zero.
fn leaves(path: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(name, child)| leaves(&format!("{path}.{name}"), child, found)),
        Value::Number(number) if number.as_f64() != Some(0.0) => found.push(path.trim_start_matches('.').to_owned()),
        Value::Bool(_) => found.push(path.trim_start_matches('.').to_owned()),
        _ => {}
    }
}

fn every_number_has_a_reason(tier: &TierPlan) -> Result<(), String> {
    let value = serde_json::to_value(tier).map_err(|error| error.to_string())?;
    for part in ["replicas", "perReplica", "requirement", "settings"] {
        let mut paths = Vec::new();
        leaves(part, &value[part], &mut paths);
        for path in paths {
            let reasoned = tier.reasons.iter().any(|reason| reason.quantity == path);
            ensure(reasoned, || format!("{} {}: {path} has no reason", tier.tier, tier.name))?;
        }
    }
    Ok(())
}

#[test]
fn a_spec_is_refused_with_a_field_or_planned_the_same_each_time_with_a_reason_for_every_number() {
    holds_for_every_spec(|case, _| {
        let Some((app, plan)) = planned(case) else {
            let spec = case.typed();
            let problems = scaledapp::domain::validate("app", "default", None, &spec, &case.environment()).err();
            let told = problems.iter().flatten().all(|problem| problem.message.starts_with(&problem.field));
            return ensure(problems.is_some() && told, || format!("{problems:?}"));
        };
        for finding in plan.findings.iter().filter(|finding| finding.severity == Severity::Error) {
            ensure(!finding.field.is_empty() && finding.message.ends_with('.'), || format!("{finding:?}"))?;
            ensure(finding.kind != FindingKind::PlanInconsistent, || format!("{finding:?}"))?;
        }
        let (cpu, memory) = case.environment().largest_pod.size().unwrap_or_default();
        let largest = Size { cpu, memory, ..Size::default() };
        let violated = lints::lint(&plan, &Catalogue::builtin(), largest);
        let accepted = !plan.is_refused();
        ensure(!accepted || violated.iter().all(|lint| lint.severity != Severity::Error), || format!("{violated:?}"))?;
        for tier in &plan.tiers {
            let replicas = tier.replicas;
            ensure(replicas.min >= 1 && replicas.min <= replicas.max, || format!("{} {replicas:?}", tier.tier))?;
            every_number_has_a_reason(tier)?;
        }
        let again = scaledapp::planner::plan(&app, &Catalogue::builtin(), &case.environment(), None);
        let bytes = |plan: &Plan| serde_json::to_string(plan).unwrap_or_default();
        ensure(bytes(&plan) == bytes(&again), || "two plans of the same spec differ".to_owned())
    });
}

/// Rungs and members: what a plan chooses between, and with what a comparison of sizes holds.
fn choices(plan: &Plan) -> (Vec<bool>, Vec<(Tier, String)>, Vec<u32>) {
    let members = [Tier::Database, Tier::Queue, Tier::Proxy, Tier::Cache, Tier::Sessions];
    (
        plan.ladder.iter().map(|rung| rung.on).collect(),
        plan.tiers.iter().map(|tier| (tier.tier, tier.name.clone())).collect(),
        plan.tiers.iter().filter(|tier| members.contains(&tier.tier)).map(|tier| tier.replicas.max).collect(),
    )
}

/// Each requirement of one plan is at most that of another with the same choices.
fn at_most(low: &Plan, high: &Plan) -> Result<(), String> {
    if choices(low) != choices(high) {
        return Ok(());
    }
    for (a, b) in low.tiers.iter().zip(&high.tiers) {
        let parts = |tier: &TierPlan| {
            let needs = &tier.requirement;
            [("cpu", needs.cpu_millicores), ("staffed", needs.staffed_cpu_millicores), ("storage", needs.storage_bytes)]
        };
        for ((part, low), (_, high)) in parts(a).into_iter().zip(parts(b)) {
            ensure(low <= high, || format!("{} {} {part} falls from {low} to {high}", a.tier, a.name))?;
        }
    }
    Ok(())
}

#[test]
fn requirements_rise_with_the_load_while_the_rungs_stay() {
    holds_for_every_spec(|case, random| {
        let targets = &case.spec["targets"];
        let loads = ["dailyActiveUsers", "peakRequestsPerSecond", "peakConcurrentUsers"];
        let Some((name, load)) = loads.iter().find_map(|name| Some((*name, targets[*name].as_i64()?))) else {
            return Ok(());
        };
        let more = ((load as f64 * random.between(1.0, 10.0)) as i64).clamp(load, 100_000_000);
        let high = case.with_target(name, more, &[]);
        let (Some((_, low)), Some((_, high))) = (planned(case), planned(&high)) else { return Ok(()) };
        at_most(&low, &high)
    });
}

#[test]
fn requirements_rise_with_the_availability_while_the_rungs_stay() {
    holds_for_every_spec(|case, random| {
        let low = random.whole(0, 4) as usize;
        let high = random.whole(low as u64 + 1, 5) as usize;
        let at = |index: usize| planned(&case.with_target("availabilityPercent", OBJECTIVES[index], &[]));
        let (Some((_, low)), Some((_, high))) = (at(low), at(high)) else { return Ok(()) };
        at_most(&low, &high)?;
        // Nor do the pods of services and workers, rungs or not. A database with more cores makes requests wait less.
        let stored = case.spec.get("database").is_some();
        for a in low.tiers.iter().filter(|tier| tier.tier == Tier::Worker || tier.tier == Tier::Web && !stored) {
            let Some(b) = of(&high, a.tier, &a.name).filter(|b| b.per_replica.cpu == a.per_replica.cpu) else {
                continue;
            };
            ensure(a.replicas.max <= b.replicas.max, || format!("{} {:?} {:?}", a.name, a.replicas, b.replicas))?;
        }
        Ok(())
    });
}

/// What an application sees of its tiers: the environment of its containers, and what is in its bindings.
fn capabilities(app: &ValidApp, plan: &Plan, environment: &Environment) -> BTreeMap<String, Value> {
    let app = effective(app, plan, None);
    let credentials = Credentials::generate(plan, |_| 1);
    let objects = resources::build(&app, plan, environment, Some(&credentials)).into_ordered();
    let mut seen = BTreeMap::new();
    for object in objects {
        let kind = object.kind.kind;
        let spec = &object.object["spec"];
        let pod = match kind {
            "CronJob" => &spec["jobTemplate"]["spec"]["template"],
            _ => &spec["template"],
        };
        let component = pod["metadata"]["labels"]["app.kubernetes.io/component"].as_str().unwrap_or_default();
        if ["web", "worker", "cron", "migrate"].contains(&component) {
            let mut variables = pod["spec"]["containers"][0]["env"].clone();
            // Without a host of its own the way in is the edge, where there is one.
            let public =
                variables.as_array_mut().into_iter().flatten().filter(|variable| variable["name"] == "PUBLIC_URL");
            public.for_each(|variable| variable["value"] = Value::Null);
            seen.insert(format!("{kind} {}", object.name), variables);
        }
        if kind == "Secret" && object.object["type"].as_str().is_some_and(|kind| kind.starts_with("servicebinding.io/"))
        {
            seen.insert(format!("{kind} {}", object.name), object.object["data"].clone());
        }
    }
    seen
}

#[test]
fn an_application_sees_the_same_tiers_at_ten_users_and_at_ten_million() {
    holds_for_every_spec(|case, _| {
        let without = ["peakRequestsPerSecond", "peakConcurrentUsers", "secondsBetweenRequests"];
        let mut seen: Option<BTreeMap<String, Value>> = None;
        let mut before: Option<Plan> = None;
        for users in [10, 10_000_000] {
            let Some((app, plan)) = planned(&case.with_target("dailyActiveUsers", users, &without)) else {
                return Ok(());
            };
            if plan.is_refused() {
                return Ok(());
            }
            let now = capabilities(&app, &plan, &case.environment());
            if let Some(before) = &seen {
                ensure(*before == now, || format!("{before:#?}\nbecomes\n{now:#?}"))?;
            }
            if let Some(before) = &before {
                // A tier that the spec declares is there at any size, and none that it does not declare comes but the edge.
                let tiers = |plan: &Plan| -> Vec<(Tier, String)> {
                    let all = plan.tiers.iter().filter(|tier| tier.tier != Tier::Edge);
                    all.map(|tier| (tier.tier, tier.name.clone())).collect()
                };
                ensure(tiers(before) == tiers(&plan), || format!("{:?} becomes {:?}", tiers(before), tiers(&plan)))?;
            }
            (seen, before) = (Some(now), Some(plan));
        }
        Ok(())
    });
}

/// Whether two figures are alike up to what whole numbers of users leave.
fn alike(one: f64, other: f64, within: f64) -> bool {
    (one - other).abs() <= within * one.abs().max(other.abs()) + 0.002
}

#[test]
fn the_same_load_declared_in_three_ways_is_the_same_demand() {
    holds_for_every_spec(|case, random| {
        // Users whose peak is a whole number of requests a second.
        let (thousands, ratio) = (random.whole(1, 50), random.whole(1, 10));
        let users = 86_400 * thousands;
        let peak = thousands * 20 * ratio;
        let without = [
            "dailyActiveUsers",
            "peakRequestsPerSecond",
            "peakConcurrentUsers",
            "secondsBetweenRequests",
            "requestsPerUserPerDay",
        ];
        let case = case.with_target("peakToAverage", ratio.to_string(), &without);
        let (by_users, by_peak) =
            (case.with_target("dailyActiveUsers", users, &[]), case.with_target("peakRequestsPerSecond", peak, &[]));
        let Some((app, by_users)) = planned(&by_users) else { return Ok(()) };
        // An answer takes its mean time, of which the slowest hundredth is 4.6 times as long, and no less than its CPU.
        let (slowest, cpu_ms) = (app.profile.service_time_p99.value.as_seconds(), app.profile.cpu_ms_per_request.value);
        let cycle = 10.0 + (slowest / 4.6).max(cpu_ms / 1000.0);
        let concurrent = (peak as f64 * cycle).round() as u64;
        let Some((_, by_peak)) = planned(&by_peak) else { return Err("is refused by its peak alone".to_owned()) };
        let by_concurrent = planned(&case.with_target("peakConcurrentUsers", concurrent, &[]));
        let Some((_, by_concurrent)) = by_concurrent else { return Err("is refused by its users at once".to_owned()) };
        let figures = |plan: &Plan| serde_json::to_value([&plan.demand, &plan.demand_at_horizon]).unwrap_or_default();
        let flat = |plan: &Plan| -> Vec<f64> {
            let value = figures(plan);
            value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_object)
                .flat_map(|map| map.values().filter_map(Value::as_f64).collect::<Vec<_>>())
                .collect()
        };
        for (other, within) in [(&by_peak, 1e-6), (&by_concurrent, 1.0 / concurrent as f64)] {
            let same = flat(&by_users).iter().zip(flat(other)).all(|(a, b)| alike(*a, b, within));
            ensure(same, || format!("{:#}\n{:#}", figures(&by_users), figures(other)))?;
        }
        Ok(())
    });
}

/// Place of the database's reads in the rates below.
const DATABASE_READS: usize = 2;

#[test]
fn twice_the_users_are_twice_the_demand_where_nothing_is_cached_by_time() {
    holds_for_every_spec(|case, random| {
        let Some(users) = case.users().filter(|users| *users <= 10_000_000) else { return Ok(()) };
        if case.spec.get("proxy").is_some() {
            return Ok(());
        }
        let factor = random.whole(2, 10) as i64;
        let more = case.with_target("dailyActiveUsers", users * factor, &[]);
        let (Some((_, one)), Some((_, other))) = (planned(case), planned(&more)) else { return Ok(()) };
        let rates = |plan: &Plan| {
            let demand = &plan.demand_at_horizon;
            [
                demand.peak_requests_per_second,
                demand.origin_requests_per_second,
                demand.database_reads_per_second,
                demand.database_writes_per_second,
                demand.cache_operations_per_second,
                demand.jobs_per_second,
                demand.egress_megabits_per_second,
            ]
        };
        let limited = case.spec.get("cache").is_some();
        for (index, (one, other)) in rates(&one).into_iter().zip(rates(&other)).enumerate() {
            // Figures are given to three decimals.
            let over = other - one * factor as f64;
            let near = over.abs() <= 1e-9 * other + 0.001 * factor as f64;
            // A cache whose memory has a bound holds less beside more writes, so more of the reads reach the database.
            let is_read_more = index == DATABASE_READS && limited && over > 0.0;
            ensure(near || is_read_more, || format!("{one} {other}"))?;
        }
        for a in one.tiers.iter().filter(|tier| tier.tier == Tier::Web) {
            let Some(b) = of(&other, a.tier, &a.name) else { return Err(format!("service {} is gone", a.name)) };
            let (a, b) = (a.requirement.cpu_millicores * factor as f64, b.requirement.cpu_millicores);
            ensure((a - b).abs() <= 1e-9 * b + 0.001 * factor as f64, || format!("{a} {b}"))?;
        }
        Ok(())
    });
}

#[test]
fn up_and_down_never_shrinks_what_holds_data() {
    holds_for_every_spec(|case, random| {
        let Some(users) = case.users() else { return Ok(()) };
        let app = ScaledApp::new("app", case.typed());
        if case.zones != 3 || case.largest != ("16", "64Gi") || case.valid().is_none() {
            return Ok(());
        }
        let mut grown = app.clone();
        grown.spec.targets.daily_active_users = Some((users as f64 * random.between(1.0, 100.0)) as i64);
        if scaledapp::domain::validate("app", "default", None, &grown.spec, &Environment::default()).is_err() {
            return Ok(());
        }
        let low = common::planned(&app);
        let first = common::recorded(&app, &low, None);
        let high = common::planned_after(&grown, Some(&first));
        let second = common::recorded(&grown, &high, Some(&first));
        let back = common::planned_after(&app, Some(&second));
        for tier in [Tier::Database, Tier::Sessions, Tier::Queue] {
            let of = |plan: &Plan| plan.tier(tier).map(|tier| (tier.replicas, tier.per_replica));
            let (Some(low), Some(high), Some(back)) = (of(&low), of(&high), of(&back)) else { continue };
            ensure(high.0.max >= low.0.max && high.1.storage >= low.1.storage, || format!("{tier} {low:?} {high:?}"))?;
            ensure(high.1.cpu >= low.1.cpu && high.1.memory >= low.1.memory, || format!("{tier} {low:?} {high:?}"))?;
            ensure(back == high, || format!("{tier} {high:?} {back:?}"))?;
        }
        Ok(())
    });
}

/// Numbers of a tier that should not fall unsaid.
fn numbers(tier: &TierPlan) -> [(&'static str, f64); 3] {
    [
        ("requirement.cpuMillicores", tier.requirement.cpu_millicores),
        ("replicas.max", f64::from(tier.replicas.max)),
        ("perReplica.cpuMillicores", tier.per_replica.cpu.0 as f64),
    ]
}

#[test]
fn whatever_falls_while_the_users_rise_is_named_with_its_cause() {
    holds_for_every_spec(|case, random| {
        let (spec, environment) = (case.typed(), case.environment());
        let subject = Subject { name: "app", namespace: "default", spec: &spec };
        let users = [random.magnitude(1.0, 3.0), random.magnitude(3.0, 5.0), random.magnitude(5.0, 7.5)];
        let climb = climb(subject, &Catalogue::builtin(), &environment, None, &users);
        for (before, step) in climb.steps.iter().zip(climb.steps.iter().skip(1)) {
            let (Some(low), Some(high)) = (&before.plan, &step.plan) else { continue };
            for (a, b) in low.tiers.iter().filter_map(|a| Some((a, of(high, a.tier, &a.name)?))) {
                for ((name, was), (_, is)) in
                    numbers(a).into_iter().zip(numbers(b)).filter(|((_, was), (_, is))| is < was)
                {
                    let named = step.falls.iter().any(|fall| {
                        (fall.tier, fall.name.as_str(), fall.quantity.as_str()) == (a.tier, a.name.as_str(), name)
                            && fall.cause.ends_with('.')
                    });
                    ensure(named, || {
                        format!("{} {}: {name} falls from {was} to {is}, unsaid: {:?}", a.tier, a.name, step.falls)
                    })?;
                }
            }
            let off = low.ladder.iter().zip(&high.ladder).filter(|(was, is)| was.on && !is.on);
            for (was, _) in off {
                let told =
                    step.changed_rungs.iter().any(|change| change.rung == was.rung && !change.because.is_empty());
                ensure(told, || format!("{} is switched off, unsaid", was.rung))?;
            }
        }
        Ok(())
    });
}
