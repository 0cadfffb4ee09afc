//! What the edge and the caching proxy are configured with. `images/test/proxy.sh` runs real processes on exactly these files.

use serde_json::{Value, json};

use crate::samples::{Sample, goldens_are_updated, root, site, site_with, split_site};

fn edge(sample: &Sample) -> Value {
    sample.object("ConfigMap", "site-edge")["data"]["haproxy.cfg"].clone()
}

fn files(sample: &Sample) -> Value {
    json!({
        "haproxy.cfg": edge(sample),
        "default.vcl": sample.object("ConfigMap", "site-proxy")["data"]["default.vcl"],
        "arguments": sample.object("StatefulSet", "site-proxy")["spec"]["template"]["spec"]["containers"][0]["args"],
    })
}

#[test]
fn the_files_are_those_that_real_processes_were_tried_with() {
    let path = root().join("images/testdata/proxy.json");
    let found = json!({
        "site": files(&site("")),
        "edges": {
            "LeastRequests": edge(&site(", loadBalancing: LeastRequests")),
            "RoundRobin": edge(&site(", loadBalancing: RoundRobin")),
            "Cookie": edge(&site(", loadBalancing: Cookie")),
            "limited": edge(&site(", rateLimit: {requestsPerSecond: 10, burst: 20}")),
            "split": edge(&split_site("")),
            "splitWithCookie": edge(&split_site(", loadBalancing: Cookie")),
        },
    });
    let text = format!("{found:#}\n");
    if goldens_are_updated() {
        std::fs::write(&path, &text).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "{} differs; see it with UPDATE_GOLDEN=1, then run images/test/proxy.sh", path.display());
}

#[test]
fn a_changed_vcl_restarts_no_pod_of_the_proxy() {
    let template = |sample: &Sample| sample.object("StatefulSet", "site-proxy")["spec"]["template"].clone();
    let vcl = |sample: &Sample| sample.object("ConfigMap", "site-proxy")["data"].clone();
    let (one, other) = (site(""), site_with("", "2h"));
    assert_ne!(vcl(&one), vcl(&other));
    assert_eq!(template(&one), template(&other));
}

#[test]
fn without_a_proxy_the_edge_has_no_port_for_it() {
    let sample = crate::samples::queue("99.95");
    let config = sample.object("ConfigMap", "shop-edge")["data"]["haproxy.cfg"].to_string();
    assert!(!config.contains("8081") && !config.contains("lua"), "{config}");
}
