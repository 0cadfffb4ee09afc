//! The whole desired set of an application: one call for each tier.

use super::{
    Context, Credentials, DesiredSet, bindings, cron, database, edge, ingress, migrations, pool, proxy, queue, redis,
    web, worker,
};
use crate::domain::{Environment, ValidApp};
use crate::planner::{Plan, Tier};

/// All objects of an application by its plan. Without credentials the Secrets are left out.
#[must_use]
pub fn build(app: &ValidApp, plan: &Plan, environment: &Environment, credentials: Option<&Credentials>) -> DesiredSet {
    // The engines' images are the plan's: a newer release does not change what runs.
    let environment = Environment { images: plan.images.clone(), ..environment.clone() };
    let context = Context { app, plan, environment: &environment, credentials };
    let mut set = DesiredSet::default();
    bindings::build(&context, &mut set);
    database::build(&context, &mut set);
    pool::build(&context, &mut set);
    redis::build(&context, Tier::Cache, &mut set);
    redis::build(&context, Tier::Sessions, &mut set);
    queue::build(&context, &mut set);
    migrations::build(&context, &mut set);
    web::build(&context, &mut set);
    worker::build(&context, &mut set);
    cron::build(&context, &mut set);
    proxy::build(&context, &mut set);
    edge::build(&context, &mut set);
    ingress::build(&context, &mut set);
    set
}
