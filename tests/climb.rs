//! The climb of an application: every step is the plan of its users, and what falls has a cause.

mod common;

use common::{planned, sample};
use scaledapp::domain::Environment;
use scaledapp::planner::climb::{Climb, Subject, climb};
use scaledapp::planner::{Catalogue, FindingKind, Rung};

const USERS: [u64; 6] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000];

fn climbed(name: &str, users: &[u64]) -> Climb {
    let app = sample(name);
    let subject = Subject { name, namespace: "default", spec: &app.spec };
    climb(subject, &Catalogue::builtin(), &Environment::default(), None, users)
}

#[test]
fn falls_look() {
    for name in ["hello", "shop", "large", "ladder"] {
        let users: Vec<u64> = (0..=40).map(|i| (1000.0 * 10f64.powf(f64::from(i) / 8.0)).round() as u64).collect();
        for step in climbed(name, &users).steps {
            println!("{name} {} met {} {:?} {:?}", step.users, step.met, step.binding, step.changed_rungs);
            for fall in step.falls {
                println!(
                    "     {} {} {} {} -> {}: {}",
                    fall.tier, fall.name, fall.quantity, fall.from, fall.to, fall.cause
                );
            }
        }
    }
}
