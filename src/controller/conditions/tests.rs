use super::*;

fn tier(tier: Tier, name: &str, wanted: i32, ready: i32) -> TierFacts {
    TierFacts {
        tier,
        name: name.to_owned(),
        wanted,
        ready,
        needed: 1,
        router: None,
        rolled: true,
        unschedulable: None,
        blocked: None,
    }
}

fn facts(tiers: Vec<TierFacts>) -> Facts {
    Facts { generation: 3, plan: Some("abcd0123".to_owned()), lacks: Some(Vec::new()), tiers, ..Facts::default() }
}

fn time(text: &str) -> Time {
    Time(text.parse().unwrap())
}

fn status(conditions: &[Condition], name: &str) -> (String, String) {
    let condition = conditions.iter().find(|c| c.type_ == name).unwrap();
    (condition.status.clone(), condition.reason.clone())
}

fn look(facts: &Facts, old: &[Condition]) -> Vec<Condition> {
    all(facts, old, &time("2026-11-23T01:00:00Z"))
}

#[test]
fn becoming_ready_takes_everything_and_staying_ready_takes_service() {
    let partly = facts(vec![tier(Tier::Web, "web", 2, 1)]);
    let starting = look(&partly, &[]);
    assert_eq!(status(&starting, "Ready"), ("False".into(), "Starting".into()));
    let whole = look(&facts(vec![tier(Tier::Web, "web", 2, 2)]), &starting);
    assert_eq!(status(&whole, "Ready"), ("True".into(), "Serving".into()));
    let degraded = look(&partly, &whole);
    assert_eq!(status(&degraded, "Ready"), ("True".into(), "Serving".into()));
    assert_eq!(status(&degraded, "Degraded"), ("True".into(), "MembersMissing".into()));
    let down = look(&facts(vec![tier(Tier::Web, "web", 2, 0)]), &degraded);
    assert_eq!(status(&down, "Ready"), ("False".into(), "TierDown".into()));
}

#[test]
fn an_unschedulable_pod_shows_the_schedulers_message() {
    let mut web = tier(Tier::Web, "web", 2, 1);
    web.unschedulable = Some("0/3 nodes are available: 3 Insufficient cpu.".to_owned());
    let conditions = look(&facts(vec![web]), &[]);
    let ready = conditions.iter().find(|c| c.type_ == "Ready").unwrap();
    assert_eq!((ready.status.as_str(), ready.reason.as_str()), ("False", "Unschedulable"));
    assert!(ready.message.contains("3 Insufficient cpu"), "{}", ready.message);
}

#[test]
fn a_transition_time_changes_only_when_the_status_flips() {
    let old = all(&facts(vec![tier(Tier::Web, "web", 1, 1)]), &[], &time("2026-11-23T01:00:00Z"));
    let same = all(&facts(vec![tier(Tier::Web, "web", 1, 1)]), &old, &time("2026-11-23T02:00:00Z"));
    assert_eq!(old, same);
    let down = all(&facts(vec![tier(Tier::Web, "web", 1, 0)]), &old, &time("2026-11-23T02:00:00Z"));
    let since = |c: &[Condition], name: &str| c.iter().find(|c| c.type_ == name).unwrap().last_transition_time.clone();
    assert_eq!(since(&down, "Ready"), time("2026-11-23T02:00:00Z"));
    assert_eq!(since(&down, "PlanAccepted"), time("2026-11-23T01:00:00Z"));
}

#[test]
fn members_that_are_replaced_are_a_roll_out_though_all_are_ready() {
    let mut cache = tier(Tier::Cache, "cache", 3, 3);
    cache.rolled = false;
    let conditions = look(&facts(vec![tier(Tier::Web, "web", 1, 1), cache]), &[]);
    let told = conditions.iter().find(|c| c.type_ == "Reconciling").unwrap();
    assert_eq!((told.status.as_str(), told.reason.as_str()), ("True", "RollingOut"));
    assert_eq!(told.message, "cache: 3 of 3 ready, a roll-out is under way");
    assert_eq!(status(&conditions, "Degraded").0, "False");
}

