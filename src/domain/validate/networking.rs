//! The way in, and who may reach what.

use super::checker::{Checker, is_label, is_qualified, is_subdomain};
use crate::api::{NamespacePeer, Network, RateLimit, ScaledAppSpec};
use crate::domain::{ValidIngress, ValidNetwork, ValidRateLimit};

/// The way in.
pub(super) fn ingress(check: &mut Checker, spec: &ScaledAppSpec) -> Option<ValidIngress> {
    let declared = spec.ingress.as_ref()?;
    let routed = spec.services.iter().any(|s| s.paths.as_ref().is_some_and(|paths| !paths.is_empty()));
    if !routed && spec.services.len() > 1 {
        check.report(
            "spec.ingress",
            "has no service that answers it",
            "give one of spec.services its paths, for example paths: [/]",
        );
    }
    if let Some(class) = declared.class_name.as_deref().filter(|class| !is_subdomain(class)) {
        check.report(
            "spec.ingress.className",
            format!("is {class:?}"),
            "write the name of an IngressClass, or leave it out",
        );
    }
    let hosts = declared.hosts.clone().unwrap_or_default();
    check.length("spec.ingress.hosts", hosts.len(), 16);
    for (index, host) in hosts.iter().enumerate() {
        if !is_subdomain(host.strip_prefix("*.").unwrap_or(host)) {
            check.report(
                format!("spec.ingress.hosts[{index}]"),
                format!("is {host:?}"),
                "write a DNS name in lower case without scheme, port or path, such as shop.example.com",
            );
        }
    }
    check.distinct("spec.ingress.hosts", hosts.iter().map(String::as_str));
    let tls = declared.tls.clone().unwrap_or_default();
    check.length("spec.ingress.tls", tls.len(), 16);
    for (index, entry) in tls.iter().enumerate() {
        if !is_subdomain(&entry.secret_name) {
            check.report(
                format!("spec.ingress.tls[{index}].secretName"),
                format!("is {:?}", entry.secret_name),
                "write the name of a Secret of type kubernetes.io/tls",
            );
        }
        for host in entry.hosts.iter().flatten().filter(|host| !hosts.contains(host)) {
            check.report(
                format!("spec.ingress.tls[{index}].hosts"),
                format!("names {host:?}, which is not in spec.ingress.hosts"),
                "add it there or remove it here",
            );
        }
    }
    let annotations = declared.annotations.clone().unwrap_or_default();
    check.length("spec.ingress.annotations", annotations.len(), 32);
    for key in annotations.keys().filter(|key| !is_qualified(key)) {
        check.report(
            "spec.ingress.annotations",
            format!("has the key {key:?}"),
            "write keys as Kubernetes takes them, such as example.com/name",
        );
    }
    Some(ValidIngress {
        class_name: declared.class_name.clone(),
        hosts,
        tls,
        annotations,
        load_balancing: declared.load_balancing.unwrap_or_default(),
        rate_limit: declared.rate_limit.as_ref().and_then(|limit| rate_limit(check, limit)),
    })
}

fn rate_limit(check: &mut Checker, declared: &RateLimit) -> Option<ValidRateLimit> {
    let field = "spec.ingress.rateLimit";
    let per_second = Some(declared.requests_per_second);
    let per_second = check.integer(&format!("{field}.requestsPerSecond"), per_second, 1..=100_000)? as u32;
    let burst = check.integer(&format!("{field}.burst"), declared.burst, 1..=1_000_000);
    Some(ValidRateLimit {
        requests_per_second: per_second,
        burst: burst.map_or(per_second.saturating_mul(2), |burst| burst as u32),
    })
}

/// Network policies.
pub(super) fn network(check: &mut Checker, declared: Option<&Network>) -> ValidNetwork {
    let declared = declared.cloned().unwrap_or_default();
    ValidNetwork {
        egress: declared.egress.unwrap_or_default(),
        ingress_from: peers(check, "spec.network.ingressFrom", declared.ingress_from.as_deref()),
        metrics_from: peers(check, "spec.network.metricsFrom", declared.metrics_from.as_deref()),
    }
}

fn peers(check: &mut Checker, field: &str, declared: Option<&[NamespacePeer]>) -> Option<Vec<String>> {
    let declared = declared?;
    check.length(field, declared.len(), 16);
    for (index, peer) in declared.iter().enumerate() {
        if !is_label(&peer.namespace, 63) {
            check.report(
                format!("{field}[{index}].namespace"),
                format!("is {:?}", peer.namespace),
                "write the name of a namespace",
            );
        }
    }
    check.distinct(field, declared.iter().map(|peer| peer.namespace.as_str()));
    Some(declared.iter().map(|peer| peer.namespace.clone()).collect())
}
