//! Whether a plan bears what it was made for: the planned web, worker and database tiers of random specs under a
//! queueing simulation, and whether they are larger than they must be.
//!
//! `cargo test --release -p scaledapp-thorough --test simulation -- --nocapture` prints the distributions of docs/evidence/simulation.md.
//! `SCALEDAPP_SEED` takes other specs than the ones of CI.

mod database;
mod queue;
#[path = "../../common/random.rs"]
mod random;
mod scene;
#[path = "../../common/specs.rs"]
mod specs;
mod work;
mod worker;

use std::sync::Mutex;

use scaledapp::planner::demand::Demand;
use scaledapp::planner::{Catalogue, plan};

use database::{Transactions, transactions};
use queue::quantile;
use random::Random;
use scene::{Scene, Service};
use specs::Case;
use work::Work;
use worker::Worker;

/// Specs whose plans are simulated.
const SPECS: u64 = 240;
/// Requests of one simulation; a quantile of 99 % is then known to a few percent.
const REQUESTS: u32 = 20_000;
/// Cores above which a service is not simulated: nothing waits there, and it would take long.
const MOST_CORES: f64 = 3000.0;
/// How far below the objective a first simulation may be by chance alone; above it, it may be anywhere.
const NEAR: f64 = 0.1;
/// How many times as many requests decide there; as many again where they miss it by little.
const CLOSER: u32 = 10;
/// How far the quantile of the closest simulation may lie above the objective by chance.
const CHANCE: f64 = 1.01;
/// Fewest requests of which a quantile of 99 % means something.
const ENOUGH: f64 = 0.1;
/// Use above which a queue takes longer to settle than a peak lasts: fewer pods than that are no alternative.
const SETTLES: f64 = 0.9;

/// What was measured of all specs.
#[derive(Default)]
struct Measured {
    specs: u64,
    /// Response over objective, by what was lost.
    whole: Vec<f64>,
    lost: Vec<f64>,
    autoscaled: Vec<f64>,
    jobs: Vec<f64>,
    /// Share of the busiest member's transactions that wait.
    waiting: Vec<f64>,
    wait99: Vec<f64>,
    /// Planned pods, and the fewest.
    pods: Vec<(u32, u32)>,
    failures: Vec<String>,
}

impl Measured {
    fn take(&mut self, other: Self) {
        self.specs += other.specs;
        self.whole.extend(other.whole);
        self.lost.extend(other.lost);
        self.autoscaled.extend(other.autoscaled);
        self.jobs.extend(other.jobs);
        self.waiting.extend(other.waiting);
        self.wait99.extend(other.wait99);
        self.pods.extend(other.pods);
        self.failures.extend(other.failures);
    }

    /// Planned pods against the fewest that bear the peak: those that are left after a loss, which the same rule of
    /// spares turns into all.
    fn compare(
        &mut self,
        scene: &Scene,
        planned: u32,
        least: u32,
        floor: u32,
        by_use: bool,
        told: impl Fn() -> String,
    ) {
        let bearing = scene.survivors(planned);
        let whole = if scene.replicated { scene.with_spare(least).max(floor) } else { least.max(floor) };
        self.pods.push((planned, whole));
        if planned > whole + 1.max(whole / 5) {
            let why = if by_use { "by the bound of use" } else { "by waiting" };
            println!("more in all, {why}: {planned} for {whole}, {bearing} for {least}: {}", told());
        }
        let (bearing, least) = if planned <= floor { (1, 1) } else { (bearing, least) };
        let most = least + 1.max(least / 5);
        self.must(bearing <= most, || {
            format!("{bearing} of {planned} pods bear it, and {least} of {whole} do: {}", told())
        });
    }

    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.failures.push(what());
        }
    }
}

