//! Every field of the spec that plans or objects depend on changes one of them.
//!
//! A field is set in a full spec; the plan without its hash, or an object, must then differ.

mod common;

use common::{app, valid};
use scaledapp::domain::Environment;
use scaledapp::planner::{Catalogue, plan};
use scaledapp::resources::{self, Credentials};
use serde_yaml::Value;

const BASE: &str = "
targets: {dailyActiveUsers: 1000000, availabilityPercent: '99.9', latency: {p99: 400ms}, growth: {percentPerMonth: 5}}
profile: {preset: Compiled}
services:
- name: web
  image: a
  paths: [/]
  volumes: &volumes
  - {name: files, configMap: {name: files, items: [{key: a, path: a}]}}
  - {name: keys, secret: {secretName: keys, items: [{key: a, path: a}]}}
  - name: several
    projected:
      sources:
      - {configMap: {name: files, items: [{key: a, path: a}]}}
      - {secret: {name: keys, items: [{key: b, path: b}]}}
      - {serviceAccountToken: {path: token}}
      - {downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}}
  - {name: room, emptyDir: {}}
  - {name: spare, emptyDir: {}}
  volumeMounts: &mounts
  - {name: files, mountPath: /files}
  placement: &placement {tolerations: [{key: dedicated, effect: NoExecute}]}
- {name: api, image: b, paths: [/api]}
migrations: [{name: schema}]
cronJobs: [{name: report, schedule: 0 3 * * *, image: a, volumes: *volumes, volumeMounts: *mounts, placement: *placement}]
ingress: {hosts: [shop.example.com]}
network: {}
database: {}
cache: {itemCount: 500000}
sessions: {}
queue: {queues: [{name: video}, {name: mails}]}
workers:
- {name: video, image: a, queue: video, jobsPerThousandRequests: 50, timePerJob: 3s, volumes: *volumes, volumeMounts: *mounts, placement: *placement}
- {name: mails, image: a, queue: mails, jobsPerThousandRequests: 200, autoscaling: Cpu}
proxy: {}
";

