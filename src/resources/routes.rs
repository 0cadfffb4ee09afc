//! Which path leads to which service, and the address under which the application is known.
//!
//! Edge, ingress, policies and bindings all ask here, so that they cannot disagree.

use super::{Context, names};
use crate::domain::{ValidApp, ValidIngress, ValidService};
use crate::planner::Tier;

/// Path prefixes with their services, the longest first; without any declared path all leads to the first service.
///
/// A prefix counts whole path elements, as an Ingress of type `Prefix` does: `/api` has `/api/x`, not `/apix`.
#[must_use]
pub fn routes(app: &ValidApp) -> Vec<(String, &ValidService)> {
    let mut routes: Vec<(String, &ValidService)> = app
        .services
        .iter()
        .flat_map(|service| service.paths.iter().map(move |path| (without_trailing_slash(path), service)))
        .collect();
    if routes.is_empty() {
        routes.extend(app.services.first().map(|service| ("/".to_owned(), service)));
    }
    routes.sort_by(|(a, _), (b, _)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    routes
}

/// Services that a path leads to, in the order of the spec.
#[must_use]
pub fn public_services(app: &ValidApp) -> Vec<&ValidService> {
    let routes = routes(app);
    app.services.iter().filter(|service| routes.iter().any(|(_, to)| to.name == service.name)).collect()
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

fn without_trailing_slash(path: &str) -> String {
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() }
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

    #[test]
    fn a_trailing_slash_says_nothing() {
        assert_eq!(without_trailing_slash("/api/"), "/api");
        assert_eq!(without_trailing_slash("/"), "/");
    }
}