fn seed() -> u64 {
    std::env::var("SCALEDAPP_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(20_261_128)
}

/// The plan of a drawn spec; none where it is refused.
fn scene(case: &Case) -> Option<Scene> {
    let (app, environment) = (case.valid()?, case.environment());
    let plan = plan(&app, &Catalogue::builtin(), &environment, None);
    (!plan.is_refused()).then(|| Scene::new(app, plan, &environment))
}

/// The fewest pods with which `keeps` holds, at or below `planned`; `planned` where it does not hold even there.
fn fewest(planned: u32, least: u32, keeps: impl Fn(u32) -> bool) -> u32 {
    let (mut fails, mut held) = (least.max(1).min(planned) - 1, planned);
    while held - fails > 1 {
        let middle = fails + (held - fails) / 2;
        if keeps(middle) { held = middle } else { fails = middle }
    }
    held
}

/// A simulation, and a closer one where it is above the objective or not far below it.
fn looked_at(simulate: impl Fn(u32) -> f64) -> f64 {
    let first = simulate(REQUESTS);
    if first.is_finite() && first >= 1.0 - NEAR { simulate(REQUESTS * CLOSER) } else { first }
}

/// The same, and a closer one still where it misses the objective by little.
fn judged(simulate: impl Fn(u32) -> f64) -> f64 {
    let found = looked_at(&simulate);
    if found > CHANCE && found < 1.0 + NEAR { simulate(REQUESTS * CLOSER * CLOSER) } else { found }
}

fn simulate_web(scene: &Scene, service: &Service<'_>, data: &Transactions, seed: u64, out: &mut Measured) {
    let (now, horizon) = (&scene.demands.now, &scene.demands.horizon);
    let planned = service.tier.replicas.max;
    let bearing = scene.survivors(planned);
    if service.busy(horizon) > MOST_CORES || horizon.computed < ENOUGH * (horizon.computed + horizon.served) {
        return;
    }
    let simulated = |demand: &Demand, pods: u32, requests: u32| {
        service.response(demand, pods, data, requests, seed + u64::from(pods))
    };
    let response = |demand: &Demand, pods: u32| judged(|requests| simulated(demand, pods, requests));
    let told = || {
        format!(
            "{:?} x {}m, {:.3} busy of {} a pod, {:?}, {:?}, promised {} ms, queries {:.2} ms",
            service.tier.replicas,
            service.tier.per_replica.cpu.0,
            service.busy(horizon),
            service.cores,
            service.work,
            service.dispatch,
            service.objective,
            data.wait99
        )
    };
    let whole = response(horizon, planned);
    out.must(whole <= CHANCE, || format!("p99 is {whole:.2} of the objective: {}", told()));
    out.whole.push(whole);
    let lost = if bearing == planned { whole } else { response(horizon, bearing) };
    out.must(lost <= CHANCE, || format!("p99 is {lost:.2} of the objective with {bearing} left: {}", told()));
    out.lost.push(lost);
    let held = service.held(now);
    if held < planned {
        let rest = response(now, scene.survivors(held));
        out.must(rest <= CHANCE, || {
            format!("p99 is {rest:.2} of the objective with {held} pods by the autoscaler: {}", told())
        });
        out.autoscaled.push(rest);
    }
    let stable = (service.busy(horizon) / f64::from(service.cores) / SETTLES).ceil() as u32;
    let by_formula = fewest(bearing, stable, |pods| service.erlang_keeps(horizon, pods));
    let least = fewest(by_formula, stable, |pods| looked_at(|requests| simulated(horizon, pods, requests)) <= 1.0);
    let floor = if scene.replicated || planned > 1 && service.tier.replicas.min > 1 { 2 } else { 1 };
    let by_use = service.busy(horizon) / f64::from(service.cores * least) > scene.catalogue.peak_ceiling.value;
    out.compare(scene, planned, least, floor, by_use, told);
}

fn simulate_worker(scene: &Scene, worker: &Worker<'_>, seed: u64, out: &mut Measured) {
    let planned = worker.tier.replicas.max;
    let bearing = scene.survivors(planned);
    if !worker.asked() || worker.busy() > MOST_CORES {
        return;
    }
    let told = || {
        let cpu = worker.tier.per_replica.cpu.0;
        format!("{:?} x {cpu}m, {:.3} busy, at most {} ms", worker.tier.replicas, worker.busy(), worker.objective)
    };
    for (pods, constant) in [(planned, true), (bearing, true), (bearing, false)] {
        let delay = judged(|requests| worker.delay(pods, constant, requests, seed));
        out.must(delay <= CHANCE, || format!("p99 of a job is {delay:.2} of the delay with {pods} pods: {}", told()));
        if pods == bearing {
            out.jobs.push(delay);
        }
    }
    let stable = (worker.busy() / SETTLES).ceil() as u32;
    let least = fewest(bearing, stable, |pods| worker.erlang_keeps(pods));
    let least =
        fewest(least, stable, |pods| looked_at(|requests| worker.delay(pods, false, requests, seed + 1)) <= 1.0);
    let by_use = worker.busy() / f64::from(least) > scene.catalogue.peak_ceiling.value;
    out.compare(scene, planned, least, if scene.replicated { 2 } else { 1 }, by_use, told);
}

fn simulate(case: &Case, seed: u64) -> Option<Measured> {
    let scene = scene(case)?;
    let mut out = Measured { specs: 1, ..Measured::default() };
    let data = transactions(&scene, REQUESTS * 5, seed);
    if let Some(data) = data.as_ref().filter(|data| data.use_of_cores > 0.0) {
        out.waiting.push(data.waiting);
        out.wait99.push(data.wait99);
        out.must(data.waiting <= 0.5, || {
            format!("{:.2} of the transactions wait, use {:.2}", data.waiting, data.use_of_cores)
        });
    }
    let data = data.unwrap_or_default();
    for service in scene.services() {
        simulate_web(&scene, &service, &data, seed, &mut out);
    }
    for worker in Worker::all(&scene) {
        simulate_worker(&scene, &worker, seed, &mut out);
    }
    Some(out)
}

fn line(name: &str, values: &[f64]) {
    let of = |share| quantile(&mut values.to_vec(), share);
    println!("| {name} | {} | {:.2} | {:.2} | {:.2} | {:.2} |", values.len(), of(0.5), of(0.9), of(0.99), of(1.0));
}

fn report(measured: &Measured) {
    println!("{} specs", measured.specs);
    println!("| figure | count | p50 | p90 | p99 | max |\n|---|---|---|---|---|---|");
    line("web, all pods: p99 / objective", &measured.whole);
    line("web, after a loss", &measured.lost);
    line("web, as the autoscaler holds it, after a loss", &measured.autoscaled);
    line("worker, after a loss: p99 / maxDelay", &measured.jobs);
    line("database: share of transactions that wait", &measured.waiting);
    line("database: p99 of waiting, ms", &measured.wait99);
    let mut above = [0; 12];
    for (planned, least) in &measured.pods {
        above[(planned.saturating_sub(*least) as usize).min(11)] += 1;
    }
    println!("pods above the fewest: {above:?}");
    let shares: Vec<f64> =
        measured.pods.iter().map(|(planned, least)| f64::from(*planned) / f64::from(*least)).collect();
    line("planned / fewest", &shares);
}

#[test]
fn plans_bear_what_they_were_made_for_and_are_no_larger_than_they_must_be() {
    let (first, measured) = (seed(), Mutex::new(Measured::default()));
    let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get) as u64;
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let measured = &measured;
            scope.spawn(move || {
                let (mut found, mut index) = (Measured::default(), thread);
                while found.specs < SPECS / threads {
                    let seed = first + index * 1000;
                    if let Some(one) = simulate(&Case::draw(seed), seed) {
                        found.take(one);
                    }
                    index += threads;
                }
                measured.lock().unwrap().take(found);
            });
        }
    });
    let measured = measured.into_inner().unwrap();
    report(&measured);
    assert!(
        measured.failures.is_empty(),
        "{} of {}\n{}",
        measured.failures.len(),
        measured.specs,
        measured.failures.join("\n")
    );
}

