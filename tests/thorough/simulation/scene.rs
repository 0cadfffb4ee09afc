//! A plan as a scene: what each tier is asked, with how many pods, and what was promised.

use scaledapp::api::{LoadBalancing, SessionStore};
use scaledapp::domain::{Environment, ValidApp, ValidServicePin};
use scaledapp::planner::availability::Objective;
use scaledapp::planner::cache;
use scaledapp::planner::demand::{Demand, Demands, demands};
use scaledapp::planner::{Catalogue, Plan, Size, Tier, TierPlan, TierSettings};

use crate::database::Transactions;
use crate::queue::{Dispatch, Fleet, Load, Request, quantile, run};
use crate::random::Random;
use crate::work::Work;

/// An application, its plan, and the demand that the plan was made for.
pub struct Scene {
    pub app: ValidApp,
    pub plan: Plan,
    pub demands: Demands,
    pub catalogue: Catalogue,
    pub zones: u32,
    pub replicated: bool,
}

impl Scene {
    pub fn new(app: ValidApp, plan: Plan, environment: &Environment) -> Self {
        let catalogue = Catalogue::builtin();
        let (cpu, memory) = environment.largest_pod.size().unwrap_or_default();
        let largest = Size { cpu, memory, ..Size::default() };
        let demands = demands(&app, &catalogue);
        let cached = match (&app.cache, &app.externals.cache) {
            (Some(own), _) => Some(cache::fit(&catalogue, own, largest, demands.soon.cache_reads)),
            (None, other) => other.as_ref().map(|other| cache::expected(&catalogue, other)),
        };
        let demands = demands.behind(cached);
        // Tiers that every request passes, as docs/capacity-model.md counts them.
        let stored = app.sessions.as_ref().is_some_and(|sessions| sessions.store == SessionStore::Memory);
        let tiers = 1 + if app.database.is_some() { 2 } else { 0 } + if stored { 2 } else { 0 };
        let replicated = Objective::new(&catalogue, app.targets.availability.value, tiers).replicated;
        Self { app, plan, demands, catalogue, zones: environment.zones, replicated }
    }

    /// Pods that are left when the node or the zone with most of them is lost.
    pub fn survivors(&self, pods: u32) -> u32 {
        match (self.replicated, self.zones) {
            (false, _) => pods,
            (true, 0 | 1) => pods - 1,
            (true, zones) => pods - pods.div_ceil(zones),
        }
    }

    /// Fewest pods of which so many survive.
    pub fn with_spare(&self, bearing: u32) -> u32 {
        (bearing..=bearing.saturating_mul(3) + 3).find(|pods| self.survivors(*pods) >= bearing).unwrap_or(bearing)
    }

    /// The services whose sizes nobody fixed.
    pub fn services(&self) -> Vec<Service<'_>> {
        let services = self.app.services.iter().filter(|service| service.pin == ValidServicePin::default());
        services.filter_map(|service| Service::new(self, &service.name)).collect()
    }
}

/// A service of a scene.
pub struct Service<'a> {
    scene: &'a Scene,
    pub tier: &'a TierPlan,
    share: f64,
    pub work: Work,
    statics: f64,
    pub speed: f64,
    pub cores: u32,
    pub dispatch: Dispatch,
    pub objective: f64,
}

impl<'a> Service<'a> {
    fn new(scene: &'a Scene, name: &str) -> Option<Self> {
        let declared = scene.app.services.iter().find(|service| service.name == name)?;
        let tier = scene.plan.web(name)?;
        let profile = &scene.app.profile;
        let (mean, p99) = (profile.cpu_ms_per_request.value, profile.service_time_p99.value.0 as f64);
        let edge = scene.plan.tier(Tier::Edge).filter(|_| !declared.paths.is_empty());
        let balancing = scene.app.ingress.as_ref().map_or(LoadBalancing::default(), |way| way.load_balancing);
        let dispatch = match (edge, balancing) {
            (Some(_), LoadBalancing::LeastRequests) => Dispatch::LeastRequests,
            (Some(edge), LoadBalancing::RoundRobin) => Dispatch::RoundRobin(edge.replicas.max),
            _ => Dispatch::Random,
        };
        let milli = tier.per_replica.cpu.0;
        Some(Self {
            scene,
            tier,
            share: declared.request_share,
            work: Work::of_request(mean, p99),
            statics: scene.catalogue.static_cpu_ms.value.min(mean),
            speed: (milli as f64 / 1000.0).min(1.0),
            cores: (milli / 1000).max(1) as u32,
            dispatch,
            objective: scene.app.targets.latency_p99.value.0 as f64,
        })
    }

