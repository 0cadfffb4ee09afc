//! `scaledapp status` as a terminal shows it, from recorded objects: `tests/status/NAME.yaml` holds a ScaledApp with
//! its status, its pods and nodes.

mod common;

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde::Deserialize;
use serde_json::Value;

use scaledapp::report::status::{AppView, PodState, Sources, status_tree};

/// The moment at which the objects were recorded.
const NOW: &str = "2026-11-23T08:30:00Z";

fn view(name: &str) -> AppView {
    let (mut app, mut pods, mut zones) = (None, Vec::new(), BTreeMap::new());
    for document in serde_yaml::Deserializer::from_str(&common::read(&format!("tests/status/{name}.yaml"))) {
        let value = Value::deserialize(document).unwrap();
        match value["kind"].as_str().unwrap() {
            "ScaledApp" => app = Some(serde_json::from_value::<DynamicObject>(value).unwrap()),
            "Pod" => pods.push(serde_json::from_value::<Pod>(value).unwrap()),
            "Node" => {
                let node: Node = serde_json::from_value(value).unwrap();
                zones.insert(node.name_any(), node.labels()["topology.kubernetes.io/zone"].clone());
            }
            other => panic!("{other}"),
        }
    }
    AppView::new(Sources { app: &app.unwrap(), pods: &pods, zones: &zones, notes: &[] }).unwrap()
}

fn tree(view: &AppView) -> String {
    let text = status_tree(view, NOW.parse().unwrap());
    let plain = common::plain(&text);
    for line in plain.lines() {
        let copied = ["  url ", "kubectl", ".svc:"].iter().any(|address| line.contains(address));
        assert!(line.chars().count() <= 100 || copied, "{} columns: {line}", line.chars().count());
    }
    plain
}

#[test]
fn trees_are_as_recorded() {
    for name in ["ready", "starting", "stalled", "proposed", "fresh", "narrow"] {
        let view = view(name);
        common::golden(&format!("status/{name}.txt"), &tree(&view));
        assert_eq!(view.ready, matches!(name, "ready" | "proposed" | "narrow"), "{name}");
    }
}

#[test]
fn the_data_form_holds_everything_whole() {
    let view = view("narrow");
    common::golden("status/narrow.json", &format!("{}\n", serde_json::to_string_pretty(&view).unwrap()));
    let names: Vec<&str> = view.tiers.iter().flat_map(|tier| &tier.pods).map(|pod| pod.name.as_str()).collect();
    assert!(names.iter().any(|name| name.len() > 44), "{names:?}");
}

#[test]
fn a_status_of_an_older_spec_is_not_ready() {
    let mut view = view("ready");
    assert!(view.ready);
    view.generation += 1;
    assert!(tree(&view).contains("not ready for the newest spec"));
    let text = common::read("tests/status/ready.yaml").replace("generation: 3", "generation: 4");
    let app: DynamicObject = serde_yaml::from_str(text.split("\n---").next().unwrap()).unwrap();
    let stale = AppView::new(Sources { app: &app, pods: &[], zones: &BTreeMap::new(), notes: &[] }).unwrap();
    assert!(!stale.ready);
}

#[test]
fn what_could_steer_a_terminal_is_taken_out() {
    let mut view = view("stalled");
    let evil = "\u{1b}]0;owned\u{7}\u{1b}[2J".to_owned();
    view.conditions[0].message = evil.clone();
    view.tiers[0].status.message = Some(evil);
    let text = status_tree(&view, NOW.parse().unwrap());
    assert!(!text.contains("\u{1b}]") && !text.contains("\u{1b}[2J") && !text.contains('\u{7}'), "{text:?}");
}

#[test]
fn every_pod_is_in_one_place() {
    for name in ["ready", "starting", "stalled", "narrow"] {
        let recorded = common::read(&format!("tests/status/{name}.yaml")).matches("kind: Pod").count();
        let view = view(name);
        let tiers = view.tiers.iter().map(|tier| tier.pods.len() + tier.routers.len()).sum::<usize>();
        let jobs: usize = view.jobs.values().map(Vec::len).sum();
        let done = usize::from(name == "ready");
        assert_eq!(tiers + jobs + done, recorded, "{name}");
        assert!(view.jobs.values().flatten().all(|pod| pod.state != PodState::Done));
    }
}
