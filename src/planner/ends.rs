//! The plan is made on one value of each unit cost; here it is held against the ends of their spreads.
//!
//! Every end is planned afresh, and the planned tiers at their most pods must bear what that asks for.
//! Which end is the heavier one is computed, never assumed: of a share of static files it is the low one.

use super::assembly::{Basis, assemble};
use super::model::Catalogue;
use super::packing::{Context, figure, scaled, size_text};
use super::plan::{AtHigh, EndTier, Finding, FindingKind, Plan, RangeEndValue, Severity, Tier, TierPlan, TierSettings};
use super::prices::Price;
use super::{database, pool, web};
use crate::domain::unit_cost::text;
use crate::domain::{Environment, ValidApp, ValidRange};

/// The plan of one end, and which tiers of the actual plan do not bear it.
struct Tried {
    plan: Plan,
    misses: Vec<Miss>,
    weight: f64,
}

/// What a tier lacks.
struct Miss {
    tier: String,
    lack: String,
}

/// Tries the ends of the declared spreads; adds a finding for each with which a tier misses the objective.
pub(super) fn try_ends(app: &ValidApp, catalogue: &Catalogue, environment: &Environment, plan: &mut Plan) {
    if app.profile.ranges.is_empty() {
        return;
    }
    let mut middle = app.clone();
    middle.profile.ranges.clear();
    // A plan that is refused itself has no ends that could be worse.
    let refused_itself = plan.is_refused();
    let within = lacks(&middle, catalogue, environment, plan, plan);
    let tried = |ends: &[(ValidRange, f64)]| {
        let mut at = middle.clone();
        for (range, value) in ends {
            at.profile.set_unit_cost(range.field, *value);
        }
        let planned = assemble(&at, catalogue, environment, None, false).plan;
        // What the plan lacks on its own value, a pin's doing, is told elsewhere.
        let misses = lacks(&at, catalogue, environment, plan, &planned)
            .into_iter()
            .filter(|miss| !within.iter().any(|known| known.tier == miss.tier))
            .collect();
        Tried { weight: weight(catalogue, &planned), plan: planned, misses }
    };
    let mut findings = Vec::new();
    let mut heavy = Vec::new();
    let mut single = Vec::new();
    let mut last = None;
    for range in &app.profile.ranges {
        let [low, high] = [range.low, range.high].map(|value| (value, tried(&[(*range, value)])));
        for (value, end) in [&low, &high] {
            single.extend(end.misses.iter().map(|miss| miss.tier.clone()));
            findings.extend(told(range, *value, end, refused_itself));
        }
        let (value, end) = if low.1.weight > high.1.weight { low } else { high };
        heavy.push((*range, value));
        last = Some(end);
    }
    // The heavier end of an only range is all there is.
    let all = last.filter(|_| heavy.len() == 1).unwrap_or_else(|| tried(&heavy));
    let together: Vec<&Miss> = all.misses.iter().filter(|miss| !single.contains(&miss.tier)).collect();
    if !together.is_empty() {
        let ends: Vec<String> =
            heavy.iter().map(|(range, value)| format!("{} {}", range.field, text(range.field, *value))).collect();
        let message = format!(
            "With all ranges at their heavier ends ({}) {}. Each alone is borne: measure one of them again, or declare those ends.",
            ends.join(", "),
            sentence(&together, &all.plan)
        );
        findings.push(warning("spec.profile.ranges", message));
    }
    let values = heavy
        .iter()
        .map(|(range, value)| RangeEndValue {
            field: format!("spec.profile.{}", range.field),
            value: text(range.field, *value),
        })
        .collect();
    plan.uncertainty.get_or_insert_default().at_high = Some(at_high(values, all.plan));
    plan.findings.extend(findings);
    plan.findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
}

fn at_high(values: Vec<RangeEndValue>, plan: Plan) -> AtHigh {
    let tiers = plan
        .tiers
        .into_iter()
        .map(|tier| EndTier {
            tier: tier.tier,
            name: tier.name,
            replicas: tier.replicas,
            per_replica: tier.per_replica,
            total: tier.total,
        })
        .collect();
    AtHigh { values, demand: plan.demand, monthly_cost: plan.monthly_cost, tiers }
}

fn warning(field: impl Into<String>, message: String) -> Finding {
    Finding::new(Severity::Warning, FindingKind::HighEndMissesObjective, field, message)
}

fn told(range: &ValidRange, value: f64, end: &Tried, refused_itself: bool) -> Option<Finding> {
    let (field, value) = (range.field, text(range.field, value));
    if end.misses.is_empty() {
        let refused = refusal(&end.plan).filter(|_| !refused_itself)?;
        let message =
            format!("With {field} at {value}, an end of its range, {refused}. Measure again, or mend that first.");
        return Some(warning(format!("spec.profile.ranges[{field}]"), message));
    }
    let misses: Vec<&Miss> = end.misses.iter().collect();
    let message = format!(
        "With {field} at {value}, an end of its range, {}. Measure again, or plan on that end with spec.profile.{field}: {value}.",
        sentence(&misses, &end.plan)
    );
    Some(warning(format!("spec.profile.ranges[{field}]"), message))
}

/// What is lacking, and which sizes would bear it.
fn sentence(misses: &[&Miss], planned: &Plan) -> String {
    let lacking: Vec<&str> = misses.iter().map(|miss| miss.lack.as_str()).collect();
    let would = refusal(planned).unwrap_or_else(|| {
        let sizes = planned.tiers.iter().filter(|tier| misses.iter().any(|miss| miss.tier == called(tier)));
        let sizes: Vec<String> = sizes
            .map(|tier| {
                let size = tier.per_replica;
                let pods = if tier.replicas.max == 1 { "pod" } else { "pods" };
                format!(
                    "{} with {} {pods} of {} CPU and {}",
                    called(tier),
                    tier.replicas.max,
                    size.cpu,
                    size_text(size.memory)
                )
            })
            .collect();
        format!("it takes {}", sizes.join(", "))
    });
    format!("{}; {would}", lacking.join(", and "))
}

