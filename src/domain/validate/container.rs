//! What runs in a pod of the application: one set of rules for services, workers, cron jobs and migrations.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar};

use super::checker::{Checker, is_subdomain};
use super::placement::placement;
use super::volumes;
use crate::api::{
    CronJob, Migration, Placement, ScaledAppSpec, Service, ServiceSecurityContext, Volume, VolumeMount, Worker,
};
use crate::domain::{Bytes, ValidContainer};

/// What all of them may say, as it was written.
#[derive(Default)]
pub(super) struct Declared<'a> {
    image: Option<&'a str>,
    command: Option<&'a [String]>,
    args: Option<&'a [String]>,
    env: Option<&'a [EnvVar]>,
    env_from: Option<&'a [EnvFromSource]>,
    volumes: Option<&'a [Volume]>,
    volume_mounts: Option<&'a [VolumeMount]>,
    service_account_name: Option<&'a str>,
    security_context: Option<&'a ServiceSecurityContext>,
    placement: Option<&'a Placement>,
}

impl<'a> From<&'a Service> for Declared<'a> {
    fn from(service: &'a Service) -> Self {
        Self {
            image: Some(&service.image),
            command: service.command.as_deref(),
            args: service.args.as_deref(),
            env: service.env.as_deref(),
            env_from: service.env_from.as_deref(),
            volumes: service.volumes.as_deref(),
            volume_mounts: service.volume_mounts.as_deref(),
            service_account_name: service.service_account_name.as_deref(),
            security_context: service.security_context.as_ref(),
            placement: service.placement.as_ref(),
        }
    }
}

impl<'a> From<&'a Worker> for Declared<'a> {
    fn from(worker: &'a Worker) -> Self {
        Self {
            image: Some(&worker.image),
            command: worker.command.as_deref(),
            args: worker.args.as_deref(),
            env: worker.env.as_deref(),
            env_from: worker.env_from.as_deref(),
            volumes: worker.volumes.as_deref(),
            volume_mounts: worker.volume_mounts.as_deref(),
            service_account_name: worker.service_account_name.as_deref(),
            security_context: worker.security_context.as_ref(),
            placement: worker.placement.as_ref(),
        }
    }
}

impl<'a> From<&'a CronJob> for Declared<'a> {
    fn from(job: &'a CronJob) -> Self {
        Self {
            image: Some(&job.image),
            command: job.command.as_deref(),
            args: job.args.as_deref(),
            env: job.env.as_deref(),
            env_from: job.env_from.as_deref(),
            volumes: job.volumes.as_deref(),
            volume_mounts: job.volume_mounts.as_deref(),
            service_account_name: job.service_account_name.as_deref(),
            security_context: job.security_context.as_ref(),
            placement: job.placement.as_ref(),
        }
    }
}

impl<'a> From<&'a Migration> for Declared<'a> {
    fn from(migration: &'a Migration) -> Self {
        Self {
            image: migration.image.as_deref(),
            command: migration.command.as_deref(),
            args: migration.args.as_deref(),
            env: migration.env.as_deref(),
            ..Self::default()
        }
    }
}

/// A container with its defaults; `field` is the entry that declares it.
pub(super) fn container(
    check: &mut Checker,
    spec: &ScaledAppSpec,
    field: &str,
    declared: &Declared<'_>,
) -> ValidContainer {
    if let Some(reference) = declared.image {
        image(check, &format!("{field}.image"), reference);
    }
    let command = words(check, &format!("{field}.command"), declared.command);
    let args = words(check, &format!("{field}.args"), declared.args);
    let env = environment(check, &format!("{field}.env"), declared.env.unwrap_or_default(), spec);
    let env_from = declared.env_from.unwrap_or_default();
    check.length(&format!("{field}.envFrom"), env_from.len(), 16);
    let declared_volumes = declared.volumes.unwrap_or_default();
    let volumes_in_memory = volumes::volumes(check, &format!("{field}.volumes"), declared_volumes);
    let volume_mounts = declared.volume_mounts.unwrap_or_default();
    volumes::mounts(check, &format!("{field}.volumeMounts"), volume_mounts, declared_volumes);
    if let Some(account) = declared.service_account_name.filter(|name| !is_subdomain(name) || name.len() > 63) {
        check.report(
            format!("{field}.serviceAccountName"),
            format!("is {account:?}"),
            "write the name of a ServiceAccount, or leave it out",
        );
    }
    ValidContainer {
        image: declared.image.unwrap_or_default().to_owned(),
        command,
        args,
        env,
        env_from: env_from.to_vec(),
        volumes: declared_volumes.to_vec(),
        volume_mounts: volume_mounts.to_vec(),
        volumes_in_memory,
        service_account_name: declared.service_account_name.map(ToOwned::to_owned),
        security_context: security_context(check, field, declared.security_context),
        placement: placement(check, &format!("{field}.placement"), declared.placement),
    }
}

