//! Network policies: every tier is closed to all but its callers. Here are the words in which each
//! tier's builder says who its callers are; a policy never names an address.
//!
//! Probes of the kubelet come from the node and pass every policy.

use k8s_openapi::api::networking::v1::{
    NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer, NetworkPolicyPort,
    NetworkPolicySpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::meta::Part;
use super::{Context, external};
use crate::api::{EgressPolicy, labels};

/// A policy of one part's pods. `egress: None` leaves what they reach open; `Some` closes all but its rules.
#[must_use]
pub fn policy(
    context: &Context<'_>,
    part: &Part<'_>,
    name: String,
    ingress: Vec<NetworkPolicyIngressRule>,
    egress: Option<Vec<NetworkPolicyEgressRule>>,
) -> NetworkPolicy {
    let mut types = vec!["Ingress".to_owned()];
    types.extend(egress.is_some().then(|| "Egress".to_owned()));
    NetworkPolicy {
        metadata: part.meta(context.app, name),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(part.label_selector(context.app)),
            policy_types: Some(types),
            // An empty list and an absent one mean the same to the API server, which keeps neither.
            ingress: (!ingress.is_empty()).then_some(ingress),
            egress,
        }),
    }
}

/// Lets peers reach TCP ports, every port without any; `None` means everybody, and so does an empty list of peers: never
/// pass one.
#[must_use]
pub fn from(peers: Option<Vec<NetworkPolicyPeer>>, ports: &[u16]) -> NetworkPolicyIngressRule {
    NetworkPolicyIngressRule { from: peers, ports: (!ports.is_empty()).then(|| tcp(ports)) }
}

/// Lets pods reach TCP ports of peers; `None` means of everybody.
#[must_use]
pub fn to(peers: Option<Vec<NetworkPolicyPeer>>, ports: &[u16]) -> NetworkPolicyEgressRule {
    NetworkPolicyEgressRule { to: peers, ports: Some(tcp(ports)) }
}

/// Lets pods ask for names. Any address: a node's own DNS cache is no pod that a selector could name.
#[must_use]
pub fn to_dns() -> NetworkPolicyEgressRule {
    let port = |protocol: &str| NetworkPolicyPort {
        port: Some(IntOrString::Int(53)),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    };
    NetworkPolicyEgressRule { to: None, ports: Some(vec![port("UDP"), port("TCP")]) }
}

/// Pods of this application with one of these components.
#[must_use]
pub fn components(context: &Context<'_>, components: &[&str]) -> NetworkPolicyPeer {
    let mut selector = application(context);
    selector.match_expressions = Some(vec![LabelSelectorRequirement {
        key: labels::COMPONENT.to_owned(),
        operator: "In".to_owned(),
        values: Some(components.iter().map(|c| (*c).to_owned()).collect()),
    }]);
    NetworkPolicyPeer { pod_selector: Some(selector), ..NetworkPolicyPeer::default() }
}

/// All pods of this application.
#[must_use]
pub fn own_pods(context: &Context<'_>) -> NetworkPolicyPeer {
    NetworkPolicyPeer { pod_selector: Some(application(context)), ..NetworkPolicyPeer::default() }
}

/// Pods of the operator, in whatever namespace it runs.
#[must_use]
pub fn operator() -> NetworkPolicyPeer {
    let of_operator =
        [(labels::NAME, labels::MANAGED_BY_VALUE), (labels::COMPONENT, "operator")].map(|(k, v)| (k.into(), v.into()));
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector::default()),
        pod_selector: Some(LabelSelector { match_labels: Some(of_operator.into()), ..LabelSelector::default() }),
        ..NetworkPolicyPeer::default()
    }
}

/// All pods of namespaces by their names.
#[must_use]
pub fn namespaces(names: &[String]) -> NetworkPolicyPeer {
    NetworkPolicyPeer {
        namespace_selector: Some(LabelSelector {
            match_expressions: Some(vec![LabelSelectorRequirement {
                key: "kubernetes.io/metadata.name".to_owned(),
                operator: "In".to_owned(),
                values: Some(names.to_vec()),
            }]),
            ..LabelSelector::default()
        }),
        ..NetworkPolicyPeer::default()
    }
}

/// Who reads an engine's metrics on these ports: `network.metricsFrom`, everybody when it is absent.
#[must_use]
pub fn metrics(context: &Context<'_>, ports: &[u16]) -> Option<NetworkPolicyIngressRule> {
    match &context.app.network.metrics_from {
        None => Some(from(None, ports)),
        Some(names) if names.is_empty() => None,
        Some(names) => Some(from(Some(vec![namespaces(names)]), ports)),
    }
}

/// Who comes from outside the application on these ports: `network.ingressFrom` and our own pods,
/// everybody when it is absent.
#[must_use]
pub fn visitors(context: &Context<'_>, ports: &[u16]) -> NetworkPolicyIngressRule {
    let peers = context.app.network.ingress_from.as_ref().map(|names| {
        let mut peers = vec![own_pods(context)];
        peers.extend((!names.is_empty()).then(|| namespaces(names)));
        peers
    });
    from(peers, ports)
}

/// What pods that run the application's code may reach: everything, or under `network.egress: Declared` the
/// application's own pods, DNS and the ports of external tiers. Those are no pods that a selector could name, and
/// their addresses change, so it is their ports, at any address.
#[must_use]
pub fn application_egress(context: &Context<'_>) -> Option<Vec<NetworkPolicyEgressRule>> {
    let ports: Vec<u16> = external::ports(context).into_iter().collect();
    let mut rules = own_egress(context)?;
    rules.extend((!ports.is_empty()).then(|| to(None, &ports)));
    Some(rules)
}

/// What the edge may reach: everything, or under `network.egress: Declared` the application's own pods and DNS.
#[must_use]
pub fn own_egress(context: &Context<'_>) -> Option<Vec<NetworkPolicyEgressRule>> {
    (context.app.network.egress == EgressPolicy::Declared)
        .then(|| vec![NetworkPolicyEgressRule { to: Some(vec![own_pods(context)]), ports: None }, to_dns()])
}

fn application(context: &Context<'_>) -> LabelSelector {
    let label = (labels::APP.to_owned(), context.app.name.to_string());
    LabelSelector { match_labels: Some([label].into()), ..LabelSelector::default() }
}

fn tcp(ports: &[u16]) -> Vec<NetworkPolicyPort> {
    ports
        .iter()
        .map(|port| NetworkPolicyPort {
            port: Some(IntOrString::Int(i32::from(*port))),
            protocol: Some("TCP".to_owned()),
            ..NetworkPolicyPort::default()
        })
        .collect()
}
