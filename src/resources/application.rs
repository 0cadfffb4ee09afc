//! Pods of the application, be they of a service, a worker, a cron job or a migration: one container, `app`, within
//! the `restricted` Pod Security Standard.

use k8s_openapi::api::core::v1::{Container, PodSecurityContext, PodSpec, SecurityContext};

use super::{Context, bindings, pod, rollout, volumes};
use crate::api::ServiceSecurityContext;
use crate::domain::{ValidContainer, ValidService};
use crate::planner::Size;

/// Name of the application's container in each of its pods.
pub const CONTAINER: &str = "app";

/// A pod around its container, as [`container`] makes it.
#[must_use]
pub fn pod(context: &Context<'_>, declared: &ValidContainer, container: Container) -> PodSpec {
    let pod = PodSpec {
        security_context: Some(pod_security(&declared.security_context)),
        service_account_name: declared.service_account_name.clone(),
        automount_service_account_token: Some(declared.service_account_name.is_some()),
        enable_service_links: Some(false),
        dns_config: Some(rollout::impatient_dns()),
        image_pull_secrets: pod::pull_secrets(context),
        containers: vec![container],
        ..PodSpec::default()
    };
    volumes::placed(pod, &declared.volumes, &declared.placement)
}

/// The container with its bindings; `service` is the one that it serves.
#[must_use]
pub fn container(
    context: &Context<'_>,
    declared: &ValidContainer,
    service: Option<&ValidService>,
    size: &Size,
) -> Container {
    Container {
        name: CONTAINER.to_owned(),
        image: Some(declared.image.clone()),
        image_pull_policy: Some("IfNotPresent".to_owned()),
        command: list(&declared.command),
        args: list(&declared.args),
        env: Some(bindings::environment(context, service, &declared.env)),
        env_from: list(&declared.env_from),
        volume_mounts: volumes::mounts(&declared.volume_mounts),
        resources: Some(pod::resources(context, size)),
        security_context: Some(container_security(&declared.security_context)),
        ..Container::default()
    }
}

/// A list of a pod; an empty one is absent.
fn list<T: Clone>(items: &[T]) -> Option<Vec<T>> {
    (!items.is_empty()).then(|| items.to_vec())
}

/// The pod's part of `restricted`, with what the owner adds.
fn pod_security(owners: &ServiceSecurityContext) -> PodSecurityContext {
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: owners.run_as_user,
        run_as_group: owners.run_as_group,
        seccomp_profile: Some(pod::runtime_default()),
        ..PodSecurityContext::default()
    }
}

/// The container's part of `restricted`, with what the owner adds.
fn container_security(owners: &ServiceSecurityContext) -> SecurityContext {
    SecurityContext {
        read_only_root_filesystem: owners.read_only_root_filesystem,
        ..pod::restricted_container_security()
    }
}
