//! Plans of the samples, read by people; and what a plan keeps of the one before.

mod common;

use common::{app, golden, plain, planned, planned_after, recorded, sample, valid};
use scaledapp::api::{ChangeClass, ChangePolicy, Changes, DatabasePin, ScaledApp, Trigger};
use scaledapp::domain::{Bytes, Environment};
use scaledapp::planner::{
    Catalogue, FindingKind, Plan, RecordedPlan, Rung, Severity, Tier, TierSettings, changes, effective, plan,
};
use scaledapp::report::plan_table;

#[test]
fn samples_are_planned_as_recorded() {
    for name in ["hello", "shop", "large", "ladder", "external"] {
        let plan = planned(&sample(name));
        golden(&format!("plans/{name}.txt"), &plain(&plan_table(&plan, &[])));
        golden(&format!("plans/{name}.json"), &(serde_json::to_string_pretty(&plan).unwrap() + "\n"));
    }
}

#[test]
fn a_tiny_application_is_tiny() {
    let plan = planned(&sample("hello"));
    let memory: u64 = plan.tiers.iter().map(|tier| tier.total.memory.0).sum();
    assert!(memory < Bytes::mib(400).0, "{}", memory >> 20);
    let pods: Vec<(Tier, u32)> = plan.tiers.iter().map(|tier| (tier.tier, tier.replicas.max)).collect();
    assert_eq!(pods, [(Tier::Web, 1), (Tier::Pool, 1), (Tier::Database, 1)]);
    assert!(!plan.is_refused());
    assert!(plan.findings.iter().any(|f| f.kind == FindingKind::OneCopy));
}

#[test]
fn the_shop_survives_any_node() {
    let plan = planned(&sample("shop"));
    for tier in &plan.tiers {
        assert!(tier.replicas.min >= 2, "{} {:?}", tier.name, tier.replicas);
    }
    let database = plan.tier(Tier::Database).unwrap();
    assert_eq!((database.replicas.max, database.roles.unwrap().synchronous), (3, 1));
    let TierSettings::Database(settings) = &database.settings else { panic!() };
    assert_eq!(
        (settings.synchronous, settings.ttl_seconds, settings.loop_wait_seconds, settings.retry_timeout_seconds),
        (true, 20, 2, 6)
    );
    assert!(plan.ladder.iter().all(|rung| !rung.on || rung.trigger == Some(Trigger::Availability)));
}

#[test]
fn replicas_come_by_capacity_before_one_member_is_full() {
    let reads = |users: u64| {
        planned(&app(&format!(
            "
targets: {{dailyActiveUsers: {users}}}
profile: {{preset: Thin, queriesPerRequest: '10', readPercent: 95}}
services: [{{name: web, image: a}}]
database: {{}}"
        )))
    };
    assert_eq!(reads(500_000).tier(Tier::Database).unwrap().replicas.max, 1);
    let grown = reads(1_500_000);
    assert!(grown.tier(Tier::Database).unwrap().replicas.max >= 3);
    let rung = grown.ladder.iter().find(|rung| rung.rung == Rung::DatabaseReplicas).unwrap();
    assert_eq!(rung.trigger, Some(Trigger::Capacity));
    assert!(!grown.is_refused(), "{:?}", grown.findings);
}

#[test]
fn impossible_promises_are_errors_with_their_field() {
    let refused = |spec: &str| {
        let plan = planned(&app(spec));
        assert!(plan.is_refused(), "{spec}");
        plan.findings
            .into_iter()
            .filter(|f| f.severity == Severity::Error)
            .map(|f| (f.kind, f.field))
            .collect::<Vec<_>>()
    };
    let services = "services: [{name: web, image: a}]";
    let found = refused(&format!("{services}\ntargets: {{dailyActiveUsers: 10, latency: {{p99: 100ms}}}}"));
    assert!(found.contains(&(FindingKind::LatencyBelowServiceTime, "spec.targets.latency.p99".to_owned())));
    let found = refused(&format!("{services}\ntargets: {{dailyActiveUsers: 10, availabilityPercent: '99.999'}}"));
    assert!(found.contains(&(FindingKind::AvailabilityAboveZones, "spec.targets.availabilityPercent".to_owned())));
    let found = refused(&format!(
        "{services}\ntargets: {{peakRequestsPerSecond: 100000}}\nprofile: {{preset: Thin, readPercent: 0}}\ndatabase: {{}}"
    ));
    assert!(found.iter().any(|(kind, _)| *kind == FindingKind::WritesAboveOnePrimary), "{found:?}");
    let found = refused(&format!(
        "{services}\ntargets: {{peakRequestsPerSecond: 40000}}\nprofile: {{preset: Thin}}\ndatabase: {{pooling: Session}}"
    ));
    assert!(
        found
            .iter()
            .any(|(kind, _)| *kind == FindingKind::PodAboveLargestNode || *kind == FindingKind::PoolAboveDatabase),
        "{found:?}"
    );
}

