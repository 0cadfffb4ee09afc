//! Which path leads to which service, and the address under which the application is known.
//!
//! Edge, ingress, policies and bindings all ask here, so that they cannot disagree.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{Context, names};
use crate::domain::{ValidApp, ValidIngress, ValidService};
use crate::planner::Tier;

/// A path prefix and the services that it leads to.
pub struct Route<'a> {
    /// The prefix; it counts whole path elements, as an Ingress of type `Prefix` does: `/api` has `/api/x`, not `/apix`.
    pub prefix: &'a str,
    /// The service with the largest part of the requests.
    pub main: &'a ValidService,
    /// The other services, and up to which of [`DRAWS`] lots drawn for a request it is theirs.
    pub others: Vec<(&'a ValidService, u32)>,
}

/// Lots of which one is drawn for each request where services share a path.
pub const DRAWS: u32 = 10_000;

/// Routes, the longest prefix first; without any declared path all leads to the first service.
#[must_use]
pub fn routes(app: &ValidApp) -> Vec<Route<'_>> {
    let mut prefixes: BTreeMap<&str, Vec<&ValidService>> = BTreeMap::new();
    for service in &app.services {
        for path in &service.paths {
            prefixes.entry(path).or_default().push(service);
        }
    }
    if prefixes.is_empty() {
        prefixes.extend(app.services.first().map(|service| ("/", vec![service])));
    }
    let mut routes: Vec<Route<'_>> =
        prefixes.into_iter().filter_map(|(prefix, services)| route(prefix, services)).collect();
    routes.sort_by_key(|route| Reverse(route.prefix.len()));
    routes
}

fn route<'a>(prefix: &'a str, mut services: Vec<&'a ValidService>) -> Option<Route<'a>> {
    services.sort_by(|a, b| b.request_share.total_cmp(&a.request_share));
    let all: f64 = services.iter().map(|service| service.request_share).sum();
    let (main, others) = services.split_first()?;
    let mut drawn = 0.0;
    let others = others.iter().map(|service| {
        drawn += service.request_share;
        (*service, (drawn / all * f64::from(DRAWS)).round() as u32)
    });
    Some(Route { prefix, main, others: others.collect() })
}

/// Services that a path leads to, in the order of the spec.
#[must_use]
pub fn public_services(app: &ValidApp) -> Vec<&ValidService> {
    let routed = app.services.iter().any(|service| !service.paths.is_empty());
    if !routed {
        return app.services.iter().take(1).collect();
    }
    app.services.iter().filter(|service| !service.paths.is_empty()).collect()
}

/// Whether the plan has an edge.
#[must_use]
pub fn has_edge(context: &Context<'_>) -> bool {
    context.plan.tier(Tier::Edge).is_some()
}

/// The address for users: the first host of the ingress, else the Service of edge or web inside the cluster.
#[must_use]
pub fn public_url(context: &Context<'_>) -> String {
    let app = context.app;
    let outside = app.ingress.as_ref().and_then(|ingress| {
        let host = ingress.hosts.iter().find(|host| !host.starts_with("*."))?;
        Some(format!("{}://{host}", if is_encrypted(ingress, host) { "https" } else { "http" }))
    });
    outside.unwrap_or_else(|| {
        let service = match public_services(app).first() {
            Some(service) if !has_edge(context) => names::web(&app.name, &service.name),
            _ => names::edge(&app.name),
        };
        format!("http://{}", names::host(&service, &app.namespace))
    })
}

fn is_encrypted(ingress: &ValidIngress, host: &str) -> bool {
    ingress.tls.iter().any(|tls| match &tls.hosts {
        Some(hosts) if !hosts.is_empty() => hosts.iter().any(|covered| {
            let parent = host.split_once('.').map(|(_, parent)| parent);
            covered == host || (parent.is_some() && covered.strip_prefix("*.") == parent)
        }),
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::{IngressTls, LoadBalancing};

    #[test]
    fn a_certificate_covers_its_hosts_and_one_label_below_a_wildcard() {
        let ingress = |hosts: Option<Vec<&str>>| ValidIngress {
            class_name: None,
            hosts: Vec::new(),
            tls: vec![IngressTls {
                hosts: hosts.map(|hosts| hosts.into_iter().map(str::to_owned).collect()),
                secret_name: "tls".to_owned(),
            }],
            annotations: std::collections::BTreeMap::new(),
            load_balancing: LoadBalancing::default(),
            rate_limit: None,
        };
        assert!(is_encrypted(&ingress(None), "shop.example.com"));
        assert!(is_encrypted(&ingress(Some(vec!["shop.example.com"])), "shop.example.com"));
        assert!(is_encrypted(&ingress(Some(vec!["*.example.com"])), "shop.example.com"));
        assert!(!is_encrypted(&ingress(Some(vec!["*.example.com"])), "a.shop.example.com"));
        assert!(!is_encrypted(&ingress(Some(vec!["*.example.com"])), "example.com"));
    }
}
