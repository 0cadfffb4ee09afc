//! The rooms of `src` know only what lies before them: `api -> domain -> planner -> resources -> controller`.

mod common;

use std::fs;
use std::path::Path;

/// Rooms, with the rooms that each may use.
const ROOMS: [(&str, &[&str]); 6] = [
    ("api", &[]),
    ("domain", &["api"]),
    ("planner", &["api", "domain"]),
    ("resources", &["api", "domain", "planner"]),
    ("report", &["api", "domain", "planner", "resources"]),
    ("agent", &["api", "domain"]),
];

/// What only the rooms at the ends may use: the client, clocks and randomness.
const PURE: [&str; 5] = ["api", "domain", "planner", "resources", "report"];
const IMPURE: [&str; 6] = ["kube::Client", "kube::Api", "SystemTime", "Instant::now", "std::env::", "rand::"];

fn files(folder: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file's code names as `crate::room`.
fn used(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_owned())
        .filter(|room| !room.is_empty())
        .collect()
}

#[test]
fn rooms_know_only_what_lies_before_them() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        let mut found = Vec::new();
        files(&common::root("src").join(room), &mut found);
        assert!(!found.is_empty(), "no room {room}");
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            for other in used(&text) {
                if other != room && !allowed.contains(&other.as_str()) {
                    wrong.push(format!("{} uses {other}", path.display()));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn pure_rooms_have_no_client_clock_or_chance() {
    let mut wrong = Vec::new();
    for room in PURE {
        let mut found = Vec::new();
        files(&common::root("src").join(room), &mut found);
        for path in found {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            wrong.extend(
                IMPURE.iter().filter(|name| code.contains(*name)).map(|name| format!("{} uses {name}", path.display())),
            );
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