fn shop(users: i64) -> ScaledApp {
    let mut app = sample("shop");
    app.spec.targets.daily_active_users = Some(users);
    app
}

fn step(text: &mut String, title: &str, app: &ScaledApp, previous: Option<&RecordedPlan>) -> RecordedPlan {
    use std::fmt::Write;
    let plan = planned_after(app, previous);
    let _ = writeln!(text, "== {title}");
    for change in changes::classify(previous, &plan) {
        let _ = writeln!(text, "{:<9} {:<24} {}", change.class.to_string(), change.object, change.reason);
    }
    for change in plan.proposed.iter().flat_map(|proposal| &proposal.changes) {
        let _ = writeln!(text, "waits     {:<24} {} {}", change.object, change.class, change.reason);
    }
    for tier in &plan.tiers {
        let size = tier.per_replica;
        let _ = writeln!(
            text,
            "   {:<9} {:<9} {}..{} pods of {} CPU, {} memory, {} storage",
            tier.tier.to_string(),
            tier.name,
            tier.replicas.min,
            tier.replicas.max,
            size.cpu,
            size.memory,
            size.storage
        );
    }
    recorded(app, &plan, previous)
}

#[test]
fn up_and_down_the_ladder_keeps_the_database() {
    let mut text = String::new();
    let first = step(&mut text, "10,000 users", &shop(10_000), None);
    let high = step(&mut text, "200,000 users", &shop(200_000), Some(&first));
    let higher = step(&mut text, "5,000,000 users", &shop(5_000_000), Some(&high));
    let again = step(&mut text, "200,000 users", &shop(200_000), Some(&higher));
    let down = step(&mut text, "10,000 users", &shop(10_000), Some(&again));
    let database = |plan: &RecordedPlan| plan.tier(Tier::Database, "database").unwrap().clone();
    assert_eq!(
        (database(&down).replicas, database(&down).per_replica),
        (database(&higher).replicas, database(&higher).per_replica)
    );
    let proposal = planned_after(&shop(10_000), Some(&down)).proposed.unwrap();
    let mut approved = shop(10_000);
    approved.spec.changes = Some(Changes { approved: Some(proposal.hash), ..Changes::default() });
    let small = step(&mut text, "10,000 users, approved", &approved, Some(&down));
    assert!(database(&small).per_replica.cpu < database(&higher).per_replica.cpu);
    assert_eq!(database(&small).per_replica.storage, database(&higher).per_replica.storage);
    assert_eq!(database(&small).replicas, database(&higher).replicas, "members are never taken away");
    assert_eq!(planned_after(&approved, Some(&small)).proposed, None);
    golden("plans/shop-up-and-down.txt", &text);
}

#[test]
fn the_same_input_is_an_empty_diff() {
    for name in ["hello", "shop", "large", "ladder"] {
        let app = sample(name);
        let first = planned(&app);
        let record = recorded(&app, &first, None);
        let second = planned_after(&app, Some(&record));
        assert_eq!(changes::classify(Some(&record), &second), [], "{name}");
        assert_eq!((first.hash, second.proposed), (second.hash, None), "{name}");
    }
}

#[test]
fn automatic_shrinks_by_itself_but_never_destroys() {
    let high = planned(&shop(5_000_000));
    let record = recorded(&shop(5_000_000), &high, None);
    let mut automatic = shop(10_000);
    automatic.spec.changes = Some(Changes { policy: Some(ChangePolicy::Automatic), ..Changes::default() });
    let small = planned_after(&automatic, Some(&record));
    assert!(small.tier(Tier::Database).unwrap().per_replica.cpu < high.tier(Tier::Database).unwrap().per_replica.cpu);
    assert_eq!(small.proposed, None);
    assert_eq!(small.tier(Tier::Database).unwrap().replicas, high.tier(Tier::Database).unwrap().replicas);
    automatic.spec.database = None;
    automatic.spec.migrations = None;
    let kept = planned_after(&automatic, Some(&record));
    assert_eq!(kept.proposed.unwrap().changes[0].class, ChangeClass::Destructive);
    assert!(kept.tiers.iter().any(|tier| tier.tier == Tier::Database));
}

