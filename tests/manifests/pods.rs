//! What the owner says of pods reaches the pods: volumes, mounts, placement, accounts and pull secrets.

use scaledapp::domain::{Bytes, Millicores};
use scaledapp::planner::Tier;
use serde_json::{Value, json};

use crate::samples::{Sample, longest, pods};
use crate::{templates, text};

pub fn pod<'a>(sample: &'a Sample, kind: &str, name: &str) -> &'a Value {
    let object = sample.object(kind, name);
    if kind == "CronJob" {
        &object["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    } else {
        &object["spec"]["template"]["spec"]
    }
}

fn memory(pod: &Value) -> Bytes {
    Bytes::parse(text(&pod["containers"][0]["resources"]["limits"]["memory"])).unwrap()
}

#[test]
fn volumes_and_mounts_are_as_written() {
    let sample = pods();
    let web = pod(&sample, "Deployment", "pods-web");
    let expected = json!([
        {"name": "tmp", "emptyDir": {}},
        {"name": "work", "emptyDir": {"medium": "Memory", "sizeLimit": "100M"}},
        {"name": "scratch", "emptyDir": {"sizeLimit": "5Gi"}},
        {"name": "config", "configMap": {"name": "shop", "defaultMode": 292, "optional": true,
            "items": [{"key": "shop.toml", "path": "conf.d/shop.toml", "mode": 288}]}},
        {"name": "keys", "secret": {"secretName": "shop-keys", "defaultMode": 292, "optional": true,
            "items": [{"key": "tls.key", "path": "tls.key"}]}},
        {"name": "identity", "projected": {"defaultMode": 292, "sources": [
            {"configMap": {"name": "shop", "items": [{"key": "region", "path": "region"}], "optional": true}},
            {"secret": {"name": "shop-keys", "optional": true}},
            {"serviceAccountToken": {"audience": "vault", "expirationSeconds": 7200, "path": "token"}},
            {"downwardAPI": {"items": [
                {"path": "name", "fieldRef": {"fieldPath": "metadata.name"}},
                {"path": "tier", "fieldRef": {"fieldPath": "metadata.labels['app.kubernetes.io/component']"}}]}}]}}
    ]);
    assert_eq!(web["volumes"], expected);
    let mounts = json!([
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": "work", "mountPath": "/dev/shm"},
        {"name": "scratch", "mountPath": "/var/cache/shop", "subPath": "pages/new"},
        {"name": "config", "mountPath": "/etc/shop", "readOnly": true},
        {"name": "keys", "mountPath": "/etc/keys/tls.key", "subPath": "tls.key", "readOnly": true},
        {"name": "identity", "mountPath": "/var/run/identity"}
    ]);
    assert_eq!(web["containers"][0]["volumeMounts"], mounts);
    let worker = pod(&sample, "Deployment", "pods-worker-video");
    assert_eq!(worker["volumes"], json!([{"name": "frames", "emptyDir": {"medium": "Memory", "sizeLimit": "1Gi"}}]));
    assert_eq!(worker["containers"][0]["volumeMounts"], json!([{"name": "frames", "mountPath": "/frames"}]));
    let cron = pod(&sample, "CronJob", "pods-cron-report");
    assert_eq!(cron["volumes"][1], json!({"name": "unused", "emptyDir": {}}));
    assert_eq!(cron["containers"][0]["volumeMounts"], json!([{"name": "paper", "mountPath": "/paper"}]));
}

/// A migration runs the first service's code as that service: with a read-only root it needs its /tmp, on nodes for
/// this image only it needs its placement.
#[test]
fn migrations_have_volumes_account_and_placement_of_the_first_service() {
    let sample = pods();
    let job = sample.of_kinds(&["Job"]).next().unwrap();
    let (job, web) = (&job["spec"]["template"]["spec"], pod(&sample, "Deployment", "pods-web"));
    for field in ["volumes", "nodeSelector", "tolerations", "priorityClassName", "serviceAccountName"] {
        assert!(!job[field].is_null() && job[field] == web[field], "{field}: {job}");
    }
    for field in ["volumeMounts", "securityContext"] {
        assert_eq!(job["containers"][0][field], web["containers"][0][field]);
    }
}

