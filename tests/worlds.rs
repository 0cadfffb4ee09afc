//! Named worlds from a hobby page to a hundred million users: what `scaledapp plan` says of each, for people to read.
//!
//! A golden that a sceptical engineer would not nod at is a bug of the planner or of its words.

mod common;

use std::collections::BTreeSet;
use std::path::PathBuf;

use assert_cmd::Command;

const FEWEST_WORLDS: usize = 12;

/// Names of the worlds; `NAME.environment.yaml` beside one is its cluster, where it is not the usual one.
fn worlds() -> BTreeSet<String> {
    let names = std::fs::read_dir(common::root("tests/worlds")).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| name.strip_suffix(".yaml").map(str::to_owned)).filter(|name| !name.contains('.')).collect()
}

fn file(name: &str, suffix: &str) -> PathBuf {
    common::root(&format!("tests/worlds/{name}{suffix}.yaml"))
}

/// What the command prints, and its exit code.
fn planned(name: &str) -> (String, i32) {
    let mut command = Command::cargo_bin("scaledapp").unwrap();
    command.args(["plan", "-f"]).arg(file(name, ""));
    let environment = file(name, ".environment");
    if environment.exists() {
        command.arg("--environment").arg(environment);
    }
    let output = command.output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn every_world_is_planned_as_it_was_read() {
    let worlds = worlds();
    assert!(worlds.len() >= FEWEST_WORLDS, "{worlds:?}");
    for name in &worlds {
        common::golden(&format!("worlds/{name}.txt"), &planned(name).0);
    }
    let read = std::fs::read_dir(common::root("tests/golden/worlds")).unwrap().count();
    assert_eq!(read, worlds.len(), "a golden without its world");
}

/// The one world that cannot be met says so, and what would help is more than a larger machine.
#[test]
fn a_hundred_million_writers_are_refused_with_a_way_out() {
    let refused: Vec<String> = worlds().into_iter().filter(|name| planned(name).1 != 0).collect();
    assert_eq!(refused, ["messenger"]);
    let (text, code) = planned("messenger");
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(code, 1);
    for said in [
        "Error WritesAboveOnePrimary",
        "this version does not shard",
        "Split the users over",
        "spec.database.provider: External",
    ] {
        assert!(text.contains(said), "{said}: {text}");
    }
}
