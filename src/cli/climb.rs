//! `scaledapp plan -f FILE --users 1k,10k,100k`: the climb.

use std::io::Write;

use serde_json::{Value, json};

use super::CliError;
use super::input::Document;
use super::plan::{Form, print};
use crate::domain::Environment;
use crate::planner::climb::{Climb, Subject, climb};
use crate::planner::{Catalogue, Finding, FindingKind, RecordedPlan, Severity};
use crate::report::{climb_table, findings};

/// What all steps start from.
pub(super) struct Ground<'a> {
    /// The first line of the output.
    pub note: &'a str,
    /// Namespace of documents that name none.
    pub namespace: &'a str,
    pub catalogue: &'a Catalogue,
    pub environment: &'a Environment,
    pub previous: Option<&'a RecordedPlan>,
}

/// Plans every document at each number of users.
pub(super) fn run(documents: Vec<Document>, users: &[u64], ground: &Ground<'_>, form: Form) -> Result<(), CliError> {
    let climbs: Vec<(String, Result<Climb, Finding>)> =
        documents.into_iter().map(|document| (document.name.clone(), climbed(document, users, ground))).collect();
    if form == Form::Table {
        let mut out = anstream::stdout();
        writeln!(out, "{}", ground.note)?;
        for (name, climb) in &climbs {
            writeln!(out)?;
            match climb {
                Ok(climb) => write!(out, "{}", climb_table(climb))?,
                Err(finding) => write!(out, "{name}: refused\n{}", findings(std::slice::from_ref(finding)))?,
            }
        }
    } else {
        anstream::eprintln!("{}", ground.note);
        print(form, climbs.iter().map(json_of))?;
    }
    let mut none = false;
    for (name, climb) in &climbs {
        if climb.as_ref().map_or(true, |climb| climb.steps.iter().all(|step| !step.met)) {
            none = true;
            anstream::eprintln!("{name} cannot be planned for any of these numbers of users; nothing was written.");
        }
    }
    if none { Err(CliError::Refused) } else { Ok(()) }
}

fn climbed(document: Document, users: &[u64], ground: &Ground<'_>) -> Result<Climb, Finding> {
    let app = document
        .app
        .map_err(|problem| Finding::new(Severity::Error, FindingKind::InvalidSpec, problem.field, problem.message))?;
    let namespace = app.metadata.namespace.as_deref().unwrap_or(ground.namespace);
    let subject = Subject { name: &document.name, namespace, spec: &app.spec };
    Ok(climb(subject, ground.catalogue, ground.environment, ground.previous, users))
}

fn json_of((name, climb): &(String, Result<Climb, Finding>)) -> Value {
    match climb {
        Ok(climb) => json!(climb),
        Err(finding) => json!({"app": name, "findings": [finding]}),
    }
}
