//! Volumes and placement of the application's pods, from the words of the spec to those of a pod.

use k8s_openapi::api::core::v1 as core;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

use crate::api::{
    ConfigMapVolume, EmptyDirVolume, KeyToPath, Placement, ProjectedKeys, ProjectedSource, ProjectedVolume,
    SecretVolume, Toleration, Volume, VolumeMount,
};

/// The pod with its volumes and its placement.
#[must_use]
pub fn placed(pod: core::PodSpec, volumes: &[Volume], placement: &Placement) -> core::PodSpec {
    let Placement { node_selector, tolerations, priority_class_name } = placement;
    let tolerations = tolerations.as_deref().unwrap_or_default();
    core::PodSpec {
        volumes: (!volumes.is_empty()).then(|| volumes.iter().map(volume).collect()),
        node_selector: node_selector.clone().filter(|labels| !labels.is_empty()),
        tolerations: (!tolerations.is_empty()).then(|| tolerations.iter().map(toleration).collect()),
        priority_class_name: priority_class_name.clone(),
        ..pod
    }
}

/// Where volumes appear in the container.
#[must_use]
pub fn mounts(declared: &[VolumeMount]) -> Option<Vec<core::VolumeMount>> {
    let mount = |VolumeMount { name, mount_path, sub_path, read_only }: &VolumeMount| core::VolumeMount {
        name: name.clone(),
        mount_path: mount_path.clone(),
        sub_path: sub_path.clone(),
        read_only: *read_only,
        ..core::VolumeMount::default()
    };
    (!declared.is_empty()).then(|| declared.iter().map(mount).collect())
}

fn volume(Volume { name, empty_dir, config_map, secret, projected }: &Volume) -> core::Volume {
    core::Volume {
        name: name.clone(),
        empty_dir: empty_dir.as_ref().map(directory),
        config_map: config_map.as_ref().map(from_config_map),
        secret: secret.as_ref().map(from_secret),
        projected: projected.as_ref().map(from_several),
        ..core::Volume::default()
    }
}

fn directory(EmptyDirVolume { medium, size_limit }: &EmptyDirVolume) -> core::EmptyDirVolumeSource {
    core::EmptyDirVolumeSource {
        medium: medium.as_ref().map(ToString::to_string),
        size_limit: size_limit.as_ref().map(|limit| Quantity(limit.0.clone())),
    }
}

fn from_config_map(declared: &ConfigMapVolume) -> core::ConfigMapVolumeSource {
    let ConfigMapVolume { name, items: keys, default_mode, optional } = declared;
    core::ConfigMapVolumeSource {
        name: name.clone(),
        items: items(keys.as_deref()),
        default_mode: *default_mode,
        optional: *optional,
    }
}

fn from_secret(declared: &SecretVolume) -> core::SecretVolumeSource {
    let SecretVolume { secret_name, items: keys, default_mode, optional } = declared;
    core::SecretVolumeSource {
        secret_name: Some(secret_name.clone()),
        items: items(keys.as_deref()),
        default_mode: *default_mode,
        optional: *optional,
    }
}

fn from_several(ProjectedVolume { sources, default_mode }: &ProjectedVolume) -> core::ProjectedVolumeSource {
    core::ProjectedVolumeSource { sources: Some(sources.iter().map(projection).collect()), default_mode: *default_mode }
}

fn projection(declared: &ProjectedSource) -> core::VolumeProjection {
    let ProjectedSource { config_map, secret, service_account_token, downward_api } = declared;
    core::VolumeProjection {
        config_map: config_map.as_ref().map(|ProjectedKeys { name, items: keys, optional }| {
            core::ConfigMapProjection { name: name.clone(), items: items(keys.as_deref()), optional: *optional }
        }),
        secret: secret.as_ref().map(|ProjectedKeys { name, items: keys, optional }| core::SecretProjection {
            name: name.clone(),
            items: items(keys.as_deref()),
            optional: *optional,
        }),
        service_account_token: service_account_token.as_ref().map(|token| core::ServiceAccountTokenProjection {
            audience: token.audience.clone(),
            expiration_seconds: token.expiration_seconds,
            path: token.path.clone(),
        }),
        downward_api: downward_api.as_ref().map(|fields| core::DownwardAPIProjection {
            items: Some(
                fields
                    .items
                    .iter()
                    .map(|item| core::DownwardAPIVolumeFile {
                        path: item.path.clone(),
                        field_ref: Some(core::ObjectFieldSelector {
                            field_path: item.field_ref.field_path.clone(),
                            ..core::ObjectFieldSelector::default()
                        }),
                        ..core::DownwardAPIVolumeFile::default()
                    })
                    .collect(),
            ),
        }),
        ..core::VolumeProjection::default()
    }
}

fn items(declared: Option<&[KeyToPath]>) -> Option<Vec<core::KeyToPath>> {
    let item = |KeyToPath { key, path, mode }: &KeyToPath| core::KeyToPath {
        key: key.clone(),
        path: path.clone(),
        mode: *mode,
    };
    declared.filter(|keys| !keys.is_empty()).map(|keys| keys.iter().map(item).collect())
}

fn toleration(declared: &Toleration) -> core::Toleration {
    let Toleration { key, operator, value, effect, toleration_seconds } = declared;
    core::Toleration {
        key: key.clone(),
        operator: operator.as_ref().map(ToString::to_string),
        value: value.clone(),
        effect: effect.as_ref().map(ToString::to_string),
        toleration_seconds: *toleration_seconds,
    }
}
