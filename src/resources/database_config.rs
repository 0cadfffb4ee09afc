//! Patroni's configuration: the dynamic part, which lives in the cluster and is changed by the
//! engine, and the file `patroni.yml`, which a member reads at its start.
//!
//! Must never let a size or a number of members reach the part that only a restart can change.

use serde_json::{Map, Value, json};

use super::{Context, names};
use crate::domain::Bytes;
use crate::planner::DatabaseSettings;

/// Members that a fail-over may leave behind by this much when every acknowledged write is on a
/// synchronous standby: that standby is the only candidate, so its lag must never disqualify it.
const LAG_SYNCHRONOUS: u64 = 1 << 30;
/// Loss bound of asynchronous replication; Patroni's default.
const LAG_ASYNCHRONOUS: u64 = 1 << 20;

/// Patroni's dynamic configuration as the plan wants it; `null` means that a key must be absent.
#[must_use]
pub fn dynamic(settings: &DatabaseSettings, members: u32, synchronous: bool) -> Value {
    json!({
        "ttl": settings.ttl_seconds,
        "loop_wait": settings.loop_wait_seconds,
        "retry_timeout": settings.retry_timeout_seconds,
        "maximum_lag_on_failover": if synchronous { LAG_SYNCHRONOUS } else { LAG_ASYNCHRONOUS },
        "check_timeline": true,
        "failsafe_mode": true,
        "synchronous_mode": synchronous,
        "synchronous_mode_strict": synchronous,
        "synchronous_node_count": 1,
        // With replicas a crashed primary gives the lock away instead of recovering; alone it recovers (default 300).
        "primary_start_timeout": if members > 1 { json!(0) } else { Value::Null },
        "primary_stop_timeout": 10,
        "member_slots_ttl": "30min",
        "postgresql": {
            "use_pg_rewind": true,
            "use_slots": true,
            "parameters": parameters(settings),
        },
    })
}

fn parameters(settings: &DatabaseSettings) -> Value {
    let parallel = (settings.postgres.cpu.0 / 1000).clamp(2, 8);
    json!({
        "max_connections": settings.max_connections,
        "shared_buffers": kilobytes(settings.shared_buffers),
        "effective_cache_size": kilobytes(settings.effective_cache_size),
        "work_mem": kilobytes(settings.work_mem),
        "maintenance_work_mem": kilobytes(settings.maintenance_work_mem),
        "max_wal_size": megabytes(settings.max_wal_size),
        // A replica that is away may hold back a third of the volume, no more: a full volume stops the primary.
        "max_slot_wal_keep_size": megabytes(Bytes((settings.postgres.storage.0 / 3).max(1 << 30))),
        "max_worker_processes": 8,
        "max_parallel_workers": parallel,
        "max_wal_senders": 10,
        "max_replication_slots": 10,
        "superuser_reserved_connections": 3,
        "wal_level": "replica",
        "wal_log_hints": "on",
        "hot_standby": "on",
        "synchronous_commit": "on",
        "wal_sender_timeout": "5s",
        "wal_receiver_timeout": "5s",
        "wal_receiver_status_interval": "1s",
        "wal_retrieve_retry_interval": "500ms",
        "wal_compression": "lz4",
        "checkpoint_timeout": "5min",
        "archive_timeout": "60s",
        "huge_pages": "off",
        "dynamic_shared_memory_type": "posix",
        "jit": "off",
        "tcp_keepalives_idle": 5,
        "tcp_keepalives_interval": 2,
        "tcp_keepalives_count": 3,
        "password_encryption": "scram-sha-256",
        "idle_in_transaction_session_timeout": "10min",
        "log_checkpoints": "on",
        "log_lock_waits": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
    })
}

fn kilobytes(size: Bytes) -> String {
    format!("{}kB", size.0 >> 10)
}

fn megabytes(size: Bytes) -> String {
    format!("{}MB", size.0 >> 20)
}

/// What a member reads at each start, whatever the sizes are.
#[must_use]
pub fn static_file(context: &Context<'_>) -> Value {
    let app = &context.app.name;
    json!({
        "scope": names::database(app),
        "kubernetes": {
            // Endpoints are deprecated, and a controller manager that restarts deletes the one that holds the synchronous standby.
            "use_endpoints": false,
            "bypass_api_service": false,
            "scope_label": "cluster-name",
            "labels": super::database::PART.selector(context.app),
            "role_label": "role",
            "leader_label_value": "primary",
            "follower_label_value": "replica",
            "standby_leader_label_value": "primary",
        },
        // All routers and the kubelet ask at once. With the default of 5 the kernel refuses to queue them when Patroni
        // stalls, and a stalled Patroni looks like a lost node: a living primary was cut off after 7 s instead of 15.
        "restapi": {"listen": "0.0.0.0:8008", "request_queue_size": 256},
        "postgresql": {
            "listen": "*:5432",
            "bin_dir": "/usr/lib/postgresql/17/bin",
            "data_dir": "/var/lib/postgresql/data/pgdata",
            "pgpass": "/run/postgresql/pgpass",
            "use_unix_socket": true,
            "use_unix_socket_repl": true,
            "remove_data_directory_on_rewind_failure": true,
            "remove_data_directory_on_diverged_timelines": true,
            "create_replica_methods": ["basebackup"],
            // A new replica must not take the primary's whole network.
            "basebackup": [{"checkpoint": "fast"}, {"max-rate": "100M"}],
            "parameters": {"unix_socket_directories": "/run/postgresql", "unix_socket_permissions": "0777"},
            "pg_hba": [
                "local all         postgres             peer",
                "local replication replicator           scram-sha-256",
                "local all         monitor              scram-sha-256",
                "local app         app                  scram-sha-256",
                "host  app         app        all       scram-sha-256",
                "host  all         monitor    all       scram-sha-256",
                "host  replication replicator all       scram-sha-256",
                "host  all         postgres   all       scram-sha-256",
                "host  all         all        all       reject",
            ],
        },
        // No device in a restricted pod: the router is the fence.
        "watchdog": {"mode": "off"},
        "tags": {"nofailover": false, "nosync": false, "noloadbalance": false, "clonefrom": false},
    })
}

/// The whole `patroni.yml`: the static part, and what the first member of a new database begins with.
#[must_use]
pub fn file(context: &Context<'_>, settings: &DatabaseSettings, members: u32) -> String {
    let mut whole = static_file(context);
    whole["bootstrap"] = json!({
        "dcs": without_nulls(dynamic(settings, members, settings.synchronous && members >= 3)),
        "initdb": [
            {"encoding": "UTF8"},
            // Sort order that no base image can change under an index.
            {"locale-provider": "builtin"},
            {"locale": "C.UTF-8"},
            "data-checksums",
            {"auth-host": "scram-sha-256"},
            {"auth-local": "peer"},
        ],
        "post_init": "/usr/local/bin/post-init",
    });
    // JSON, which is YAML in which every string has quotes: Patroni reads YAML 1.1, where a bare `on` is a boolean.
    format!("{whole:#}\n")
}

fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(map) => {
            Value::Object(map.into_iter().filter(|(_, v)| !v.is_null()).collect::<Map<String, Value>>())
        }
        other => other,
    }
}
