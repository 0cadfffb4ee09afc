//! Every leaf of the spec has an effect, and a test that shows it.
//!
//! `tests/crd-leaves.txt` names for each field a test function of this repository. A field without a line, a line
//! without a field and a test that does not exist are failures: a version serves only fields it acts on.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use scaledapp::report::fields::fields;

/// All test functions below a folder, by name.
fn tests(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("cluster") {
            tests(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.lines().filter_map(|line| {
                line.trim_start().trim_start_matches("pub ").trim_start_matches("async ").strip_prefix("fn ")
            });
            found.extend(names.filter_map(|rest| rest.split('(').next()).map(str::to_owned));
        }
    }
}

#[test]
fn every_field_has_a_test_of_its_effect() {
    let table = common::read("tests/crd-leaves.txt");
    let named: BTreeMap<&str, &str> = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once(char::is_whitespace).map(|(field, test)| (field, test.trim())).unwrap())
        .collect();
    let leaves: BTreeSet<String> = fields().into_iter().filter(|field| !field.branch).map(|field| field.path).collect();
    let mut known = BTreeSet::new();
    tests(&common::root("tests"), &mut known);
    tests(&common::root("src"), &mut known);
    let missing: Vec<_> = leaves.iter().filter(|leaf| !named.contains_key(leaf.as_str())).collect();
    let stale: Vec<_> = named.keys().filter(|field| !leaves.contains(**field)).collect();
    let controller = common::root("src/controller").exists();
    let missed = |test: &str| match test.strip_prefix('@') {
        Some(later) => controller && !known.contains(later),
        None => !known.contains(test),
    };
    let unknown: Vec<_> = named.iter().filter(|(_, test)| missed(test)).collect();
    assert!(
        missing.is_empty() && stale.is_empty() && unknown.is_empty(),
        "fields without a line {missing:#?}, lines without a field {stale:?}, tests that are not there {unknown:#?}"
    );
}
