//! The decisions, over made-up moments.

use serde_json::json;

use super::decide::{How, Step, Wanted, next_step, safe_members};
use super::safety::{Truth, is_ready, safety, summary};
use super::state::{DatabaseState, Member, Report, Role};
use crate::domain::{Bytes, Millicores};
use crate::planner::{DatabaseSettings, Size};
use crate::resources::database_config;

const NEW: &str = "new";
const OLD: &str = "old";

fn settings() -> DatabaseSettings {
    let size = Size { cpu: Millicores(1000), memory: Bytes::gib(1), storage: Bytes::gib(10) };
    DatabaseSettings {
        max_connections: 100,
        shared_buffers: Bytes::mib(256),
        effective_cache_size: Bytes::mib(512),
        work_mem: Bytes::mib(4),
        maintenance_work_mem: Bytes::mib(64),
        max_wal_size: Bytes::gib(1),
        synchronous: true,
        ttl_seconds: 20,
        loop_wait_seconds: 5,
        retry_timeout_seconds: 7,
        postgres: size,
        agent: size,
    }
}

fn member(ordinal: u32, role: Role) -> Member {
    Member {
        name: format!("shop-database-{ordinal}"),
        uid: format!("uid-{ordinal}"),
        ordinal,
        ip: None,
        revision: NEW.to_owned(),
        ready: true,
        terminating: false,
        running: true,
        token_void: false,
        report: Some(Report {
            role,
            running: true,
            streaming: role == Role::Replica,
            synchronous: ordinal == 1,
            timeline: 3,
            position: 1 << 30,
            pending_restart: false,
            failsafe: false,
        }),
    }
}

/// Member 0 leads, member 1 is the synchronous standby.
fn three(settings: &DatabaseSettings) -> DatabaseState {
    DatabaseState {
        settled: true,
        replicas: 3,
        update_revision: NEW.to_owned(),
        members: vec![member(0, Role::Primary), member(1, Role::Replica), member(2, Role::Replica)],
        config: Some(database_config::dynamic(settings, 3, true)),
        pools: Vec::new(),
        pools_roll: false,
    }
}

fn one(settings: &DatabaseSettings) -> DatabaseState {
    let mut state = three(settings);
    state.members.truncate(1);
    state.replicas = 1;
    state.config = Some(database_config::dynamic(settings, 1, false));
    state
}

fn report(state: &mut DatabaseState, index: usize) -> &mut Report {
    state.members[index].report.as_mut().unwrap()
}

fn is_waiting(step: &Step) -> bool {
    matches!(step, Step::Wait(_))
}

fn name(ordinal: u32) -> String {
    format!("shop-database-{ordinal}")
}

#[test]
fn nothing_is_done_to_what_is_as_planned() {
    let settings = settings();
    assert_eq!(next_step(&three(&settings), &Wanted::new(&settings, 3)), Step::Done);
    assert_eq!(next_step(&one(&settings), &Wanted::new(&settings, 1)), Step::Done);
}

#[test]
fn nobody_is_restarted_while_the_pools_pods_come_and_go() {
    let settings = settings();
    let mut state = three(&settings);
    state.pools_roll = true;
    assert_eq!(next_step(&state, &Wanted::new(&settings, 3)), Step::Done);
    for stale in [2, 0] {
        let mut state = state.clone();
        OLD.clone_into(&mut state.members[stale].revision);
        assert!(is_waiting(&next_step(&state, &Wanted::new(&settings, 3))), "member {stale}");
    }
    let mut sole = one(&settings);
    OLD.clone_into(&mut sole.members[0].revision);
    sole.pools_roll = true;
    assert!(is_waiting(&next_step(&sole, &Wanted::new(&settings, 1))));
}

#[test]
fn a_new_template_rolls_replicas_first_the_synchronous_one_last_and_then_switches_over() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut state = three(&settings);
    for member in &mut state.members {
        OLD.clone_into(&mut member.revision);
    }
    assert_eq!(next_step(&state, &wanted), Step::RestartReplica(name(2), How::NewPod));
    NEW.clone_into(&mut state.members[2].revision);
    assert_eq!(next_step(&state, &wanted), Step::RestartReplica(name(1), How::NewPod));
    NEW.clone_into(&mut state.members[1].revision);
    assert_eq!(next_step(&state, &wanted), Step::Switchover { leader: name(0), candidate: name(1) });
}

#[test]
fn nothing_is_restarted_while_any_member_is_unwell() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let spoil: [fn(&mut DatabaseState); 9] = [
        |state| state.members[2].ready = false,
        |state| state.members[2].report = None,
        |state| state.members[2].terminating = true,
        |state| report(state, 2).streaming = false,
        |state| report(state, 2).timeline = 2,
        |state| report(state, 2).position = 0,
        |state| report(state, 2).failsafe = true,
        |state| report(state, 1).synchronous = false,
        |state| drop(state.members.pop()),
    ];
    for (index, spoil) in spoil.into_iter().enumerate() {
        let mut state = three(&settings);
        OLD.clone_into(&mut state.members[0].revision);
        OLD.clone_into(&mut state.members[1].revision);
        spoil(&mut state);
        assert!(is_waiting(&next_step(&state, &wanted)), "case {index}");
    }
}

#[test]
fn nothing_is_done_without_exactly_one_primary() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut none = three(&settings);
    report(&mut none, 0).role = Role::Replica;
    assert!(is_waiting(&next_step(&none, &wanted)));
    let mut two = three(&settings);
    report(&mut two, 2).role = Role::Primary;
    assert!(is_waiting(&next_step(&two, &wanted)));
    assert!(is_waiting(&next_step(&DatabaseState::default(), &wanted)));
}