/// Volumes in memory count into the memory that the owner fixed.
pub(super) fn within_pin(check: &mut Checker, field: &str, container: &ValidContainer, pinned: Option<Bytes>) {
    let volumes = container.volumes_in_memory;
    if let Some(pinned) = pinned.filter(|pinned| *pinned <= volumes) {
        check.report(
            format!("{field}.volumes"),
            format!("may hold {volumes} in memory, and pin.memory gives the whole pod {pinned}"),
            "lower their sizeLimit, or raise pin.memory",
        );
    }
}

fn image(check: &mut Checker, field: &str, image: &str) {
    check.text(field, image, 512);
    if image.chars().any(|c| c.is_whitespace() || c.is_control()) {
        check.report(
            field,
            format!("is {image:?}"),
            "write an image reference without spaces, such as registry.example/shop:1.4.2",
        );
    }
}

fn words(check: &mut Checker, field: &str, words: Option<&[String]>) -> Vec<String> {
    let words = words.unwrap_or_default();
    check.length(field, words.len(), 64);
    if let Some(word) = words.iter().find(|word| word.len() > 4096) {
        check.report(field, format!("has an entry of {} bytes", word.len()), "write at most 4096 bytes an entry");
    }
    words.to_vec()
}

/// Names that the containers get from us.
fn reserved(spec: &ScaledAppSpec) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = ["PORT", "PUBLIC_URL"].map(str::to_owned).into();
    if spec.database.is_some() {
        names.extend(["DATABASE_URL", "DATABASE_READ_URL", "DATABASE_DIRECT_URL"].map(str::to_owned));
    }
    let given = [
        (spec.cache.is_some(), ["CACHE_URL"].as_slice()),
        (spec.sessions.is_some(), &["SESSION_URL", "SESSION_TTL_SECONDS"]),
        (spec.queue.is_some(), &["AMQP_URL"]),
        (spec.proxy.is_some(), &["PURGE_URL", "PURGE_TOKEN"]),
        (
            spec.objects.is_some(),
            &["OBJECTS_URL", "OBJECTS_BUCKET", "OBJECTS_REGION", "OBJECTS_ACCESS_KEY_ID", "OBJECTS_SECRET_ACCESS_KEY"],
        ),
    ];
    names.extend(given.iter().filter(|(there, _)| *there).flat_map(|(_, names)| names.iter().map(|n| (*n).to_owned())));
    names.extend(spec.services.iter().map(|s| format!("SERVICE_{}_URL", s.name.to_uppercase().replace('-', "_"))));
    names
}

fn environment(check: &mut Checker, field: &str, env: &[EnvVar], spec: &ScaledAppSpec) -> Vec<EnvVar> {
    check.length(field, env.len(), 128);
    check.distinct(field, env.iter().map(|e| e.name.as_str()));
    let reserved = reserved(spec);
    for variable in env {
        let name = &variable.name;
        if name.is_empty() || name.contains('=') || !name.chars().all(|c| c.is_ascii_graphic()) {
            check.report(field, format!("has the name {name:?}"), "write names of letters, digits and '_'");
        }
        if reserved.contains(name) {
            check.report(
                field,
                format!("sets {name}, which the operator sets itself"),
                "remove it; an application that wants another name can take the value from the binding Secret with valueFrom.secretKeyRef",
            );
        }
        if variable.value.is_some() && variable.value_from.is_some() {
            check.report(field, format!("gives {name} both value and valueFrom"), "keep one of them");
        }
    }
    env.to_vec()
}

fn security_context(
    check: &mut Checker,
    field: &str,
    declared: Option<&ServiceSecurityContext>,
) -> ServiceSecurityContext {
    let context = declared.cloned().unwrap_or_default();
    for (name, id) in [("runAsUser", context.run_as_user), ("runAsGroup", context.run_as_group)] {
        check.integer(&format!("{field}.securityContext.{name}"), id, 1..=4_294_967_294);
    }
    context
}
