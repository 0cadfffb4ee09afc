//! Configuration of the routers before a cache or a session store: which member is the master, by checks of their own.
//!
//! Must never send a client to a member that only believes itself to be the master: an old one does, after a freeze,
//! for about eight seconds. So with three members the Sentinels' majority decides.

use std::fmt::Write as _;

use super::redis::{ANNOUNCED_PORT, PORT, SENTINEL_PORT, Store};
use super::{Context, names, router};

/// Where the router asks itself what the Sentinels say.
const VERDICT_PORT: u16 = 8410;

/// How soon a member is left: an explicit "no" counts after three checks, 0.1 to 0.6 s; silence after three of a
/// second each.
const CHECKS: &str = "  timeout connect 2s
  timeout check 1s
  default-server inter 500ms fastinter 50ms downinter 300ms fall 3 rise 1";

/// A Sentinel is asked twice a second whether it names another member now, less often whether it still names the same;
/// silence counts after three seconds.
const VOTE: &str = "inter 1s fastinter 100ms downinter 500ms";
/// That it is about to replace the master counts at once, both ways.
const DOUBT: &str = "inter 500ms fastinter 500ms downinter 500ms fall 1";

/// A Sentinel's answer is at least this long: `+OK`, and an array of the shortest address and a port of five digits.
/// From then on another port is an explicit no; a Sentinel has no `QUIT` that would end the answer.
const SHORTEST_ANSWER: u32 = 33;
/// The same of all that a Sentinel knows of its master: the flags stand within its first 200 bytes.
const FLAGS_ANSWER: u32 = 250;

/// `AUTH` of every check; the password comes from the router's environment.
const AUTH: &str = "AUTH monitor ${MONITOR_PASSWORD}";

/// `haproxy.cfg`.
#[must_use]
pub(super) fn config(context: &Context<'_>, store: &Store<'_>) -> String {
    let defaults = format!("{CHECKS} {}\n", router::RESOLVE);
    let mut text = router::preamble(store.settings.router_max_connections, &defaults, "nbsrv(master) eq 1");
    push(
        &mut text,
        format_args!(
            "\
global
  lua-load /usr/local/share/haproxy/hold-master.lua

# A new connection waits for a master, up to 10 s, instead of failing.
frontend redis
  bind :{PORT}
  tcp-request inspect-delay 11s
  tcp-request content lua.hold_master master
  default_backend master

"
        ),
    );
    if store.settings.sentinel {
        votes(context, store, &mut text);
        doubts(context, store, &mut text);
        verdict(context, store, &mut text);
    }
    master(context, store, &mut text);
    text
}

/// The members, of which at most one is up: the master.
fn master(context: &Context<'_>, store: &Store<'_>, text: &mut String) {
    text.push_str("backend master\n  option tcp-check\n");
    if store.settings.sentinel {
        push(
            text,
            format_args!(
                "  tcp-check connect addr 127.0.0.1 port {VERDICT_PORT}
  tcp-check send-lf \"GET /%[srv_name] HTTP/1.0\\r\\n\\r\\n\"
  tcp-check expect rstring ^HTTP/1..[[:space:]]200
"
            ),
        );
    }
    push(
        text,
        format_args!(
            "  tcp-check connect port {PORT}
  tcp-check send \"{AUTH}\\r\\nROLE\\r\\nQUIT\\r\\n\"
  tcp-check expect string master
"
        ),
    );
    for ordinal in 0..store.members() {
        let server = router::server(context, store.tier, ordinal, PORT);
        push(text, format_args!("  {server} check on-marked-down shutdown-sessions\n"));
    }
}

/// For each member a backend of the Sentinels that name it, known by the port that the member announces.
fn votes(context: &Context<'_>, store: &Store<'_>, text: &mut String) {
    text.push_str("# Sentinels that name a member.\n");
    for member in 0..store.members() {
        let (name, port) = (voters(context, store, member), u32::from(ANNOUNCED_PORT) + member);
        push(
            text,
            format_args!(
                "\
backend {name}
  option tcp-check
  tcp-check connect port {SENTINEL_PORT}
  tcp-check send \"{AUTH}\\r\\nSENTINEL GET-MASTER-ADDR-BY-NAME master\\r\\n\"
  tcp-check expect min-recv {SHORTEST_ANSWER} string {port}
"
            ),
        );
        sentinels(context, store, VOTE, text);
    }
}

/// The Sentinels that are about to replace the master which they still name.
fn doubts(context: &Context<'_>, store: &Store<'_>, text: &mut String) {
    push(
        text,
        format_args!(
            "\
# Sentinels that are about to replace the master which they still name.
backend doubts
  option tcp-check
  tcp-check connect port {SENTINEL_PORT}
  tcp-check send \"{AUTH}\\r\\nSENTINEL MASTER master\\r\\n\"
  tcp-check expect min-recv {FLAGS_ANSWER} rstring (o_down|failover_in_progress)
"
        ),
    );
    sentinels(context, store, DOUBT, text);
}

fn sentinels(context: &Context<'_>, store: &Store<'_>, pace: &str, text: &mut String) {
    for member in 0..store.members() {
        push(text, format_args!("  {} check {pace}\n", router::server(context, store.tier, member, SENTINEL_PORT)));
    }
    text.push('\n');
}

/// What the votes mean for a member.
fn verdict(context: &Context<'_>, store: &Store<'_>, text: &mut String) {
    push(
        text,
        format_args!(
            "\
# Whether a member is the master: two Sentinels name it, fewer name others, and none that names it is about to replace
# it; the one that replaces a master names the old one for a second longer than the others do. While fewer than two
# Sentinels know a master at all, the member that says it is one is believed: the tier grows from one member to three.
frontend verdict
  mode http
  bind 127.0.0.1:{VERDICT_PORT}
  timeout client 5s
  no log
  http-request set-var(txn.doubts) nbsrv(doubts)
"
        ),
    );
    let members = 0..store.members();
    for member in members.clone() {
        let name = voters(context, store, member);
        push(text, format_args!("  http-request set-var(txn.votes{member}) nbsrv({name})\n"));
    }
    text.push_str("  http-request set-var(txn.votes) var(txn.votes0)");
    for member in members.clone().skip(1) {
        push(text, format_args!(",add(txn.votes{member})"));
    }
    text.push_str("\n  http-request return status 200 if { var(txn.votes) -m int lt 2 }\n");
    for member in members {
        let path = names::engine_member(&context.app.name, store.tier, member);
        push(
            text,
            format_args!(
                "  http-request set-var(txn.others) var(txn.votes),sub(txn.votes{member})
  http-request return status 200 if {{ path /{path} }} {{ var(txn.votes{member}) -m int ge 2 }} {{ var(txn.others) -m int lt 2 }} {{ var(txn.doubts),sub(txn.others) -m int le 0 }}
"
            ),
        );
    }
    text.push_str("  http-request return status 503\n\n");
}

/// Name of the backend of the Sentinels that name a member.
fn voters(context: &Context<'_>, store: &Store<'_>, ordinal: u32) -> String {
    format!("names-{}", names::engine_member(&context.app.name, store.tier, ordinal))
}

/// Writing to a string cannot fail.
fn push(text: &mut String, more: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(more);
}
