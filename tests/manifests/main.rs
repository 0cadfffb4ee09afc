//! What `render` makes of the samples: golden manifests, and what must hold for every object of every application.

mod external;
mod hosts;
mod pod_security;
mod pods;
mod proxy;
mod queue;
mod reach;
mod samples;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

use samples::{Sample, all, goldens_are_updated, root};
use scaledapp::api::labels;
use scaledapp::domain::{Bytes, Millicores};
use scaledapp::resources::KINDS;
use serde::Deserialize;
use serde_json::Value;

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn map(value: &Value) -> BTreeMap<&str, &str> {
    value.as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), text(value))).collect()
}

/// Whether all labels of a selector are on an object.
fn selects(selector: &Value, labels: &Value) -> bool {
    let labels = map(labels);
    !map(selector).is_empty() && map(selector).iter().all(|(key, value)| labels.get(key) == Some(value))
}

fn templates(sample: &Sample) -> Vec<&Value> {
    let cron = sample.of_kinds(&["CronJob"]).map(|object| &object["spec"]["jobTemplate"]["spec"]["template"]);
    sample
        .of_kinds(&["Deployment", "StatefulSet", "Job"])
        .map(|object| &object["spec"]["template"])
        .chain(cron)
        .collect()
}

/// Ports of all containers of a pod.
fn ports(template: &Value) -> impl Iterator<Item = &Value> {
    ["containers", "initContainers"]
        .into_iter()
        .flat_map(|kind| template["spec"][kind].as_array().into_iter().flatten())
        .flat_map(|container| container["ports"].as_array().into_iter().flatten())
}

fn printed(name: &str) -> String {
    let output = samples::render(name, &[]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn manifests_are_the_golden_ones_and_the_same_each_time() {
    for name in ["hello", "shop", "large", "ladder", "external"] {
        let manifests = printed(name);
        assert_eq!(manifests, printed(name));
        let path = root().join(format!("tests/golden/manifests/{name}.yaml"));
        if goldens_are_updated() {
            std::fs::write(&path, &manifests).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(golden == manifests, "{} differs; see it with UPDATE_GOLDEN=1 and git diff", path.display());
    }
}

#[test]
fn secrets_go_to_a_new_file_of_their_owner() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secrets.yaml");
    let output = samples::render("shop", &["--secrets-out", path.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = std::fs::read_to_string(&path).unwrap();
    let secrets: Vec<Value> =
        serde_yaml::Deserializer::from_str(&first).map(|d| Value::deserialize(d).unwrap()).collect();
    let names: Vec<&str> = secrets.iter().map(|secret| text(&secret["metadata"]["name"])).collect();
    assert_eq!(names, ["shop-database", "shop-database-auth", "shop-pool-auth"]);
    assert!(!String::from_utf8(output.stdout).unwrap().contains("kind: Secret\n"));

    let again = samples::render("shop", &["--secrets-out", path.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(2));
    assert!(again.stdout.is_empty());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), first);

    let other = folder.path().join("other.yaml");
    samples::render("shop", &["--secrets-out", other.to_str().unwrap()]);
    assert_ne!(std::fs::read_to_string(&other).unwrap(), first);
}

#[test]
fn a_refused_spec_is_not_rendered() {
    let folder = tempfile::tempdir().unwrap();
    let (spec, secrets) = (folder.path().join("app.yaml"), folder.path().join("secrets.yaml"));
    let written = "{apiVersion: scaledapp.dev/v1alpha1, kind: ScaledApp, metadata: {name: a}, spec: {targets: {dailyActiveUsers: 10, latency: {p99: 1ms}}, services: [{name: web, image: i}]}}";
    std::fs::write(&spec, written).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("scaledapp").unwrap();
    let output = command.arg("render").arg("-f").arg(&spec).arg("--secrets-out").arg(&secrets).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(output.stdout.is_empty() && !secrets.exists());
}

#[test]
fn names_fit_and_are_distinct() {
    for sample in all() {
        let mut seen = BTreeSet::new();
        for object in &sample.objects {
            let (kind, name) = (text(&object["kind"]), text(&object["metadata"]["name"]));
            assert!(seen.insert((kind, name)), "{kind} {name} twice");
            // A pod of a Deployment gets "-" and ten characters of the template's hash, "-" and five more; the API
            // server cuts what is longer.
            assert!(!name.is_empty() && name.len() <= 63, "{kind} {name}");
            let first = name.starts_with(|c: char| c.is_ascii_lowercase());
            assert!(first && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{name}");
        }
    }
}

#[test]
fn every_object_and_pod_has_all_labels() {
    let keys = [labels::NAME, labels::INSTANCE, labels::COMPONENT, labels::PART_OF, labels::MANAGED_BY, labels::APP];
    let valid = |value: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let end = |c: char| c.is_ascii_alphanumeric();
        !value.is_empty()
            && value.len() <= 63
            && value.starts_with(end)
            && value.ends_with(end)
            && value.chars().all(inner)
    };
    for sample in all() {
        let of_pods = templates(&sample).into_iter().map(|template| &template["metadata"]);
        for metadata in sample.objects.iter().map(|object| &object["metadata"]).chain(of_pods) {
            let labels = map(&metadata["labels"]);
            for key in keys {
                assert!(labels.contains_key(key), "{metadata} lacks {key}");
            }
            assert!(labels.values().all(|value| valid(value)), "{metadata}");
            assert_eq!(labels[labels::MANAGED_BY], "scaledapp");
            assert_eq!(labels[labels::APP], sample.name);
        }
    }
}

#[test]
fn selectors_find_their_pods_and_ports() {
    for sample in all() {
        let templates = templates(&sample);
        let matched = |selector: &Value| -> Vec<&Value> {
            templates.iter().copied().filter(|template| selects(selector, &template["metadata"]["labels"])).collect()
        };
        for object in sample.of_kinds(&["Deployment", "StatefulSet"]) {
            let selector = &object["spec"]["selector"]["matchLabels"];
            assert!(selects(selector, &object["spec"]["template"]["metadata"]["labels"]), "{object}");
            assert_eq!(matched(selector).len(), 1, "pods of two objects: {object}");
        }
        for object in sample.of_kinds(&["NetworkPolicy"]) {
            assert!(!matched(&object["spec"]["podSelector"]["matchLabels"]).is_empty(), "{object}");
        }
        for object in sample.of_kinds(&["PodDisruptionBudget"]) {
            assert_eq!(matched(&object["spec"]["selector"]["matchLabels"]).len(), 1, "{object}");
        }
        for object in sample.of_kinds(&["Service"]) {
            let mut selector = object["spec"]["selector"].clone();
            // A Service of one member selects by what the StatefulSet's controller writes on the pod.
            selector.as_object_mut().unwrap().remove("statefulset.kubernetes.io/pod-name");
            let found = matched(&selector);
            assert_eq!(found.len(), 1, "{object}");
            for port in object["spec"]["ports"].as_array().unwrap() {
                let named: Vec<&str> = ports(found[0]).map(|port| text(&port["name"])).collect();
                let target = &port["targetPort"];
                assert!(!target.is_string() || named.contains(&text(target)), "{object}");
            }
        }
        for object in sample.of_kinds(&["HorizontalPodAutoscaler"]) {
            let target = text(&object["spec"]["scaleTargetRef"]["name"]);
            let deployment = sample.object("Deployment", target);
            assert!(deployment["spec"]["replicas"].is_null(), "the autoscaler owns the number: {deployment}");
        }
    }
}

#[test]
fn pods_meet_the_restricted_standard() {
    for sample in all() {
        for template in templates(&sample) {
            let found = pod_security::violations(&template["spec"]);
            assert!(found.is_empty(), "{}: {found:?}", template["metadata"]);
        }
    }
}

#[test]
fn every_registered_kind_is_made_by_a_sample() {
    let samples = all();
    for kind in KINDS {
        assert!(samples.iter().any(|sample| sample.of_kinds(&[kind.kind]).next().is_some()), "{}", kind.kind);
    }
}

#[test]
fn quantities_are_canonical() {
    fn check(amounts: &Value) {
        for (resource, amount) in map(amounts) {
            let canonical = match resource {
                "cpu" => Millicores::parse(amount).map(Millicores::quantity),
                _ => Bytes::parse(amount).map(Bytes::quantity),
            };
            assert_eq!(canonical.as_deref(), Some(amount), "{resource}");
        }
    }
    fn walk(value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                if key == "resources" && (value["requests"].is_object() || value["limits"].is_object()) {
                    check(&value["requests"]);
                    check(&value["limits"]);
                }
                walk(value);
            }),
            Value::Array(items) => items.iter().for_each(walk),
            _ => {}
        }
    }
    for sample in all() {
        sample.objects.iter().for_each(walk);
    }
}

