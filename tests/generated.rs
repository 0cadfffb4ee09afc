//! Files that are made from the code are as the code makes them; `make generate` writes them.

mod common;

use std::fmt::Write;

use k8s_openapi::api::rbac::v1::{ClusterRole, PolicyRule, Role};
use serde::Deserialize;
use serde_json::Value;

use scaledapp::controller::rbac;
use scaledapp::domain::defaults;
use scaledapp::planner::Catalogue;
use scaledapp::planner::formulary::FORMULAE;
use scaledapp::report::fields::fields;

fn generated(path: &str, text: &str) {
    if std::env::var_os("SCALEDAPP_UPDATE").is_some() {
        let path = common::root(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        return;
    }
    assert!(std::fs::read_to_string(common::root(path)).is_ok_and(|is| is == text), "{path} is old: make generate");
}

#[test]
fn the_crd_is_generated_and_small() {
    let text = scaledapp::cli::crd::text().unwrap();
    assert!(text.len() < 200 * 1024, "the CRD has {} bytes", text.len());
    generated("crds/scaledapp.yaml", &text);
    generated("charts/scaledapp/crds/scaledapp.yaml", &text);
}

#[test]
fn the_constants_are_documented() {
    let catalogue = Catalogue::builtin();
    let mut text = format!(
        "# Constants and defaults\n\nGenerated from the code by `make generate`. Catalogue {}. Grades: A a primary source, B a page that \
         quotes one, C one narrow benchmark, D a judgement.\n\n## Constants of the planner\n\n| constant | value | unit | grade | source |\n|---|---|---|---|---|\n",
        catalogue.revision
    );
    for constant in catalogue.constants() {
        let value = (constant.value * 10_000.0).round() / 10_000.0;
        let _ = writeln!(
            text,
            "| {} | {value} | {} | {} | {} |",
            constant.name, constant.unit, constant.grade, constant.source
        );
    }
    let prices = &catalogue.prices;
    let _ = writeln!(
        text,
        "\n## Prices\n\n{}, in {}; `--prices FILE` takes others.\n\n| price | low | high | date | source |\n|---|---|---|---|---|",
        prices.name, prices.currency
    );
    let prices = [
        ("vCPU, month", &prices.cpu),
        ("GiB of memory, month", &prices.memory),
        ("GiB of volume, month", &prices.storage),
        ("GB to the users", &prices.egress),
    ];
    for (name, price) in prices {
        let _ = writeln!(text, "| {name} | {} | {} | {} | {} |", price.low, price.high, price.date, price.source);
    }
    text.push_str("\n## Defaults of the spec\n\n| field | default | grade | source |\n|---|---|---|---|\n");
    for line in defaults::table() {
        let grade = line.grade.map_or_else(|| "-".to_owned(), |grade| grade.to_string());
        let _ = writeln!(text, "| {} | {} | {grade} | {} |", line.field.replace("[]", "[ ]"), line.value, line.source);
    }
    generated("docs/constants.md", &text);
}

#[test]
fn the_fields_are_documented() {
    let mut text = String::from(
        "# Fields of a ScaledApp\n\nGenerated from the code by `make generate`. `[]` is one of a list; what is below `env`, `envFrom` and `annotations` is Kubernetes' own. \
         `scaledapp explain FIELD` says the same of one field, and where its default comes from.\n\n| field | type | default | what it is |\n|---|---|---|---|\n",
    );
    let defaults = defaults::table();
    let plain = |text: &str| text.replace('|', "\\|");
    for field in fields() {
        let default = defaults.iter().find(|line| line.field == field.path).map(|line| line.value.as_str());
        let default = default.unwrap_or(if field.required { "required" } else { "" });
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} |",
            field.path,
            plain(&field.kind),
            plain(default),
            plain(&field.description)
        );
    }
    generated("docs/fields.md", &text);
}

#[test]
fn the_formulae_are_documented() {
    let mut text = String::from(
        "# Formulae\n\nGenerated from the code by `make generate`. `scaledapp calc NAME INPUT=VALUE …` computes one; the planner calls the same functions. \
         How they hang together is in the [capacity model](capacity-model.md).\n\n| name | what | unit | formula | inputs and where it holds | source |\n|---|---|---|---|---|---|\n",
    );
    for formula in FORMULAE {
        let inputs: Vec<String> =
            formula.inputs.iter().map(|i| format!("`{}`: {}, {}", i.name, i.meaning, i.domain)).collect();
        let bounds = formula.at_most.iter().map(|(low, high)| format!("`{low}` at most `{high}`"));
        let inputs: Vec<String> = inputs.into_iter().chain(bounds).collect();
        let _ = writeln!(
            text,
            "| {} | {} | {} | `{}` | {} | {} |",
            formula.name,
            formula.meaning,
            formula.unit,
            formula.formula,
            inputs.join("; "),
            formula.source
        );
    }
    generated("docs/formulae.md", &text);
}

fn yaml(rules: &[PolicyRule]) -> String {
    serde_yaml::to_string(rules).unwrap()
}

fn role_template() -> String {
    format!(
        r#"# Made from the registry of kinds by `make generate`.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: scaledapp
  labels: {{{{- include "scaledapp.labels" . | nindent 4 }}}}
rules:
{cluster}---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: scaledapp
  labels: {{{{- include "scaledapp.labels" . | nindent 4 }}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: scaledapp}}
subjects:
- {{kind: ServiceAccount, name: scaledapp, namespace: {{{{ .Release.Namespace }}}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: scaledapp
  namespace: {{{{ .Release.Namespace }}}}
  labels: {{{{- include "scaledapp.labels" . | nindent 4 }}}}
rules:
{own}---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: scaledapp
  namespace: {{{{ .Release.Namespace }}}}
  labels: {{{{- include "scaledapp.labels" . | nindent 4 }}}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: Role, name: scaledapp}}
subjects:
- {{kind: ServiceAccount, name: scaledapp, namespace: {{{{ .Release.Namespace }}}}}}
"#,
        cluster = yaml(&rbac::cluster_rules()),
        own = yaml(&rbac::own_rules()),
    )
}

#[test]
fn the_charts_role_is_the_codes() {
    generated("charts/scaledapp/templates/role.yaml", &role_template());
}

/// `manifests/install.yaml` is the chart with its defaults, rendered by `make generate`.
#[test]
fn the_install_manifest_holds_the_codes_definition_and_role() {
    if std::env::var_os("SCALEDAPP_UPDATE").is_some() {
        return;
    }
    let text = std::fs::read_to_string(common::root("manifests/install.yaml")).unwrap();
    let documents: Vec<Value> =
        serde_yaml::Deserializer::from_str(&text).map(|d| Value::deserialize(d).unwrap()).collect();
    let of_kind = |kind: &str| documents.iter().find(|d| d["kind"] == kind).unwrap().clone();
    let role: ClusterRole = serde_json::from_value(of_kind("ClusterRole")).unwrap();
    assert_eq!(role.rules.unwrap(), rbac::cluster_rules());
    let role: Role = serde_json::from_value(of_kind("Role")).unwrap();
    assert_eq!(role.rules.unwrap(), rbac::own_rules());
    assert_eq!(of_kind("CustomResourceDefinition"), serde_json::to_value(scaledapp::api::crd::crd()).unwrap());
    for kind in ["Namespace", "ServiceAccount", "Deployment", "PodDisruptionBudget", "ConfigMap"] {
        assert!(documents.iter().any(|d| d["kind"] == kind), "no {kind}");
    }
}
