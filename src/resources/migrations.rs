//! Migrations: one Job for each distinct image, command, arguments and environment, in order,
//! before anything of that generation rolls out. Two tries of one migration never run at once.

use k8s_openapi::api::batch::v1::{Job, JobSpec};
use k8s_openapi::api::core::v1::{Container, PodSpec, PodTemplateSpec};

use super::meta::{self, Part};
use super::{Context, DesiredSet, Stage, application, names, network};
use crate::domain::{Backing, Bytes, Millicores, ValidApp, ValidContainer, ValidMigration, ValidService};
use crate::planner::Size;

/// The component of everything that belongs to migrations.
pub const COMPONENT: &str = "migration";
/// A migration talks to the database and waits: no more CPU than this is asked for it.
const CPU: Millicores = Millicores(250);
/// Hex digits of the hash in a Job's name: with the longest names, 63 characters in all.
const HASH_LENGTH: usize = 8;

/// The Jobs, and the policy that lets nobody reach their pods.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let app = context.app;
    let Some(first) = app.services.first().filter(|_| !app.migrations.is_empty()) else { return };
    let part = Part { component: COMPONENT, name: COMPONENT, service: None };
    let name = names::migrations(&app.name);
    let egress = network::application_egress(context);
    set.add(Stage::Foundation, &network::policy(context, &part, name, Vec::new(), egress));
    for (order, migration) in (0..).zip(&app.migrations) {
        let object = set.add(Stage::Migrate, &job(context, first, migration));
        object.order = order;
        object.create_only = true;
    }
}

/// Name of a migration's Job. An external database is part of it: what ran against one says nothing of another.
#[must_use]
pub fn job_name(app: &ValidApp, migration: &ValidMigration) -> String {
    // Serialising strings and environment variables cannot fail; as JSON no two inputs look alike.
    let ValidContainer { image, command, args, env, .. } = &migration.container;
    let input = serde_json::to_string(&(image, command, args, env));
    let texts =
        [input.unwrap_or_default()].into_iter().chain(app.externals.secret(Backing::Database).map(str::to_owned));
    let hash = meta::hash(texts.collect::<Vec<_>>().iter().map(String::as_str));
    names::migration(&app.name, &migration.name, &hash[..HASH_LENGTH])
}

fn job(context: &Context<'_>, first: &ValidService, migration: &ValidMigration) -> Job {
    let app = context.app;
    let part = Part { component: COMPONENT, name: &migration.name, service: None };
    let seconds = i64::try_from(migration.timeout.0.div_ceil(1000)).unwrap_or(i64::MAX).max(1);
    Job {
        metadata: part.meta(app, job_name(app, migration)),
        spec: Some(JobSpec {
            active_deadline_seconds: Some(seconds),
            // Tries come at most every six minutes after the first few: the deadline ends them, not their number.
            backoff_limit: Some(i32::try_from(seconds / 60).unwrap_or(i32::MAX).clamp(6, 1000)),
            pod_replacement_policy: Some("Failed".to_owned()),
            template: PodTemplateSpec {
                metadata: Some(part.template_meta(app, None)),
                spec: Some(PodSpec {
                    // Failed tries stay, with their logs.
                    restart_policy: Some("Never".to_owned()),
                    ..application::pod(context, &migration.container, container(context, first, migration))
                }),
            },
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

/// With the memory of the first service's pods.
fn container(context: &Context<'_>, first: &ValidService, migration: &ValidMigration) -> Container {
    let planned = context.plan.web(&first.name).map_or(Size::default(), |tier| tier.per_replica);
    let size = Size { cpu: planned.cpu.min(CPU), memory: planned.memory, storage: Bytes(0) };
    application::container(context, &migration.container, None, &size)
}
