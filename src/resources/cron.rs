//! Jobs that come by the clock: one CronJob each, written with the services, so that a new version of one begins
//! after the migrations of its generation. Two runs of one job never overlap.

use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, JobSpec, JobTemplateSpec};
use k8s_openapi::api::core::v1::{PodSpec, PodTemplateSpec};

use super::meta::Part;
use super::{Context, DesiredSet, Stage, application, names, network};
use crate::domain::{Bytes, Millicores, ValidCronJob};
use crate::planner::Size;

/// The component of everything that belongs to cron jobs.
pub const COMPONENT: &str = "cron";
/// No more CPU than this is asked for a run.
const CPU: Millicores = Millicores(250);
/// A run that could not begin within this time is left out; the next one comes.
const STARTING_DEADLINE_SECONDS: i64 = 600;
/// Tries of a run after its first one.
const RETRIES: i32 = 2;
/// Successful and failed runs that stay with their logs.
const KEPT: (i32, i32) = (1, 3);

/// The jobs, and the policy that lets nobody reach their pods.
pub fn build(context: &Context<'_>, set: &mut DesiredSet) {
    let app = context.app;
    if app.cron_jobs.is_empty() {
        return;
    }
    let part = Part { component: COMPONENT, name: COMPONENT, service: None };
    let egress = network::application_egress(context);
    set.add(Stage::Foundation, &network::policy(context, &part, names::cron_jobs(&app.name), Vec::new(), egress));
    for job in &app.cron_jobs {
        set.add(Stage::Serve, &cron_job(context, job));
    }
}

fn cron_job(context: &Context<'_>, job: &ValidCronJob) -> CronJob {
    let app = context.app;
    let part = Part { component: COMPONENT, name: &job.name, service: None };
    let seconds = i64::try_from(job.timeout.0.div_ceil(1000)).unwrap_or(i64::MAX).max(1);
    CronJob {
        metadata: part.meta(app, names::cron_job(&app.name, &job.name)),
        spec: Some(CronJobSpec {
            schedule: job.schedule.clone(),
            time_zone: Some(job.time_zone.clone()),
            concurrency_policy: Some("Forbid".to_owned()),
            starting_deadline_seconds: Some(STARTING_DEADLINE_SECONDS),
            successful_jobs_history_limit: Some(KEPT.0),
            failed_jobs_history_limit: Some(KEPT.1),
            // Its Jobs bear no label of ours: they are the CronJob's, and only their pods are the application's.
            job_template: JobTemplateSpec {
                spec: Some(JobSpec {
                    active_deadline_seconds: Some(seconds),
                    backoff_limit: Some(RETRIES),
                    pod_replacement_policy: Some("Failed".to_owned()),
                    template: PodTemplateSpec {
                        metadata: Some(part.template_meta(app, None)),
                        spec: Some(pod_spec(context, job)),
                    },
                    ..JobSpec::default()
                }),
                ..JobTemplateSpec::default()
            },
            ..CronJobSpec::default()
        }),
        ..CronJob::default()
    }
}

fn pod_spec(context: &Context<'_>, job: &ValidCronJob) -> PodSpec {
    let first = context.app.services.first().and_then(|service| context.plan.web(&service.name));
    let planned = first.map_or(Size::default(), |tier| tier.per_replica);
    let memory = Bytes(planned.memory.0.saturating_add(job.container.volumes_in_memory.0));
    let size = Size { cpu: planned.cpu.min(CPU), memory, storage: Bytes(0) };
    let container = application::container(context, &job.container, None, &size);
    PodSpec { restart_policy: Some("Never".to_owned()), ..application::pod(context, &job.container, container) }
}
