//! The cluster that the tests run on: what `make e2e` tells them of it, and how to wait on it.

use std::env;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Api, ListParams};
use kube::runtime::wait::await_condition;
use kube::{Client, ResourceExt};
use scaledapp::api::{ScaledApp, labels};
use serde_json::Value;

/// The application's namespace and how it is reached.
#[derive(Clone)]
pub struct World {
    pub client: Client,
    pub namespace: String,
    /// Host name of the application at the ingress.
    pub host: String,
}

/// A value that `make e2e` sets.
pub fn setting(name: &str) -> String {
    env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the end-to-end tests by `make e2e`"))
}

/// Address of the ingress on loopback.
pub fn ingress_url() -> String {
    setting("SCALEDAPP_E2E_URL")
}

/// Runs kubectl and returns what it printed.
pub fn kubectl(args: &[&str]) -> String {
    let output = kubectl_output(args, None);
    assert!(output.status.success(), "kubectl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("kubectl prints text")
}

/// Runs kubectl, with something on its standard input.
pub fn kubectl_output(args: &[&str], input: Option<&str>) -> Output {
    use std::io::Write;
    use std::process::Stdio;
    let line = setting("SCALEDAPP_E2E_KUBECTL");
    let mut words = line.split_whitespace();
    let mut child = Command::new(words.next().expect("a command"))
        .args(words)
        .args(args)
        .stdin(if input.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("kubectl starts");
    if let Some(text) = input {
        child.stdin.take().expect("piped").write_all(text.as_bytes()).expect("kubectl reads");
    }
    child.wait_with_output().expect("kubectl ends")
}

/// Runs a verb of the cluster tool, such as `svc stop NODE apiserver`.
pub fn cluster_tool(args: &[&str]) -> String {
    let output = Command::new(setting("SCALEDAPP_E2E_KINS")).args(args).output().expect("the cluster tool starts");
    assert!(output.status.success(), "cluster tool {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// Tries until it is so, and panics with what it was last.
pub async fn eventually<T, F>(what: &str, limit: Duration, mut probe: impl FnMut() -> F) -> T
where
    F: Future<Output = Result<T, String>>,
{
    let start = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(why) if start.elapsed() > limit => panic!("{what}: not within {limit:?}: {why}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// The world of the sample without every tier.
pub const SMALL_SHOP: &str = "e2e-shop";
/// Worlds that several tests share.
const SHARED: [&str; 2] = [SMALL_SHOP, "e2e-whole"];

/// What a failed test leaves would take the processors of all that follow: its pods are shown, and it goes.
impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() && !SHARED.contains(&self.namespace.as_str()) {
            let pods = kubectl_output(&["get", "pods", "-n", &self.namespace, "-o", "wide"], None);
            eprintln!("{}", String::from_utf8_lossy(&pods.stdout));
            remove(&self.namespace);
        }
    }
}

impl World {
    /// A namespace of its own for one test.
    pub async fn new(name: &str) -> Self {
        let namespace = format!("e2e-{name}");
        let manifest = format!(
            "apiVersion: v1\nkind: Namespace\nmetadata: {{name: {namespace}, labels: {{pod-security.kubernetes.io/enforce: restricted}}}}\n"
        );
        apply(&manifest);
        let client = Client::try_default().await.expect("KUBECONFIG leads to the cluster");
        Self { client, host: format!("{name}.example.com"), namespace }
    }

    pub fn apps(&self) -> Api<ScaledApp> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// kubectl in this namespace.
    pub fn kubectl(&self, args: &[&str]) -> String {
        let mut all = vec!["-n", self.namespace.as_str()];
        all.extend_from_slice(args);
        kubectl(&all)
    }

    pub async fn app(&self, name: &str) -> ScaledApp {
        self.apps().get(name).await.expect("the ScaledApp is there")
    }

    /// Waits until the current generation of the application is ready; returns how long it took.
    pub async fn ready(&self, name: &str, limit: Duration) -> Duration {
        let start = Instant::now();
        let ready = await_condition(self.apps(), name, |app: Option<&ScaledApp>| app.is_some_and(is_ready));
        if tokio::time::timeout(limit, ready).await.is_err() {
            let app = self.app(name).await;
            let pods = self.kubectl(&["get", "pods", "-o", "wide"]);
            panic!("{name} is not ready within {limit:?}: {:#?}\n{pods}", app.status);
        }
        start.elapsed()
    }

    /// Waits for a condition of an application.
    pub async fn condition(&self, name: &str, type_: &str, status: &str, limit: Duration) -> Condition {
        eventually(&format!("{name}: {type_}={status}"), limit, async || {
            let app = self.app(name).await;
            let found = condition(&app, type_).cloned();
            match found {
                Some(c) if c.status == status && c.observed_generation == app.metadata.generation => Ok(c),
                other => Err(format!("{other:?}")),
            }
        })
        .await
    }

    /// Pods of one component, by name.
    pub async fn pods_of(&self, component: &str) -> Vec<Pod> {
        let selector = ListParams::default().labels(&format!("{}={component}", labels::COMPONENT));
        let mut pods = self.pods().list(&selector).await.expect("pods are listed").items;
        pods.sort_by_key(ResourceExt::name_any);
        pods
    }

    /// The member that holds the leader lock.
    pub async fn primary(&self) -> String {
        eventually("a primary", Duration::from_secs(60), async || {
            let pods = self.pods_of("database").await;
            pods.iter()
                .find(|p| p.labels().get("role").is_some_and(|r| r == "primary"))
                .map(ResourceExt::name_any)
                .ok_or_else(|| "no pod has the role primary".to_owned())
        })
        .await
    }

    /// Removes the namespace without waiting for it.
    pub fn remove(self) {
        remove(&self.namespace);
    }
}

/// Removes a namespace, if it is there, without waiting for it. Its pods end at once: leaving slowly, as they would, they
/// take the processors of the next test for a minute and a half.
pub fn remove(namespace: &str) {
    kubectl_output(&["delete", "namespace", namespace, "--wait=false", "--ignore-not-found"], None);
    kubectl_output(&["delete", "pods", "-n", namespace, "--all", "--grace-period=0", "--force", "--wait=false"], None);
}

/// Applies manifests and returns what kubectl said.
pub fn apply(manifest: &str) -> String {
    let output = kubectl_output(&["apply", "-f", "-"], Some(manifest));
    assert!(output.status.success(), "kubectl apply: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

pub fn condition<'a>(app: &'a ScaledApp, type_: &str) -> Option<&'a Condition> {
    app.status.as_ref()?.conditions.iter().find(|c| c.type_ == type_)
}

/// Ready, about the newest generation, with nothing under way.
pub fn is_ready(app: &ScaledApp) -> bool {
    let current = app.status.as_ref().is_some_and(|s| s.observed_generation == app.metadata.generation);
    current
        && condition(app, "Ready").is_some_and(|c| c.status == "True")
        && condition(app, "Reconciling").is_none_or(|c| c.status == "False")
}

/// A JSON document that the ingress answers with, and its headers.
pub fn get(host: &str, path: &str) -> Result<(Value, Vec<(String, String)>), String> {
    let output = Command::new("curl")
        .args(["-sS", "-m", "10", "-i", "-H", &format!("Host: {host}"), &format!("{}{path}", ingress_url())])
        .output()
        .expect("curl starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let (head, body) = text.split_once("\r\n\r\n").ok_or("no header")?;
    let mut lines = head.lines();
    let status = lines.next().unwrap_or_default().to_owned();
    if !status.contains(" 200") {
        return Err(format!("{status}: {body}"));
    }
    let headers = lines
        .filter_map(|l| l.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())), headers))
}
