//! The way in from outside: one backend, the edge; without an edge the services by their paths.

use k8s_openapi::api::networking::v1::{
    HTTPIngressPath, HTTPIngressRuleValue, Ingress, IngressBackend, IngressRule, IngressServiceBackend, IngressSpec,
    IngressTLS, ServiceBackendPort,
};

use super::meta::Part;
use super::{Context, DesiredSet, Stage, names, routes};
use crate::domain::ValidIngress;
use crate::planner::Tier;

/// The Ingress, where the spec has one.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let Some(ingress) = &context.app.ingress else { return };
    let part = Part { component: Tier::Edge.component(), name: "ingress", service: None };
    let mut metadata = part.meta(context.app, names::ingress(&context.app.name));
    metadata.annotations = (!ingress.annotations.is_empty()).then(|| ingress.annotations.clone());
    let object = Ingress {
        metadata,
        spec: Some(IngressSpec {
            ingress_class_name: ingress.class_name.clone(),
            rules: Some(rules(ingress, &paths(context))),
            tls: (!ingress.tls.is_empty()).then(|| {
                let entry = |tls: &crate::api::IngressTls| IngressTLS {
                    hosts: tls.hosts.clone(),
                    secret_name: Some(tls.secret_name.clone()),
                };
                ingress.tls.iter().map(entry).collect()
            }),
            ..IngressSpec::default()
        }),
        ..Ingress::default()
    };
    // A plan that switches the edge on changes the backend: not before the edge answers.
    set.add(Stage::Serve, &object).leads_to = backends(context);
}

/// Names of the Services behind the Ingress, and of their Deployments.
fn backends(context: &Context<'_>) -> Vec<String> {
    let app = &context.app.name;
    if routes::has_edge(context) {
        return vec![names::edge(app)];
    }
    routes::public_services(context.app).into_iter().map(|service| names::web(app, &service.name)).collect()
}

fn rules(ingress: &ValidIngress, paths: &[HTTPIngressPath]) -> Vec<IngressRule> {
    let rule = |host: Option<String>| IngressRule { host, http: Some(HTTPIngressRuleValue { paths: paths.to_vec() }) };
    if ingress.hosts.is_empty() {
        vec![rule(None)]
    } else {
        ingress.hosts.iter().map(|host| rule(Some(host.clone()))).collect()
    }
}

fn paths(context: &Context<'_>) -> Vec<HTTPIngressPath> {
    let app = &context.app.name;
    if routes::has_edge(context) {
        return vec![path("/".to_owned(), names::edge(app))];
    }
    routes::routes(context.app)
        .into_iter()
        .map(|route| path(route.prefix.to_owned(), names::web(app, &route.main.name)))
        .collect()
}

fn path(prefix: String, service: String) -> HTTPIngressPath {
    HTTPIngressPath {
        path: Some(prefix),
        path_type: "Prefix".to_owned(),
        backend: IngressBackend {
            service: Some(IngressServiceBackend {
                name: service,
                port: Some(ServiceBackendPort { name: Some("http".to_owned()), number: None }),
            }),
            resource: None,
        },
    }
}
