//! Objects of random specs, as the API server takes them: what validation lets through must not be refused there.

use kube::api::{Api, Patch, PatchParams, PostParams};
use scaledapp::api::ScaledApp;
use scaledapp::controller::children;
use scaledapp::domain::validate;
use scaledapp::planner::{Catalogue, effective, plan};
use scaledapp::resources::{self, Credentials};

use crate::harness::{admin, world};
use crate::specs::Case;

/// Accepted plans whose objects are sent.
const SPECS: u32 = 25;

#[tokio::test]
async fn objects_of_random_specs_are_accepted_by_a_dry_run() {
    let client = admin();
    let namespace = world::namespace(&client).await;
    let apps: Api<ScaledApp> = Api::namespaced(client.clone(), &namespace);
    let (mut sent, mut objects, mut seed) = (0, 0, 7_000_000);
    while sent < SPECS {
        seed += 1;
        let (case, catalogue) = (Case::draw(seed), Catalogue::builtin());
        let (spec, environment) = (case.typed(), case.environment());
        let Ok(app) = validate("app", &namespace, None, &spec, &environment) else { continue };
        let plan = plan(&app, &catalogue, &environment, None);
        if plan.is_refused() {
            continue;
        }
        // The spec itself, against the schema and the rules of the CRD.
        let declared = ScaledApp::new("app", spec);
        let dry = PostParams { dry_run: true, ..PostParams::default() };
        let created = apps.create(&dry, &declared).await;
        assert!(created.is_ok(), "seed {seed}: {:?}\n{:#}", created.err(), case.spec);
        let app = effective(&app, &plan, None);
        let credentials = Credentials::generate(&plan, |_| 1);
        for object in resources::build(&app, &plan, &environment, Some(&credentials)).into_ordered() {
            let api = children::api(&client, &object.kind, &namespace);
            let parameters =
                PatchParams { dry_run: true, force: true, ..PatchParams::apply("tests") }.validation_strict();
            let answer = api.patch(&object.name, &parameters, &Patch::Apply(&object.object)).await;
            assert!(
                answer.is_ok(),
                "seed {seed}: {} {}: {:?}\n{:#}",
                object.kind.kind,
                object.name,
                answer.err(),
                object.object
            );
            objects += 1;
        }
        sent += 1;
    }
    println!("{objects} objects of {sent} specs");
}