#[test]
fn a_changed_parameter_restarts_in_place_and_the_primary_leads_no_more_before_its_turn() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut state = three(&settings);
    for index in 0..3 {
        report(&mut state, index).pending_restart = true;
    }
    assert_eq!(next_step(&state, &wanted), Step::RestartReplica(name(2), How::InPlace));
    report(&mut state, 1).pending_restart = false;
    report(&mut state, 2).pending_restart = false;
    assert_eq!(next_step(&state, &wanted), Step::Switchover { leader: name(0), candidate: name(1) });
}

#[test]
fn the_only_member_is_restarted_behind_a_pause() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 1);
    let mut state = one(&settings);
    OLD.clone_into(&mut state.members[0].revision);
    assert_eq!(next_step(&state, &wanted), Step::RestartSole(name(0), How::NewPod));
}

#[test]
fn a_pod_in_which_nothing_runs_gets_the_new_template_at_once() {
    let settings = settings();
    let mut state = three(&settings);
    for member in &mut state.members {
        OLD.clone_into(&mut member.revision);
        member.report = None;
        member.running = false;
    }
    assert_eq!(next_step(&state, &Wanted::new(&settings, 3)), Step::Replace(name(0)));
    state.members[0].terminating = true;
    assert_eq!(next_step(&state, &Wanted::new(&settings, 3)), Step::Replace(name(1)));
}

#[test]
fn growing_turns_synchronous_on_only_when_two_replicas_follow() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut state = three(&settings);
    state.config = Some(database_config::dynamic(&settings, 3, false));
    report(&mut state, 2).streaming = false;
    assert!(is_waiting(&next_step(&state, &wanted)));
    assert_eq!(safety(&state, &wanted).reason, "SynchronousNotYet");
    report(&mut state, 2).streaming = true;
    let Step::Patch(change) = next_step(&state, &wanted) else { panic!("no patch") };
    assert_eq!(change["synchronous_mode"], json!(true));
    assert_eq!(change["synchronous_mode_strict"], json!(true));
}

#[test]
fn synchronous_stays_on_when_a_replica_is_lost_and_while_members_remain() {
    let settings = settings();
    let mut state = three(&settings);
    report(&mut state, 1).streaming = false;
    report(&mut state, 2).streaming = false;
    assert!(is_waiting(&next_step(&state, &Wanted::new(&settings, 3))));
    let shrunk = three(&settings);
    assert_eq!(next_step(&shrunk, &Wanted::new(&settings, 1)), Step::Done);
    assert!(safety(&shrunk, &Wanted::new(&settings, 1)).message.contains("shop-database-1"));
}

#[test]
fn members_are_added_but_not_taken_away() {
    assert_eq!(safe_members(1, 3), (3, None));
    assert_eq!(safe_members(0, 1), (1, None));
    let (kept, reason) = safe_members(3, 1);
    assert_eq!(kept, 3);
    assert!(reason.unwrap().contains("keeps its 3 members"));
}

#[test]
fn the_condition_tells_what_an_acknowledged_write_survives() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut state = three(&settings);
    assert_eq!(safety(&state, &wanted).status, Truth::True);
    assert!(is_ready(&state));
    assert_eq!(
        summary(&state),
        "primary shop-database-0; synchronous standby shop-database-1; following shop-database-2"
    );
    report(&mut state, 1).streaming = false;
    let safety_now = safety(&state, &wanted);
    assert_eq!((safety_now.status, safety_now.reason), (Truth::False, "NoSynchronousStandby"));
    assert!(!is_ready(&state));
    assert_eq!(safety(&one(&settings), &Wanted::new(&settings, 1)).reason, "OneCopy");
    assert_eq!(safety(&DatabaseState::default(), &wanted).status, Truth::Unknown);
}

#[test]
fn a_members_answer_is_read_as_patroni_writes_it() {
    let primary = json!({"state": "running", "role": "primary", "timeline": 2, "xlog": {"location": 83_886_408_u64},
        "pending_restart": true, "patroni": {"name": "shop-database-0"}});
    let expected = Report {
        role: Role::Primary,
        running: true,
        streaming: false,
        synchronous: false,
        timeline: 2,
        position: 83_886_408,
        pending_restart: true,
        failsafe: false,
    };
    assert_eq!(Report::parse(&primary), Some(expected));
    let replica = json!({"state": "running", "role": "replica", "timeline": 2, "replication_state": "streaming",
        "sync_standby": true, "xlog": {"received_location": 9, "replayed_location": 8}});
    let read = Report::parse(&replica).unwrap();
    assert!(read.streaming && read.synchronous && read.position == 8);
    assert_eq!(Report::parse(&json!({"error": "no"})), None);
}

#[test]
fn members_with_void_tokens_are_replaced_one_after_the_other() {
    let settings = settings();
    let wanted = Wanted::new(&settings, 3);
    let mut state = three(&settings);
    for member in &mut state.members {
        member.token_void = true;
        member.report = None;
    }
    assert_eq!(next_step(&state, &wanted), Step::Replace("shop-database-0".to_owned()));
    state.members[0].terminating = true;
    assert!(matches!(next_step(&state, &wanted), Step::Wait(_)), "the next one waits for it");
    state.members[0].terminating = false;
    state.members[0].token_void = false;
    state.members[0].ready = false;
    assert!(matches!(next_step(&state, &wanted), Step::Wait(_)), "until it is back");
    state.members[0].ready = true;
    assert_eq!(next_step(&state, &wanted), Step::Replace("shop-database-1".to_owned()));
    state.members.pop();
    assert!(matches!(next_step(&state, &wanted), Step::Wait(_)), "all pods have to be there");
}
