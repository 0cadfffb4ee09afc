//! What a cluster has beside the API server, as far as tests play it: the CRD, the operator's
//! rights, a storage class, a namespace, and controllers that mark things as ready.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use k8s_openapi::api::storage::v1::StorageClass;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{Api, DeleteParams, ListParams, Patch, PatchParams, PostParams};
use kube::{Client, ResourceExt};
use serde_json::json;

use scaledapp::controller::rbac;

use super::eventually;

static COUNT: AtomicU32 = AtomicU32::new(0);

/// Puts the CRD, the operator's rights and a storage class into a fresh server.
pub async fn install(client: &Client) {
    let apply = PatchParams::apply("tests").force();
    let crd = scaledapp::api::crd::crd();
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    crds.patch(&crd.name_any(), &apply, &Patch::Apply(&crd)).await.expect("the CRD installs");
    let mut granted = rbac::cluster_rules();
    granted.extend(rbac::own_rules());
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
        "metadata": {"name": "operator"}, "rules": granted});
    roles.patch("operator", &apply, &Patch::Apply(&role)).await.unwrap();
    let bindings: Api<ClusterRoleBinding> = Api::all(client.clone());
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "operator"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "operator"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "operators"}]});
    bindings.patch("operator", &apply, &Patch::Apply(&binding)).await.unwrap();
    let classes: Api<StorageClass> = Api::all(client.clone());
    let class = json!({"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "standard", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "tests", "allowVolumeExpansion": true});
    classes.patch("standard", &apply, &Patch::Apply(&class)).await.unwrap();
    eventually("the CRD is served", Duration::from_secs(20), || async {
        let stored = crds.get(&crd.name_any()).await.ok()?;
        let conditions = stored.status?.conditions.unwrap_or_default();
        conditions.iter().any(|c| c.type_ == "Established" && c.status == "True").then_some(())
    })
    .await;
}

/// A fresh namespace.
pub async fn namespace(client: &Client) -> String {
    let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let namespace = Namespace {
        metadata: kube::api::ObjectMeta { name: Some(name.clone()), ..Default::default() },
        ..Default::default()
    };
    let api: Api<Namespace> = Api::all(client.clone());
    api.create(&PostParams::default(), &namespace).await.unwrap();
    name
}

/// Marks every Deployment and `StatefulSet` as rolled out, with pods and a leader for the database.
pub async fn all_ready(client: &Client, namespace: &str, app: &str) {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), namespace);
    for live in deployments.list(&ListParams::default()).await.unwrap() {
        let replicas = live.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        let status = workload_status(live.metadata.generation, replicas);
        let _ = deployments.patch_status(&live.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
    }
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), namespace);
    for live in sets.list(&ListParams::default()).await.unwrap() {
        let replicas = live.spec.as_ref().and_then(|s| s.replicas).unwrap_or(1);
        for ordinal in 0..replicas {
            pod(
                client,
                namespace,
                app,
                &format!("{}-{ordinal}", live.name_any()),
                "database",
                json!([
                {"type": "Ready", "status": "True"}]),
                "Running",
            )
            .await;
        }
        let status = workload_status(live.metadata.generation, replicas);
        let _ = sets.patch_status(&live.name_any(), &PatchParams::default(), &Patch::Merge(&status)).await;
        patroni(client, namespace, &live.name_any(), replicas).await;
    }
}

fn workload_status(generation: Option<i64>, replicas: i32) -> serde_json::Value {
    json!({"status": {"observedGeneration": generation, "replicas": replicas, "readyReplicas": replicas,
        "updatedReplicas": replicas, "availableReplicas": replicas}})
}

/// Patroni's own objects, as its leader writes them.
pub async fn patroni(client: &Client, namespace: &str, scope: &str, members: i32) {
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let first = format!("{scope}-0");
    let second = if members > 1 { format!("{scope}-1") } else { String::new() };
    for (suffix, annotations) in [
        ("config", json!({"initialize": "7400000000000000000"})),
        ("leader", json!({"leader": first})),
        ("sync", json!({"leader": first, "sync_standby": second})),
    ] {
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("{scope}-{suffix}"),
            "annotations": annotations,
            "labels": {"cluster-name": scope, "scaledapp.dev/app": scope.trim_end_matches("-database")}}});
        maps.patch(&format!("{scope}-{suffix}"), &PatchParams::apply("Patroni").force(), &Patch::Apply(&map))
            .await
            .unwrap();
    }
}

/// A pod with a status, as scheduler and kubelet would write it.
pub async fn pod(
    client: &Client,
    namespace: &str,
    app: &str,
    name: &str,
    component: &str,
    conditions: serde_json::Value,
    phase: &str,
) {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pod = json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"scaledapp.dev/app": app, "app.kubernetes.io/component": component,
            "scaledapp.dev/service": "web"}},
        "spec": {"containers": [{"name": "main", "image": "none"}]}});
    pods.patch(name, &PatchParams::apply("tests").force(), &Patch::Apply(&pod)).await.unwrap();
    let status = json!({"status": {"phase": phase, "conditions": conditions}});
    pods.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}

/// Ends a Job as the job controller would.
pub async fn end_job(client: &Client, namespace: &str, name: &str, complete: bool) {
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    let now = "2026-11-23T01:00:00Z";
    let conditions = if complete {
        json!([{"type": "SuccessCriteriaMet", "status": "True"}, {"type": "Complete", "status": "True"}])
    } else {
        json!([{"type": "FailureTarget", "status": "True"}, {"type": "Failed", "status": "True"}])
    };
    let mut status = json!({"status": {"startTime": now, "conditions": conditions}});
    if complete {
        status["status"]["completionTime"] = json!(now);
        status["status"]["succeeded"] = json!(1);
    }
    jobs.patch_status(name, &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
}

/// Deletes an object that waits for the garbage collector's finalizers as if that had run.
pub async fn collect<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    let none = json!({"metadata": {"finalizers": null}});
    let _ = api.patch(name, &PatchParams::default(), &Patch::Merge(&none)).await;
}

/// Deletes an object at once.
pub async fn delete<K>(api: &Api<K>, name: &str)
where
    K: Clone + std::fmt::Debug + serde::de::DeserializeOwned,
{
    api.delete(name, &DeleteParams::background().grace_period(0)).await.unwrap();
    collect(api, name).await;
}
