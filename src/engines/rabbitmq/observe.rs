//! Asks the management API of the members, and tells it what is declared. One call is one question.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::join_all;
use hyper::Method;
use serde_json::{Value, json};

use super::{Change, Node, Queue, QueueState};
use crate::engines::EngineError;
use crate::engines::http::{Answer, Authorization, HttpError, request};
use crate::resources::queue_config::{ADMIN, VHOST, queue_body};

/// Port of the management API.
const PORT: u16 = 15672;
/// For a question.
const ANSWER: Duration = Duration::from_secs(3);
/// For a change: a new queue is written on every member.
const CHANGE: Duration = Duration::from_secs(15);

/// A member that can be asked.
#[derive(Clone, Copy)]
pub struct Broker<'a> {
    /// Its address.
    pub ip: IpAddr,
    /// Password of the operator's user.
    pub password: &'a str,
}

/// What the member that sees most of the others says; `None` when none answers.
pub async fn observe<'a>(members: &[IpAddr], password: &'a str) -> Option<(Broker<'a>, QueueState)> {
    let views = members.iter().map(|ip| async {
        let broker = Broker { ip: *ip, password };
        broker.nodes().await.map(|nodes| (broker, nodes))
    });
    // The first of those that see the same: which one is asked changes nothing.
    let (broker, nodes) = join_all(views)
        .await
        .into_iter()
        .flatten()
        .rev()
        .max_by_key(|(_, nodes)| nodes.iter().filter(|node| node.running).count())?;
    let queues = broker.ask(&format!("/api/queues/{VHOST}?disable_stats=true&enable_queue_totals=true")).await?;
    let policies = broker.ask(&format!("/api/policies/{VHOST}")).await?;
    let alarms = broker.get("/api/health/checks/alarms").await.ok()?;
    let state = QueueState {
        nodes,
        queues: list(&queues).filter_map(queue).collect(),
        policies: list(&policies).filter_map(policy).collect(),
        alarms: (alarms.status != 200).then(|| self::alarms(&alarms.json)),
    };
    Some((broker, state))
}

impl Broker<'_> {
    /// Tells it one change.
    ///
    /// # Errors
    /// When it does not answer or refuses.
    pub async fn tell(&self, change: &Change) -> Result<(), EngineError> {
        let (method, path, body) = match change {
            Change::Policy { name, body } => (Method::PUT, format!("/api/policies/{VHOST}/{name}"), body.clone()),
            Change::Queue { name } => (Method::PUT, format!("/api/queues/{VHOST}/{name}"), queue_body()),
            Change::Rebalance => (Method::POST, "/api/rebalance/queues".to_owned(), json!({})),
        };
        let what = format!("{method} {path}");
        match request((self.ip, PORT), method, &path, self.who(), Some(&body), CHANGE).await {
            Ok(answer) if answer.status < 300 => Ok(()),
            Ok(answer) => Err(EngineError::Refused { what, status: answer.status, body: answer.text }),
            Err(source) => Err(EngineError::Http { what, source }),
        }
    }

    fn who(&self) -> Authorization<'_> {
        Authorization::Basic(ADMIN, self.password)
    }

    async fn get(&self, path: &str) -> Result<Answer, HttpError> {
        request((self.ip, PORT), Method::GET, path, self.who(), None, ANSWER).await
    }

    async fn ask(&self, path: &str) -> Option<Value> {
        self.get(path).await.ok().filter(|answer| answer.status == 200).map(|answer| answer.json)
    }

    async fn nodes(&self) -> Option<Vec<Node>> {
        let answer = self.ask("/api/nodes").await?;
        let node = |value: &Value| {
            Some(Node {
                name: value["name"].as_str()?.to_owned(),
                running: value["running"] == json!(true),
                drained: value["being_drained"] == json!(true),
            })
        };
        Some(list(&answer).filter_map(node).collect())
    }
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn queue(value: &Value) -> Option<(String, Queue)> {
    let count = |key: &str| value[key].as_array().map_or(0, Vec::len);
    let queue = Queue {
        kind: value["type"].as_str().unwrap_or_default().to_owned(),
        members: count("members"),
        online: count("online"),
        leader: value["leader"].as_str().unwrap_or_default().to_owned(),
        messages: value["messages"].as_u64().unwrap_or(0),
    };
    Some((value["name"].as_str()?.to_owned(), queue))
}

fn policy(value: &Value) -> Option<(String, Value)> {
    let kept: BTreeMap<&str, &Value> =
        ["pattern", "apply-to", "priority", "definition"].into_iter().map(|key| (key, &value[key])).collect();
    Some((value["name"].as_str()?.to_owned(), json!(kept)))
}

/// `memory of rabbit@shop-queue-0…`, for each alarm.
fn alarms(answer: &Value) -> String {
    let texts: Vec<String> = list(&answer["alarms"])
        .map(|alarm| {
            let text = |key: &str| alarm[key].as_str().unwrap_or("?").to_owned();
            format!("{} of {}", text("resource"), super::decide::short(&text("node")))
        })
        .collect();
    if texts.is_empty() { answer["reason"].as_str().unwrap_or("unknown").to_owned() } else { texts.join(", ") }
}
