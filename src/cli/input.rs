//! Reads what the offline commands are given: specs, environment, recorded plans.

use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use serde_yaml::Value;

use super::{CliError, typed};
use crate::api::ScaledApp;
use crate::domain::{Environment, Observed, Problem, validate_observed};
use crate::planner::{Catalogue, PriceTable, RecordedPlan};

/// One `ScaledApp` of a file, or what is wrong with its form.
pub struct Document {
    /// Its name, as far as it can be read.
    pub name: String,
    /// The resource, or why it is none.
    pub app: Result<Box<ScaledApp>, Problem>,
}

/// A file's text; `-` is the standard input.
///
/// # Errors
/// When it cannot be read.
pub fn read(path: &Path) -> Result<String, CliError> {
    let failed = |error: std::io::Error| CliError::Usage(format!("cannot read {}: {error}", path.display()));
    if path.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(failed)?;
        return Ok(text);
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// All `ScaledApp` documents of a text; other kinds are passed over, and named.
///
/// # Errors
/// When the text is no YAML, or holds no `ScaledApp`.
pub fn documents(text: &str, origin: &Path) -> Result<(Vec<Document>, Vec<String>), CliError> {
    let mut documents = Vec::new();
    let mut others = Vec::new();
    let typed = serde_yaml::Deserializer::from_str(text);
    for (plain, typed) in serde_yaml::Deserializer::from_str(text).zip(typed) {
        let value = Value::deserialize(plain)
            .map_err(|error| CliError::Usage(format!("{} is no YAML: {error}", origin.display())))?;
        if value.is_null() {
            continue;
        }
        let text_of = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (version, kind) = (text_of("apiVersion"), text_of("kind"));
        if kind != "ScaledApp" {
            others.push(if kind.is_empty() { "a document without kind".to_owned() } else { kind });
            continue;
        }
        let metadata = value.get("metadata").and_then(|m| m.get("name")).and_then(Value::as_str);
        documents.push(Document { name: metadata.unwrap_or_default().to_owned(), app: parse(&value, &version, typed) });
    }
    if documents.is_empty() {
        return Err(CliError::Usage(format!(
            "{} holds no ScaledApp: write one with apiVersion: scaledapp.dev/v1alpha1 and kind: ScaledApp",
            origin.display()
        )));
    }
    Ok((documents, others))
}

fn parse(value: &Value, version: &str, document: serde_yaml::Deserializer<'_>) -> Result<Box<ScaledApp>, Problem> {
    let expected = format!("{}/{}", crate::api::GROUP, crate::api::VERSION);
    if version != expected {
        return Err(problem("apiVersion", format!("apiVersion is {version:?}: write {expected}.")));
    }
    let known = ["apiVersion", "kind", "metadata", "spec", "status"];
    let unknown = value.as_mapping().into_iter().flatten().find_map(|(key, _)| {
        let key = key.as_str().unwrap_or_default();
        (!known.contains(&key)).then(|| key.to_owned())
    });
    if let Some(key) = unknown {
        return Err(problem(
            &key,
            format!("{key} is no field of a ScaledApp: what an application must bear is written below spec."),
        ));
    }
    let app = ScaledApp::deserialize(document).map_err(|error| {
        let text = error.to_string();
        let field =
            text.split(": ").next().filter(|head| head.starts_with("spec") && !head.contains(' ')).unwrap_or("spec");
        let why = if text.contains("unknown field") { unserved(field) } else { "" };
        let told = typed::told(&text);
        problem(field, format!("{told}.{why} 'scaledapp explain {field}' shows the fields that there are."))
    })?;
    let known = serde_yaml::to_value(&app).unwrap_or_default();
    if let Some((field, text)) = typed::unquoted("", value, &known) {
        let message =
            format!("{field} is {text} without quotes: write \"{text}\", since Kubernetes takes only text here.");
        return Err(problem(&field, message));
    }
    Ok(Box::new(app))
}

/// Why a field that Kubernetes has is not served.
fn unserved(field: &str) -> &'static str {
    let last = field.rsplit('.').next().unwrap_or(field);
    if last.starts_with("volumes[") {
        " Pods of the application keep no data: a volume is one of emptyDir, configMap, secret and projected."
    } else {
        ""
    }
}

fn problem(field: &str, message: String) -> Problem {
    Problem { field: field.to_owned(), message }
}

/// The environment of a file; the default one without a file.
///
/// # Errors
/// When the file cannot be read or is no environment.
pub fn environment(path: Option<&Path>) -> Result<Environment, CliError> {
    let Some(path) = path else { return Ok(Environment::default()) };
    serde_yaml::from_str(&read(path)?)
        .map_err(|error| CliError::Usage(format!("{} is no environment: {error}", path.display())))
}

/// The catalogue of this release, with the prices of a file where there is one.
///
/// # Errors
/// When the file cannot be read or is no table of prices.
pub fn catalogue(prices: Option<&Path>) -> Result<Catalogue, CliError> {
    let mut catalogue = Catalogue::builtin();
    if let Some(path) = prices {
        catalogue.prices =
            PriceTable::parse(&read(path)?).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?;
    }
    Ok(catalogue)
}

/// Measured figures of a file.
///
/// # Errors
/// When the file cannot be read, and everything that is wrong with the figures.
pub fn observed(path: &Path) -> Result<Observed, CliError> {
    validate_observed(&read(path)?).map_err(|problems| {
        let told: Vec<String> = problems.into_iter().map(|problem| problem.message).collect();
        CliError::Usage(format!("{}: {}", path.display(), told.join(" ")))
    })
}

/// The recorded plan of a file: as `plan -o recorded` writes it, or a `ControllerRevision` that holds one. It must be a plan of `name`:
/// from another application's sizes nothing would start that runs.
///
/// # Errors
/// When the file cannot be read, holds no recorded plan, or one of another application.
pub fn recorded(path: &Path, name: &str) -> Result<RecordedPlan, CliError> {
    let failed =
        |error: serde_yaml::Error| CliError::Usage(format!("{} holds no recorded plan: {error}", path.display()));
    let value: Value = serde_yaml::from_str(&read(path)?).map_err(failed)?;
    let is_revision = value.get("kind").and_then(Value::as_str) == Some("ControllerRevision");
    let of = if is_revision { owner(&value) } else { value.get("app") }.and_then(Value::as_str).map(str::to_owned);
    if let Some(other) = of.filter(|of| of != name) {
        return Err(CliError::Usage(format!("{} is a plan of {other}, and the file holds {name}", path.display())));
    }
    let data = if is_revision { value.get("data").cloned().unwrap_or_default() } else { value };
    serde_yaml::from_value(data).map_err(failed)
}

/// Name of the application whose `ControllerRevision` this is.
fn owner(revision: &Value) -> Option<&Value> {
    let owners = revision.get("metadata")?.get("ownerReferences")?.as_sequence()?;
    owners.iter().find(|owner| owner.get("kind").and_then(Value::as_str) == Some("ScaledApp"))?.get("name")
}
