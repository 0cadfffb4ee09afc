//! Random specs over every field that a plan depends on, with the cluster they are planned for.
//!
//! Most of them are good; some ask for the impossible, so that refusals are drawn as well.
#![allow(dead_code)]

use scaledapp::api::ScaledAppSpec;
use scaledapp::domain::{Environment, LargestPod, ValidApp, validate};
use serde_json::{Map, Value, json};

use super::random::Random;

/// One drawn case.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    pub spec: Value,
    pub zones: u32,
    pub largest: (&'static str, &'static str),
    pub request_percent: u32,
}

impl Case {
    pub fn draw(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let random = &mut random;
        Self {
            spec: spec(random),
            zones: random.pick(&[3, 3, 3, 2, 1]),
            largest: random.pick(&[("16", "64Gi"), ("16", "64Gi"), ("64", "256Gi"), ("4", "16Gi"), ("2", "4Gi")]),
            request_percent: random.pick(&[100, 100, 100, 10, 5]),
        }
    }

    pub fn environment(&self) -> Environment {
        let (cpu, memory) = self.largest;
        Environment {
            zones: self.zones,
            largest_pod: LargestPod { cpu: cpu.into(), memory: memory.into() },
            request_percent: self.request_percent,
            ..Environment::default()
        }
    }

    /// The typed spec; the drawn one is of the API's shape, or this test is wrong.
    pub fn typed(&self) -> ScaledAppSpec {
        serde_json::from_value(self.spec.clone()).unwrap_or_else(|error| panic!("{error}: {}", self.spec))
    }

    /// The validated application, unless it asks for the impossible.
    pub fn valid(&self) -> Option<ValidApp> {
        validate("app", "default", None, &self.typed(), &self.environment()).ok()
    }

    /// The same with one value of the targets set and others taken away.
    pub fn with_target(&self, name: &str, value: impl Into<Value>, without: &[&str]) -> Self {
        let mut other = self.clone();
        if let Some(targets) = other.spec["targets"].as_object_mut() {
            for name in without {
                targets.remove(*name);
            }
            targets.insert(name.to_owned(), value.into());
        }
        other
    }

    /// The same with another number of daily users, where the load is declared so.
    pub fn users(&self) -> Option<i64> {
        self.spec["targets"]["dailyActiveUsers"].as_i64()
    }
}

fn spec(random: &mut Random) -> Value {
    let mut spec = Map::new();
    spec.insert("targets".into(), targets(random));
    let services = random.whole(1, 3);
    let routed = services == 1 || random.chance(80);
    if let Some(profile) = maybe(random, 90, profile) {
        spec.insert("profile".into(), profile);
    }
    spec.insert("services".into(), self::services(random, services, routed));
    let database = maybe(random, 70, database);
    let stored = database.is_some();
    let tiers = [
        ("database", database),
        ("cache", maybe(random, 40, cache)),
        ("sessions", maybe(random, 40, |random| sessions(random, stored))),
        ("proxy", maybe(random, 40, proxy).filter(|_| routed)),
        ("ingress", maybe(random, 50, ingress).filter(|_| routed)),
        ("network", maybe(random, 30, |random| json!({"egress": random.pick(&["Open", "Declared"])}))),
        ("objects", maybe(random, 10, |_| json!({"external": {"secretRef": {"name": "media"}}}))),
        ("migrations", maybe(random, 30, |_| json!([{"name": "schema", "args": ["migrate"]}])).filter(|_| stored)),
        ("cronJobs", maybe(random, 20, |_| json!([{"name": "report", "image": "a", "schedule": "0 3 * * *"}]))),
    ];
    for (name, tier) in tiers {
        if let Some(tier) = tier {
            spec.insert(name.into(), tier);
        }
    }
    let queue = maybe(random, 40, queue);
    let workers = if queue.is_some() { random.whole(0, 2) } else { u64::from(random.chance(10)) };
    if workers > 0 {
        let all = (0..workers).map(|index| worker(random, index, queue.is_some())).collect();
        spec.insert("workers".into(), Value::Array(all));
    }
    if let Some(queue) = queue {
        spec.insert("queue".into(), queue);
    }
    Value::Object(spec)
}

fn maybe(random: &mut Random, percent: u64, draw: impl FnOnce(&mut Random) -> Value) -> Option<Value> {
    random.chance(percent).then(|| draw(random))
}

/// Each of these fields in half of the cases.
fn some(random: &mut Random, fields: Vec<(&str, Value)>) -> Value {
    Value::Object(fields.into_iter().filter(|_| random.chance(50)).map(|(name, value)| (name.into(), value)).collect())
}

