//! Shared by the tests of the plan: samples, specs and golden files.
//!
//! `UPDATE_GOLDEN=1 cargo test` writes the golden files instead of comparing them.
#![allow(dead_code)]

use std::path::{Path, PathBuf};

use scaledapp::api::ScaledApp;
use scaledapp::domain::{Environment, ValidApp, validate};
use scaledapp::planner::{Catalogue, Plan, RecordedPlan, effective, plan};

/// A path in the repository. Cargo runs a test there; a path of the build would be another clone's when the
/// target directory is shared.
pub fn root(path: &str) -> PathBuf {
    Path::new(".").join(path)
}

pub fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The ScaledApp of a sample of `manifests/samples`; others of its documents are passed over.
pub fn sample(name: &str) -> ScaledApp {
    let text = read(&format!("manifests/samples/{name}.yaml"));
    let documents = text.split("\n---\n").filter(|document| document.contains("kind: ScaledApp\n"));
    serde_yaml::from_str(documents.last().unwrap()).unwrap()
}

/// A spec of YAML, as application `app`.
pub fn app(spec: &str) -> ScaledApp {
    ScaledApp::new("app", serde_yaml::from_str(spec).unwrap())
}

pub fn valid(app: &ScaledApp) -> ValidApp {
    let name = app.metadata.name.as_deref().unwrap();
    validate(name, "default", None, &app.spec, &Environment::default())
        .unwrap_or_else(|problems| panic!("{problems:#?}"))
}

pub fn planned(app: &ScaledApp) -> Plan {
    planned_after(app, None)
}

pub fn planned_after(app: &ScaledApp, previous: Option<&RecordedPlan>) -> Plan {
    plan(&valid(app), &Catalogue::builtin(), &Environment::default(), previous)
}

/// What the controller records of a plan.
pub fn recorded(app: &ScaledApp, plan: &Plan, previous: Option<&RecordedPlan>) -> RecordedPlan {
    let installed = effective(&valid(app), plan, previous);
    RecordedPlan::new(plan, installed.spec, plan.images.clone(), plan.catalogue.clone())
}

/// Compares with a file of `tests/golden`.
pub fn golden(name: &str, text: &str) {
    let path = root("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(expected == text, "{name} differs; look at it, then UPDATE_GOLDEN=1 cargo test\n--- is\n{text}");
}

/// Text without terminal styles.
pub fn plain(text: &str) -> String {
    anstream::adapter::strip_str(text).to_string()
}

/// Compares with the part of a document between its markers `<!-- name -->` and `<!-- end of name -->`, which
/// `UPDATE_GOLDEN=1` writes.
pub fn documented(path: &str, name: &str, text: &str) {
    // Tests of one binary run side by side, and several of them write to one document.
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let document = read(path);
    let (before, rest) = document.split_once(&begin).unwrap_or_else(|| panic!("{path} has no marker {name}"));
    let (is, after) = rest.split_once(&end).unwrap_or_else(|| panic!("{path} has no end of {name}"));
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(root(path), format!("{before}{begin}{text}{end}{after}")).unwrap();
        return;
    }
    assert!(is == text, "{name} of {path} differs; look at it, then UPDATE_GOLDEN=1 cargo test\n--- is\n{text}");
}
