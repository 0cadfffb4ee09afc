//! Configuration of the queue: `rabbitmq.conf`, the definitions with which a new cluster begins, and the router's file.
//!
//! Must never hold a password in the clear, and `rabbitmq.conf` nothing that depends on how many members there are:
//! growing would otherwise restart the running ones.

use k8s_openapi::ByteString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::credentials::Passwords;
use super::{Context, router};
use crate::domain::{ValidApp, ValidQueueDeclaration};
use crate::planner::{QueueSettings, Tier};

/// Virtual host of the application.
pub const VHOST: &str = "app";
/// User of the operator, for the management API.
pub const ADMIN: &str = "admin";
/// Members that hold each message, once there are three.
const GROUP_SIZE: u32 = 3;
/// Priority of our policies, above those that an owner may add for all queues.
const POLICY_PRIORITY: i64 = 10;

/// `rabbitmq.conf`.
#[must_use]
pub fn server(settings: &QueueSettings) -> String {
    let QueueSettings {
        memory_available_bytes: available,
        memory_high_watermark_bytes: watermark,
        disk_free_limit_bytes: disk,
        wal_max_size_bytes: wal,
        consumer_timeout_ms: consumer,
        ..
    } = settings;
    format!(
        "\
listeners.tcp.default = 5672
heartbeat = 10
consumer_timeout = {consumer}

# A lost node is noticed after 7.5 to 12.5 s.
net_ticktime = 10
cluster_formation.peer_discovery_backend = classic_config

default_queue_type = quorum
queue_leader_locator = balanced
# Clients that know no types may declare the queues that are there.
quorum_queue.property_equivalence.relaxed_checks_on_redeclaration = true
# A queue that was declared while members were missing gets them when they come. None is ever taken away.
quorum_queue.continuous_membership_reconciliation.enabled = true
quorum_queue.continuous_membership_reconciliation.auto_remove = false
quorum_queue.continuous_membership_reconciliation.target_group_size = {GROUP_SIZE}
quorum_queue.continuous_membership_reconciliation.trigger_interval = 2000
quorum_queue.continuous_membership_reconciliation.interval = 30000

# The container's limit is not always seen from inside.
total_memory_available_override_value = {available}
vm_memory_high_watermark.absolute = {watermark}
disk_free_limit.absolute = {disk}
raft.wal_max_size_bytes = {wal}

definitions.import_backend = local_filesystem
definitions.local.path = /etc/rabbitmq-definitions/definitions.json
definitions.skip_if_unchanged = true

management.tcp.port = 15672
management.disable_stats = true
management_agent.disable_metrics_collector = true
prometheus.tcp.port = 15692

log.console = true
log.console.level = info
log.file = false
# The routers' checks hang up after the first answer.
log.connection.level = error
"
    )
}

/// The definitions with which a new cluster begins, and which every start brings up to date: users by their passwords'
/// hashes, the virtual host, and the declared queues.
#[must_use]
pub fn definitions(app: &ValidApp, passwords: &Passwords) -> Value {
    let user = |name: &str, key: &str, tags: &[&str]| {
        json!({
            "name": name,
            "password_hash": password_hash(passwords.get(key)),
            "hashing_algorithm": "rabbit_password_hashing_sha256",
            "tags": tags,
        })
    };
    let permission = |name: &str, change: &str| json!({"user": name, "vhost": VHOST, "configure": change, "write": change, "read": ".*"});
    let declared = declared(app);
    let queues: Vec<Value> = declared
        .iter()
        .map(|queue| {
            let mut body = queue_body();
            body["name"] = json!(queue.name);
            body["vhost"] = json!(VHOST);
            body
        })
        .collect();
    let policies: Vec<Value> = declared
        .iter()
        .map(|queue| {
            let mut body = queue.policy_body();
            body["name"] = json!(queue.name);
            body["vhost"] = json!(VHOST);
            body
        })
        .collect();
    json!({
        "users": [
            user("app", "app-password", &[]),
            user(ADMIN, "admin-password", &["administrator"]),
            user("monitor", "monitor-password", &["monitoring"]),
        ],
        "vhosts": [{"name": VHOST, "metadata": {"description": "", "tags": [], "default_queue_type": "quorum"}}],
        "permissions": [permission("app", ".*"), permission(ADMIN, ".*"), permission("monitor", "^$")],
        "policies": policies,
        "queues": queues,
    })
}