#[test]
fn environment_names_are_distinct() {
    for sample in all() {
        for template in templates(&sample) {
            for container in template["spec"]["containers"].as_array().unwrap() {
                let names: Vec<&str> =
                    container["env"].as_array().into_iter().flatten().map(|e| text(&e["name"])).collect();
                assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len(), "{names:?}");
            }
        }
    }
    let longest = samples::longest();
    let deployment = longest.object("Deployment", "a-name-with-all-30-characters0-frontend-of-20-chars");
    let env = deployment["spec"]["template"]["spec"]["containers"][0]["env"].as_array().unwrap();
    let values: BTreeMap<&str, &str> = env.iter().map(|e| (text(&e["name"]), text(&e["value"]))).collect();
    let host = "a-name-with-all-30-characters0-inner.team-a.svc";
    assert_eq!(values["PUBLIC_URL"], "https://www.example.com");
    assert_eq!(values["PORT"], "3000");
    assert_eq!(values["SERVICE_INNER_URL"], format!("http://{host}"));
    assert_eq!(values["GREETING"], "hello from $(SERVICE_INNER_URL)");
    assert!(!values.contains_key("SERVICE_FRONTEND_OF_20_CHARS_URL"));
}

#[test]
fn passwords_are_in_secrets_only() {
    for sample in all() {
        let passwords: Vec<String> = sample.credentials.iter().flat_map(|(_, own)| own.data().into_values()).collect();
        for object in sample.objects.iter().filter(|object| object["kind"] != "Secret") {
            let written = object.to_string();
            assert!(passwords.iter().all(|password| !written.contains(password.as_str())), "{written}");
        }
    }
}

#[test]
fn without_passwords_only_hashes_differ() {
    for sample in all() {
        let stripped = |objects: &[Value]| -> Vec<Value> {
            let mut objects: Vec<Value> = objects.iter().filter(|object| object["kind"] != "Secret").cloned().collect();
            for object in &mut objects {
                if let Some(metadata) = object.pointer_mut("/spec/template/metadata").and_then(Value::as_object_mut) {
                    metadata.remove("annotations");
                }
            }
            objects
        };
        assert_eq!(stripped(&sample.objects), stripped(&sample.without_credentials), "{}", sample.name);
    }
}
