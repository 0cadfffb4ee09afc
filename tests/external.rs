//! Plans of tiers that somebody else runs, and the way there and back.

mod common;

use common::{app, planned, planned_after, recorded, sample, valid};
use scaledapp::api::{ChangeClass, ChangePolicy, Changes, ScaledApp};
use scaledapp::domain::Backing;
use scaledapp::planner::{FindingKind, Plan, RecordedPlan, Rung, Tier, changes, effective};

fn asked(plan: &Plan, backing: Backing, quantity: &str) -> f64 {
    let external = plan.external(backing).unwrap();
    let reason = external.reasons.iter().find(|reason| reason.quantity == quantity);
    reason.unwrap_or_else(|| panic!("no {quantity}")).value.parse().unwrap()
}

#[test]
fn what_is_asked_of_external_tiers_is_derived_and_nothing_of_them_is_sized() {
    let plan = planned(&sample("external"));
    assert!(!plan.is_refused(), "{:?}", plan.findings);
    let tiers: Vec<Tier> = plan.tiers.iter().map(|tier| tier.tier).collect();
    assert!(tiers.iter().all(|tier| [Tier::Edge, Tier::Web, Tier::Worker].contains(tier)), "{tiers:?}");
    assert_eq!(plan.external.len(), 5);
    assert!(plan.demand.database_reads_per_second > 0.0 && plan.demand_at_horizon.database_bytes > 0);
    // 200,000 users x 20 requests, three times as many at peak, 1.05^3: three queries, and a tenth of six cache reads.
    let peak = 200_000.0 * 20.0 / 86_400.0 * 3.0 * 1.05_f64.powi(3);
    let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 0.01, "{found} {expected}");
    near(asked(&plan, Backing::Database, "readsPerSecond"), peak * (3.0 * 0.8 + 6.0 * 0.1));
    near(asked(&plan, Backing::Database, "writesPerSecond"), peak * 3.0 * 0.2);
    near(asked(&plan, Backing::Cache, "operationsPerSecond"), peak * 6.0 * 1.1);
    assert!(asked(&plan, Backing::Database, "connections") > 0.0);
    for external in &plan.external {
        let field = format!("spec.{}.external", external.name);
        let finding = plan.findings.iter().find(|f| f.kind == FindingKind::ExternalTier && f.field == field).unwrap();
        assert!(finding.message.contains(&external.secret), "{}", finding.message);
        assert_eq!((external.reasons[0].quantity.as_str(), external.reasons[0].value.as_str()), ("replicas.max", "0"));
    }
    for rung in plan.ladder.iter().filter(|rung| [Rung::Cache, Rung::SharedSessions, Rung::Queue].contains(&rung.rung))
    {
        assert!(rung.on && rung.because.contains("Somebody else"), "{rung:?}");
    }
}

#[test]
fn the_web_tier_is_as_large_as_with_a_database_of_our_own() {
    let with = |database: &str| {
        planned(&app(&format!(
            "
targets: {{dailyActiveUsers: 2000000}}
services: [{{name: web, image: a}}]
database: {database}"
        )))
    };
    let (own, external) = (with("{}"), with("{provider: External, external: {secretRef: {name: theirs}}}"));
    assert_eq!(own.demand, external.demand);
    assert_eq!(own.web("web").unwrap().requirement, external.web("web").unwrap().requirement);
}

const OWN: &str = "
targets: {dailyActiveUsers: 10000}
services: [{name: web, image: a}]
migrations: [{name: schema}]
database: {}
cache: {}
sessions: {}
queue: {queues: [{name: jobs}]}";

const EXTERNAL: &str = "
targets: {dailyActiveUsers: 10000}
services: [{name: web, image: a}]
migrations: [{name: schema}]
database: {provider: External, external: {secretRef: {name: db}}}
cache: {provider: External, external: {secretRef: {name: cache}}}
sessions: {provider: External, external: {secretRef: {name: store}}, ttl: 2h}
queue: {provider: External, external: {secretRef: {name: mq}}, queues: [{name: jobs}]}";

/// The plan of one spec after that of another.
fn switched(from: &str, to: &ScaledApp) -> (RecordedPlan, Plan) {
    let first = app(from);
    let record = recorded(&first, &planned(&first), None);
    let plan = planned_after(to, Some(&record));
    (record, plan)
}

