//! The `restricted` Pod Security Standard (and the `baseline` one in it) as a check over a pod's spec,
//! written from the standard's text and not from our builders.

use serde_json::Value;

const VOLUMES: [&str; 8] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];
const SYSCTLS: [&str; 9] = [
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
];

/// What in a pod's spec the standard forbids.
pub fn violations(pod: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod[field] == true {
            found.push(field.to_owned());
        }
    }
    for volume in list(&pod["volumes"]) {
        let kinds = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).filter(|key| *key != "name");
        found.extend(kinds.filter(|kind| !VOLUMES.contains(kind)).map(|kind| format!("volume of type {kind}")));
    }
    for sysctl in list(&pod["securityContext"]["sysctls"]) {
        let name = sysctl["name"].as_str().unwrap_or_default();
        if !SYSCTLS.contains(&name) && name != "net.ipv4.tcp_keepalive_probes" {
            found.push(format!("sysctl {name}"));
        }
    }
    let context = &pod["securityContext"];
    found.extend(identity(context).map(|what| format!("pod: {what}")));
    for kind in ["initContainers", "containers", "ephemeralContainers"] {
        for container in list(&pod[kind]) {
            let name = container["name"].as_str().unwrap_or_default();
            found.extend(of_container(container, context).into_iter().map(|what| format!("{name}: {what}")));
        }
    }
    found
}

fn of_container(container: &Value, pod: &Value) -> Vec<String> {
    let own = &container["securityContext"];
    let mut found: Vec<String> = identity(own).collect();
    let either = |field: &str| if own[field].is_null() { pod[field].clone() } else { own[field].clone() };
    if either("runAsNonRoot") != true {
        found.push("runAsNonRoot is not true".to_owned());
    }
    let profile = either("seccompProfile")["type"].clone();
    if profile != "RuntimeDefault" && profile != "Localhost" {
        found.push(format!("seccomp profile {profile}"));
    }
    if own["allowPrivilegeEscalation"] != false {
        found.push("allowPrivilegeEscalation is not false".to_owned());
    }
    if own["privileged"] == true {
        found.push("privileged".to_owned());
    }
    if !list(&own["capabilities"]["drop"]).iter().any(|c| c == "ALL") {
        found.push("does not drop ALL".to_owned());
    }
    found.extend(
        list(&own["capabilities"]["add"]).iter().filter(|c| *c != "NET_BIND_SERVICE").map(|c| format!("adds {c}")),
    );
    found.extend(list(&container["ports"]).iter().filter(|p| !p["hostPort"].is_null()).map(|_| "hostPort".to_owned()));
    let handlers = ["startupProbe", "readinessProbe", "livenessProbe"].map(|probe| &container[probe]);
    let hooks = ["preStop", "postStart"].map(|hook| &container["lifecycle"][hook]);
    for handler in handlers.into_iter().chain(hooks) {
        for action in ["httpGet", "tcpSocket"] {
            if !handler[action]["host"].is_null() {
                found.push(format!("host in {action}"));
            }
        }
    }
    found
}

/// What both security contexts have in common.
fn identity(context: &Value) -> impl Iterator<Item = String> {
    let root = (context["runAsUser"] == 0).then(|| "runAsUser is 0".to_owned());
    let not_non_root = (context["runAsNonRoot"] == false).then(|| "runAsNonRoot is false".to_owned());
    let unconfined = (context["seccompProfile"]["type"] == "Unconfined").then(|| "seccomp unconfined".to_owned());
    root.into_iter().chain(not_non_root).chain(unconfined)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn the_check_finds_what_the_standard_forbids() {
    let bare = serde_json::json!({"containers": [{"name": "a"}]});
    assert_eq!(violations(&bare).len(), 4, "{:?}", violations(&bare));
    let bad = serde_json::json!({
        "hostNetwork": true,
        "volumes": [{"name": "h", "hostPath": {"path": "/"}}],
        "securityContext": {"runAsNonRoot": true, "runAsUser": 0, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "a",
            "ports": [{"hostPort": 80}],
            "livenessProbe": {"tcpSocket": {"host": "10.0.0.1"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
            },
        }],
    });
    let found = violations(&bad);
    assert_eq!(found.len(), 6, "{found:?}");
}
