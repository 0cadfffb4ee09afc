//! Volumes of the application's pods, and where they appear.

use super::checker::{Checker, is_label, is_subdomain};
use crate::api::{
    EmptyDirVolume, KeyToPath, ProjectedKeys, ProjectedSource, ProjectedVolume, Volume, VolumeMedium, VolumeMount,
};
use crate::domain::{Bytes, quantity::MIB};

/// Where Kubernetes itself puts the token of a pod's account.
const TOKEN_PATHS: [&str; 2] =
    ["/var/run/secrets/kubernetes.io/serviceaccount", "/run/secrets/kubernetes.io/serviceaccount"];
/// Fields of its own metadata that a pod may read from a volume.
const POD_FIELDS: [&str; 5] = ["name", "namespace", "uid", "labels", "annotations"];

/// What those in memory may hold together.
pub(super) fn volumes(check: &mut Checker, field: &str, declared: &[Volume]) -> Bytes {
    check.length(field, declared.len(), 16);
    check.distinct(field, declared.iter().map(|volume| volume.name.as_str()));
    let mut in_memory = 0_u64;
    for (index, volume) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !is_label(&volume.name, 63) {
            check.report(
                format!("{field}.name"),
                format!("is {:?}", volume.name),
                "use lower-case letters, digits and '-' only, and at most 63 characters",
            );
        }
        in_memory = in_memory.saturating_add(source(check, &field, volume).0);
    }
    Bytes(in_memory)
}

/// Exactly one kind; the answer is what it may hold in memory.
fn source(check: &mut Checker, field: &str, volume: &Volume) -> Bytes {
    let Volume { name: _, empty_dir, config_map, secret, projected } = volume;
    let kinds = [empty_dir.is_some(), config_map.is_some(), secret.is_some(), projected.is_some()];
    one(check, field, &kinds, "emptyDir, configMap, secret and projected");
    if let Some(source) = config_map {
        object_name(check, &format!("{field}.configMap.name"), &source.name, "a ConfigMap");
        mode(check, &format!("{field}.configMap.defaultMode"), source.default_mode);
        let field = format!("{field}.configMap.items");
        let paths = items(check, &field, source.items.as_deref());
        check.distinct(&field, paths);
    }
    if let Some(source) = secret {
        object_name(check, &format!("{field}.secret.secretName"), &source.secret_name, "a Secret");
        mode(check, &format!("{field}.secret.defaultMode"), source.default_mode);
        let field = format!("{field}.secret.items");
        let paths = items(check, &field, source.items.as_deref());
        check.distinct(&field, paths);
    }
    if let Some(source) = projected {
        sources(check, &format!("{field}.projected"), source);
    }
    empty_dir.as_ref().map_or(Bytes(0), |source| directory(check, &format!("{field}.emptyDir"), source))
}

fn one(check: &mut Checker, field: &str, kinds: &[bool], names: &str) {
    let wrong = match kinds.iter().filter(|there| **there).count() {
        0 => "has no source",
        1 => return,
        _ => "has several sources",
    };
    check.report(field, wrong, format!("write exactly one of {names}"));
}

fn directory(check: &mut Checker, field: &str, declared: &EmptyDirVolume) -> Bytes {
    let limit = format!("{field}.sizeLimit");
    let size = check.bytes(&limit, declared.size_limit.as_ref(), Bytes::mib(1)..=Bytes::gib(1024));
    match declared.medium {
        None => Bytes(0),
        Some(VolumeMedium::Memory) => {
            if declared.size_limit.is_none() {
                let wrong = "is absent, and what the directory holds is memory of the pod";
                check.report(limit, wrong, "write the most it may hold, such as 64Mi; the plan adds that to the pod");
            }
            // Memory of a pod is planned in whole MiB.
            size.map_or(Bytes(0), |size| Bytes(size.0.div_ceil(MIB) * MIB))
        }
    }
}

fn sources(check: &mut Checker, field: &str, declared: &ProjectedVolume) {
    mode(check, &format!("{field}.defaultMode"), declared.default_mode);
    if declared.sources.is_empty() {
        check.report(format!("{field}.sources"), "is empty", "write what the directory holds");
    }
    check.length(&format!("{field}.sources"), declared.sources.len(), 8);
    let mut paths = Vec::new();
    for (index, source) in declared.sources.iter().enumerate() {
        paths.extend(projected(check, &format!("{field}.sources[{index}]"), source));
    }
    check.distinct(&format!("{field}.sources"), paths);
}

