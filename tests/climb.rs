//! The climb of an application: every step is the plan of its users, and what falls has a cause.

mod common;

use common::{golden, plain, planned, sample};
use scaledapp::api::Trigger;
use scaledapp::domain::Environment;
use scaledapp::planner::climb::{Climb, Subject, climb, with_users};
use scaledapp::planner::{Catalogue, FindingKind, Rung, Tier};
use scaledapp::report::climb_table;

const USERS: [u64; 6] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

fn climbed(name: &str, users: &[u64]) -> Climb {
    let app = sample(name);
    let subject = Subject { name, namespace: "default", spec: &app.spec };
    climb(subject, &Catalogue::builtin(), &Environment::default(), None, users)
}

#[test]
fn the_climb_reads_as_recorded() {
    for name in ["hello", "ladder"] {
        golden(&format!("plans/{name}-climb.txt"), &plain(&climb_table(&climbed(name, &USERS))));
    }
}

#[test]
fn a_step_is_the_plan_of_its_users_whatever_stands_beside_it() {
    let all = climbed("shop", &USERS);
    for step in &all.steps {
        let mut alone = sample("shop");
        alone.spec = with_users(&alone.spec, step.users);
        assert_eq!(step.plan.as_ref(), Some(&planned(&alone)), "{}", step.users);
        let plan = step.plan.as_ref().unwrap();
        assert_eq!(step.met, !plan.is_refused());
        assert_eq!(step.tiers.len(), plan.tiers.len());
        assert_eq!(step.monthly_cost.as_ref().map(|cost| cost.high), Some(plan.monthly_cost.high));
    }
}

#[test]
fn a_rung_is_entered_once_and_named_with_its_trigger() {
    let all = climbed("hello", &USERS);
    let changes: Vec<(u64, Rung, Option<Trigger>)> =
        all.steps.iter().flat_map(|s| s.changed_rungs.iter().map(|change| (s.users, change.rung, change.to))).collect();
    assert_eq!(
        changes,
        [
            (100_000, Rung::LoadBalancer, Some(Trigger::Capacity)),
            (10_000_000, Rung::DatabaseReplicas, Some(Trigger::Capacity))
        ]
    );
    assert!(all.steps[0].changed_rungs.is_empty() && all.steps[0].falls.is_empty());
}

#[test]
fn what_falls_across_a_rung_is_named_with_it() {
    let all = climbed("hello", &[75_000, 100_000]);
    let fall = all.steps[1].falls.iter().find(|fall| fall.quantity == "perReplica.cpuMillicores").unwrap();
    assert_eq!((fall.tier, fall.name.as_str(), fall.rung), (Tier::Web, "web", Some(Rung::LoadBalancer)));
    assert!(fall.cause.contains("more than one pod of 4 cores bears"), "{fall:?}");
    // Every number that fell is told, with a cause that is a sentence.
    let users: Vec<u64> = (0..=40).map(|i| (1000.0 * 10f64.powf(f64::from(i) / 8.0)).round() as u64).collect();
    for name in ["hello", "shop", "large", "ladder"] {
        let all = climbed(name, &users);
        for pair in all.steps.windows(2) {
            for (was, is) in pair[0].tiers.iter().zip(&pair[1].tiers) {
                if (was.tier, &was.name) == (is.tier, &is.name) && is.replicas.max < was.replicas.max {
                    let fall = pair[1].falls.iter().find(|f| f.name == is.name && f.quantity == "replicas.max");
                    assert!(fall.is_some_and(|fall| fall.cause.ends_with('.')), "{name} {} {}", pair[1].users, is.name);
                }
            }
        }
    }
}

/// A cache that is entered takes its reads off the database, and says so.
#[test]
fn the_cause_of_a_fall_is_what_the_rung_took_away() {
    let with = sample("ladder");
    let mut without = with.clone();
    without.spec.cache = None;
    without.spec.profile.as_mut().unwrap().cache_reads_per_request = Some(serde_json::from_str("\"40\"").unwrap());
    let mut with = with;
    with.spec.profile = without.spec.profile.clone();
    let found = scaledapp::planner::falls::falls(&planned(&without), &planned(&with));
    let database =
        found.iter().find(|fall| fall.tier == Tier::Database && fall.quantity == "requirement.cpuMillicores");
    let fall = database.unwrap();
    assert_eq!(fall.rung, Some(Rung::Cache));
    assert!(fall.cause.starts_with("It takes ") && fall.cause.contains("reads a second off the database"), "{fall:?}");
}

#[test]
fn what_cannot_be_met_says_so_and_what_binds() {
    let all = climbed("hello", &USERS);
    let last = all.steps.last().unwrap();
    assert!(!last.met && last.findings.iter().any(|finding| finding.kind == FindingKind::WritesAboveOnePrimary));
    let binding = last.binding.as_ref().unwrap();
    assert!(binding.tier == Tier::Database && binding.ceiling_percent > 100, "{binding:?}");
    for step in all.steps.iter().filter(|step| step.met) {
        assert!(step.binding.as_ref().unwrap().ceiling_percent <= 100, "{} {:?}", step.users, step.binding);
    }
    // What the spec itself forbids has no plan, and its sentence.
    let refused = climbed("hello", &[0, 1000]);
    assert!(refused.steps[0].plan.is_none() && refused.steps[0].findings[0].kind == FindingKind::InvalidSpec);
    assert!(refused.steps[1].met && refused.steps[1].changed_rungs.is_empty());
}
