//! The samples, planned and built; and an application whose every name is as long as it may be.

use std::path::{Path, PathBuf};
use std::process::Output;

use assert_cmd::Command;
use scaledapp::api::ScaledApp;
use scaledapp::domain::{Environment, ValidApp, validate};
use scaledapp::planner::{Catalogue, Plan, plan};
use scaledapp::resources::{self, Credentials, Externals};
use serde_json::Value;

/// One application with its objects.
pub struct Sample {
    pub name: String,
    pub plan: Plan,
    pub credentials: Credentials,
    pub objects: Vec<Value>,
    pub without_credentials: Vec<Value>,
}

impl Sample {
    pub fn of_kinds<'a>(&'a self, kinds: &'a [&'a str]) -> impl Iterator<Item = &'a Value> {
        self.objects.iter().filter(|object| kinds.iter().any(|kind| object["kind"] == *kind))
    }

    pub fn object(&self, kind: &str, name: &str) -> &Value {
        let found = self.objects.iter().find(|o| o["kind"] == kind && o["metadata"]["name"] == name);
        found.unwrap_or_else(|| panic!("no {kind} {name}"))
    }
}

pub fn root() -> PathBuf {
    Path::new(".").to_owned()
}

pub fn goldens_are_updated() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

/// With images of a fixed version, so that the goldens do not change with the operator's.
fn environment() -> Environment {
    let path = root().join("tests/golden/manifests/environment.yaml");
    serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn planned(text: &str) -> (ValidApp, Plan) {
    let app: ScaledApp = serde_yaml::from_str(text).unwrap();
    let namespace = app.metadata.namespace.unwrap_or_else(|| "default".to_owned());
    let name = app.metadata.name.unwrap();
    let valid = validate(&name, &namespace, None, &app.spec, &environment()).unwrap();
    let plan = plan(&valid, &Catalogue::builtin(), &environment(), None);
    assert!(!plan.is_refused(), "{:?}", plan.findings);
    (valid, plan)
}

fn file(name: &str) -> String {
    std::fs::read_to_string(root().join(format!("manifests/samples/{name}.yaml"))).unwrap()
}

/// What `scaledapp render` prints.
pub fn render(name: &str, more: &[&str]) -> Output {
    let sample = root().join(format!("manifests/samples/{name}.yaml"));
    let environment = root().join("tests/golden/manifests/environment.yaml");
    let mut command = Command::cargo_bin("scaledapp").unwrap();
    command.arg("render").arg("-f").arg(sample).arg("--environment").arg(environment).args(more).output().unwrap()
}

fn sample(text: &str) -> Sample {
    sample_with(text, Externals::default())
}

fn sample_with(text: &str, externals: Externals) -> Sample {
    let (app, plan) = planned(text);
    let mut number = 0;
    let mut credentials = Credentials::generate(&plan, |below| {
        number = (number * 31 + 7) % 9973;
        number % below
    });
    credentials.externals = externals;
    let objects = |credentials: Option<&Credentials>| {
        let set = resources::build(&app, &plan, &environment(), credentials);
        set.into_ordered().into_iter().map(|object| object.object).collect()
    };
    Sample {
        name: app.name.to_string(),
        plan: plan.clone(),
        objects: objects(Some(&credentials)),
        without_credentials: objects(None),
        credentials,
    }
}

/// Names of the greatest length, several services, every tier, and restricted traffic.
pub fn longest() -> Sample {
    sample(LONGEST)
}

/// The sample of external tiers, changed, and with what is known of the owner's Secrets.
pub fn external(change: impl Fn(String) -> String, externals: Externals) -> Sample {
    sample_with(&change(file("external")), externals)
}

/// A queue of one member, or of three.
pub fn queue(availability: &str) -> Sample {
    sample(&QUEUE.replace("AVAILABILITY", availability))
}

/// A site behind two edges and two pods of the caching proxy; `ingress` are more fields of its own.
pub fn site(ingress: &str) -> Sample {
    site_with(ingress, "1h")
}

/// The same, with another bound for old answers.
pub fn site_with(ingress: &str, stale_if_error_for: &str) -> Sample {
    let web = "{name: web, image: \"registry.example/web:1\", paths: [/], health: {readinessPath: /healthz}}";
    site_of(web, ingress, stale_if_error_for)
}

/// The same with a second service that takes a tenth of the requests.
pub fn split_site(ingress: &str) -> Sample {
    let service = |name: &str, percent: u32| {
        format!(
            "{{name: {name}, image: \"registry.example/web:1\", paths: [/], requestPercent: {percent}, health: {{readinessPath: /healthz}}}}"
        )
    };
    site_of(&[service("web", 90), service("next", 10)].join(", "), ingress, "1h")
}

fn site_of(services: &str, ingress: &str, stale_if_error_for: &str) -> Sample {
    sample(&format!(
        r#"
apiVersion: scaledapp.dev/v1alpha1
kind: ScaledApp
metadata: {{name: site, namespace: default}}
spec:
  targets: {{peakRequestsPerSecond: 100, availabilityPercent: "99.95"}}
  services: [{services}]
  ingress: {{hosts: [site.example]{ingress}}}
  proxy: {{ttl: 60s, staleIfErrorFor: {stale_if_error_for}, pin: {{replicas: 2}}}}
"#
    ))
}

/// All that services, workers and cron jobs may say of their pods, with every tier.
pub fn pods() -> Sample {
    pods_with("")
}

/// The same, with other fields of the ingress.
pub fn pods_with(ingress: &str) -> Sample {
    let text = std::fs::read_to_string(root().join("tests/accepted/pods.yaml")).unwrap();
    let ours = "ingress: {hosts: [shop.example.com, www.example.com]}";
    assert!(text.contains(ours));
    sample(&if ingress.is_empty() { text } else { text.replace(ours, ingress) })
}

pub fn all() -> Vec<Sample> {
    let mut samples: Vec<Sample> =
        ["hello", "shop", "large", "ladder", "external"].iter().map(|name| sample(&file(name))).collect();
    samples.extend([longest(), queue("99"), queue("99.95"), site(""), split_site(", loadBalancing: Cookie"), pods()]);
    samples
}

const QUEUE: &str = r#"
apiVersion: scaledapp.dev/v1alpha1
kind: ScaledApp
metadata: {name: shop, namespace: default}
spec:
  targets: {dailyActiveUsers: 10000, availabilityPercent: "AVAILABILITY"}
  services: [{name: web, image: registry.example/shop:1}]
  queue: {queues: [{name: video, deliveryLimit: 3, maxLength: 1000}]}
"#;

const LONGEST: &str = r#"
apiVersion: scaledapp.dev/v1alpha1
kind: ScaledApp
metadata: {name: a-name-with-all-30-characters0, namespace: team-a}
spec:
  targets: {dailyActiveUsers: 2000000, availabilityPercent: "99.95"}
  services:
  - name: frontend-of-20-chars
    image: registry.example/front:1
    port: 3000
    paths: [/]
    env:
    - {name: GREETING, value: hello from $(SERVICE_INNER_URL)}
    securityContext: {runAsUser: 1000}
  - name: backend--of-20-chars
    image: registry.example/back:1
    paths: [/api, /api/v2/]
    health: {readinessPath: "/ready now", livenessPath: /live}
  - {name: inner, image: "registry.example/inner:1"}
  migrations:
  - {name: schema-15-chars, args: [migrate]}
  - {name: data, image: "registry.example/data:1", timeout: 2h}
  cronJobs:
  - {name: report-15-chars, schedule: "0 3 * * *", timeZone: Europe/Vienna, image: "registry.example/back:1", args: [report], timeout: 90m}
  - {name: tidy, schedule: "*/5 8-18 * * mon-fri", image: "registry.example/tidy:1", securityContext: {runAsUser: 1000}}
  ingress: {hosts: ["*.example.com", www.example.com], tls: [{hosts: ["*.example.com"], secretName: tls}]}
  network: {egress: Declared, ingressFrom: [{namespace: ingress}], metricsFrom: [{namespace: monitoring}]}
  database: {}
  cache: {}
  sessions: {}
  proxy: {}
  queue: {queues: [{name: video.high-quality, deliveryLimit: 3}, {name: mail, maxLength: 50, deadLetter: false}]}
  workers:
  - {name: video-of-20-charsxxx, image: "registry.example/back:1", args: [work], queue: video.high-quality, timePerJob: 12s}
  - {name: mail, image: "registry.example/back:1", queue: mail, autoscaling: Cpu, securityContext: {runAsUser: 1000}}
"#;
