//! Whoever is given an address is let in: what the environment of every pod names, held against the network policies.

use k8s_openapi::ByteString;
use serde_json::Value;

use crate::samples::{Sample, all};
use crate::{ports, selects, templates, text};

/// Service and port of the addresses in a pod's environment, those in Secrets too.
fn addresses(sample: &Sample, template: &Value) -> Vec<(String, u16)> {
    let containers = template["spec"]["containers"].as_array().into_iter().flatten();
    containers
        .flat_map(|container| container["env"].as_array().into_iter().flatten())
        .filter_map(|variable| {
            if let Some(value) = variable["value"].as_str() {
                return address(value);
            }
            let reference = &variable["valueFrom"]["secretKeyRef"];
            let secret = sample.of_kinds(&["Secret"]).find(|secret| secret["metadata"]["name"] == reference["name"])?;
            let bytes: ByteString = serde_json::from_value(secret["data"][text(&reference["key"])].clone()).ok()?;
            address(&String::from_utf8(bytes.0).ok()?)
        })
        .collect()
}

/// `scheme://user:password@service.namespace.svc:port/path`.
fn address(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    let host = authority.rsplit('@').next()?;
    let (host, port) = match host.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (host, if scheme == "http" { 80 } else { return None }),
    };
    host.contains(".svc").then(|| (host.split('.').next().unwrap().to_owned(), port))
}

/// The port of the pods behind a port of a Service.
fn port_of_pods(service: &Value, template: &Value, port: u16) -> Option<u64> {
    let entry = service["spec"]["ports"].as_array()?.iter().find(|entry| entry["port"] == port)?;
    if let Some(number) = entry["targetPort"].as_u64() {
        return Some(number);
    }
    ports(template).find(|named| named["name"] == entry["targetPort"])?["containerPort"].as_u64()
}

fn is_of(peer: &Value, labels: &Value) -> bool {
    let selector = &peer["podSelector"];
    let among = |expression: &Value| {
        let value = &labels[text(&expression["key"])];
        expression["operator"] == "In" && expression["values"].as_array().is_some_and(|values| values.contains(value))
    };
    peer["namespaceSelector"].is_null()
        && !selector.is_null()
        && (selector["matchLabels"].is_null() || selects(&selector["matchLabels"], labels))
        && selector["matchExpressions"].as_array().into_iter().flatten().all(among)
}

fn admits(policy: &Value, labels: &Value, port: u64) -> bool {
    policy["spec"]["ingress"].as_array().into_iter().flatten().any(|rule| {
        let ports = rule["ports"].as_array();
        ports.is_none_or(|ports| ports.iter().any(|entry| entry["port"] == port))
            && rule["from"].as_array().is_none_or(|peers| peers.iter().any(|peer| is_of(peer, labels)))
    })
}

#[test]
fn whoever_is_given_an_address_is_let_in() {
    let mut checked = 0;
    for sample in all() {
        let templates = templates(&sample);
        for caller in &templates {
            let labels = &caller["metadata"]["labels"];
            for (name, port) in addresses(&sample, caller) {
                let service = sample.object("Service", &name);
                let mut selector = service["spec"]["selector"].clone();
                selector.as_object_mut().unwrap().remove("statefulset.kubernetes.io/pod-name");
                let behind = templates.iter().find(|pod| selects(&selector, &pod["metadata"]["labels"])).unwrap();
                let port = port_of_pods(service, behind, port).unwrap_or_else(|| panic!("{name} has no port {port}"));
                let policies = sample.of_kinds(&["NetworkPolicy"]).filter(|policy| {
                    selects(&policy["spec"]["podSelector"]["matchLabels"], &behind["metadata"]["labels"])
                });
                for policy in policies {
                    assert!(admits(policy, labels, port), "{name}:{port} is closed to {labels}");
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 100, "{checked}");
}