#[test]
fn a_refused_spec_stalls_and_keeps_serving() {
    let ready = look(&facts(vec![tier(Tier::Web, "web", 1, 1)]), &[]);
    let mut refused = facts(vec![tier(Tier::Web, "web", 1, 1)]);
    refused.refusal =
        Some(Trouble { class: Class::Permanent, reason: "SpecInvalid", message: "spec.x is wrong".to_owned() });
    let conditions = look(&refused, &ready);
    assert_eq!(status(&conditions, "Ready").0, "True");
    assert_eq!(status(&conditions, "PlanAccepted"), ("False".into(), "SpecInvalid".into()));
    assert_eq!(status(&conditions, "Stalled"), ("True".into(), "SpecInvalid".into()));
    assert_eq!(status(&conditions, "Reconciling").0, "False");
}

#[test]
fn a_database_that_takes_no_writes_is_not_ready_and_its_safety_is_the_engines_word() {
    let mut facts = facts(vec![tier(Tier::Database, "database", 3, 3)]);
    let safety = Safety { status: Some(false), reason: "NoSynchronousStandby", message: "writes wait".to_owned() };
    facts.database = Some(DatabaseFacts { serves: false, summary: None, safety });
    let conditions = look(&facts, &[]);
    assert_eq!(status(&conditions, "DataSafe"), ("False".into(), "NoSynchronousStandby".into()));
    assert_eq!(status(&conditions, "Ready").0, "False");
    facts.database.as_mut().unwrap().serves = true;
    assert_eq!(status(&look(&facts, &[]), "Ready").0, "True");
}

#[test]
fn a_cache_a_proxy_or_workers_that_are_down_only_degrade() {
    for (kind, name) in [(Tier::Cache, "cache"), (Tier::Proxy, "proxy"), (Tier::Worker, "video")] {
        let conditions = look(&facts(vec![tier(Tier::Web, "web", 1, 1), tier(kind, name, 3, 0)]), &[]);
        assert_eq!(status(&conditions, "Ready"), ("True".into(), "Serving".into()), "{name}");
        assert_eq!(status(&conditions, "Degraded"), ("True".into(), "MembersMissing".into()), "{name}");
    }
}

#[test]
fn a_queue_serves_with_a_majority_and_a_router() {
    let queue = |ready: i32, routers: i32| TierFacts {
        needed: 2,
        router: Some(RouterFacts { wanted: 2, ready: routers }),
        ..tier(Tier::Queue, "queue", 3, ready)
    };
    let ready = look(&facts(vec![queue(3, 2)]), &[]);
    assert_eq!(status(&ready, "Ready").0, "True");
    for (members, routers, serves) in [(2, 2, "True"), (1, 2, "False"), (3, 1, "True"), (3, 0, "False")] {
        let conditions = look(&facts(vec![queue(members, routers)]), &ready);
        assert_eq!(status(&conditions, "Ready").0, serves, "{members} members, {routers} routers");
        assert_eq!(status(&conditions, "Degraded").0, "True", "{members} members, {routers} routers");
    }
}

#[test]
fn a_queue_that_confirms_nothing_is_not_ready_and_an_alarm_degrades() {
    let mut facts = facts(vec![tier(Tier::Queue, "queue", 3, 3)]);
    facts.queue =
        Some(Health { serves: true, lack: Some("publishers wait: memory of shop-queue-0".into()), left: None });
    assert_eq!(status(&look(&facts, &[]), "Ready"), ("False".into(), "Starting".into()), "not yet");
    let whole = Facts { queue: None, ..facts.clone() };
    let conditions = look(&facts, &look(&whole, &[]));
    assert_eq!(status(&conditions, "Ready").0, "True");
    assert_eq!(status(&conditions, "Degraded"), ("True".into(), "QueueImpaired".into()));
    facts.queue = Some(Health { serves: false, lack: Some("no majority of the members".into()), left: None });
    assert_eq!(status(&look(&facts, &conditions), "Ready"), ("False".into(), "TierDown".into()));
}

#[test]
fn there_is_exactly_one_ready_and_messages_are_bounded() {
    let mut web = tier(Tier::Web, "web", 1, 0);
    web.blocked = Some("ü".repeat(3000));
    let conditions = look(&facts(vec![web]), &[]);
    assert_eq!(conditions.iter().filter(|c| c.type_ == "Ready").count(), 1);
    assert!(conditions.iter().all(|c| c.message.len() <= LONGEST));
}
