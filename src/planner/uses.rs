//! What a constant of the catalogue moves, found by moving it.
//!
//! A few applications that have every tier between them are planned with the constant as it is, and again with others;
//! what differs is what the constant is used for. So the answer is true of the planner as it is built.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::assembly::plan;
use super::climb::with_users;
use super::model::Catalogue;
use super::plan::Plan;
use super::recorded::RecordedPlan;
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
    /// Users of a plan that was accepted before.
    before: Option<u64>,
}

/// The cases as they are planned with the constants as they are.
static BEFORE: LazyLock<Vec<(Case, Plan)>> = LazyLock::new(|| {
    let builtin = Catalogue::builtin();
    cases().into_iter().filter_map(|case| planned(&case, &builtin).map(|plan| (case, plan))).collect()
});

/// What a constant moves: quantities by tier, `demand`, `ladder` or `findings`; nothing for a name that is none.
///
/// A small move says most; where it changes nothing, larger ones reach the limits that are far away.
#[must_use]
pub fn uses(name: &str) -> BTreeMap<String, BTreeSet<String>> {
    let builtin = Catalogue::builtin();
    let mut found = BTreeMap::new();
    let Some(constant) = builtin.constants().into_iter().find(|constant| constant.name == name) else { return found };
    // What is not known exactly is computed beside a plan, by `uncertainty`.
    if name.starts_with("doubt_of_grade_") {
        found.insert("uncertainty".to_owned(), BTreeSet::from(["sensitivity".to_owned()]));
        return found;
    }
    for factor in [1.25, 0.8, 0.001, 1000.0] {
        let Some(catalogue) = builtin.with_value(name, constant.value * factor) else { return found };
        for (case, before) in BEFORE.iter() {
            if let Some(after) = planned(case, &catalogue) {
                compare(before, &after, &mut found);
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}

fn planned(case: &Case, catalogue: &Catalogue) -> Option<Plan> {
    let app = validate("app", "default", None, &case.spec, &case.environment).ok()?;
    let recorded = match case.before {
        Some(users) => {
            let old = with_users(&case.spec, users);
            let old = validate("app", "default", None, &old, &case.environment).ok()?;
            let first = plan(&old, &Catalogue::builtin(), &case.environment, None);
            Some(RecordedPlan::new(&first, old.spec.clone(), first.images.clone(), first.catalogue.clone()))
        }
        None => None,
    };
    Some(plan(&app, catalogue, &case.environment, recorded.as_ref()))
}

fn cases() -> Vec<Case> {
    let spec = |text: &str| serde_yaml::from_str::<ScaledApp>(text).ok().map(|app| app.spec);
    let zones = |zones: u32| Environment { zones, ..Environment::default() };
    let (Some(ladder), Some(hello)) = (spec(LADDER), spec(HELLO)) else { return Vec::new() };
    let mut skewed = hello.clone();
    skewed.cache = serde_yaml::from_str("{popularity: Skewed}").ok();
    let mut promised = hello.clone();
    promised.targets.availability_percent = serde_yaml::from_str("'99.97'").ok();
    let many = with_users(&hello, 30_000_000);
    let mut reading = with_users(&hello, 8_000_000);
    reading.profile = serde_yaml::from_str("{preset: Thin, queriesPerRequest: '12', readPercent: 98}").ok();
    let shrunk = with_users(&hello, 1_000_000);
    let mut cases: Vec<Case> = [
        (ladder, zones(3)),
        (hello, zones(3)),
        (skewed, zones(3)),
        (many, zones(3)),
        (reading, zones(3)),
        (promised.clone(), zones(1)),
        (promised.clone(), zones(2)),
        (promised, zones(3)),
    ]
    .into_iter()
    .map(|(spec, environment)| Case { spec, environment, before: None })
    .collect();
    cases.push(Case { spec: shrunk, environment: zones(3), before: Some(1_900_000) });
    cases
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