/// Fields and what they are set to; `targets.load` replaces the declared load.
const CHANGES: &[(&str, &str)] = &[
    ("deletionPolicy", "Delete"),
    ("imagePullSecrets", "[{name: registry}]"),
    ("targets.asOf", "'2026-11-01'"),
    ("targets.dailyActiveUsers", "3000000"),
    ("targets.load", "{peakRequestsPerSecond: 90}"),
    ("targets.load", "{peakConcurrentUsers: 5000}"),
    ("targets.load", "{peakConcurrentUsers: 5000, secondsBetweenRequests: 30}"),
    ("targets.requestsPerUserPerDay", "35"),
    ("targets.peakToAverage", "'4'"),
    ("targets.availabilityPercent", "'99'"),
    ("targets.latency", "{p99: 150ms}"),
    ("targets.growth", "{percentPerMonth: 20}"),
    ("targets.growth", "{percentPerMonth: 5, horizonMonths: 24}"),
    ("profile.preset", "Heavy"),
    ("profile.cpuPerRequest", "35ms"),
    ("profile.serviceTime", "{p99: 300ms}"),
    ("profile.memoryPerReplica", "900Mi"),
    ("profile.responseSize", "90Ki"),
    ("profile.readPercent", "20"),
    ("profile.staticPercent", "60"),
    ("profile.queriesPerRequest", "'9'"),
    ("profile.bytesWrittenPerUserPerDay", "20Ki"),
    ("profile.ranges", "[{field: cpuPerRequest, low: 1ms, high: 900ms}]"),
    ("profile.ranges", "[{field: staticPercent, low: 0, high: 60}]"),
    ("services.0.name", "front"),
    ("services.0.image", "registry.example/other:2"),
    ("services.0.command", "[serve]"),
    ("services.0.args", "[--fast]"),
    ("services.0.env", "[{name: MODE, value: fast}]"),
    ("services.0.envFrom", "[{secretRef: {name: keys}}]"),
    ("services.0.port", "3000"),
    ("services.0.paths", "[/, /more]"),
    ("services.0.requestPercent", "80"),
    ("services.0.health", "{readinessPath: /ready}"),
    ("services.0.health", "{livenessPath: /live}"),
    ("services.0.health", "{startupPath: /start}"),
    ("services.0.securityContext", "{runAsUser: 4242}"),
    ("services.0.securityContext", "{runAsGroup: 4242}"),
    ("services.0.securityContext", "{readOnlyRootFilesystem: true}"),
    ("services.0.pin", "{minReplicas: 40}"),
    ("services.0.pin", "{maxReplicas: 7}"),
    ("services.0.pin", "{cpu: 700m}"),
    ("services.0.pin", "{memory: 777Mi}"),
    ("migrations.0.name", "tables"),
    ("migrations.0.image", "registry.example/migrate:1"),
    ("migrations.0.command", "[migrate]"),
    ("migrations.0.args", "[--all]"),
    ("migrations.0.env", "[{name: MODE, value: slow}]"),
    ("migrations.0.timeout", "33m"),
    ("ingress.className", "traefik"),
    ("ingress.hosts", "[other.example.com]"),
    ("ingress.tls", "[{hosts: [shop.example.com], secretName: shop-tls}]"),
    ("ingress.annotations", "{example.com/note: x}"),
    ("ingress.loadBalancing", "RoundRobin"),
    ("ingress.loadBalancing", "Cookie"),
    ("ingress.rateLimit", "{requestsPerSecond: 9}"),
    ("ingress.rateLimit", "{requestsPerSecond: 9, burst: 44}"),
    ("network.egress", "Declared"),
    ("network.ingressFrom", "[{namespace: ingress}]"),
    ("network.metricsFrom", "[{namespace: monitoring}]"),
    ("database.durability", "Asynchronous"),
    ("database.pooling", "Session"),
    ("database.reads", "{maxLag: 9s}"),
    ("database.storage", "{className: fast}"),
    ("database.pin", "{members: 5}"),
    ("database.pin", "{cpu: 3}"),
    ("database.pin", "{memory: 9Gi}"),
    ("database.pin", "{storage: 900Gi}"),
    ("profile.cacheablePercent", "70"),
    ("profile.cacheReadsPerRequest", "'7'"),
    ("cache.evictionPolicy", "LeastRecentlyUsed"),
    ("cache.hitPercentTarget", "60"),
    ("cache.itemSize", "90Ki"),
    ("cache.itemCount", "9000000"),
    ("cache.popularity", "Skewed"),
    ("cache.pin", "{members: 1}"),
    ("cache.pin", "{memory: 7Gi}"),
    ("sessions.ttl", "240h"),
    ("sessions.store", "Database"),
    ("sessions.pin", "{members: 1}"),
    ("sessions.pin", "{memory: 7Gi}"),
    ("queue.queues.0.name", "films"),
    ("queue.queues.0.deliveryLimit", "77"),
    ("queue.queues.0.maxLength", "7000000"),
    ("queue.queues.0.deadLetter", "false"),
    ("queue.pin", "{members: 1}"),
    ("workers.0.name", "films"),
    ("workers.0.image", "registry.example/worker:2"),
    ("workers.0.command", "[work]"),
    ("workers.0.args", "[--slow]"),
    ("workers.0.env", "[{name: MODE, value: fast}]"),
    ("workers.0.envFrom", "[{secretRef: {name: keys}}]"),
    ("workers.0.queue", "null"),
    ("workers.0.jobsPerThousandRequests", "90"),
    ("workers.0.timePerJob", "9s"),
    ("workers.0.maxDelay", "4s"),
    ("workers.0.securityContext", "{runAsUser: 4242}"),
    ("workers.0.securityContext", "{runAsGroup: 4242}"),
    ("workers.0.securityContext", "{readOnlyRootFilesystem: true}"),
    ("workers.0.pin", "{replicas: 33}"),
    ("workers.0.pin", "{cpu: 700m}"),
    ("workers.0.pin", "{memory: 777Mi}"),
    ("workers.0.autoscaling", "Cpu"),
    ("cronJobs.0.name", "tidy"),
    ("cronJobs.0.schedule", "'5 4 * * 1'"),
    ("cronJobs.0.timeZone", "Europe/Vienna"),
    ("cronJobs.0.image", "registry.example/report:2"),
    ("cronJobs.0.command", "[report]"),
    ("cronJobs.0.args", "[--all]"),
    ("cronJobs.0.env", "[{name: MODE, value: fast}]"),
    ("cronJobs.0.envFrom", "[{secretRef: {name: keys}}]"),
    ("cronJobs.0.timeout", "33m"),
    ("cronJobs.0.securityContext", "{runAsUser: 4242}"),
    ("cronJobs.0.securityContext", "{runAsGroup: 4242}"),
    ("cronJobs.0.securityContext", "{readOnlyRootFilesystem: true}"),
    ("proxy.ttl", "30m"),
    ("proxy.staleIfErrorFor", "48h"),
    ("proxy.pin", "{replicas: 5}"),
    ("proxy.pin", "{memory: 7Gi}"),
];