#[test]
fn the_simulation_agrees_with_theory() {
    let fleet = queue::Fleet { pods: 4, cores: 1, dispatch: queue::Dispatch::OneQueue };
    let (mut waits, work) = (Vec::new(), Work::exponential(50.0));
    let next = |random: &mut Random| queue::Request { work: work.draw(random), counts: true };
    let load = queue::Load { rate: 3.2 / 50.0, busy: 3.2, requests: 400_000 };
    queue::run(fleet, &load, &mut Random::new(1), |random| work.rest(random), next, |_, wait, _| waits.push(wait));
    let (simulated, exact) = (quantile(&mut waits, 0.99), scene::wait99(4, 3.2, 50.0));
    assert!((simulated / exact - 1.0).abs() < 0.05, "{simulated} {exact}");
}

#[test]
fn work_has_the_declared_mean_and_quantile() {
    for (mean, p99) in [(50.0, 200.0), (50.0, 55.0), (20.0, 80.0), (2.0, 20.0), (10.0, 500.0)] {
        let (work, random) = (Work::of_request(mean, p99), &mut Random::new(7));
        let mut times: Vec<f64> = (0..200_000).map(|_| work.draw(random) + work.beside).collect();
        let on_core = times.iter().sum::<f64>() / times.len() as f64 - work.beside;
        assert!((on_core / mean - 1.0).abs() < 0.02, "{mean} {on_core}");
        let quantile = quantile(&mut times, 0.99);
        assert!((quantile / p99 - 1.0).abs() < 0.03, "{p99} {quantile}");
    }
}
