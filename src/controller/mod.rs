//! The controller: the only room that holds a client. It takes the newest spec, or the last one
//! that was accepted, and makes the cluster so.
//!
//! It never decides a size, never touches what is not ours, and never writes without the lease.

pub mod apply;
pub mod bands;
pub mod children;
pub mod conditions;
pub mod context;
pub mod credentials;
pub mod database;
pub mod decide;
mod departed;
pub mod error;
mod events;
pub mod external;
pub mod look;
pub mod measure;
mod members;
pub mod migrate;
pub mod observe;
pub mod ownership;
pub mod pods;
pub mod preflight;
pub mod prune;
pub mod queue;
pub mod rbac;
pub mod recall;
pub mod reconcile;
pub mod revisions;
pub mod spectator;
mod statefulset;
pub mod status;
pub mod tiers;
mod usage;
pub mod watches;
pub mod window;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use kube::Resource;
use kube::ResourceExt;
use kube::api::{Api, DynamicObject};
use kube::core::error_boundary::InvalidObject;
use kube::runtime::controller::{self, Action, Config, Controller};
use kube::runtime::events::{Event, EventType};
use kube::runtime::reflector::ObjectRef;
use tracing::{debug, warn};

pub use context::Context;
pub use error::{Class, Error, Staged};

use watches::{Impatient, Stored, config, scoped, triggers};

/// Applications that are worked on at the same time.
const CONCURRENCY: u16 = 4;
/// Attempts at removing what a deleted application left; each later change of it begins anew.
const CLEARING: u32 = 5;
/// Pause in which several wakes of one application become one reconcile.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// Runs the controller until `stop`.
///
/// Must run under the leader lease: nothing is written without it, and what is remembered is
/// only right while nobody else writes.
pub async fn run(ctx: Arc<Context>, stop: impl Future<Output = ()> + Send + Sync + 'static) {
    let scope = ctx.scope.as_deref();
    let apps: Api<Stored> = scoped(&ctx.client, scope);
    let mut controller = Controller::new(apps, config())
        .trigger_backoff(Impatient::default())
        .with_config(Config::default().concurrency(CONCURRENCY).debounce(DEBOUNCE))
        .graceful_shutdown_on(stop);
    for trigger in triggers(&ctx.client, scope) {
        controller = controller.reconcile_on(trigger);
    }
    controller
        .run(reconcile_one, |app, error, ctx| reconcile::retry(&ctx, &key_of(&app), error), Arc::clone(&ctx))
        .for_each_concurrent(usize::from(CONCURRENCY), |result| async {
            match result {
                Err(controller::Error::ObjectNotFound(app)) => clear(&ctx, &app).await,
                Err(error) => debug!(%error, "the controller's queue"),
                Ok(_) => {}
            }
        })
        .await;
}

/// Something that is left of an application that is gone has changed.
async fn clear(ctx: &Context, app: &ObjectRef<DynamicObject>) {
    let namespace = app.namespace.as_deref().unwrap_or_default();
    ctx.forget(&observe::key(namespace, &app.name));
    let mut attempt = 0;
    while let Err(error) = departed::clear(ctx, namespace, &app.name).await {
        ctx.metrics.failed(error.reason());
        warn!(app = app.to_string(), reason = error.reason(), "{error}");
        attempt += 1;
        if error.class() != Class::Transient || attempt == CLEARING {
            return;
        }
        tokio::time::sleep(error::pause(attempt)).await;
    }
}

fn key_of(app: &Stored) -> String {
    observe::key(&app.namespace().unwrap_or_default(), &app.name_any())
}

async fn reconcile_one(stored: Arc<Stored>, ctx: Arc<Context>) -> Result<Action, Error> {
    if let Err(invalid) = &stored.0 {
        report_malformed(&ctx, &stored, invalid).await;
        return Ok(Action::await_change());
    }
    let begun = Instant::now();
    ctx.metrics.begun();
    let (namespace, name) = (stored.namespace().unwrap_or_default(), stored.name_any());
    let result = Box::pin(reconcile::reconcile(&ctx, &namespace, &name)).await;
    ctx.metrics.ended(if result.is_ok() { "Done" } else { "Failed" }, begun.elapsed());
    result
}

/// A stored object that cannot be read stops nobody else; it gets an Event that says why.
async fn report_malformed(ctx: &Context, stored: &Stored, invalid: &InvalidObject) {
    ctx.metrics.malformed();
    warn!(app = key_of(stored), error = invalid.error, "a stored ScaledApp cannot be read");
    let event = Event {
        type_: EventType::Warning,
        reason: "MalformedObject".to_owned(),
        note: Some(format!("the stored object cannot be read: {}", invalid.error).chars().take(900).collect()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    if let Err(error) = ctx.recorder.publish(&event, &stored.object_ref(&())).await {
        debug!(%error, "an Event could not be written");
    }
}