/// Fields that services, workers and cron jobs have alike.
const OF_PODS: &[(&str, &str)] = &[
    ("volumes.0.configMap.name", "others"),
    ("volumes.0.configMap.items.0.key", "b"),
    ("volumes.0.configMap.items.0.path", "b"),
    ("volumes.0.configMap.items.0.mode", "256"),
    ("volumes.0.configMap.defaultMode", "256"),
    ("volumes.0.configMap.optional", "true"),
    ("volumes.1.secret.secretName", "others"),
    ("volumes.1.secret.items.0.key", "b"),
    ("volumes.1.secret.items.0.path", "b"),
    ("volumes.1.secret.items.0.mode", "256"),
    ("volumes.1.secret.defaultMode", "256"),
    ("volumes.1.secret.optional", "true"),
    ("volumes.2.projected.defaultMode", "256"),
    ("volumes.2.projected.sources.0.configMap.name", "others"),
    ("volumes.2.projected.sources.0.configMap.items.0.key", "c"),
    ("volumes.2.projected.sources.0.configMap.items.0.path", "c"),
    ("volumes.2.projected.sources.0.configMap.items.0.mode", "256"),
    ("volumes.2.projected.sources.0.configMap.optional", "true"),
    ("volumes.2.projected.sources.1.secret.name", "others"),
    ("volumes.2.projected.sources.1.secret.items.0.key", "c"),
    ("volumes.2.projected.sources.1.secret.items.0.path", "c"),
    ("volumes.2.projected.sources.1.secret.items.0.mode", "256"),
    ("volumes.2.projected.sources.1.secret.optional", "true"),
    ("volumes.2.projected.sources.2.serviceAccountToken.audience", "vault"),
    ("volumes.2.projected.sources.2.serviceAccountToken.expirationSeconds", "7200"),
    ("volumes.2.projected.sources.2.serviceAccountToken.path", "jwt"),
    ("volumes.2.projected.sources.3.downwardAPI.items.0.path", "labels"),
    ("volumes.2.projected.sources.3.downwardAPI.items.0.fieldRef.fieldPath", "metadata.labels['app']"),
    ("volumes.3.emptyDir.sizeLimit", "1Gi"),
    ("volumes.3.emptyDir", "{medium: Memory, sizeLimit: 64Mi}"),
    ("volumes.4.name", "more"),
    ("volumeMounts.0.name", "keys"),
    ("volumeMounts.0.mountPath", "/etc/files"),
    ("volumeMounts.0.subPath", "a"),
    ("volumeMounts.0.readOnly", "true"),
    ("placement.nodeSelector", "{disk: fast}"),
    ("placement.tolerations.0.key", "reserved"),
    ("placement.tolerations.0.operator", "Exists"),
    ("placement.tolerations.0.value", "shop"),
    ("placement.tolerations.0.effect", "NoSchedule"),
    ("placement.tolerations.0.tolerationSeconds", "60"),
    ("placement.priorityClassName", "high"),
    ("serviceAccountName", "shop"),
];