    /// Dynamic and static requests a millisecond.
    fn rates(&self, demand: &Demand) -> (f64, f64) {
        (demand.computed * self.share / 1000.0, demand.served * self.share / 1000.0)
    }

    /// Cores of this speed that are busy.
    pub fn busy(&self, demand: &Demand) -> f64 {
        let (dynamic, statics) = self.rates(demand);
        (dynamic * self.work.mean() + statics * self.statics) / self.speed
    }

    /// Pods at which the autoscaler rests under a load: it does nothing within a tenth of its target.
    pub fn held(&self, demand: &Demand) -> u32 {
        let TierSettings::Web(settings) = &self.tier.settings else { return self.tier.replicas.max };
        let most = 1.1 * f64::from(settings.target_cpu_percent) / 100.0 * f64::from(self.cores);
        let pods = (self.busy(demand) / most - 1e-9).ceil() as u32;
        if settings.autoscaled {
            pods.clamp(self.tier.replicas.min, self.tier.replicas.max)
        } else {
            self.tier.replicas.max
        }
    }

    /// The 99 % quantile of the response time over the objective, with so many pods.
    pub fn response(&self, demand: &Demand, pods: u32, data: &Transactions, requests: u32, seed: u64) -> f64 {
        let (dynamic, statics) = self.rates(demand);
        let busy = self.busy(demand);
        if pods == 0 || busy >= f64::from(pods * self.cores) {
            return f64::INFINITY;
        }
        let rate = dynamic + statics;
        if dynamic <= 0.0 {
            return 0.0;
        }
        let fleet = Fleet { pods, cores: self.cores, dispatch: self.dispatch };
        let of_statics = statics * self.statics / (dynamic * self.work.mean() + statics * self.statics);
        let random = &mut Random::new(seed);
        let mut responses = Vec::with_capacity(requests as usize);
        run(
            fleet,
            &Load { rate, busy, requests },
            random,
            |random| {
                if random.unit() < of_statics {
                    self.statics * random.unit() / self.speed
                } else {
                    self.work.rest(random) / self.speed
                }
            },
            |random| {
                if random.unit() * rate < statics {
                    Request { work: self.statics / self.speed, counts: false }
                } else {
                    Request { work: self.work.draw(random) / self.speed, counts: true }
                }
            },
            |random, wait, work| responses.push(wait + work + self.work.beside + data.waits_of_a_request(random)),
        );
        quantile(&mut responses, 0.99) / self.objective
    }

    /// Whether Erlang's formula, computed here by itself, keeps the objective with so many pods: the quantile of
    /// waiting and the quantile of the work together.
    pub fn erlang_keeps(&self, demand: &Demand, pods: u32) -> bool {
        let busy = self.busy(demand);
        let (servers, load) = match self.dispatch {
            Dispatch::LeastRequests | Dispatch::OneQueue => (pods * self.cores, busy),
            _ => (self.cores, busy / f64::from(pods)),
        };
        let profile = &self.scene.app.profile;
        let p99 = (profile.service_time_p99.value.0 as f64).max(self.work.mean());
        let own = (p99 - self.work.beside) / self.speed + self.work.beside;
        own < self.objective && wait99(servers, load, self.work.mean() / self.speed) <= self.objective - own
    }
}

/// The waiting time that 99 of 100 do not exceed, by Erlang's second formula in logarithms.
pub fn wait99(servers: u32, load: f64, work: f64) -> f64 {
    if load >= f64::from(servers) {
        return f64::INFINITY;
    }
    // The inverse of Erlang's first formula: 1 + k/a + k(k-1)/a^2 + ...
    let inverse = (1..=servers).fold(1.0, |sum: f64, k| 1.0 + sum * f64::from(k) / load);
    let share = load / f64::from(servers);
    let waiting = 1.0 / (inverse * (1.0 - share) + share);
    if waiting <= 0.01 { 0.0 } else { work / (f64::from(servers) - load) * (waiting / 0.01).ln() }
}
