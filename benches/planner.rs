//! The planner by itself: what one call costs, and that size does not change it.
//!
//! `cargo bench --bench planner`. Nothing of Kubernetes, no process, no file while the clock runs.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use scaledapp::api::ScaledApp;
use scaledapp::domain::{Environment, ValidApp, validate};
use scaledapp::planner::{Catalogue, plan};

const SAMPLES: [&str; 4] = ["hello", "shop", "shop-whole", "large"];
const USERS: [i64; 4] = [10, 10_000, 1_000_000, 10_000_000];

fn sample(name: &str) -> ScaledApp {
    let text = std::fs::read_to_string(format!("manifests/samples/{name}.yaml")).expect("a sample of the repository");
    let mut documents = text.split("\n---\n");
    let app = documents.find(|document| document.contains("kind: ScaledApp\n")).expect("one of them is a ScaledApp");
    serde_yaml::from_str(app).expect("a sample is a ScaledApp")
}

fn valid(app: &ScaledApp) -> ValidApp {
    validate("app", "default", None, &app.spec, &Environment::default()).expect("a sample is good")
}

/// One plan of each sample, from a validated application.
fn samples(criterion: &mut Criterion) {
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    let mut group = criterion.benchmark_group("plan");
    for name in SAMPLES {
        let app = valid(&sample(name));
        group.bench_function(name, |bench| bench.iter(|| plan(black_box(&app), &catalogue, &environment, None)));
    }
    group.finish();
}

/// The shop with every tier at ten users and at ten million: the figures should be alike.
fn users(criterion: &mut Criterion) {
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    let mut group = criterion.benchmark_group("users");
    let mut declared = sample("shop-whole");
    for users in USERS {
        declared.spec.targets.daily_active_users = Some(users);
        let app = valid(&declared);
        group.bench_with_input(BenchmarkId::from_parameter(users), &app, |bench, app| {
            bench.iter(|| plan(black_box(app), &catalogue, &environment, None));
        });
    }
    group.finish();
}

/// What `scaledapp plan -o json` does beside its start: parse, validate, plan, write.
fn whole(criterion: &mut Criterion) {
    let text = std::fs::read_to_string("manifests/samples/shop.yaml").expect("a sample of the repository");
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    criterion.bench_function("yaml to json, shop", |bench| {
        bench.iter(|| {
            let app: ScaledApp = serde_yaml::from_str(black_box(&text)).expect("a sample is a ScaledApp");
            let plan = plan(&valid(&app), &catalogue, &environment, None);
            serde_json::to_string(&plan).expect("a plan is JSON")
        });
    });
}

criterion_group!(benches, samples, users, whole);
criterion_main!(benches);
