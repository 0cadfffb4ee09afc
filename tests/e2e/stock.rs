//! Applications that know nothing of the operator: Python, Node and Go with the drivers that everybody uses, on the
//! given addresses. What they do works, and they find their way back by themselves when an engine's pod goes.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kube::ResourceExt;
use scaledapp::api::labels;
use serde_json::Value;

use crate::cluster::{World, eventually, setting};
use crate::shop::apply_sample;
use crate::whole::ask;

/// The applications: their languages, which name image, sample and host.
const LANGUAGES: [&str; 3] = ["python", "node", "go"];
/// How soon after the engine is back an application has to be back too.
const RECOVERY: Duration = Duration::from_secs(30);

/// One application, in the namespace that it shares with the others.
#[derive(Clone)]
struct Hello {
    name: String,
    world: World,
}

impl Hello {
    fn apply(shared: &World, language: &str, images: &BTreeMap<String, String>) -> Self {
        let name = format!("hello-{language}");
        let (client, namespace) = (shared.client.clone(), shared.namespace.clone());
        let world = World { client, namespace, host: format!("{name}.example.com") };
        apply_sample(&world, &name, &images[&name], &[]);
        Self { name, world }
    }

    /// What the application says of one use of every tier; the others are called meanwhile.
    async fn check(&self) -> Result<Value, String> {
        let world = self.world.clone();
        let asked = tokio::task::spawn_blocking(move || ask(&world, "/check", &[]));
        let answer = asked.await.expect("curl ends")?;
        if answer.status == 200 { Ok(answer.json()) } else { Err(format!("{}: {}", answer.status, answer.body)) }
    }

    /// Uses every tier until all of them answer; later calls find prepared statements and lost connections' successors.
    async fn works(&self) {
        eventually(&format!("{}: the first check", self.name), RECOVERY, async || self.check().await).await;
        for round in 0..20 {
            let said = self.check().await.unwrap_or_else(|error| panic!("{}, call {round}: {error}", self.name));
            self.judge(&said);
        }
    }

    fn judge(&self, said: &Value) {
        let (database, reads) = (&said["database"], &said["reads"]);
        assert_eq!(database["written"], 16, "{}: {said}", self.name);
        assert_eq!(database["prepared"], 1, "{}: no prepared statement: {said}", self.name);
        assert_eq!(reads["readOnly"], true, "{}: {said}", self.name);
        assert!(reads["rows"].as_u64() > Some(0), "{}: {said}", self.name);
        assert_eq!(said["cache"]["value"], "kept", "{}: {said}", self.name);
        let expires = |tier: &str| said[tier]["expires"].as_u64().unwrap_or_default();
        assert!((55..=60).contains(&expires("cache")), "{}: {said}", self.name);
        assert_eq!(said["sessions"]["value"], "logged in", "{}: {said}", self.name);
        assert!((86_000..=86_400).contains(&expires("sessions")), "{}: {said}", self.name);
        assert_eq!(said["queue"]["confirmed"], true, "{}: {said}", self.name);
        assert!(said["queue"]["received"].as_str().is_some_and(|key| key.len() > 8), "{}: {said}", self.name);
    }

    /// Its pods with the restarts of their containers.
    async fn pods(&self) -> Vec<(String, i32)> {
        let pods = self.world.pods_of("web").await;
        let own = pods.iter().filter(|pod| pod.labels().get(labels::APP) == Some(&self.name));
        let restarts = own.map(|pod| {
            let containers = pod.status.iter().flat_map(|s| s.container_statuses.iter().flatten());
            (pod.name_any(), containers.map(|c| c.restart_count).sum())
        });
        restarts.collect()
    }

    /// Deletes pods of its engines, calls until the calls succeed again, and sees that nobody restarted it.
    async fn survives(&self, what: &str, selectors: &[&str]) {
        let before = self.pods().await;
        let start = Instant::now();
        for selector in selectors {
            let selector = format!("{}={},{selector}", labels::APP, self.name);
            let deleted = self.world.kubectl(&["delete", "pod", "-l", &selector, "--wait=false"]);
            assert_eq!(deleted.lines().count(), 1, "{}: {selector} is not one pod: {deleted}", self.name);
        }
        // Until the pods are gone and their successors are ready, answers may be errors; they are asked for all the same.
        let errors = Cell::new(0_u32);
        while !self.engines_ready(selectors) {
            let failed = self.check().await.is_err();
            errors.set(errors.get() + u32::from(failed));
            assert!(start.elapsed() < Duration::from_secs(120), "{}: {what} did not come back", self.name);
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        let back = start.elapsed();
        let good = async || {
            let said = self.check().await.inspect_err(|_| errors.set(errors.get() + 1))?;
            self.judge(&said);
            Ok(())
        };
        eventually(&format!("{} after {what}", self.name), RECOVERY, good).await;
        println!(
            "{} {what}: engine back after {back:.1?}, all well after {:.1?}, {} errors",
            self.name,
            start.elapsed(),
            errors.get()
        );
        assert_eq!(self.pods().await, before, "{}: nobody restarted it", self.name);
    }

    /// Whether each selector has one pod, which is ready and does not leave.
    fn engines_ready(&self, selectors: &[&str]) -> bool {
        let ready = |selector: &&str| {
            let selector = format!("{}={},{selector}", labels::APP, self.name);
            let found = self.world.kubectl(&["get", "pod", "-l", &selector, "-o", "json"]);
            let found: Value = serde_json::from_str(&found).expect("kubectl prints JSON");
            let pods = found["items"].as_array().map_or(&[][..], Vec::as_slice);
            let is_ready = |pod: &Value| {
                let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
                pod["metadata"]["deletionTimestamp"].is_null()
                    && conditions.into_iter().any(|c| c["type"] == "Ready" && c["status"] == "True")
            };
            pods.len() == 1 && pods.iter().all(is_ready)
        };
        selectors.iter().all(ready)
    }
}

#[tokio::test]
async fn stock_clients_work_and_come_back_by_themselves() {
    let images = std::fs::read_to_string(setting("SCALEDAPP_E2E_TEST_IMAGES")).expect("the tests' images");
    let images: BTreeMap<String, String> = serde_yaml::from_str(&images).expect("names and references");
    let world = World::new("stock").await;
    let hellos = LANGUAGES.map(|language| Hello::apply(&world, language, &images));
    for hello in &hellos {
        let took = hello.world.ready(&hello.name, Duration::from_secs(300)).await;
        println!("{} is ready after {took:.0?} more", hello.name);
    }
    let [python, node, go] = &hellos;
    tokio::join!(python.works(), node.works(), go.works());
    let (what, lost) = ("the loss of the database's primary", ["role=primary"]);
    tokio::join!(python.survives(what, &lost), node.survives(what, &lost), go.survives(what, &lost));
    let what = "the loss of the cache's master and the queue's router";
    let lost = ["app.kubernetes.io/component=cache", "app.kubernetes.io/component=queue-router"];
    tokio::join!(python.survives(what, &lost), node.survives(what, &lost), go.survives(what, &lost));
    for hello in &hellos {
        world.kubectl(&["delete", "scaledapp", &hello.name, "--wait=true", "--timeout=60s"]);
    }
    world.remove();
}