#[test]
fn placement_and_accounts_are_each_pods_own() {
    let sample = pods();
    let web = pod(&sample, "Deployment", "pods-web");
    assert_eq!(web["nodeSelector"], json!({"kubernetes.io/arch": "amd64", "disk": ""}));
    let tolerations = json!([
        {"key": "dedicated", "value": "web", "effect": "NoSchedule"},
        {"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 30},
        {"operator": "Exists", "effect": "PreferNoSchedule"}
    ]);
    assert_eq!(web["tolerations"], tolerations);
    assert_eq!(web["priorityClassName"], "high");
    let worker = pod(&sample, "Deployment", "pods-worker-video");
    assert_eq!(worker["nodeSelector"], json!({"gpu": "true"}));
    assert_eq!(worker["tolerations"], json!([{"key": "gpu", "operator": "Exists"}]));
    assert_eq!(worker["priorityClassName"], "low");
    let cron = pod(&sample, "CronJob", "pods-cron-report");
    assert_eq!(cron["tolerations"], json!([{"key": "spot", "value": "true"}]));
    assert!(cron["nodeSelector"].is_null() && cron["priorityClassName"].is_null());
    for (pod, account) in [(web, "shop"), (worker, "video"), (cron, "report")] {
        assert_eq!(pod["serviceAccountName"], account);
        assert_eq!(pod["automountServiceAccountToken"], true);
    }
    // Nodes and ranks of the application are not those of its engines.
    for object in sample.of_kinds(&["StatefulSet"]) {
        let engine = &object["spec"]["template"]["spec"];
        assert!(engine["nodeSelector"].is_null() && engine["priorityClassName"].is_null(), "{object}");
    }
}

/// What a volume in memory holds is memory of the pod: it comes on top of what the process needs.
#[test]
fn volumes_in_memory_are_planned() {
    let (with, without) = (pods(), longest());
    let tier = |sample: &Sample, tier: Tier| sample.plan.tiers.iter().find(|t| t.tier == tier).unwrap().clone();
    let web = tier(&with, Tier::Web);
    // 100M are rounded up to 96Mi.
    let inputs = |tier: &scaledapp::planner::TierPlan| {
        let reason = tier.reasons.iter().find(|reason| reason.quantity == "perReplica.memoryBytes").unwrap();
        (reason.inputs.get("volumesInMemory").cloned(), reason.formula.ends_with(" + volumesInMemory"))
    };
    assert_eq!(inputs(&web), (Some("96 MiB".to_owned()), true));
    assert_eq!(inputs(&tier(&without, Tier::Web)), (None, false));
    assert_eq!(memory(pod(&with, "Deployment", "pods-web")), web.per_replica.memory);
    let worker = tier(&with, Tier::Worker);
    assert_eq!(worker.per_replica.memory.0 - (1 << 30), tier(&without, Tier::Worker).per_replica.memory.0);
    assert_eq!(memory(pod(&with, "Deployment", "pods-worker-video")), worker.per_replica.memory);
    // A cron job has the first service's memory, and its own volumes on top.
    let cron = pod(&with, "CronJob", "pods-cron-report");
    assert_eq!(memory(cron).0, web.per_replica.memory.0 + (64 << 20));
    let cpu = text(&cron["containers"][0]["resources"]["requests"]["cpu"]);
    assert!(Millicores::parse(cpu).unwrap() <= Millicores(250));
}

#[test]
fn pull_secrets_reach_every_pod() {
    let sample = pods();
    let templates = templates(&sample);
    let components: std::collections::BTreeSet<&str> =
        templates.iter().map(|template| text(&template["metadata"]["labels"]["app.kubernetes.io/component"])).collect();
    for component in
        ["web", "worker", "cron", "migration", "edge", "proxy", "database", "pool", "cache", "sessions", "queue"]
    {
        assert!(components.contains(component), "no pod of {component} in {components:?}");
    }
    for template in templates {
        let secrets = &template["spec"]["imagePullSecrets"];
        assert_eq!(*secrets, json!([{"name": "registry"}, {"name": "mirror"}]), "{}", template["metadata"]);
    }
}
