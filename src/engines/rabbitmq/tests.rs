use serde_json::json;

use super::*;
use crate::resources::queue_config::Declared;

fn nodes(running: &[bool]) -> Vec<Node> {
    let node =
        |(i, running): (usize, &bool)| Node { name: format!("rabbit@q-{i}.x"), running: *running, drained: false };
    running.iter().enumerate().map(node).collect()
}

fn queue(online: usize, leader: usize) -> Queue {
    Queue { kind: "quorum".into(), members: 3, online, leader: format!("rabbit@q-{leader}.x"), messages: 7 }
}

fn declared(name: &str) -> Declared {
    Declared { name: name.into(), policy: json!({"max-length": 10}) }
}

fn state(queues: &[(&str, Queue)]) -> QueueState {
    QueueState {
        nodes: nodes(&[true, true, true]),
        queues: queues.iter().map(|(name, queue)| ((*name).to_owned(), queue.clone())).collect(),
        policies: queues.iter().map(|(name, _)| ((*name).to_owned(), declared(name).policy_body())).collect(),
        alarms: None,
    }
}

#[test]
fn what_is_declared_and_there_needs_no_change() {
    let state = state(&[("video", queue(3, 0))]);
    assert_eq!(changes(&state, &[declared("video")], 0), []);
    assert_eq!(health(&state, &[declared("video")], 3), Health { serves: true, lack: None, left: None });
}

#[test]
fn a_policy_comes_before_its_queue_and_nothing_is_told_to_a_minority() {
    let mut state = state(&[]);
    let told = changes(&state, &[declared("mail")], 0);
    assert!(matches!(&told[..], [Change::Policy { .. }, Change::Queue { name }] if name == "mail"));
    assert!(!health(&state, &[declared("mail")], 3).serves);
    state.nodes = nodes(&[true, false, false]);
    assert_eq!(changes(&state, &[declared("mail")], 0), []);
}

#[test]
fn a_changed_limit_changes_the_policy_alone() {
    let state = state(&[("video", queue(3, 0))]);
    let wanted = Declared { name: "video".into(), policy: json!({"max-length": 20}) };
    assert_eq!(
        changes(&state, std::slice::from_ref(&wanted), 0),
        [Change::Policy { name: "video".into(), body: wanted.policy_body() }]
    );
}

#[test]
fn a_queue_that_is_no_longer_declared_is_named_and_left() {
    let state = state(&[("video", queue(3, 0)), ("old", queue(3, 1))]);
    assert_eq!(changes(&state, &[declared("video")], 0), []);
    let left = health(&state, &[declared("video")], 3).left.unwrap();
    assert!(left.contains("queue old") && left.contains("7 messages"), "{left}");
}

#[test]
fn a_lost_member_degrades_and_a_lost_majority_stops() {
    let mut state = state(&[("video", queue(2, 0))]);
    state.nodes = nodes(&[true, true, false]);
    let found = health(&state, &[declared("video")], 3);
    assert!(found.serves && found.lack.unwrap().contains("2 of 3"));
    state.queues.insert("video".into(), queue(1, 0));
    assert!(!health(&state, &[declared("video")], 3).serves);
}

#[test]
fn an_alarm_is_said() {
    let state = QueueState { alarms: Some("memory of q-0".into()), ..state(&[("video", queue(3, 0))]) };
    let found = health(&state, &[declared("video")], 3);
    assert!(found.serves && found.lack.unwrap().contains("publishers wait: memory of q-0"));
}

#[test]
fn leaders_are_spread_once_all_members_are_back() {
    let lopsided = [("a", queue(3, 0)), ("b", queue(3, 0)), ("c", queue(3, 1))];
    let wanted: Vec<Declared> = ["a", "b", "c"].map(declared).into();
    assert_eq!(changes(&state(&lopsided), &wanted, 0), [Change::Rebalance]);
    let spread = [("a", queue(3, 0)), ("b", queue(3, 2)), ("c", queue(3, 1))];
    assert_eq!(changes(&state(&spread), &wanted, 0), []);
    let missing = [("a", queue(3, 0)), ("b", queue(2, 0)), ("c", queue(3, 1))];
    assert_eq!(changes(&state(&missing), &wanted, 0), []);
}

#[test]
fn a_queue_is_whole_when_every_member_runs_and_holds_it() {
    assert!(state(&[("video", queue(3, 0))]).is_whole());
    assert!(!state(&[("video", queue(2, 0))]).is_whole(), "a copy is missing");
    assert!(state(&[("video", Queue { kind: "classic".into(), ..queue(1, 0) })]).is_whole(), "no copy will come");
    let mut lost = state(&[]);
    lost.nodes = nodes(&[true, true, false]);
    assert!(!lost.is_whole(), "a member is away");
}

#[test]
fn a_queue_waits_for_the_members_that_are_about_to_join() {
    let mut state = state(&[]);
    state.nodes = nodes(&[true]);
    let told = changes(&state, &[declared("mail")], 2);
    assert!(matches!(&told[..], [Change::Policy { .. }]), "{told:?}");
    // A member that does not come in time is not waited for.
    assert!(changes(&state, &[declared("mail")], 0).contains(&Change::Queue { name: "mail".into() }));
}
