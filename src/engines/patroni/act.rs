//! Takes the next step. One call takes at most one, and every pause that it begins it also ends.

use std::net::IpAddr;
use std::time::Duration;

use hyper::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Preconditions};
use kube::{Api, Client};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::Outcome;
use super::decide::{How, Step, Wanted, next_step};
use super::observe::{ANSWER, PORT, member};
use super::state::{DatabaseState, Member, Report, Role};
use crate::domain::ValidApp;
use crate::engines::EngineError;
use crate::engines::http::{Authorization, request};
use crate::engines::pool_agent::{self, Scope};
use crate::resources::{Passwords, names};

/// For a switchover, or a restart that Patroni makes.
const CHANGE: Duration = Duration::from_secs(30);
/// Pause around a switchover; measured are 2 to 4 s.
const SWITCHOVER_PAUSE_SECONDS: u64 = 20;
/// Pause of reads while a replica begins to stop.
const REPLICA_PAUSE_SECONDS: u64 = 8;
/// Pause around the restart of the only member: the longest there is.
const RESTART_PAUSE_SECONDS: u64 = 30;

/// Takes the next step towards the plan.
///
/// # Errors
/// When the API server or Patroni refuses. A member that cannot be reached is waited for.
pub async fn converge(
    client: &Client,
    app: &ValidApp,
    credentials: &Passwords,
    state: &DatabaseState,
    wanted: &Wanted<'_>,
) -> Result<Outcome, EngineError> {
    let actor = Actor { client, app, credentials, state };
    let waiting = |reason: String| Ok(Outcome::Waiting { reason });
    match next_step(state, wanted) {
        Step::Done => Ok(Outcome::Done),
        Step::Wait(reason) => waiting(reason),
        Step::Patch(change) => {
            actor.patch(&change).await?;
            waiting("Patroni to take over its new configuration".to_owned())
        }
        Step::Replace(name) => {
            actor.delete(&name).await?;
            waiting(format!("the new pod of {name}"))
        }
        Step::RestartReplica(name, how) => {
            actor.restart_replica(&name, how).await?;
            waiting(format!("{name} to follow again after its restart"))
        }
        Step::RestartSole(name, how) => {
            actor.restart_sole(&name, how).await?;
            waiting(format!("{name} to serve again after its restart"))
        }
        Step::Switchover { leader, candidate } => {
            actor.switchover(&leader, &candidate).await?;
            waiting(format!("{leader} to follow {candidate}"))
        }
    }
}

struct Actor<'a> {
    client: &'a Client,
    app: &'a ValidApp,
    credentials: &'a Passwords,
    state: &'a DatabaseState,
}

impl Actor<'_> {
    fn member(&self, name: &str) -> Option<&Member> {
        self.state.members.iter().find(|member| member.name == name)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.app.namespace)
    }

    fn token(&self) -> &str {
        self.credentials.get("agent-token")
    }

    async fn patch(&self, change: &Value) -> Result<(), EngineError> {
        let leader = self.state.primary().map(|(member, _)| member.name.clone()).unwrap_or_default();
        self.ask(&leader, Method::PATCH, "/config", change, ANSWER).await
    }

    /// Deletes exactly the pod that was observed, by its uid.
    async fn delete(&self, name: &str) -> Result<(), EngineError> {
        let uid = self.member(name).map(|member| member.uid.clone());
        let options = DeleteParams {
            preconditions: Some(Preconditions { uid, resource_version: None }),
            ..DeleteParams::default()
        };
        match self.pods().delete(name, &options).await {
            Ok(_) => Ok(()),
            // Gone, or another one already: the next look tells.
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn restart(&self, name: &str, how: How) -> Result<(), EngineError> {
        match how {
            How::NewPod => self.delete(name).await,
            How::InPlace => self.ask(name, Method::POST, "/restart", &json!({ "restart_pending": true }), CHANGE).await,
        }
    }

    /// Reads wait until the routers have seen that the replica is going, which the agent's resume allows for.
    async fn restart_replica(&self, name: &str, how: How) -> Result<(), EngineError> {
        pool_agent::pause(&self.state.pools, self.token(), REPLICA_PAUSE_SECONDS, Scope::Reads).await;
        let result = self.restart(name, how).await;
        pool_agent::resume(&self.state.pools, self.token()).await;
        result
    }

    /// Clients wait in the pool meanwhile; after the pause the router goes on holding them.
    async fn restart_sole(&self, name: &str, how: How) -> Result<(), EngineError> {
        let begun = Instant::now();
        pool_agent::pause(&self.state.pools, self.token(), RESTART_PAUSE_SECONDS, Scope::All).await;
        let result = self.restart(name, how).await;
        if result.is_ok() && how == How::NewPod {
            let old = self.member(name).map(|member| member.uid.clone()).unwrap_or_default();
            while begun.elapsed() < Duration::from_secs(RESTART_PAUSE_SECONDS) && !self.leads_anew(name, &old).await {
                sleep(Duration::from_millis(300)).await;
            }
        }
        pool_agent::resume(&self.state.pools, self.token()).await;
        result
    }

    /// Whether a new pod of a member takes writes.
    async fn leads_anew(&self, name: &str, old_uid: &str) -> bool {
        let Ok(Some(pod)) = self.pods().get_opt(name).await else { return false };
        let Some(found) = member(&pod, &names::database(&self.app.name)) else { return false };
        let Some(ip) = found.ip.filter(|_| found.uid != old_uid) else { return false };
        let answer = request((ip, PORT), Method::GET, "/patroni", Authorization::None, None, ANSWER).await;
        answer.ok().and_then(|a| Report::parse(&a.json)).is_some_and(|r| r.role == Role::Primary && r.running)
    }

    async fn switchover(&self, leader: &str, candidate: &str) -> Result<(), EngineError> {
        let paused = pool_agent::pause(&self.state.pools, self.token(), SWITCHOVER_PAUSE_SECONDS, Scope::All).await;
        tracing::info!(leader, candidate, paused, pools = self.state.pools.len(), "switchover");
        let body = json!({ "leader": leader, "candidate": candidate });
        let result = self.ask(leader, Method::POST, "/switchover", &body, CHANGE).await;
        pool_agent::resume(&self.state.pools, self.token()).await;
        result
    }

    async fn ask(
        &self,
        name: &str,
        method: Method,
        path: &str,
        body: &Value,
        limit: Duration,
    ) -> Result<(), EngineError> {
        let what = format!("{method} {path} of {name}");
        let Some(ip) = self.member(name).and_then(|member: &Member| member.ip) else { return Ok(()) };
        tell(ip, self.credentials, method, path, body, limit, what).await
    }
}

async fn tell(
    ip: IpAddr,
    credentials: &Passwords,
    method: Method,
    path: &str,
    body: &Value,
    limit: Duration,
    what: String,
) -> Result<(), EngineError> {
    let who = Authorization::Basic("patroni", credentials.get("rest-password"));
    match request((ip, PORT), method, path, who, Some(body), limit).await {
        Ok(answer) if answer.status < 300 => Ok(()),
        Ok(answer) => Err(EngineError::Refused { what, status: answer.status, body: answer.text }),
        Err(source) => Err(EngineError::Http { what, source }),
    }
}
