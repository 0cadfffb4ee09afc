//! What a constant of the catalogue moves, found by moving it.
//!
//! A few applications that have every tier between them are planned with the constant as it is, and again with others;
//! what differs is what the constant is used for. So the answer is true of the planner as it is built.

use std::collections::{BTreeMap, BTreeSet};

use super::assembly::plan;
use super::climb::with_users;
use super::model::Catalogue;
use super::plan::Plan;
use crate::api::{ScaledApp, ScaledAppSpec};
use crate::domain::{Environment, validate};

/// The application with every tier, of the samples.
const LADDER: &str = include_str!("../../manifests/samples/ladder.yaml");
/// The smallest one.
const HELLO: &str = include_str!("../../manifests/samples/hello.yaml");

/// An application and the cluster that it is planned for.
struct Case {
    spec: ScaledAppSpec,
    environment: Environment,
}

/// What a constant moves: quantities by tier, `demand`, `ladder`, `findings` or `monthlyCost`.
#[must_use]
pub fn uses(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let builtin = Catalogue::builtin();
    let mut found = BTreeMap::new();
    let Some(constant) = builtin.constants().into_iter().find(|constant| constant.name == name) else { return found };
    for case in cases() {
        let Some(before) = planned(&case, &builtin) else { continue };
        for factor in [1.25, 0.8, 0.001] {
            let changed = builtin.with_value(name, constant.value * factor);
            if let Some(after) = changed.and_then(|catalogue| planned(&case, &catalogue)) {
                compare(&before, &after, &mut found);
            }
            // A small move says most; a large one is for limits that are far away.
            if !found.is_empty() && factor != 1.25 {
                break;
            }
        }
    }
    found
}

fn planned(case: &Case, catalogue: &Catalogue) -> Option<Plan> {
    let app = validate("app", "default", None, &case.spec, &case.environment).ok()?;
    Some(plan(&app, catalogue, &case.environment, None))
}

fn cases() -> Vec<Case> {
    let spec = |text: &str| serde_yaml::from_str::<ScaledApp>(text).ok().map(|app| app.spec);
    let zones = |zones: u32| Environment { zones, ..Environment::default() };
    let (Some(ladder), Some(hello)) = (spec(LADDER), spec(HELLO)) else { return Vec::new() };
    let mut skewed = ladder.clone();
    if let Some(cache) = &mut skewed.cache {
        cache.popularity = Some(crate::api::Popularity::Skewed);
    }
    let mut unmeasured = ladder.clone();
    for worker in unmeasured.workers.iter_mut().flatten() {
        worker.pin = None;
    }
    let mut promised = hello.clone();
    promised.targets.availability_percent = serde_yaml::from_str("'99.97'").ok();
    let many = with_users(&hello, 30_000_000);
    let mut reading = with_users(&hello, 8_000_000);
    reading.profile = serde_yaml::from_str("{preset: Thin, queriesPerRequest: '12', readPercent: 98}").ok();
    [
        (ladder, zones(3)),
        (unmeasured, zones(3)),
        (hello, zones(3)),
        (skewed, zones(3)),
        (many, zones(3)),
        (reading, zones(3)),
        (promised.clone(), zones(1)),
        (promised.clone(), zones(2)),
        (promised, zones(3)),
    ]
    .into_iter()
    .map(|(spec, environment)| Case { spec, environment })
    .collect()
}

fn compare(before: &Plan, after: &Plan, found: &mut BTreeMap<String, BTreeSet<String>>) {
    let mut add = |part: String, quantity: &str| {
        found.entry(part).or_default().insert(quantity.to_owned());
    };
    for (old, new) in before.demand_reasons.iter().zip(&after.demand_reasons) {
        if old.value != new.value || old.inputs != new.inputs {
            add("demand".to_owned(), &new.quantity);
        }
    }
    for tier in &after.tiers {
        let Some(was) = before.tiers.iter().find(|t| t.tier == tier.tier && t.name == tier.name) else {
            add(tier.tier.to_string(), "whether there is one");
            continue;
        };
        for reason in &tier.reasons {
            let old = was.reasons.iter().find(|old| old.quantity == reason.quantity);
            if old.is_none_or(|old| old.value != reason.value || old.inputs != reason.inputs) {
                add(tier.tier.to_string(), &reason.quantity);
            }
        }
    }
    for (old, new) in before.ladder.iter().zip(&after.ladder) {
        if (old.on, old.trigger, &old.because) != (new.on, new.trigger, &new.because) {
            add("ladder".to_owned(), &new.rung.to_string());
        }
    }
    for finding in &after.findings {
        if !before.findings.contains(finding) {
            add("findings".to_owned(), &finding.kind.to_string());
        }
    }
    for finding in before.findings.iter().filter(|finding| !after.findings.contains(finding)) {
        add("findings".to_owned(), &finding.kind.to_string());
    }
}
