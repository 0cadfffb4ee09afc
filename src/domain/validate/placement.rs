//! On which nodes the application's pods may run, and how they rank.

use super::checker::{Checker, is_qualified, is_subdomain};
use crate::api::{Placement, TaintEffect, Toleration, TolerationOperator};

/// A placement that the API server takes in a pod.
pub(super) fn placement(check: &mut Checker, field: &str, declared: Option<&Placement>) -> Placement {
    let placement = declared.cloned().unwrap_or_default();
    let labels = placement.node_selector.iter().flatten();
    check.length(&format!("{field}.nodeSelector"), labels.clone().count(), 16);
    for (key, value) in labels {
        if !is_qualified(key) || !is_value(value) {
            check.report(
                format!("{field}.nodeSelector"),
                format!("has {key:?}: {value:?}"),
                "write a label as nodes bear it, such as kubernetes.io/arch: arm64",
            );
        }
    }
    let tolerations = placement.tolerations.as_deref().unwrap_or_default();
    check.length(&format!("{field}.tolerations"), tolerations.len(), 16);
    for (index, toleration) in tolerations.iter().enumerate() {
        check_toleration(check, &format!("{field}.tolerations[{index}]"), toleration);
    }
    if let Some(class) = placement.priority_class_name.as_deref().filter(|class| !is_subdomain(class)) {
        check.report(
            format!("{field}.priorityClassName"),
            format!("is {class:?}"),
            "write the name of a PriorityClass, or leave it out",
        );
    }
    placement
}

fn check_toleration(check: &mut Checker, field: &str, toleration: &Toleration) {
    let exists = toleration.operator == Some(TolerationOperator::Exists);
    match &toleration.key {
        None if !exists => check.report(
            field,
            "has no key",
            "write the taint's key, or operator: Exists, which alone bears every taint",
        ),
        Some(key) if !is_qualified(key) => {
            check.report(format!("{field}.key"), format!("is {key:?}"), "write the key of a taint, such as dedicated");
        }
        _ => {}
    }
    match &toleration.value {
        Some(value) if exists => check.report(
            format!("{field}.value"),
            format!("is {value:?}, and operator Exists bears every value"),
            "remove it, or take operator Equal",
        ),
        Some(value) if !is_value(value) => {
            check.report(format!("{field}.value"), format!("is {value:?}"), "write the value of a taint, such as web");
        }
        _ => {}
    }
    let seconds = format!("{field}.tolerationSeconds");
    check.integer(&seconds, toleration.toleration_seconds, 0..=31_536_000);
    if toleration.toleration_seconds.is_some() && toleration.effect != Some(TaintEffect::NoExecute) {
        check.report(
            seconds,
            "only has a meaning with effect NoExecute",
            "write that effect, or remove tolerationSeconds",
        );
    }
}

/// The value of a label or taint.
fn is_value(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    text.is_empty()
        || (text.len() <= 63
            && edge(text.chars().next())
            && edge(text.chars().last())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)))
}
