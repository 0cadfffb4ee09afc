//! GitLab's published sizes, and what the planner makes of the same load.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use scaledapp::api::{Quantity, ScaledApp};
use scaledapp::domain::{Environment, LargestPod, validate};
use scaledapp::planner::{Catalogue, Plan, Tier, TierSettings, plan};

use crate::common;

/// Costs that are tried, from 1 on; see [`Costs::new`].
pub const COSTS: u32 = 250;

/// Nodes or pods, and what one of them has.
#[derive(Clone, Copy, Debug)]
pub struct Nodes {
    pub count: u32,
    pub vcpu: f64,
    pub memory: f64,
}

/// One published size.
#[derive(Clone, Debug)]
pub struct Published {
    pub family: String,
    pub size: String,
    pub available: bool,
    pub rate: f64,
    pub tiers: BTreeMap<String, Nodes>,
}

/// The published sizes of `gitlab.csv`, in its order.
pub fn published() -> Vec<Published> {
    let mut sizes: Vec<Published> = Vec::new();
    for row in common::read("tests/published/gitlab.csv").lines().skip(1) {
        let cells: Vec<&str> = row.split(',').collect();
        let number = |index: usize| -> f64 { cells[index].parse().unwrap() };
        let nodes = Nodes { count: cells[5].parse().unwrap(), vcpu: number(6), memory: number(7) };
        if !sizes.iter().any(|size| size.family == cells[0] && size.size == cells[1]) {
            sizes.push(Published {
                family: cells[0].to_owned(),
                size: cells[1].to_owned(),
                available: cells[2] == "yes",
                rate: number(3),
                tiers: BTreeMap::new(),
            });
        }
        sizes.last_mut().unwrap().tiers.insert(cells[4].to_owned(), nodes);
    }
    sizes
}

/// What one request costs the tiers; all costs are tried together, since no tier looks at another's.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub cpu_ms: u32,
    pub queries: f64,
    pub jobs_per_thousand: u32,
    pub bytes_per_user: u32,
}

impl Costs {
    pub fn new(step: u32) -> Self {
        Self { cpu_ms: 50 + step, queries: f64::from(step) * 0.2, jobs_per_thousand: step, bytes_per_user: step * 100 }
    }
}

impl Published {
    /// One description of GitLab for all sizes: only the rate, the objective and the published size of a pod differ.
    fn app(&self, costs: Costs, extra: &str) -> ScaledApp {
        let availability = if self.available { "99.9" } else { "99" };
        let worker = if self.family == "linux" { "1" } else { "900m" };
        common::app(&format!(
            "
targets: {{peakRequestsPerSecond: {}, latency: {{p99: 3s}}, availabilityPercent: '{availability}'}}
profile: {{cpuPerRequest: {}ms, serviceTime: {{p99: 1s}}, memoryPerReplica: 1Gi, readPercent: 90, queriesPerRequest: '{:.1}', bytesWrittenPerUserPerDay: '{}'}}
services: [{{name: web, image: rails, pin: {{cpu: '{}'}}}}]
workers: [{{name: jobs, image: sidekiq, jobsPerThousandRequests: {}, timePerJob: 1s, maxDelay: 60s, pin: {{cpu: {worker}}}}}]
database: {{}}
{extra}",
            self.rate.round(),
            costs.cpu_ms,
            costs.queries,
            costs.bytes_per_user,
            self.tiers["web"].vcpu,
            costs.jobs_per_thousand,
        ))
    }

    /// The machines are laid out without regard to zones; Cloud Native First runs over several.
    fn environment(&self) -> Environment {
        Environment {
            zones: if self.family == "first" { 3 } else { 1 },
            largest_pod: LargestPod { cpu: Quantity::from("96"), memory: Quantity::from("1Ti") },
            ..Environment::default()
        }
    }

    pub fn plan(&self, costs: Costs, extra: &str) -> Plan {
        let environment = self.environment();
        let app = validate("app", "default", None, &self.app(costs, extra).spec, &environment).unwrap();
        plan(&app, &Catalogue::builtin(), &environment, None)
    }
}

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    Web,
    Worker,
    Database,
    DatabaseMemory,
}