/// A queue as it is to be: of the spec, or for the dead messages of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// What its policy says.
    pub policy: Value,
}

impl Declared {
    /// Its policy, as the management API takes it.
    #[must_use]
    pub fn policy_body(&self) -> Value {
        json!({
            "pattern": format!("^{}$", self.name.replace('.', "[.]")),
            "apply-to": "quorum_queues",
            "priority": POLICY_PRIORITY,
            "definition": self.policy,
        })
    }
}

/// What every declared queue is made with; all else is policy, which can change.
#[must_use]
pub fn queue_body() -> Value {
    json!({"durable": true, "auto_delete": false, "arguments": {"x-queue-type": "quorum"}})
}

/// All queues of an application, those for dead messages before what fills them.
#[must_use]
pub fn declared(app: &ValidApp) -> Vec<Declared> {
    let queues = app.queue.as_ref().map(|queue| queue.queues.as_slice()).unwrap_or_default();
    // Nothing takes messages from there by itself, and whoever looks at one often must not make it vanish.
    let dead = queues
        .iter()
        .filter_map(ValidQueueDeclaration::dead_letter_name)
        .map(|name| Declared { name, policy: json!({"delivery-limit": -1}) });
    let living = queues.iter().map(|queue| Declared { name: queue.name.clone(), policy: policy(queue) });
    dead.chain(living).collect()
}

/// A full queue refuses the publisher; it never drops what it confirmed. A dead message is only forgotten when the
/// queue beside has confirmed it.
fn policy(queue: &ValidQueueDeclaration) -> Value {
    let mut policy = json!({
        "delivery-limit": queue.delivery_limit,
        "max-length": queue.max_length.value,
        "overflow": "reject-publish",
    });
    if let Some(dead) = queue.dead_letter_name() {
        policy["dead-letter-exchange"] = json!("");
        policy["dead-letter-routing-key"] = json!(dead);
        policy["dead-letter-strategy"] = json!("at-least-once");
    }
    policy
}

/// A password's hash as `RabbitMQ` stores it: four bytes of salt, then the SHA-256 of both. The salt comes from the
/// password, so that the same password gives the same file; with 190 random bits it protects nothing more.
fn password_hash(password: &str) -> String {
    let salt = &Sha256::digest(format!("salt of {password}").as_bytes())[..4];
    let mut hash = salt.to_vec();
    hash.extend(Sha256::new().chain_update(salt).chain_update(password.as_bytes()).finalize());
    // Base64 as the API's own byte strings are written.
    match serde_json::to_value(ByteString(hash)) {
        Ok(Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The router's configuration.
///
/// A member serves when it answers the protocol's first words. How soon it is taken out: refused connections after
/// 1.5 s, a node that is gone after 3 s, one that accepts and does not answer after 9 s: before the other members
/// let go of it, so that clients never wait for both. `fall` and `timeout check` make these together.
#[must_use]
pub fn router(context: &Context<'_>, settings: &QueueSettings, slots: u32) -> String {
    let defaults = format!(
        "  timeout connect 2s
  timeout check 3s
  timeout queue 5s
  default-server inter 1s fastinter 250ms downinter 500ms fall 3 rise 1 on-marked-down shutdown-sessions {}
",
        router::RESOLVE,
    );
    let majority = settings.quorum / 2 + 1;
    let found = format!("nbsrv(members) ge {majority}");
    let preamble = router::preamble(settings.router_max_connections, &defaults, &found);
    let servers: Vec<String> = (0..slots)
        .map(|ordinal| format!("  {} check\n", router::server(context, Tier::Queue, ordinal, 5672)))
        .collect();
    let servers = servers.concat();
    format!(
        "\
{preamble}# Without a majority nothing would be confirmed: better refused than kept waiting.
frontend amqp
  bind :5672
  tcp-request connection reject if {{ nbsrv(members) lt {majority} }}
  default_backend members

backend members
  balance leastconn
  option tcp-check
  tcp-check connect port 5672
  tcp-check send-binary 414d515000000901 comment AMQP-0-9-1
  tcp-check expect rbinary ^010000........000A000A comment connection.start
{servers}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_salt_and_digest_and_always_the_same() {
        let hash = password_hash("secret");
        assert_eq!(hash, password_hash("secret"));
        assert_ne!(hash, password_hash("other"));
        // 36 bytes.
        assert_eq!(hash.len(), 48);
    }
}