/// Everything that holds data waits for an approval, also under `Automatic`, and is used and recorded until then.
fn waits(from: &str, to: &str) -> (RecordedPlan, Plan) {
    let mut automatic = app(to);
    automatic.spec.changes = Some(Changes { policy: Some(ChangePolicy::Automatic), ..Changes::default() });
    for target in [app(to), automatic] {
        let (record, plan) = switched(from, &target);
        let proposal = plan.proposed.clone().unwrap();
        let objects: Vec<&str> = proposal.changes.iter().map(|change| change.object.as_str()).collect();
        assert_eq!(objects, ["Database/app-database", "Sessions/app-sessions", "Queue/app-queue"]);
        assert!(proposal.changes.iter().all(|change| change.class == ChangeClass::Destructive));
        // The status has room for 160 letters of each.
        assert!(proposal.changes.iter().all(|change| change.reason.len() <= 160), "{proposal:?}");
        let again = recorded(&target, &plan, Some(&record));
        assert_eq!(planned_after(&target, Some(&again)).proposed, plan.proposed);
    }
    switched(from, &app(to))
}

#[test]
fn a_running_tier_becomes_external_only_with_an_approval() {
    let (record, plan) = waits(OWN, EXTERNAL);
    let kept = effective(&valid(&app(EXTERNAL)), &plan, Some(&record));
    for (tier, backing) in
        [(Tier::Database, Backing::Database), (Tier::Sessions, Backing::Sessions), (Tier::Queue, Backing::Queue)]
    {
        assert!(plan.tier(tier).is_some() && plan.external(backing).is_none(), "{tier}");
        assert!(!kept.externals.has(backing));
    }
    assert!(kept.database.is_some() && kept.sessions.is_some() && kept.queue.is_some());
    // A cache has nothing to lose.
    assert!(plan.tier(Tier::Cache).is_none() && kept.externals.has(Backing::Cache));
    let mut approving = app(EXTERNAL);
    approving.spec.changes =
        Some(Changes { approved: plan.proposed.map(|proposal| proposal.hash), ..Changes::default() });
    let gone = planned_after(&approving, Some(&record));
    assert_eq!((gone.proposed.clone(), gone.external.len()), (None, 4));
    assert!(gone.tiers.iter().all(|tier| tier.tier == Tier::Web));
    let changed = changes::classify(Some(&record), &gone);
    assert!(changed.iter().any(|c| c.object == "Database/app-database" && c.class == ChangeClass::Destructive));
    let later = recorded(&approving, &gone, Some(&record));
    assert_eq!(planned_after(&approving, Some(&later)).proposed, None);
}

#[test]
fn nobody_is_led_from_an_external_tier_to_an_empty_one_without_an_approval() {
    let (record, plan) = waits(EXTERNAL, OWN);
    let kept = effective(&valid(&app(OWN)), &plan, Some(&record));
    assert!(plan.tier(Tier::Database).is_none() && plan.tier(Tier::Queue).is_none());
    assert_eq!(kept.externals.secret(Backing::Database), Some("db"));
    assert_eq!(kept.externals.session_ttl.as_ref().unwrap().value.0, 7_200_000);
    assert!(plan.tier(Tier::Cache).is_some() && !kept.externals.has(Backing::Cache));
    let mut approving = app(OWN);
    approving.spec.changes =
        Some(Changes { approved: plan.proposed.map(|proposal| proposal.hash), ..Changes::default() });
    let own = planned_after(&approving, Some(&record));
    assert!(own.external.is_empty() && own.tier(Tier::Database).is_some());
    let changed = changes::classify(Some(&record), &own);
    assert!(changed.iter().any(|c| c.object == "Database/app-database" && c.class == ChangeClass::Destructive));
}

#[test]
fn another_secret_of_an_external_tier_is_the_owners_own_change() {
    let other = app(&EXTERNAL.replace("name: db", "name: other"));
    let (_, plan) = switched(EXTERNAL, &other);
    assert_eq!(plan.proposed, None);
    assert_eq!(plan.external(Backing::Database).unwrap().secret, "other");
    let none =
        app(&EXTERNAL
            .replace("queue: {provider: External, external: {secretRef: {name: mq}}, queues: [{name: jobs}]}", ""));
    let (_, plan) = switched(EXTERNAL, &none);
    assert_eq!((plan.proposed.clone(), plan.external.len()), (None, 3));
}