/// All fields that are tried.
fn changes() -> impl Iterator<Item = (String, &'static str)> {
    let of_pods = ["services.0", "workers.0", "cronJobs.0"]
        .into_iter()
        .flat_map(|entry| OF_PODS.iter().map(move |(path, value)| (format!("{entry}.{path}"), *value)));
    CHANGES.iter().map(|(path, value)| ((*path).to_owned(), *value)).chain(of_pods)
}

fn set(spec: &mut Value, path: &str, value: Value) {
    if path == "targets.load" {
        let targets = spec["targets"].as_mapping_mut().unwrap();
        targets.remove("dailyActiveUsers");
        targets.extend(value.as_mapping().unwrap().clone());
        return;
    }
    let mut at = spec;
    for part in path.split('.') {
        at = match part.parse::<usize>() {
            Ok(index) => &mut at[index],
            Err(_) => &mut at[part],
        };
    }
    *at = value;
}

fn effect(spec: &Value) -> String {
    let app = valid(&app(&serde_yaml::to_string(spec).unwrap()));
    let environment = Environment::default();
    let mut plan = plan(&app, &Catalogue::builtin(), &environment, None);
    plan.hash.clear();
    let credentials = Credentials::generate(&plan, |_| 1);
    let objects = resources::build(&app, &plan, &environment, Some(&credentials)).into_ordered();
    let objects: Vec<String> = objects.iter().map(|object| object.object.to_string()).collect();
    format!("{}\n{}", serde_json::to_string(&plan).unwrap(), objects.join("\n"))
}

#[test]
fn every_field_changes_the_plan_or_an_object() {
    let base: Value = serde_yaml::from_str(BASE).unwrap();
    let before = effect(&base);
    let mut idle = Vec::new();
    for (path, value) in changes() {
        let mut spec = base.clone();
        set(&mut spec, &path, serde_yaml::from_str(value).unwrap());
        // A worker takes its jobs from a queue of this name.
        if path == "queue.queues.0.name" {
            set(&mut spec, "workers.0.queue", serde_yaml::from_str(value).unwrap());
        }
        if effect(&spec) == before {
            idle.push(format!("{path}: {value}"));
        }
    }
    assert!(idle.is_empty(), "without any effect: {idle:#?}");
}

/// The table of fields names this test only for fields that it tries.
#[test]
fn the_table_of_fields_is_true_for_this_test() {
    let names =
        |path: &str| path.split('.').filter(|part| part.parse::<usize>().is_err()).collect::<Vec<_>>().join(".");
    let tried: Vec<String> = changes().map(|(path, value)| format!("{} {value}", names(&path))).collect();
    for line in common::read("tests/crd-leaves.txt").lines() {
        let Some((field, "every_field_changes_the_plan_or_an_object")) =
            line.split_once(' ').map(|(f, t)| (f, t.trim()))
        else {
            continue;
        };
        let plain = field.trim_start_matches("spec.").replace("[]", "");
        let last = plain.rsplit('.').next().unwrap();
        let parent = plain.strip_suffix(last).unwrap().trim_end_matches('.');
        let found = tried.iter().any(|change| {
            change.starts_with(&format!("{plain} "))
                || (change.contains(&format!("{last}:"))
                    && (change.starts_with(parent) || change.starts_with("targets.load")))
        });
        assert!(found, "{field} is not tried");
    }
}
