//! What would change, as a reviewer reads it: fields, rungs, tiers, then what is restarted, what risks data and what
//! waits.

use std::fmt::Write;

use serde_json::Value;

use super::text::{BAD, DIM, GOOD, HEAD, WARN, columns, styled, wrapped};
use crate::api::{ChangeClass, ProposedChange};
use crate::domain::Bytes;
use crate::planner::diff::{PlanDiff, SettingChange, TierChange, TierSize};
use crate::planner::packing::size_text;
use crate::planner::{CostSpan, Replicas};

/// The whole difference.
#[must_use]
pub fn diff_text(diff: &PlanDiff) -> String {
    let from = diff.previous.as_deref().unwrap_or("none");
    let title = format!("{} in {}: plan {from} -> {}", diff.app, diff.namespace, diff.hash);
    let mut text = format!("{}\n", styled(HEAD, &title));
    if diff.is_empty() {
        text.push_str("Nothing would change.\n");
        return text;
    }
    section(&mut text, "Spec", &columns(&fields(diff), &[], 2));
    section(&mut text, "Ladder", &rungs(diff));
    section(&mut text, "Tiers", &columns(&tiers(diff), &[], 2));
    section(&mut text, "Settings of engines", &settings(diff));
    section(&mut text, "Pods of yours that are replaced, one by one", &rolled(diff));
    for (class, title, style) in [
        (ChangeClass::Online, "At once, and nobody notices (Online)", GOOD),
        (ChangeClass::Growing, "At once: members or bytes are added (Growing)", GOOD),
        (ChangeClass::Rolling, "At once: members restart behind a switchover (Rolling)", WARN),
        (ChangeClass::Shrinking, "At once, and risks data: members or bytes go (Shrinking)", BAD),
        (ChangeClass::Destructive, "At once, and risks data: a tier with data goes (Destructive)", BAD),
    ] {
        let of_class: Vec<&ProposedChange> = diff.changes.iter().filter(|change| change.class == class).collect();
        section(&mut text, &format!("{style}{title}{style:#}"), &changes(&of_class, false));
    }
    if let Some(proposal) = &diff.proposed {
        let waiting: Vec<&ProposedChange> = proposal.changes.iter().collect();
        section(&mut text, &format!("{WARN}Waits for an approval{WARN:#}"), &changes(&waiting, true));
        let how = format!("spec.changes.approved: \"{}\" would let it through.", proposal.hash);
        let _ = writeln!(text, "  {}", styled(DIM, &how));
    }
    section(&mut text, "Cost of a month", &cost(diff));
    text
}

fn section(text: &mut String, title: &str, body: &str) {
    if !body.is_empty() {
        let _ = write!(text, "\n{}\n{body}", styled(HEAD, title));
    }
}

fn fields(diff: &PlanDiff) -> Vec<Vec<String>> {
    let shown = |value: &Option<Value>| match value {
        None => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    let row = |change: &crate::planner::diff::FieldChange| {
        vec![change.field.clone(), shown(&change.from), "->".to_owned(), shown(&change.to)]
    };
    diff.spec.iter().map(row).collect()
}

fn rungs(diff: &PlanDiff) -> String {
    let mut text = String::new();
    for rung in &diff.rungs {
        let mark = if rung.on { styled(GOOD, "on ") } else { styled(DIM, "off") };
        let _ = writeln!(text, "  {mark}  {:<17}{}", rung.rung.to_string(), wrapped(&rung.because, 24));
    }
    text
}

fn pods(replicas: Replicas) -> String {
    if replicas.min == replicas.max { replicas.max.to_string() } else { format!("{}..{}", replicas.min, replicas.max) }
}

fn tiers(diff: &PlanDiff) -> Vec<Vec<String>> {
    if diff.tiers.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![["", "tier", "name", "pods", "cpu", "memory", "storage"].map(str::to_owned).to_vec()];
    rows.extend(diff.tiers.iter().map(tier));
    rows
}

fn tier(change: &TierChange) -> Vec<String> {
    let mark = match (&change.from, &change.to) {
        (None, _) => "+",
        (_, None) => "-",
        _ => "~",
    };
    let cell = |of: fn(&TierSize) -> String| match (&change.from, &change.to) {
        (Some(from), Some(to)) if of(from) != of(to) => format!("{} -> {}", of(from), of(to)),
        (_, Some(size)) | (Some(size), None) => of(size),
        (None, None) => String::new(),
    };
    vec![
        mark.to_owned(),
        change.tier.to_string(),
        change.name.clone(),
        cell(|size| pods(size.replicas)),
        cell(|size| size.per_replica.cpu.to_string()),
        cell(|size| size_text(size.per_replica.memory)),
        cell(|size| if size.per_replica.storage.0 == 0 { "-".to_owned() } else { size_text(size.per_replica.storage) }),
    ]
}

fn settings(diff: &PlanDiff) -> String {
    let shown = |setting: &str, value: &Value| match value.as_u64() {
        Some(bytes) if setting.ends_with("Bytes") => size_text(Bytes(bytes)),
        _ => value.to_string().trim_matches('"').to_owned(),
    };
    let row = |change: &SettingChange| {
        let name = change.setting.trim_end_matches("Bytes");
        let told = if change.restarts { "members restart" } else { "" };
        let (from, to) = (shown(&change.setting, &change.from), shown(&change.setting, &change.to));
        [&change.object, name, &from, "->", &to, told].map(str::to_owned).to_vec()
    };
    columns(&diff.settings.iter().map(row).collect::<Vec<_>>(), &[], 2)
}

fn rolled(diff: &PlanDiff) -> String {
    let rows: Vec<Vec<String>> =
        diff.rolled.iter().map(|rolled| vec![rolled.object.clone(), rolled.fields.join(", ")]).collect();
    columns(&rows, &[], 2)
}

fn changes(changes: &[&ProposedChange], with_class: bool) -> String {
    let mut text = String::new();
    for change in changes {
        let class = if with_class { format!("{}: ", change.class) } else { String::new() };
        let _ = writeln!(text, "  {:<26}  {}", change.object, wrapped(&format!("{class}{}", change.reason), 30));
    }
    text
}

fn cost(diff: &PlanDiff) -> String {
    let span = |cost: &CostSpan| super::cost::span(cost.low, cost.high);
    let currency = &diff.cost.currency;
    let Some(before) = &diff.cost_before else { return format!("  {} {currency}\n", span(&diff.cost)) };
    let ratio = if before.high > 0.0 { diff.cost.high / before.high } else { 1.0 };
    let times =
        if ratio > 3.0 { format!("{ratio:.0} times as much") } else { format!("{:+.0} %", (ratio - 1.0) * 100.0) };
    format!("  {} -> {} {currency}  ({times} at most pods)\n", span(before), span(&diff.cost))
}
