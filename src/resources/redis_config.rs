//! Configuration of Redis and Sentinel, and who may do what there. The scripts of the image add what a member learns
//! at its start: addresses, passwords, whom to follow.

use sha2::{Digest, Sha256};

use super::Passwords;
use super::redis::{PORT, SENTINEL_PORT, Store};
use crate::domain::quantity::MIB;
use crate::planner::Tier;

/// A master that does not answer for this long is taken for dead.
const DOWN_AFTER_MS: u32 = 2000;
/// A failover that did not succeed, such as one for which two Sentinels voted for themselves, is tried again after
/// twice this time.
const FAILOVER_TIMEOUT_MS: u32 = 4000;

/// `redis.conf`.
#[must_use]
pub(super) fn redis(store: &Store<'_>) -> String {
    let settings = store.settings;
    let (memory, policy) = (settings.max_memory_bytes, settings.eviction_policy.as_str());
    // A replica that was away for less than this much of writes catches up without a full copy; it counts as used.
    let backlog = (memory / 16).clamp(MIB, 64 * MIB);
    // A replica that is further behind than this is cut off and copies everything anew. `maxmemory` does not count what
    // waits for it: a third of the room beside the data; a fork keeps twice what is written meanwhile, and the process
    // itself takes the rest.
    let room = settings.redis.memory.0.saturating_sub(memory);
    let hard = (room / 3).clamp(4 * MIB, 256 * MIB);
    let soft = hard / 2;
    let clients = (settings.router_max_connections * settings.router_replicas + 256).max(10_000);
    let durability = durability(store);
    format!(
        "\
port {PORT}
bind * -::*
protected-mode no
tcp-keepalive 30
timeout 0
maxclients {clients}
loglevel notice
logfile \"\"

maxmemory {memory}
maxmemory-policy {policy}
maxmemory-clients 5%
lazyfree-lazy-eviction yes
lazyfree-lazy-expire yes
lazyfree-lazy-server-del yes
replica-lazy-flush yes

repl-diskless-sync yes
repl-diskless-sync-delay 0
repl-diskless-load on-empty-db
repl-backlog-size {backlog}
repl-timeout 20
repl-ping-replica-period 2
client-output-buffer-limit replica {hard} {soft} 60
replica-serve-stale-data yes
replica-read-only yes
# All alike: the replica with most of the data is promoted.
replica-priority 100
shutdown-timeout 10

{durability}"
    )
}

fn durability(store: &Store<'_>) -> &'static str {
    match (store.settings.persistent, store.settings.sentinel) {
        (false, _) => {
            "\
# Nothing on disk: what is here is elsewhere as well.
save \"\"
appendonly no
"
        }
        (true, false) => {
            "\
# The only copy: on disk before it is acknowledged.
save \"\"
appendonly yes
appendfsync always
aof-use-rdb-preamble yes
"
        }
        (true, true) => {
            "\
# Three copies: acknowledged means that a second member has it (WAIT); the disk follows within a second.
save \"\"
appendonly yes
appendfsync everysec
aof-use-rdb-preamble yes
# A master that nobody follows takes no writes: they would be lost when it is demoted.
min-replicas-to-write 1
min-replicas-max-lag 3
"
        }
    }
}

/// `sentinel.conf`: addresses only, no names, since a look-up that hangs stops failovers for 30 s.
#[must_use]
pub(super) fn sentinel() -> String {
    format!(
        "\
port {SENTINEL_PORT}
bind * -::*
protected-mode no
loglevel notice
logfile \"\"
sentinel resolve-hostnames no
sentinel announce-hostnames no
sentinel deny-scripts-reconfig yes
"
    )
}

/// `monitor.conf`: what a Sentinel sets for the master that it watches.
#[must_use]
pub(super) fn monitor() -> String {
    format!(
        "\
down-after-milliseconds {DOWN_AFTER_MS}
failover-timeout {FAILOVER_TIMEOUT_MS}
parallel-syncs 1
"
    )
}

/// Users of Redis. The application has all commands on data and what client libraries ask at their start, but none
/// that configures, stops or rewires the server; a cache may be emptied by its application, sessions may not.
#[must_use]
pub(super) fn users(passwords: &Passwords, tier: Tier) -> String {
    let flush = if tier == Tier::Cache { " +flushdb +flushall" } else { "" };
    let (app, admin, monitor) = hashes(passwords);
    format!(
        "\
user default off
user app on #{app} ~* &* +@all -@admin -@dangerous +info +keys +sort +sort_ro +role +restore +client|list{flush}
user admin on #{admin} ~* &* +@all
user monitor on #{monitor} resetchannels -@all +ping +role +info +quit +slowlog|len +slowlog|get +latency|latest +latency|histogram
"
    )
}

/// Users of Sentinel: the members themselves, and the routers that ask who leads.
#[must_use]
pub(super) fn sentinel_users(passwords: &Passwords) -> String {
    let (_, admin, monitor) = hashes(passwords);
    format!(
        "\
user default off
user admin on #{admin} &* +@all
user monitor on #{monitor} resetchannels -@all +ping +sentinel|get-master-addr-by-name +sentinel|master
"
    )
}

fn hashes(passwords: &Passwords) -> (String, String, String) {
    let hash = |key: &str| hex::encode(Sha256::digest(passwords.get(key).as_bytes()));
    (hash("app-password"), hash("admin-password"), hash("monitor-password"))
}