/// That a plan is refused, and why.
fn refusal(plan: &Plan) -> Option<String> {
    let finding = plan.findings.iter().find(|finding| finding.severity == Severity::Error)?;
    Some(format!("no plan bears it ({}: {})", finding.kind, finding.message.trim_end_matches('.')))
}

fn called(tier: &TierPlan) -> String {
    let kind = tier.tier.to_string();
    if kind.eq_ignore_ascii_case(&tier.name) { tier.name.clone() } else { format!("{kind} {}", tier.name) }
}

/// What all tiers need, priced: continuous, so that the heavier of two ends is found even where both take the same pods.
fn weight(catalogue: &Catalogue, plan: &Plan) -> f64 {
    let of = |tier: &TierPlan| {
        let needs = &tier.requirement;
        catalogue.prices.month(
            needs.staffed_cpu_millicores / 1000.0,
            needs.memory_bytes,
            needs.storage_bytes,
            Price::middle,
        )
    };
    plan.tiers.iter().map(of).sum()
}

/// Tiers of `plan` that do not bear what `needed`, the plan of `at`, asks for.
fn lacks(at: &ValidApp, catalogue: &Catalogue, environment: &Environment, plan: &Plan, needed: &Plan) -> Vec<Miss> {
    let basis = Basis::new(at, catalogue, environment);
    let ctx = basis.context();
    let mut found = Vec::new();
    for need in &needed.tiers {
        let tier = called(need);
        let Some(has) = plan.tiers.iter().find(|has| has.tier == need.tier && has.name == need.name) else {
            found.push(Miss { lack: format!("{tier} is needed and not planned"), tier });
            continue;
        };
        let lack = match has.tier {
            Tier::Web => slow(&ctx, plan, has),
            Tier::Database => members(&ctx, plan, has, needed),
            // A pod of a worker holds one job, however many there are.
            Tier::Worker => {
                short(need.requirement.staffed_cpu_millicores / 1000.0, has.total.cpu.cores(), figure, "cores")
            }
            _ => small(has, need),
        };
        found.extend(lack.map(|lack| Miss { lack: format!("{tier} {lack}"), tier }));
    }
    found
}

/// A service of which so many pods of this size do not keep the latency, or one does not hold its process.
fn slow(ctx: &Context<'_>, plan: &Plan, has: &TierPlan) -> Option<String> {
    let service = ctx.app.services.iter().find(|service| service.name == has.name)?;
    let queue = web::queue(ctx.app, service, plan.tier(Tier::Edge).map(|edge| edge.replicas.max));
    let most = has.replicas.max;
    match web::fewest_pods(ctx, service, has.per_replica.cpu, queue) {
        Some(pods) if pods <= most => {
            let needs = web::memory_at_work(ctx, service, has.per_replica.cpu);
            short(needs, has.per_replica.memory.0 as f64, scaled, "of memory a pod")
        }
        Some(pods) => Some(format!("needs {pods} pods of {} CPU and has {most} at most", has.per_replica.cpu)),
        None => Some(format!(
            "is too slow for the latency objective with any number of pods of {} CPU",
            has.per_replica.cpu
        )),
    }
}

/// A database of which a member is too small.
fn members(ctx: &Context<'_>, plan: &Plan, has: &TierPlan, needed: &Plan) -> Option<String> {
    let TierSettings::Database(settings) = &has.settings else { return None };
    let users: Vec<&TierPlan> =
        needed.tiers.iter().filter(|tier| matches!(tier.tier, Tier::Web | Tier::Worker)).collect();
    let need = database::need(ctx, pool::need(ctx, &users).clients);
    let open = match plan.tier(Tier::Pool).map(|pool| (&pool.settings, pool.replicas.max)) {
        Some((TierSettings::Pool(caps), pods)) => pods.saturating_mul(caps.write_connections + caps.read_connections),
        _ => 0,
    };
    let cores = database::staffed(ctx, database::busy(ctx, &need, has.replicas.max));
    let size = settings.postgres;
    short(cores, size.cpu.cores(), figure, "cores a member")
        .or_else(|| short(database::memory(ctx, &need, open), size.memory.0 as f64, scaled, "of memory a member"))
        .or_else(|| short(need.volume, size.storage.0 as f64, scaled, "of volume a member"))
}

/// A tier that offers less than what is required of it.
fn small(has: &TierPlan, need: &TierPlan) -> Option<String> {
    let offered = match &has.settings {
        TierSettings::Redis(settings) => settings.redis,
        _ => has.total,
    };
    // Of these the requirement is that of all members.
    let members = match &has.settings {
        TierSettings::Redis(_) => f64::from(need.replicas.max.max(1)),
        _ => 1.0,
    };
    let needs = &need.requirement;
    short(needs.staffed_cpu_millicores / 1000.0, offered.cpu.cores(), figure, "cores")
        .or_else(|| short(needs.memory_bytes / members, offered.memory.0 as f64, scaled, "of memory"))
        .or_else(|| short(needs.storage_bytes / members, offered.storage.0 as f64, scaled, "of volume"))
}

fn short(needs: f64, has: f64, written: fn(f64) -> String, unit: &str) -> Option<String> {
    (needs > has).then(|| format!("needs {} {unit} and has {}", written(needs), written(has)))
}