fn merged(mut one: Value, other: Value) -> Value {
    if let (Value::Object(one), Value::Object(other)) = (&mut one, other) {
        one.extend(other);
    }
    one
}

fn external(secret: &str) -> Value {
    json!({"provider": "External", "external": {"secretRef": {"name": secret}}})
}

fn targets(random: &mut Random) -> Value {
    let load = match random.whole(1, 4) {
        1 => json!({"peakRequestsPerSecond": random.magnitude(0.0, 5.0)}),
        2 => {
            let pause = random.whole(1, 120);
            let load = json!({"peakConcurrentUsers": random.magnitude(0.0, 6.0)});
            if random.chance(50) { merged(load, json!({"secondsBetweenRequests": pause})) } else { load }
        }
        _ => {
            let requests = random.whole(1, 200);
            let load = json!({"dailyActiveUsers": random.magnitude(0.0, 8.0)});
            if random.chance(50) { merged(load, json!({"requestsPerUserPerDay": requests})) } else { load }
        }
    };
    let fields = vec![
        ("peakToAverage", json!(format!("{:.1}", random.between(1.0, 12.0)))),
        ("latency", json!({"p99": format!("{}ms", random.magnitude(1.3, 3.7))})),
        ("availabilityPercent", json!(random.pick(&["90", "99", "99.3", "99.5", "99.9", "99.95", "99.99"]))),
        ("growth", json!({"percentPerMonth": random.whole(0, 20), "horizonMonths": random.whole(0, 24)})),
        ("asOf", json!("2026-11-01")),
    ];
    merged(load, some(random, fields))
}

fn profile(random: &mut Random) -> Value {
    let cpu = random.magnitude(0.0, 2.5);
    let own = (cpu as f64 * random.between(1.0, 10.0)).ceil() as u64;
    let range =
        json!([{"field": "cpuPerRequest", "low": format!("{}ms", cpu.div_ceil(2)), "high": format!("{}ms", cpu * 2)}]);
    let mut costs = json!({});
    if random.chance(60) {
        costs = json!({"cpuPerRequest": format!("{cpu}ms")});
        if random.chance(60) {
            costs = merged(costs, json!({"serviceTime": {"p99": format!("{own}ms")}}));
        }
        if random.chance(20) {
            costs = merged(costs, json!({"ranges": range}));
        }
    }
    let fields = vec![
        ("preset", json!(random.pick(&["Thin", "Compiled", "Interpreted", "Heavy"]))),
        ("memoryPerReplica", json!(format!("{}Mi", random.magnitude(1.3, 3.3)))),
        ("responseSize", json!(format!("{}", random.magnitude(2.0, 6.0)))),
        ("readPercent", json!(random.whole(0, 100))),
        ("staticPercent", json!(random.whole(0, 100))),
        ("cacheablePercent", json!(random.whole(0, 100))),
        ("queriesPerRequest", json!(format!("{:.2}", random.between(0.0, 20.0)))),
        ("cacheReadsPerRequest", json!(format!("{:.1}", random.between(0.0, 40.0)))),
        ("bytesWrittenPerUserPerDay", json!(random.magnitude(0.0, 4.7).to_string())),
    ];
    merged(costs, some(random, fields))
}

fn services(random: &mut Random, count: u64, routed: bool) -> Value {
    let shared = random.chance(30);
    (0..count)
        .map(|index| {
            let mut service = json!({"name": format!("s{index}"), "image": "a"});
            // The last of several may be internal.
            if routed && (index == 0 || index + 1 < count || random.chance(60)) {
                let path = if index == 0 { "/".to_owned() } else { format!("/{index}") };
                service = merged(service, json!({"paths": [path]}));
            }
            if shared && index + 1 < count {
                service = merged(service, json!({"requestPercent": random.whole(0, 50)}));
            }
            if random.chance(15) {
                let fewest = random.whole(1, 6);
                let pins = vec![
                    ("minReplicas", json!(fewest)),
                    ("maxReplicas", json!(fewest + random.whole(0, 20))),
                    ("cpu", json!(random.pick(&["250m", "500m", "1", "2", "3500m"]))),
                    ("memory", json!(random.pick(&["256Mi", "1Gi"]))),
                ];
                service = merged(service, json!({"pin": some(random, pins)}));
            }
            service
        })
        .collect()
}