/// The files that one source names.
fn projected<'a>(check: &mut Checker, field: &str, source: &'a ProjectedSource) -> Vec<&'a str> {
    let ProjectedSource { config_map, secret, service_account_token, downward_api } = source;
    let kinds = [config_map.is_some(), secret.is_some(), service_account_token.is_some(), downward_api.is_some()];
    one(check, field, &kinds, "configMap, secret, serviceAccountToken and downwardAPI");
    let mut paths = Vec::new();
    let mut keys = |keys: &'a ProjectedKeys, field: String, what: &str| {
        object_name(check, &format!("{field}.name"), &keys.name, what);
        paths.extend(items(check, &format!("{field}.items"), keys.items.as_deref()));
    };
    if let Some(source) = config_map {
        keys(source, format!("{field}.configMap"), "a ConfigMap");
    }
    if let Some(source) = secret {
        keys(source, format!("{field}.secret"), "a Secret");
    }
    if let Some(token) = service_account_token {
        let field = format!("{field}.serviceAccountToken");
        file(check, &format!("{field}.path"), &token.path);
        check.integer(&format!("{field}.expirationSeconds"), token.expiration_seconds, 600..=1 << 32);
        paths.push(&token.path);
    }
    if let Some(fields) = downward_api {
        let field = format!("{field}.downwardAPI.items");
        check.length(&field, fields.items.len(), 16);
        for (index, item) in fields.items.iter().enumerate() {
            file(check, &format!("{field}[{index}].path"), &item.path);
            pod_field(check, &format!("{field}[{index}].fieldRef.fieldPath"), &item.field_ref.field_path);
            paths.push(&item.path);
        }
    }
    paths
}

fn pod_field(check: &mut Checker, field: &str, path: &str) {
    let named = path.strip_prefix("metadata.").unwrap_or_default();
    let entry = named.strip_suffix("']").and_then(|head| {
        ["labels['", "annotations['"].iter().find_map(|map| head.strip_prefix(map)).filter(|key| !key.is_empty())
    });
    if !POD_FIELDS.contains(&named) && entry.is_none() {
        check.report(
            field,
            format!("is {path:?}"),
            "write metadata.name, metadata.namespace, metadata.uid, metadata.labels or metadata.annotations, or one entry such as metadata.labels['app']",
        );
    }
}

/// The files that keys are put into.
fn items<'a>(check: &mut Checker, field: &str, declared: Option<&'a [KeyToPath]>) -> Vec<&'a str> {
    let declared = declared.unwrap_or_default();
    check.length(field, declared.len(), 32);
    for (index, item) in declared.iter().enumerate() {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
        if item.key.is_empty() || item.key.len() > 253 || !item.key.chars().all(plain) {
            check.report(
                format!("{field}[{index}].key"),
                format!("is {:?}", item.key),
                "write a key of letters, digits, '-', '.' and '_'",
            );
        }
        file(check, &format!("{field}[{index}].path"), &item.path);
        mode(check, &format!("{field}[{index}].mode"), item.mode);
    }
    declared.iter().map(|item| item.path.as_str()).collect()
}

fn object_name(check: &mut Checker, field: &str, name: &str, what: &str) {
    if !is_subdomain(name) {
        check.report(field, format!("is {name:?}"), format!("write the name of {what} in the application's namespace"));
    }
}

fn mode(check: &mut Checker, field: &str, declared: Option<i32>) {
    check.integer(field, declared, 0..=0o777);
}

/// A path that stays within its volume.
fn file(check: &mut Checker, field: &str, path: &str) {
    let outside = path.is_empty() || path.starts_with('/') || path.split('/').any(|part| part == "..");
    if outside || path.len() > 256 {
        check.report(
            field,
            format!("is {path:?}"),
            "write a path within the volume, without '/' before it and without '..'",
        );
    }
}

/// Where they appear.
pub(super) fn mounts(check: &mut Checker, field: &str, declared: &[VolumeMount], volumes: &[Volume]) {
    check.length(field, declared.len(), 16);
    for (index, mount) in declared.iter().enumerate() {
        let field = format!("{field}[{index}]");
        if !volumes.iter().any(|volume| volume.name == mount.name) {
            check.report(
                format!("{field}.name"),
                format!("is {:?}, which volumes does not have", mount.name),
                "add the volume there, or name one that is there",
            );
        }
        if let Some(path) = &mount.sub_path {
            file(check, &format!("{field}.subPath"), path);
        }
        place(check, &format!("{field}.mountPath"), &mount.mount_path);
    }
    check.distinct(field, declared.iter().map(|mount| mount.mount_path.trim_end_matches('/')));
}

fn place(check: &mut Checker, field: &str, path: &str) {
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let plain = path.starts_with('/') && path.len() <= 256 && !path.contains(':') && !parts.contains(&"..");
    if !plain {
        check.report(
            field,
            format!("is {path:?}"),
            "write an absolute path without ':' and '..', such as /var/cache/shop",
        );
        return;
    }
    if matches!(parts.as_slice(), [] | ["dev"] | ["proc" | "sys", ..]) {
        check.report(
            field,
            format!("is {path:?}, which the container's runtime fills"),
            "choose a directory of the application's own",
        );
    }
    if TOKEN_PATHS.contains(&format!("/{}", parts.join("/")).as_str()) {
        check.report(
            field,
            format!("is {path:?}, where the token of serviceAccountName lies"),
            "choose another directory; a token for somebody else is a projected volume with serviceAccountToken",
        );
    }
}
