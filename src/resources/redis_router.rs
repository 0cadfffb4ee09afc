//! Configuration of the routers before a cache or a session store: which member is the master, by checks of their own.
//!
//! Must never send a client to a member that only believes itself to be the master: an old one does, after a freeze,
//! for about eight seconds. So with three members the Sentinels' majority decides.

use super::redis::{ANNOUNCED_PORT, PORT, SENTINEL_PORT, Store};
use super::{Context, names, router};

/// Where the router asks itself what the Sentinels say.
const VERDICT_PORT: u16 = 8410;

/// How soon a member is left: an explicit "no" counts after three checks, 0.2 to 0.7 s; silence after three of a
/// second each.
const CHECKS: &str = "  timeout connect 2s
  timeout check 1s
  default-server inter 500ms fastinter 100ms downinter 250ms fall 3 rise 1";

/// A Sentinel's answer is at least this long: `+OK`, and an array of the shortest address and a port of five digits.
/// From then on another port is an explicit no; a Sentinel has no `QUIT` that would end the answer.
const SHORTEST_ANSWER: u32 = 33;

/// `AUTH` of every check; the password comes from the router's environment.
const AUTH: &str = "AUTH monitor ${MONITOR_PASSWORD}";

/// `haproxy.cfg`.
#[must_use]
pub(super) fn config(context: &Context<'_>, store: &Store<'_>) -> String {
    let defaults = format!("{CHECKS} {}\n", router::RESOLVE);
    let preamble = router::preamble(store.settings.router_max_connections, &defaults);
    let (votes, asks_votes) = match store.settings.sentinel {
        true => (votes(context, store), ASK_VERDICT.replace("PORT", &VERDICT_PORT.to_string())),
        false => (String::new(), String::new()),
    };
    let servers: String = (0..store.members())
        .map(|ordinal| {
            let server = router::server(context, store.tier, ordinal, PORT);
            format!("  {server} check on-marked-down shutdown-sessions\n")
        })
        .collect();
    format!(
        "\
{preamble}global
  lua-load /usr/local/share/haproxy/hold-master.lua

# A new connection waits for a master, up to 10 s, instead of failing.
frontend redis
  bind :{PORT}
  tcp-request inspect-delay 11s
  tcp-request content lua.hold_master master
  default_backend master

{votes}backend master
  option tcp-check
{asks_votes}  tcp-check connect port {PORT}
  tcp-check send \"{AUTH}\\r\\nROLE\\r\\nQUIT\\r\\n\"
  tcp-check expect string master
{servers}"
    )
}

const ASK_VERDICT: &str = "  tcp-check connect addr 127.0.0.1 port PORT
  tcp-check send-lf \"GET /%[srv_name] HTTP/1.0\\r\\n\\r\\n\"
  tcp-check expect rstring ^HTTP/1..[[:space:]]200
";

/// The Sentinels' votes: for each member a backend of those that name it, known by the port that the member
/// announces; and the verdict.
fn votes(context: &Context<'_>, store: &Store<'_>) -> String {
    let members: Vec<u32> = (0..store.members()).collect();
    let name = |ordinal: u32| names::engine_member(&context.app.name, store.tier, ordinal);
    let backend = |ordinal: u32| format!("names-{}", name(ordinal));
    let mut text = String::new();
    for member in &members {
        let port = u32::from(ANNOUNCED_PORT) + member;
        let sentinels: String = members
            .iter()
            .map(|other| format!("  {} check\n", router::server(context, store.tier, *other, SENTINEL_PORT)))
            .collect();
        text += &format!(
            "\
backend {}
  option tcp-check
  tcp-check connect port {SENTINEL_PORT}
  tcp-check send \"{AUTH}\\r\\nSENTINEL GET-MASTER-ADDR-BY-NAME master\\r\\n\"
  tcp-check expect min-recv {SHORTEST_ANSWER} string {port}
{sentinels}
",
            backend(*member)
        );
    }
    let counts: String = members
        .iter()
        .map(|member| format!("  http-request set-var(txn.votes{member}) nbsrv({})\n", backend(*member)))
        .collect();
    let sum: String = members.iter().skip(1).map(|member| format!(",add(txn.votes{member})")).collect();
    let rules: String = members
        .iter()
        .map(|member| {
            let others: String = members
                .iter()
                .filter(|other| *other != member)
                .map(|other| format!(" {{ nbsrv({}) lt 2 }}", backend(*other)))
                .collect();
            let (path, own) = (name(*member), backend(*member));
            format!("  http-request return status 200 if {{ path /{path} }} {{ nbsrv({own}) ge 2 }}{others}\n")
        })
        .collect();
    text + &format!(
        "\
# Whether a member is the master: two Sentinels name it, and no two name another. While fewer than two Sentinels know
# a master at all, the member that says it is one is believed: the tier grows from one member to three just then.
frontend verdict
  mode http
  bind 127.0.0.1:{VERDICT_PORT}
  timeout client 5s
  no log
{counts}  http-request set-var(txn.votes) var(txn.votes0){sum}
  http-request return status 200 if {{ var(txn.votes) -m int lt 2 }}
{rules}  http-request return status 503

"
    )
}
