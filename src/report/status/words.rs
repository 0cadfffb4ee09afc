//! Conditions in words: what is under way, what it waits for, and what somebody must do.

use anstyle::Style;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::AppView;
use crate::report::text::{BAD, DIM, GOOD, WARN};

/// Something to say of an application.
pub(super) struct Saying {
    /// About what.
    pub title: String,
    /// How it looks.
    pub style: Style,
    /// In words.
    pub text: String,
}

fn say(title: &str, style: Style, text: String) -> Saying {
    Saying { title: title.to_owned(), style, text }
}

/// The first word about an application, and why.
pub(super) fn headline(view: &AppView) -> Saying {
    if view.deleting {
        return say("being deleted", WARN, String::new());
    }
    let Some(observed) = view.observed_generation else {
        return say("not looked at yet", WARN, "the operator has not looked at it: does it run?".to_owned());
    };
    let Some(ready) = view.condition("Ready") else {
        return say("not ready", BAD, "the operator has not said yet whether it serves".to_owned());
    };
    if observed != view.generation {
        let serves = if ready.status == "True" { "serves" } else { "does not serve" };
        let text = format!(
            "generation {} of the spec is not looked at yet; by generation {observed} it {serves}: {}",
            view.generation, ready.message
        );
        return say("not ready for the newest spec", WARN, text);
    }
    match ready.status.as_str() {
        "True" => say("ready", GOOD, ready.message.clone()),
        "False" => say("not ready", BAD, reasoned(ready)),
        _ => say("not known to be ready", WARN, reasoned(ready)),
    }
}

/// What the other conditions say, unless they are at rest. A text that was said already is not repeated.
pub(super) fn sayings(view: &AppView) -> Vec<Saying> {
    let mut said: Vec<&str> = view.condition("Ready").map(|ready| ready.message.as_str()).into_iter().collect();
    let mut all = Vec::new();
    for condition in view.conditions.iter().filter(|condition| condition.type_ != "Ready") {
        let Some((title, style)) = title(condition) else { continue };
        let repeated = !condition.message.is_empty() && said.contains(&condition.message.as_str());
        let text = if repeated { format!("{}, as above", condition.reason) } else { reasoned(condition) };
        all.push(say(title, style, text));
        said.push(&condition.message);
    }
    all
}

/// What a condition is about, and how grave it is; `None` when there is nothing to say.
fn title(condition: &Condition) -> Option<(&str, Style)> {
    let holds = matches!(condition.reason.as_str(), "Paused" | "Advising");
    match (condition.type_.as_str(), condition.status.as_str()) {
        ("Reconciling", "True") => Some(("under way", WARN)),
        ("Reconciling", "False") if holds => Some(("holds still", WARN)),
        ("Stalled", "True") => Some(("needs you", BAD)),
        ("PlanAccepted", "False") => Some(("spec refused", BAD)),
        ("EnvironmentReady", "False") => Some(("cluster lacks", BAD)),
        ("Degraded", "True") => Some(("degraded", WARN)),
        ("DataSafe", "True") => Some(("data safe", DIM)),
        ("DataSafe", "False") => Some(("data at risk", BAD)),
        ("DataSafe", _) => Some(("data safe?", WARN)),
        ("Reconciling" | "Stalled" | "PlanAccepted" | "EnvironmentReady" | "Degraded", _) => None,
        (other, "True") => Some((other, DIM)),
        _ => None,
    }
}

/// The message behind its reason.
fn reasoned(condition: &Condition) -> String {
    match (condition.reason.as_str(), condition.message.as_str()) {
        (reason, "") => reason.to_owned(),
        (reason, message) => format!("{reason}: {message}"),
    }
}