#[test]
fn members_are_not_taken_away_even_if_the_owner_pins_fewer() {
    let first = planned(&shop(10_000));
    let record = recorded(&shop(10_000), &first, None);
    for policy in [ChangePolicy::Guarded, ChangePolicy::Automatic] {
        let mut single = shop(10_000);
        single.spec.database.as_mut().unwrap().pin = Some(DatabasePin { members: Some(1), ..DatabasePin::default() });
        single.spec.changes = Some(Changes { policy: Some(policy), ..Changes::default() });
        let mut kept = planned_after(&single, Some(&record));
        if let Some(proposal) = kept.proposed.clone() {
            assert!(!proposal.changes.iter().any(|change| change.reason.starts_with("Members")), "{proposal:?}");
            single.spec.changes = Some(Changes { approved: Some(proposal.hash), ..Changes::default() });
            kept = planned_after(&single, Some(&record));
        }
        let database = kept.tier(Tier::Database).unwrap();
        let TierSettings::Database(settings) = &database.settings else { panic!() };
        assert_eq!((database.replicas.max, settings.synchronous), (3, true));
        assert_eq!(recorded(&single, &kept, Some(&record)).tier(Tier::Database, "database").unwrap().replicas.max, 3);
        let finding = kept.findings.iter().find(|finding| finding.kind == FindingKind::MembersKept).unwrap();
        assert_eq!((finding.severity, finding.field.as_str()), (Severity::Warning, "spec.database.pin.members"));
    }
}

#[test]
fn members_that_no_plan_remembers_are_planned_as_they_are() {
    let mut app = valid(&sample("hello"));
    app.database.as_mut().unwrap().present = 3;
    let found = plan(&app, &Catalogue::builtin(), &Environment::default(), None);
    let database = found.tier(Tier::Database).unwrap();
    let TierSettings::Database(settings) = &database.settings else { panic!() };
    assert_eq!((database.replicas.min, settings.synchronous), (3, true));
    assert!(found.findings.iter().any(|finding| finding.kind == FindingKind::MembersKept));
}

#[test]
fn a_removed_database_stays_until_its_end_is_approved() {
    let first = planned(&shop(10_000));
    let record = recorded(&shop(10_000), &first, None);
    let mut without = shop(10_000);
    without.spec.database = None;
    without.spec.migrations = None;
    let kept = planned_after(&without, Some(&record));
    let proposal = kept.proposed.clone().unwrap();
    assert_eq!(kept.tier(Tier::Database).unwrap().replicas.max, 3);
    assert!(proposal.changes[0].reason.contains("volumes and passwords would stay"), "{proposal:?}");
    assert!(effective(&valid(&without), &kept, Some(&record)).database.is_some());
    // Recorded and planned again, it still waits for the same approval.
    let again = recorded(&without, &kept, Some(&record));
    assert_eq!(planned_after(&without, Some(&again)).proposed, Some(proposal.clone()));
    without.spec.changes = Some(Changes { approved: Some(proposal.hash), ..Changes::default() });
    let gone = planned_after(&without, Some(&again));
    assert!(gone.tier(Tier::Database).is_none() && gone.tier(Tier::Pool).is_none());
    assert_eq!(gone.proposed, None);
}

#[test]
fn a_new_catalogue_or_release_never_resizes_a_live_database() {
    let first = planned(&shop(2_000_000));
    let record = recorded(&shop(2_000_000), &first, None);
    let mut catalogue = Catalogue::builtin();
    catalogue.revision = "later".to_owned();
    catalogue.read_cpu_ms.value *= 8.0;
    catalogue.write_cpu_ms.value *= 8.0;
    let mut environment = Environment::default();
    environment.images.postgres = "registry.example/postgres:later".to_owned();
    let app = valid(&shop(2_000_000));
    let later = plan(&app, &catalogue, &environment, Some(&record));
    let size = |plan: &Plan| plan.tier(Tier::Database).map(|tier| (tier.replicas, tier.per_replica));
    assert_eq!(size(&later), size(&first));
    assert_eq!(later.images, first.images);
    let proposal = later.proposed.unwrap();
    assert!(proposal.changes.iter().any(|change| change.object.starts_with("Database/")), "{proposal:?}");
    assert!(
        proposal
            .changes
            .iter()
            .any(|change| change.object.starts_with("Image/") && change.class == ChangeClass::Rolling)
    );
    let mut approving = shop(2_000_000);
    approving.spec.changes = Some(Changes { approved: Some(proposal.hash), ..Changes::default() });
    let approved = plan(&valid(&approving), &catalogue, &environment, Some(&record));
    assert_eq!(approved.images, environment.images);
    assert!(size(&approved).unwrap().1.cpu > size(&first).unwrap().1.cpu);
}

