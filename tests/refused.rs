//! Specs that are refused, each with the sentence that says what to change.
//!
//! The first line of each file names who refuses it first: the API server by the schema or by a CEL rule, or
//! only the operator. The rules of the CRD are told by the operator as well, since a command line has no API server.

mod common;

use std::fmt::Write;

use common::{golden, read, root};
use scaledapp::cli::input::documents;
use scaledapp::domain::{Environment, validate};
use scaledapp::planner::{Catalogue, Severity, plan};

/// Everything that is told about a spec.
fn told(text: &str) -> Vec<(String, String)> {
    let (mut documents, _) = documents(text, "-".as_ref()).unwrap();
    let document = documents.remove(0);
    let app = match document.app {
        Ok(app) => app,
        Err(problem) => return vec![(problem.field, problem.message)],
    };
    let environment = Environment::default();
    match validate(&document.name, "default", None, &app.spec, &environment) {
        Err(problems) => problems.into_iter().map(|problem| (problem.field, problem.message)).collect(),
        Ok(valid) => plan(&valid, &Catalogue::builtin(), &environment, None)
            .findings
            .into_iter()
            .filter(|finding| finding.severity == Severity::Error)
            .map(|finding| (finding.field, finding.message))
            .collect(),
    }
}

#[test]
fn every_wrong_spec_is_refused_with_a_sentence() {
    let mut names: Vec<String> = std::fs::read_dir(root("tests/refused"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 30, "{} specs", names.len());
    let mut table = String::new();
    for name in names {
        let text = read(&format!("tests/refused/{name}"));
        let by = text.lines().next().and_then(|line| line.strip_prefix("# refused by: ")).unwrap_or_default();
        assert!(["schema", "cel", "operator"].contains(&by), "{name}: {by:?}");
        let told = told(&text);
        assert!(!told.is_empty(), "{name} is accepted");
        let _ = writeln!(table, "{} ({by})", name.trim_end_matches(".yaml"));
        for (field, message) in told {
            assert!(message.ends_with('.') && message.len() > 20, "{name}: {message}");
            let _ = writeln!(table, "  {field}\n    {message}");
        }
    }
    golden("refused.txt", &table);
}

#[test]
fn several_problems_are_told_at_once() {
    assert!(told(&read("tests/refused/several-at-once.yaml")).len() >= 4);
}

#[test]
fn the_samples_are_not_refused() {
    for name in ["hello", "shop", "shop-whole", "large", "ladder", "external", "hello-python", "hello-node", "hello-go"]
    {
        assert_eq!(told(&read(&format!("manifests/samples/{name}.yaml"))), [], "{name}");
    }
}

#[test]
fn what_a_spec_may_say_is_not_refused() {
    for name in ["pods", "ranges", "split"] {
        assert_eq!(told(&read(&format!("tests/accepted/{name}.yaml"))), [], "{name}");
    }
}

/// A sentence about a field of a pod is the same for all that have pods.
#[test]
fn volumes_are_refused_alike_for_services_workers_and_cron_jobs() {
    let broken = read("tests/accepted/pods.yaml")
        .replace("mountPath: /tmp", "mountPath: /dev/shm")
        .replace("mountPath: /frames", "mountPath: /sys/frames")
        .replace("name: paper, mountPath: /paper", "name: papers, mountPath: /paper");
    let fields: Vec<String> = told(&broken).into_iter().map(|(field, _)| field).collect();
    assert_eq!(
        fields,
        [
            "spec.services[0].volumeMounts",
            "spec.workers[0].volumeMounts[0].mountPath",
            "spec.cronJobs[0].volumeMounts[0].name"
        ]
    );
}

#[test]
fn an_own_database_url_is_free_without_a_database() {
    let text = read("tests/refused/env-of-ours.yaml").replace("  database: {}\n", "");
    assert_eq!(told(&text), []);
}