impl Measure {
    pub const ALL: [Self; 4] = [Self::Web, Self::Worker, Self::Database, Self::DatabaseMemory];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web, vCPU",
            Self::Worker => "workers, vCPU",
            Self::Database => "primary, vCPU",
            Self::DatabaseMemory => "primary, GB",
        }
    }

    /// What GitLab publishes; nothing where it does not.
    pub fn of(self, size: &Published) -> Option<f64> {
        let tier = |name: &str| size.tiers.get(name);
        match self {
            Self::Web => tier("web").map(|nodes| f64::from(nodes.count) * nodes.vcpu),
            Self::Worker => tier("worker").map(|nodes| f64::from(nodes.count) * nodes.vcpu),
            Self::Database => tier("database").map(|nodes| nodes.vcpu),
            Self::DatabaseMemory => tier("database").map(|nodes| nodes.memory),
        }
    }

    /// What the planner says.
    pub fn planned(self, plan: &Plan) -> f64 {
        let TierSettings::Database(database) = &plan.tier(Tier::Database).unwrap().settings else { panic!() };
        match self {
            Self::Web => plan.web("web").unwrap().total.cpu.cores(),
            Self::Worker => plan.worker("jobs").unwrap().total.cpu.cores(),
            Self::Database => database.postgres.cpu.cores(),
            Self::DatabaseMemory => database.postgres.memory.0 as f64 / f64::from(1 << 30),
        }
    }

    /// The cost of a step, in words.
    pub fn cost(self, step: u32) -> String {
        let costs = Costs::new(step);
        match self {
            Self::Web => format!("{} ms of CPU a request", costs.cpu_ms),
            Self::Worker => format!("{} jobs of a second for a thousand requests", costs.jobs_per_thousand),
            Self::Database => format!("{:.1} queries a request", costs.queries),
            Self::DatabaseMemory => format!("{} bytes a user and day", costs.bytes_per_user),
        }
    }
}

/// Planned figures of every size at every cost.
pub struct Planned(BTreeMap<(String, u32), BTreeMap<Measure, f64>>);

impl Planned {
    /// Those of a family, made once for all tests.
    pub fn of(family: &str) -> &'static Self {
        static FAMILIES: LazyLock<BTreeMap<String, Planned>> = LazyLock::new(|| {
            let sizes = published();
            let mut families: BTreeMap<String, Vec<&Published>> = BTreeMap::new();
            for size in &sizes {
                families.entry(size.family.clone()).or_default().push(size);
            }
            families.into_iter().map(|(family, sizes)| (family, Planned::new(&sizes))).collect()
        });
        &FAMILIES[family]
    }

    fn new(sizes: &[&Published]) -> Self {
        let mut all = BTreeMap::new();
        for size in sizes {
            for step in 1..=COSTS {
                let plan = size.plan(Costs::new(step), "");
                let figures = Measure::ALL.map(|measure| (measure, measure.planned(&plan)));
                all.insert((size.size.clone(), step), BTreeMap::from(figures));
            }
        }
        Self(all)
    }

    /// log2 of planned over published.
    pub fn error(&self, size: &Published, measure: Measure, step: u32) -> f64 {
        (self.figure(size, measure, step) / measure.of(size).unwrap()).log2()
    }

    pub fn figure(&self, size: &Published, measure: Measure, step: u32) -> f64 {
        self.0[&(size.size.clone(), step)][&measure]
    }

    /// The middle of the costs with which the two fitted sizes come out best.
    pub fn fit(&self, fitted: &[&Published], measure: Measure) -> u32 {
        let squares = |step: u32| fitted.iter().map(|size| self.error(size, measure, step).powi(2)).sum::<f64>();
        let best = (1..=COSTS).map(squares).fold(f64::INFINITY, f64::min);
        let equal: Vec<u32> = (1..=COSTS).filter(|step| squares(*step) < best + 1e-9).collect();
        equal[equal.len() / 2]
    }
}
