//! The everyday fields on real pods: volumes, placement, a job by the clock, and sessions in the database.

use std::time::Duration;

use kube::ResourceExt;
use serde_json::json;

use crate::cluster::{World, apply, eventually, kubectl, setting};
use crate::lifecycle::small;
use crate::shop::apply_shop;
use crate::story::READY_LIMIT;
use crate::whole::{ask, log_in_kept};

/// What both containers do with their volumes.
const NOTE: &str = "cat /etc/greeting/text && echo noted >/scratch/note && cat /scratch/note";

/// A node that takes pods of applications.
fn worker() -> String {
    let workers = kubectl(&["get", "nodes", "-l", "!node-role.kubernetes.io/control-plane", "-o", "name"]);
    let first = workers.lines().next().expect("a worker");
    first.trim_start_matches("node/").to_owned()
}

#[tokio::test]
async fn everyday_fields_do_on_real_pods_what_they_say() {
    let world = World::new("everyday").await;
    let node = worker();
    let greeting = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "data": {"text": "good morning\n"},
        "metadata": {"name": "greeting", "namespace": world.namespace},
    });
    apply(&greeting.to_string());
    let volumes = json!([
        {"name": "scratch", "emptyDir": {"sizeLimit": "16Mi"}}, {"name": "greeting", "configMap": {"name": "greeting"}},
    ]);
    let mounts = json!([
        {"name": "scratch", "mountPath": "/scratch"}, {"name": "greeting", "mountPath": "/etc/greeting", "readOnly": true},
    ]);
    let placement = json!({"nodeSelector": {"kubernetes.io/hostname": node}});
    let job = json!({
        "name": "note", "schedule": "0 3 1 1 *", "image": setting("SCALEDAPP_E2E_SHOP_IMAGE"),
        "command": ["sh", "-c", format!("test -n \"$DATABASE_URL\" && {NOTE}")],
        "securityContext": {"runAsUser": 10001},
        "volumes": volumes, "volumeMounts": mounts, "placement": placement,
    });
    let mut spec = small();
    spec.extend([
        ("/spec/services/0/volumes", volumes),
        ("/spec/services/0/volumeMounts", mounts),
        ("/spec/services/0/placement", placement),
        ("/spec/cronJobs", json!([job])),
        ("/spec/sessions", json!({"store": "Database", "ttl": "1h"})),
    ]);
    apply_shop(&world, &spec);
    world.ready("shop", READY_LIMIT).await;

    let pods = world.pods_of("web").await;
    let [pod] = pods.as_slice() else { panic!("one pod, not {}", pods.len()) };
    assert_eq!(pod.spec.as_ref().and_then(|spec| spec.node_name.as_ref()), Some(&node));
    assert_eq!(world.kubectl(&["exec", &pod.name_any(), "--", "sh", "-c", NOTE]), "good morning\nnoted\n");

    world.kubectl(&["create", "job", "--from=cronjob/shop-cron-note", "once"]);
    world.kubectl(&["wait", "--for=condition=complete", "job/once", "--timeout=60s"]);
    assert_eq!(world.kubectl(&["logs", "job/once"]), "good morning\nnoted\n");
    let ran = world.kubectl(&["get", "pods", "-l", "job-name=once", "-o", "jsonpath={.items[*].spec.nodeName}"]);
    assert_eq!(ran, node);

    // The only pod goes, and its successor knows Ada.
    let (_, cookie) = log_in_kept(&world, "database");
    world.kubectl(&["delete", "pod", &pod.name_any(), "--wait=true", "--timeout=90s"]);
    let session = eventually("Ada is logged in still", Duration::from_secs(60), async || {
        let session = ask(&world, "/api/session", &["-b", &cookie])?;
        if session.status == 200 { Ok(session.json()) } else { Err(format!("{}: {}", session.status, session.body)) }
    })
    .await;
    assert!(session["pod"] != pod.name_any().as_str() && session["pods"][pod.name_any()].is_object(), "{session}");
    world.remove();
}