fn database(random: &mut Random) -> Value {
    if random.chance(15) {
        return external("postgres");
    }
    let pins = vec![
        ("members", json!(random.pick(&[1, 3, 5]))),
        ("cpu", json!(random.pick(&["500m", "2", "8"]))),
        ("memory", json!(random.pick(&["512Mi", "4Gi"]))),
        ("storage", json!(random.pick(&["10Gi", "200Gi"]))),
    ];
    let pin = some(random, pins);
    let mut fields = vec![
        ("durability", json!(random.pick(&["Synchronous", "Asynchronous"]))),
        ("pooling", json!(random.pick(&["Transaction", "Transaction", "Session"]))),
        ("reads", json!({"maxLag": format!("{}s", random.whole(1, 30))})),
    ];
    if random.chance(20) {
        fields.push(("pin", pin));
    }
    some(random, fields)
}

fn cache(random: &mut Random) -> Value {
    let fields = vec![
        ("hitPercentTarget", json!(random.whole(1, 99))),
        ("itemSize", json!(random.magnitude(1.0, 5.0).to_string())),
        ("itemCount", json!(random.magnitude(0.0, 9.0))),
        ("popularity", json!(random.pick(&["Even", "Web", "Skewed"]))),
    ];
    let fields = some(random, fields);
    if random.chance(15) {
        return merged(fields, external("redis"));
    }
    let own = vec![
        ("evictionPolicy", json!(random.pick(&["LeastFrequentlyUsed", "LeastRecentlyUsed", "ShortestTimeToLive"]))),
        ("pin", member_pin(random)),
    ];
    merged(fields, some(random, own))
}

/// A pin of members, of memory, or of both.
fn member_pin(random: &mut Random) -> Value {
    let (members, memory) = (random.pick(&[1, 3]), random.pick(&["64Mi", "512Mi", "2Gi"]));
    some(random, vec![("members", json!(members)), ("memory", json!(memory))])
}

fn sessions(random: &mut Random, stored: bool) -> Value {
    let fields = vec![("ttl", json!(format!("{}m", random.magnitude(0.5, 4.5))))];
    let fields = some(random, fields);
    match random.whole(1, 10) {
        1 => merged(fields, external("sessions-elsewhere")),
        2 | 3 if stored => merged(fields, json!({"store": "Database"})),
        4 => merged(fields, json!({"pin": member_pin(random)})),
        _ => fields,
    }
}

fn queue(random: &mut Random) -> Value {
    if random.chance(15) {
        return merged(external("rabbit"), json!({"queues": [{"name": "q"}]}));
    }
    let fields = vec![
        ("deliveryLimit", json!(random.whole(1, 20))),
        ("maxLength", json!(random.magnitude(0.0, 7.0))),
        ("deadLetter", json!(random.chance(50))),
    ];
    let declared = merged(json!({"name": "q"}), some(random, fields));
    let queue = json!({"queues": [declared]});
    if random.chance(15) { merged(queue, json!({"pin": {"members": random.pick(&[1, 3])}})) } else { queue }
}

fn worker(random: &mut Random, index: u64, queued: bool) -> Value {
    let time = random.magnitude(1.0, 5.0);
    let delay = (time as f64 * random.between(1.01, 60.0)).ceil() as u64 + 1;
    let mut worker = json!({"name": format!("w{index}"), "image": "a"});
    if queued && random.chance(85) {
        worker = merged(worker, json!({"queue": "q"}));
    }
    if random.chance(80) {
        let (time, delay) =
            (format!("{}s{}ms", time / 1000, time % 1000), format!("{}s{}ms", delay / 1000, delay % 1000));
        worker = merged(worker, json!({"timePerJob": time, "maxDelay": delay}));
    }
    if random.chance(70) {
        worker = merged(worker, json!({"jobsPerThousandRequests": random.whole(0, 200)}));
    }
    match random.whole(1, 10) {
        1 => merged(worker, json!({"pin": {"replicas": random.whole(1, 30)}})),
        2 => merged(worker, json!({"pin": {"cpu": random.pick(&["250m", "1", "2"])}})),
        3..=5 => merged(worker, json!({"autoscaling": "Cpu"})),
        _ => worker,
    }
}

fn proxy(random: &mut Random) -> Value {
    let fields = vec![
        ("ttl", json!(format!("{}s", random.magnitude(0.0, 4.9)))),
        ("staleIfErrorFor", json!(format!("{}s", random.whole(0, 86_400)))),
    ];
    let fields = some(random, fields);
    match random.whole(1, 8) {
        1 => merged(fields, json!({"pin": {"replicas": random.whole(1, 8)}})),
        2 => merged(fields, json!({"pin": {"memory": "1Gi"}})),
        _ => fields,
    }
}

fn ingress(random: &mut Random) -> Value {
    let fields = vec![
        ("hosts", json!(["shop.example.com"])),
        ("loadBalancing", json!(random.pick(&["LeastRequests", "RoundRobin", "Cookie"]))),
        ("rateLimit", json!({"requestsPerSecond": random.whole(1, 1000)})),
    ];
    some(random, fields)
}
