//! The derivation of a plan: it reads as recorded, and what it says is arithmetically true.

mod common;

use common::{golden, plain, planned, sample};
use scaledapp::planner::{Plan, Reason};
use scaledapp::report::why::{askable, equation, why};

const SAMPLES: [&str; 5] = ["hello", "shop", "large", "ladder", "external"];

#[test]
fn every_tier_of_the_ladder_is_derived_as_recorded() {
    let plan = planned(&sample("ladder"));
    for name in askable(&plan) {
        let text = why(&plan, &name).unwrap_or_else(|| panic!("{name}"));
        golden(&format!("why/{}.txt", name.replace('/', "-")), &plain(&text));
    }
    assert_eq!(why(&plan, "DATABASE"), why(&plan, "database"));
    assert!(why(&plan, "web").unwrap().contains("api"), "all services");
    assert_eq!(why(&plan, "api"), why(&plan, "web/api"));
    assert_eq!(why(&plan, "nothing"), None);
}

#[test]
fn an_external_tier_is_derived_too() {
    let plan = planned(&sample("external"));
    for external in &plan.external {
        assert!(why(&plan, &external.name).unwrap().contains(&external.secret), "{}", external.name);
    }
}

fn reasons(plan: &Plan) -> impl Iterator<Item = &Reason> {
    let tiers = plan.tiers.iter().flat_map(|tier| &tier.reasons);
    plan.demand_reasons.iter().chain(tiers).chain(&plan.monthly_cost.reasons)
}

/// What a requirement, a demand or a price is said to be, it is: the formula with its numbers gives the value.
#[test]
fn equations_give_their_values() {
    let mut checked = 0;
    for name in SAMPLES {
        for reason in reasons(&planned(&sample(name))) {
            let derived = ["requirement.", "demand", "growth", "monthlyCost."];
            let text = equation(reason).filter(|_| derived.iter().any(|start| reason.quantity.starts_with(start)));
            let (Some(text), Ok(value)) = (text, reason.value.parse::<f64>()) else { continue };
            let found = evaluated(&text).unwrap_or_else(|| panic!("{name} {}: {text}", reason.quantity));
            let expected = if reason.quantity.ends_with("illicores") { value / 1000.0 } else { value };
            // Money is told in two digits.
            let exact = if reason.quantity.starts_with("monthlyCost.") { 0.05 } else { 0.015 };
            let near = (found - expected).abs() <= expected.abs() * exact + 0.01;
            assert!(near, "{name} {} = {expected}, and {} = {text} = {found}", reason.quantity, reason.formula);
            checked += 1;
        }
    }
    assert!(checked > 120, "{checked}");
}

/// A size is at least what its step's inside gives, and a number of pods is what its formula gives.
#[test]
fn every_requirement_of_a_tier_has_its_numbers_put_in() {
    for name in SAMPLES {
        for tier in planned(&sample(name)).tiers {
            for reason in tier.reasons.iter().filter(|reason| reason.quantity.starts_with("requirement.")) {
                let text = equation(reason).unwrap_or_else(|| panic!("{name} {} {}", tier.name, reason.formula));
                assert!(evaluated(&text).is_some(), "{name} {} {}: {text}", tier.name, reason.quantity);
            }
        }
    }
}

/// The value of sums, products, powers, `max`, `min`, `ceil`, `floor`, `sqrt` and `step` of numbers with units.
fn evaluated(text: &str) -> Option<f64> {
    let tokens = tokens(text);
    let mut at = 0;
    let value = sum(&tokens, &mut at)?;
    (at == tokens.len()).then_some(value)
}

fn tokens(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for c in text.chars().filter(|c| *c != '\n') {
        let word = c.is_alphanumeric() || c == '.';
        match found.last_mut().filter(|last| word && last.chars().all(|c| c.is_alphanumeric() || c == '.')) {
            Some(last) => last.push(c),
            None if c == ' ' => found.push(String::new()),
            None => found.push(c.to_string()),
        }
    }
    found.retain(|token| !token.is_empty());
    found
}

fn sum(tokens: &[String], at: &mut usize) -> Option<f64> {
    let mut value = product(tokens, at)?;
    while let Some(sign) = tokens.get(*at).filter(|token| ["+", "-"].contains(&token.as_str())) {
        *at += 1;
        let other = product(tokens, at)?;
        value = if sign == "+" { value + other } else { value - other };
    }
    Some(value)
}

fn product(tokens: &[String], at: &mut usize) -> Option<f64> {
    let mut value = power(tokens, at)?;
    while let Some(sign) = tokens.get(*at).filter(|token| ["*", "/"].contains(&token.as_str())) {
        *at += 1;
        let other = power(tokens, at)?;
        value = if sign == "*" { value * other } else { value / other };
    }
    Some(value)
}

fn power(tokens: &[String], at: &mut usize) -> Option<f64> {
    let value = unit(tokens, at)?;
    if tokens.get(*at).is_some_and(|token| token == "^") {
        *at += 1;
        return Some(value.powf(unit(tokens, at)?));
    }
    Some(value)
}

fn unit(tokens: &[String], at: &mut usize) -> Option<f64> {
    let token = tokens.get(*at)?;
    *at += 1;
    if token == "(" || ["max", "min", "ceil", "floor", "sqrt", "step"].contains(&token.as_str()) {
        if token != "(" {
            *at += 1;
        }
        let mut values = vec![sum(tokens, at)?];
        while tokens.get(*at)? == "," {
            *at += 1;
            values.push(sum(tokens, at)?);
        }
        *at += 1;
        let first = values[0];
        return Some(match token.as_str() {
            "max" => values.into_iter().fold(first, f64::max),
            "min" => values.into_iter().fold(first, f64::min),
            "ceil" => (first - 1e-9).ceil(),
            "floor" => first.floor(),
            "sqrt" => first.sqrt(),
            _ => first,
        });
    }
    let end = token.find(|c: char| c.is_alphabetic()).unwrap_or(token.len());
    let number: f64 = token[..end].parse().ok()?;
    let glued = &token[end..];
    let unit = if glued.is_empty() { tokens.get(*at).map_or("", String::as_str) } else { glued };
    let scale = match unit {
        "ms" => 1e-3,
        "s" | "B" => 1.0,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0_f64.powi(3),
        "TiB" => 1024.0_f64.powi(4),
        _ if glued.is_empty() => return Some(number),
        _ => return None,
    };
    if glued.is_empty() {
        *at += 1;
    }
    Some(number * scale)
}
