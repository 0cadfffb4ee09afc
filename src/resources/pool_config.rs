//! Configuration of the pool's two processes: `pgbouncer.ini`, and the router's `haproxy.cfg`.
//!
//! Must never hold what changes when the database grows from one member to three: the pool reads
//! both only at its start.

use super::router::{self, RESOLVE, RESOLVERS, STARTED};
use super::{Context, names};
use crate::api::Pooling;
use crate::planner::{PoolSettings, Tier};

/// The pool's configuration. Clients wait through a failover instead of failing: the router holds
/// log-ins while no primary lives, and `query_wait_timeout` is as long.
#[must_use]
pub fn pgbouncer(context: &Context<'_>, settings: &PoolSettings) -> String {
    let mode = match context.app.database.as_ref().map(|database| database.pooling) {
        Some(Pooling::Session) => "session",
        Some(Pooling::Transaction) | None => "transaction",
    };
    let PoolSettings { write_connections: write, read_connections: read, max_client_connections: clients, .. } =
        settings;
    format!(
        "\
[databases]
app = host=127.0.0.1 port=5001 dbname=app pool_size={write} max_db_connections={write}
; Read-only also where the primary answers: an application must not depend on how many members there are.
; Short lives: a connection that was opened to the primary while no replica was there goes back to a replica soon.
app_ro = host=127.0.0.1 port=5002 dbname=app pool_size={read} max_db_connections={read} server_lifetime=15 connect_query='SET default_transaction_read_only = on'

[pgbouncer]
listen_addr = *
listen_port = 6432
; The agent's console: no password for the same uid.
unix_socket_dir = /run/pgbouncer
unix_socket_mode = 0700
pidfile =
auth_type = scram-sha-256
auth_file = /etc/pgbouncer-auth/userlist.txt
admin_users = pgbouncer
stats_users = pgbouncer

pool_mode = {mode}
max_prepared_statements = 200
server_reset_query_always = 0
ignore_startup_parameters = extra_float_digits,search_path

max_client_conn = {clients}
default_pool_size = {write}
min_pool_size = 0
reserve_pool_size = 0

query_wait_timeout = 30
server_connect_timeout = 35
server_login_retry = 0.5
query_timeout = 0
client_idle_timeout = 0
idle_transaction_timeout = 0
client_login_timeout = 60

server_check_delay = 5
server_check_query = select 1
server_lifetime = 300
server_idle_timeout = 60
server_round_robin = 1
tcp_keepalive = 1
tcp_keepidle = 5
tcp_keepintvl = 2
tcp_keepcnt = 3
tcp_user_timeout = 8000

log_connections = 0
log_disconnections = 0
log_pooler_errors = 1
stats_period = 60
"
    )
}

/// The router's configuration.
///
/// How soon a server is taken out: an explicit 503 or a refused connection within 1.2 s (5 checks, 750 ms
/// and then 100 ms apart); a Patroni that accepts and does not answer after 15 to 16 s (5 checks of 3 s),
/// because `PostgreSQL` may well live, and before the lock's 20 s are over; a node that is gone after about 4 s.
/// `fall` and `timeout check` make these together; neither may change alone.
#[must_use]
pub fn router(context: &Context<'_>, settings: &PoolSettings, slots: u32) -> String {
    let lines = |suffix: &str| {
        let address = |ordinal| router::server(context, Tier::Database, ordinal, 5432);
        let lines: Vec<String> = (0..slots).map(|ordinal| format!("  {} check{suffix}\n", address(ordinal))).collect();
        lines.concat()
    };
    let write = lines("");
    let read = lines(" agent-check agent-port 8009 agent-inter 1s");
    let chosen = |ordinal| {
        let name = names::engine_member(&context.app.name, Tier::Database, ordinal);
        format!("  use-server {name} if {{ var(txn.taker) -m str {name} }}\n")
    };
    let chosen: Vec<String> = (0..slots).map(chosen).collect();
    let chosen = chosen.concat();
    // Direct sessions and the pool's server connections, each in and out, and checks.
    let most = 2 * (settings.write_connections + settings.read_connections) + 256;
    format!(
        "\
global
  log stdout format raw local0 notice
  maxconn {most}
  stats socket /run/haproxy/admin.sock mode 660 level admin
  hard-stop-after 30s
  lua-load /usr/local/share/haproxy/hold.lua
{STARTED}
defaults
  log global
  mode tcp
  option tcpka
  option dontlognull
  # With retries a session that waits for its next try while its server goes down is never ended.
  retries 0
  timeout connect 2s
  timeout check 3s
  timeout client 24h
  timeout server 24h
  timeout queue 30s
  default-server inter 750ms fastinter 100ms downinter 500ms fall 5 rise 1 on-marked-down shutdown-sessions {RESOLVE}

{RESOLVERS}
# A new connection waits for a server that takes sessions, up to 29 s.
frontend write
  bind :5001
  tcp-request inspect-delay 30s
  tcp-request content lua.hold write write
  default_backend write

# Reads fall back to the primary, so that they have a server as long as anything has.
frontend read
  bind :5002
  tcp-request inspect-delay 30s
  tcp-request content lua.hold read write
  use_backend write if {{ nbsrv(read) eq 0 }}
  default_backend read

# Patroni answers 200 from the moment the lock is its own; only the role tells that the promotion is over.
backend write
  option httpchk
  http-check connect port 8008
  http-check send meth GET uri /primary ver HTTP/1.0
  http-check expect status 200
  http-check expect string '\"role\": \"primary\"'
{write}
# The lag agent says down for a replica over maxLag; one that does not answer changes nothing.
# A new session goes to the replica that has just said that it takes one.
backend read
  balance leastconn
{chosen}  option httpchk
  http-check connect port 8008
  http-check send meth OPTIONS uri /replica ver HTTP/1.0
  http-check expect status 200
{read}
# About the router itself, never about the database behind it.
{health}",
        health = router::health("nbsrv(write) eq 1"),
    )
}
