//! What the way in makes of several hosts, and which of them the application is told.

use serde_json::json;

use crate::pods::pod;
use crate::samples::{Sample, pods_with, site};
use crate::text;

fn public_url(sample: &Sample, kind: &str, name: &str) -> String {
    let env = pod(sample, kind, name)["containers"][0]["env"].as_array().unwrap().clone();
    text(&env.iter().find(|variable| variable["name"] == "PUBLIC_URL").unwrap()["value"]).to_owned()
}

#[test]
fn each_host_has_a_rule_and_the_first_is_the_public_one() {
    let sample = pods_with(
        "ingress: {hosts: [shop.example.com, www.example.com, shop.example.org], tls: [{hosts: [shop.example.com, www.example.com], secretName: com}, {hosts: [shop.example.org], secretName: org}]}",
    );
    let ingress = sample.of_kinds(&["Ingress"]).next().unwrap();
    let rules = ingress["spec"]["rules"].as_array().unwrap();
    let hosts: Vec<&str> = rules.iter().map(|rule| text(&rule["host"])).collect();
    assert_eq!(hosts, ["shop.example.com", "www.example.com", "shop.example.org"]);
    for rule in rules {
        assert_eq!(rule["http"], rules[0]["http"], "each host leads to the same backend");
        assert_eq!(rule["http"]["paths"][0]["backend"]["service"]["name"], "pods-edge");
        assert_eq!(rule["http"]["paths"].as_array().unwrap().len(), 1);
    }
    let tls = json!([
        {"hosts": ["shop.example.com", "www.example.com"], "secretName": "com"},
        {"hosts": ["shop.example.org"], "secretName": "org"}
    ]);
    assert_eq!(ingress["spec"]["tls"], tls);
    for (kind, name) in
        [("Deployment", "pods-web"), ("Deployment", "pods-worker-video"), ("CronJob", "pods-cron-report")]
    {
        assert_eq!(public_url(&sample, kind, name), "https://shop.example.com");
    }
}

#[test]
fn the_public_address_is_encrypted_where_the_first_host_has_a_certificate() {
    let plain = pods_with(
        "ingress: {hosts: [shop.example.com, www.example.com], tls: [{hosts: [www.example.com], secretName: www}]}",
    );
    assert_eq!(public_url(&plain, "Deployment", "pods-web"), "http://shop.example.com");
    let wild = pods_with(
        "ingress: {hosts: ['*.example.com', www.example.com], tls: [{hosts: ['*.example.com'], secretName: www}]}",
    );
    assert_eq!(public_url(&wild, "Deployment", "pods-web"), "https://www.example.com", "a pattern is no address");
    let open = pods_with("ingress: {}");
    let ingress = open.of_kinds(&["Ingress"]).next().unwrap();
    assert_eq!(ingress["spec"]["rules"].as_array().unwrap().len(), 1);
    assert!(ingress["spec"]["rules"][0]["host"].is_null(), "every host");
    assert_eq!(public_url(&open, "Deployment", "pods-web"), "http://pods-edge.default.svc");
    let hosts = site(", tls: [{secretName: all}]");
    assert_eq!(public_url(&hosts, "Deployment", "site-web"), "https://site.example", "a certificate without hosts");
}
