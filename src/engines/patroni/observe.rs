//! Reads the facts: the `StatefulSet`, its pods, what each member's Patroni says, and where the pools are.
//!
//! Writes nothing. A member that does not answer within two seconds has no report; that is no error.

use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use hyper::Method;
use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount};
use kube::api::ListParams;
use kube::{Api, Client};
use serde_json::Value;

use super::state::{DatabaseState, Member, Report};
use crate::domain::ValidApp;
use crate::engines::EngineError;
use crate::engines::http::{Authorization, request};
use crate::resources::meta::Part;
use crate::resources::{database, names, pool};

/// Patroni's port.
pub(super) const PORT: u16 = 8008;
/// For a question.
pub(super) const ANSWER: Duration = Duration::from_secs(2);

/// The facts of this moment.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn observe(client: &Client, app: &ValidApp) -> Result<DatabaseState, EngineError> {
    let sets: Api<StatefulSet> = Api::namespaced(client.clone(), &app.namespace);
    let Some(set) = sets.get_opt(&names::database(&app.name)).await? else { return Ok(DatabaseState::default()) };
    let (pods, pools) = tokio::try_join!(pods_of(client, app, &database::PART), pods_of(client, app, &pool::PART))?;
    let scope = names::database(&app.name);
    let mut members: Vec<Member> = pods.iter().filter_map(|pod| member(pod, &scope)).collect();
    members.sort_by_key(|member| member.ordinal);
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &app.namespace);
    let account = accounts.get_opt(&scope).await?.and_then(|account| account.metadata.creation_timestamp);
    for member in &mut members {
        let made = pods.iter().find(|pod| pod.metadata.uid.as_deref() == Some(&member.uid));
        member.token_void = account.is_some() && made.is_some_and(|pod| pod.metadata.creation_timestamp < account);
    }
    let reports = join_all(members.iter().map(|member| ask(member.ip, "/patroni"))).await;
    for (member, answer) in members.iter_mut().zip(reports) {
        member.report = answer.and_then(|answer| Report::parse(&answer));
    }
    let status = set.status.unwrap_or_default();
    let mut state = DatabaseState {
        settled: status.observed_generation == set.metadata.generation && status.update_revision.is_some(),
        replicas: u32::try_from(set.spec.and_then(|spec| spec.replicas).unwrap_or(1)).unwrap_or(0),
        update_revision: status.update_revision.unwrap_or_default(),
        members,
        config: None,
        pools: pools.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()).filter_map(address).collect(),
        pools_roll: pools_roll(client, app, &pools).await?,
    };
    let primary = state.primary().and_then(|(member, _)| member.ip);
    state.config = ask(primary, "/config").await.filter(Value::is_object);
    Ok(state)
}

async fn pods_of(client: &Client, app: &ValidApp, part: &Part<'_>) -> Result<Vec<Pod>, EngineError> {
    let selector: Vec<String> = part.selector(app).into_iter().map(|(key, value)| format!("{key}={value}")).collect();
    let api: Api<Pod> = Api::namespaced(client.clone(), &app.namespace);
    Ok(api.list(&ListParams::default().labels(&selector.join(","))).await?.items)
}

/// Whether pods of the pool come or go by a roll-out. One that is stuck, by its controller's word, is waited for by nobody, nor is a pod
/// that leaves a lost node.
async fn pools_roll(client: &Client, app: &ValidApp, pods: &[Pod]) -> Result<bool, EngineError> {
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &app.namespace);
    let Some(pool) = deployments.get_opt(&names::pool(&app.name)).await? else { return Ok(false) };
    Ok(rolls(&pool) || pods.iter().any(|pod| pod.metadata.deletion_timestamp.is_some() && is_ready(pod)))
}

fn rolls(deployment: &Deployment) -> bool {
    let status = deployment.status.clone().unwrap_or_default();
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let updated = status.updated_replicas.unwrap_or(0);
    let stuck = status.conditions.iter().flatten().any(|c| c.type_ == "Progressing" && c.status == "False");
    let seen = status.observed_generation >= deployment.metadata.generation;
    !seen || !stuck && (updated < wanted || status.replicas.unwrap_or(0) > updated)
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.into_iter().flatten().any(|c| c.type_ == "Ready" && c.status == "True")
}

/// The JSON of an answer, whatever its status: Patroni tells its state with a 503 as well.
async fn ask(ip: Option<IpAddr>, path: &str) -> Option<Value> {
    let answer = request((ip?, PORT), Method::GET, path, Authorization::None, None, ANSWER).await.ok()?;
    (!answer.json.is_null()).then_some(answer.json)
}

fn address(pod: &Pod) -> Option<IpAddr> {
    pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()
}

/// A member from its pod; `None` for a pod of another name.
pub(super) fn member(pod: &Pod, scope: &str) -> Option<Member> {
    let name = pod.metadata.name.clone()?;
    let ordinal = name.strip_prefix(scope)?.strip_prefix('-')?.parse().ok()?;
    let status = pod.status.clone().unwrap_or_default();
    let containers = status.container_statuses.unwrap_or_default();
    let running =
        containers.iter().any(|c| c.name == "postgres" && c.state.as_ref().is_some_and(|s| s.running.is_some()));
    Some(Member {
        ordinal,
        uid: pod.metadata.uid.clone().unwrap_or_default(),
        ip: address(pod),
        revision: pod.metadata.labels.as_ref()?.get("controller-revision-hash")?.clone(),
        ready: is_ready(pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        running,
        token_void: false,
        report: None,
        name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pool(status: &Value) -> Deployment {
        let whole = json!({"metadata": {"generation": 4}, "spec": {"replicas": 3, "selector": {}, "template": {}}, "status": status});
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a_pool_rolls_until_only_new_pods_are_left_or_it_is_stuck() {
        let done = json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 3});
        assert!(!rolls(&pool(&done)));
        assert!(rolls(&pool(&json!({"observedGeneration": 3, "replicas": 3, "updatedReplicas": 3}))), "not seen yet");
        assert!(rolls(&pool(&json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1}))), "under way");
        assert!(
            rolls(&pool(&json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 3}))),
            "an old one is left"
        );
        let stuck = json!({"observedGeneration": 4, "replicas": 4, "updatedReplicas": 1,
            "conditions": [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]});
        assert!(!rolls(&pool(&stuck)), "stuck");
    }
}
