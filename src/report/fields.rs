//! The spec's fields with type, default, grade and source, read from the schema with every description.

use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{JSONSchemaProps, JSONSchemaPropsOrArray};

use super::close::close;
use super::constants::constant_names;
use super::text::{DIM, HEAD, columns, styled, wrapped};
use crate::api::crd::documented;
use crate::domain::defaults::{self, DefaultLine};

/// One field of the spec.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldDoc {
    /// Its path, such as `spec.services[].port`.
    pub path: String,
    /// Its type with its bounds.
    pub kind: String,
    /// What it is for.
    pub description: String,
    /// Whether its parent requires it.
    pub required: bool,
    /// Whether fields lie below it.
    pub branch: bool,
}

/// All fields of the spec, depth first, in the order of the schema.
#[must_use]
pub fn fields() -> Vec<FieldDoc> {
    let mut found = Vec::new();
    let crd = documented();
    for version in &crd.spec.versions {
        let root = version.schema.as_ref().and_then(|s| s.open_api_v3_schema.as_ref());
        if let Some(spec) = root.and_then(|r| r.properties.as_ref()).and_then(|p| p.get("spec")) {
            collect("spec", spec, true, &mut found);
        }
    }
    found
}

/// Kubernetes' own types are documented there.
const FOREIGN: [&str; 3] = ["env", "envFrom", "annotations"];

fn collect(path: &str, schema: &JSONSchemaProps, required: bool, found: &mut Vec<FieldDoc>) {
    let last = path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]");
    let inner = if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items { item } else { schema };
    let children = inner.properties.as_ref().filter(|_| !FOREIGN.contains(&last));
    let description = schema.description.clone().unwrap_or_default().replace('\n', " ");
    found.push(FieldDoc {
        path: path.to_owned(),
        kind: kind(schema),
        description,
        required,
        branch: children.is_some(),
    });
    let path = if schema.items.is_some() { format!("{path}[]") } else { path.to_owned() };
    for (name, child) in children.into_iter().flatten() {
        let required = inner.required.as_ref().is_some_and(|names| names.contains(name));
        collect(&format!("{path}.{name}"), child, required, found);
    }
}

fn kind(schema: &JSONSchemaProps) -> String {
    if let Some(values) = &schema.enum_ {
        let names: Vec<&str> = values.iter().filter_map(|value| value.0.as_str()).collect();
        return names.join(" | ");
    }
    if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
        let most = schema.max_items.map(|most| format!(", at most {most}")).unwrap_or_default();
        return format!("list of {}{most}", kind(item));
    }
    let name = schema.type_.as_deref().unwrap_or("object");
    match (schema.minimum, schema.maximum, schema.max_length) {
        (Some(low), Some(high), _) => format!("{name} from {low} to {high}"),
        (_, _, Some(most)) => format!("{name} of at most {most} characters"),
        _ if schema.additional_properties.is_some() => "map of strings".to_owned(),
        _ => name.to_owned(),
    }
}

fn default_of(path: &str) -> Option<DefaultLine> {
    defaults::table().into_iter().find(|line| line.field == path)
}

/// The tree of all fields with their defaults.
#[must_use]
pub fn explain_tree() -> String {
    let mut rows = Vec::new();
    for field in fields() {
        let depth = field.path.matches('.').count();
        let name = field.path.rsplit('.').next().unwrap_or_default().to_owned();
        let name = if field.kind.starts_with("list") { format!("{name}[]") } else { name };
        let shown = match default_of(&field.path) {
            Some(line) => format!("default {}", line.value),
            None if field.required => "required".to_owned(),
            None => String::new(),
        };
        let kind = if field.branch { String::new() } else { field.kind };
        rows.push(vec![format!("{}{name}", "  ".repeat(depth)), kind, shown]);
    }
    let mut text = columns(&rows, &[], 0);
    let hint = "\nscaledapp explain FIELD tells what one is for, with the grade and the source of its default; \
                scaledapp explain constants lists what the planner takes as given.";
    let _ = writeln!(text, "{}", styled(DIM, hint));
    text
}

/// One field, found by its path with or without `spec.`, `[]` and the place in a list; its parts below it.
///
/// # Errors
/// The closest fields and constants, when there is none of that name.
pub fn explain_field(wanted: &str) -> Result<String, Vec<String>> {
    let plain = |path: &str| {
        let parts = path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest));
        parts.collect::<String>().trim_start_matches("spec.").to_owned()
    };
    let all = fields();
    let exact = all.iter().find(|field| plain(&field.path) == plain(wanted) || field.path == wanted);
    let Some(field) = exact.or_else(|| only_by_name(&all, wanted)) else {
        let last = wanted.rsplit('.').next().unwrap_or(wanted);
        let constants = constant_names();
        let names = all.iter().map(|field| field.path.as_str()).chain(constants);
        return Err(close(last, names));
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}  {}", styled(HEAD, &field.path), field.kind);
    let _ = writeln!(text, "  {}", wrapped(&field.description, 2));
    if field.required {
        let _ = writeln!(text, "  required");
    }
    if let Some(line) = default_of(&field.path) {
        let grade = line.grade.map_or_else(|| "a choice".to_owned(), |grade| format!("evidence of grade {grade}"));
        let _ = writeln!(text, "  default: {}", line.value);
        let _ = writeln!(text, "  {}", styled(DIM, &wrapped(&format!("{grade}: {}", line.source), 2)));
    }
    let prefix = format!("{}.", field.path);
    let listed = format!("{}[].", field.path);
    let below: Vec<Vec<String>> = all
        .iter()
        .filter_map(|f| Some((f, f.path.strip_prefix(&prefix).or_else(|| f.path.strip_prefix(&listed))?)))
        .map(|(f, rest)| {
            vec![rest.to_owned(), default_of(&f.path).map(|l| format!("default {}", l.value)).unwrap_or_default()]
        })
        .collect();
    if !below.is_empty() {
        let _ = writeln!(text);
        text.push_str(&columns(&below, &[], 2));
    }
    Ok(text)
}

/// The one field of this last name, if only one has it.
fn only_by_name<'a>(all: &'a [FieldDoc], wanted: &str) -> Option<&'a FieldDoc> {
    let mut named = all.iter().filter(|field| field.path.rsplit('.').next() == Some(wanted));
    let first = named.next();
    first.filter(|_| named.next().is_none())
}