#[test]
fn pins_are_used_as_they_are_and_told() {
    let plan = planned(&app("
targets: {dailyActiveUsers: 1000000, availabilityPercent: '99.9'}
services: [{name: web, image: a, pin: {minReplicas: 3, maxReplicas: 4, cpu: 500m, memory: 300Mi}}]
database: {pin: {members: 3, cpu: '4', memory: 2Gi, storage: 40Gi}}"));
    let web = plan.web("web").unwrap();
    assert_eq!(
        (web.replicas.min, web.replicas.max, web.per_replica.cpu.0, web.per_replica.memory),
        (3, 4, 500, Bytes::mib(300))
    );
    let database = plan.tier(Tier::Database).unwrap();
    let TierSettings::Database(settings) = &database.settings else { panic!() };
    assert_eq!(
        (settings.postgres.cpu.0, settings.postgres.memory, settings.postgres.storage),
        (4000, Bytes::gib(2), Bytes::gib(40))
    );
    assert!(
        plan.findings.iter().any(|f| f.kind == FindingKind::PinBelowRequirement && f.field.contains("maxReplicas"))
    );
}

#[test]
fn the_high_end_of_a_range_is_tried() {
    let plan = planned(&app("
targets: {dailyActiveUsers: 2000000, availabilityPercent: '99'}
profile: {cpuPerRequest: 12ms, serviceTime: {p99: 120ms}, ranges: [{field: cpuPerRequest, low: 8ms, high: 60ms}]}
services: [{name: web, image: a}]"));
    assert!(plan.findings.iter().any(|f| f.kind == FindingKind::HighEndMissesObjective));
}

#[test]
fn overcommitment_changes_no_plan_and_is_told() {
    let environment = Environment { request_percent: 10, ..Environment::default() };
    let small = plan(&valid(&sample("shop")), &Catalogue::builtin(), &environment, None);
    assert_eq!(small.tiers, planned(&sample("shop")).tiers);
    assert!(small.findings.iter().any(|f| f.kind == FindingKind::Overcommitted));
}

/// A zone's loss takes all pods that may run only there.
#[test]
fn a_selector_of_one_zone_is_told_where_the_objective_outlives_zones() {
    let told = |availability: &str, selector: &str| {
        let plan = planned(&app(&format!(
            "{{targets: {{dailyActiveUsers: 100000, availabilityPercent: '{availability}'}}, services: [{{name: web, image: i, placement: {{nodeSelector: {selector}}}}}]}}"
        )));
        let found = plan.findings.into_iter().find(|finding| finding.kind == FindingKind::PlacedTogether);
        found.map(|finding| (finding.field, finding.message))
    };
    let (field, message) = told("99.95", "{topology.kubernetes.io/zone: a}").unwrap();
    assert_eq!(field, "spec.services[web].placement.nodeSelector");
    assert!(message.starts_with("Service web runs in one zone alone"), "{message}");
    assert!(told("99.95", "{kubernetes.io/hostname: one}").is_some());
    assert_eq!(told("99.95", "{disk: fast}"), None);
    assert_eq!(told("99", "{topology.kubernetes.io/zone: a}"), None, "one pod is enough");
}

/// No pod's size says what its node's network bears.
#[test]
fn traffic_that_an_ordinary_node_does_not_bear_is_told() {
    let told = |requests: u32, size: &str| {
        let plan = planned(&app(&format!(
            "{{targets: {{peakRequestsPerSecond: {requests}, availabilityPercent: '99.9'}}, profile: {{preset: Thin, responseSize: {size}}}, services: [{{name: web, image: i}}]}}"
        )));
        let found = plan.findings.into_iter().find(|finding| finding.kind == FindingKind::TrafficAboveNode);
        found.map(|finding| (finding.severity, finding.message))
    };
    assert_eq!(told(1000, "100Ki"), None, "0.8 Gbit/s");
    let (severity, message) = told(2000, "100Ki").unwrap();
    assert_eq!(severity, Severity::Info);
    assert!(
        message.starts_with("1.64 Gbit/s go to the users at the horizon's peak, 1.64 of them through the edge pod"),
        "{message}"
    );
    assert_eq!(told(2000, "1Mi").unwrap().0, Severity::Warning, "16.8 Gbit/s through one");
}
