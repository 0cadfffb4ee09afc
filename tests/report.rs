//! The page of a plan: whole, safe, the same every time, and drawn as recorded.

mod common;

use std::fmt::Write;

use assert_cmd::Command;
use common::{app, golden, planned, sample, valid};
use scaledapp::api::ScaledApp;
use scaledapp::domain::Environment;
use scaledapp::planner::climb::{self, climb};
use scaledapp::planner::{Catalogue, Plan};
use scaledapp::report::html::{Subject, html_report, steps_of};

const SAMPLES: [&str; 6] = ["hello", "shop", "shop-whole", "large", "ladder", "external"];

fn page(app: &ScaledApp) -> (Plan, String) {
    let (valid, plan) = (valid(app), planned(app));
    let name = valid.name.to_string();
    let subject = climb::Subject { name: &name, namespace: "default", spec: &valid.spec };
    let climb = climb(subject, &Catalogue::builtin(), &Environment::default(), None, &steps_of(&valid));
    let subject = Subject {
        name: &name,
        namespace: "default",
        planned: Some((&valid, &plan)),
        findings: &plan.findings,
        changes: &[],
        climb: Some(&climb),
    };
    let html = html_report("Previous plan: none.", &[subject]).unwrap();
    (plan, html)
}

/// A page as people read it: characters instead of their escapes.
fn read(html: &str) -> String {
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    escapes.iter().fold(html.to_owned(), |text, (escape, character)| text.replace(escape, character))
}

#[test]
fn every_tier_rung_finding_and_reason_is_on_the_page() {
    for name in SAMPLES {
        let (plan, html) = page(&sample(name));
        let text = read(&html);
        let has = |what: &str| assert!(text.contains(what), "{name}: {what}");
        for rung in &plan.ladder {
            has(&rung.rung.to_string());
            if rung.on {
                has(&rung.because);
            }
        }
        let ours = plan.tiers.iter().map(|tier| (&tier.name, &tier.reasons));
        let others = plan.external.iter().map(|external| (&external.name, &external.reasons));
        let (demand, cost) = ("demand".to_owned(), "cost".to_owned());
        let apart = [(&demand, &plan.demand_reasons), (&cost, &plan.monthly_cost.reasons)];
        for (tier, reasons) in ours.chain(others).chain(apart) {
            assert!(
                text.to_lowercase().contains(&format!("<b>{tier}")) || text.contains(&format!(" {tier}</b>")),
                "{tier}"
            );
            for reason in reasons {
                has(&format!("<code>{}</code> = <b>", reason.quantity));
                has(&format!("<p class=\"formula\">{}</p>", reason.formula));
                for (input, value) in &reason.inputs {
                    has(&format!("<span>{input} <b>{value}</b></span>"));
                }
            }
        }
        let reasons: usize = plan.tiers.iter().map(|tier| tier.reasons.len()).sum();
        let asked: usize = plan.external.iter().map(|external| external.reasons.len()).sum();
        let apart = plan.demand_reasons.len() + plan.monthly_cost.reasons.len();
        assert_eq!(html.matches("class=\"reason\"").count(), reasons + asked + apart, "{name}");
        for finding in &plan.findings {
            has(&finding.message);
            has(&format!("<b>{}</b> <code>{}</code>", finding.kind, finding.field));
        }
    }
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_runs() {
    for name in SAMPLES {
        let (_, html) = page(&sample(name));
        let never = [
            "://",
            "<script",
            "<iframe",
            "<img",
            "<object",
            " src=",
            "url(",
            "@import",
            "javascript:",
            "onclick",
            "onload",
        ];
        for never in never {
            let found = html.find(never).map(|at| html[at..].chars().take(60).collect::<String>());
            assert_eq!(found, None, "{name}: {never}");
        }
        assert!(html.contains("default-src 'none'"), "{name}");
        assert!(html.len() < 400_000, "{name}: {} bytes", html.len());
    }
}

#[test]
fn the_same_plan_is_the_same_bytes() {
    assert_eq!(page(&sample("ladder")).1, page(&sample("ladder")).1);
}

#[test]
fn drawings_are_as_recorded() {
    for name in ["hello", "ladder", "external"] {
        let (_, html) = page(&sample(name));
        let mut drawings = String::new();
        for rest in html.split("<svg class=\"drawing").skip(1) {
            let _ = writeln!(drawings, "<svg class=\"drawing{}</svg>", rest.split("</svg>").next().unwrap());
        }
        golden(&format!("report/{name}.svg.txt"), &drawings);
    }
}

#[test]
fn the_load_of_the_spec_is_what_climbs() {
    let users = steps_of(&valid(&sample("hello")));
    assert_eq!((users.first(), users.last(), users.len()), (Some(&1000), Some(&100_000_000), 16));
    let odd = app("targets: {dailyActiveUsers: 123456}\nservices: [{name: web, image: a}]");
    assert!(steps_of(&valid(&odd)).contains(&123_456), "the declared load is a step");
    let peak = app("targets: {peakRequestsPerSecond: 300}\nservices: [{name: web, image: a}]");
    let html = page(&peak).1;
    assert!(html.contains("in requests a second at peak") && html.contains("declared: 300<"), "the unit of the spec");
    assert_eq!(steps_of(&valid(&peak)).first(), Some(&1440), "one request a second at peak");
    let concurrent = app("targets: {peakConcurrentUsers: 5000}\nservices: [{name: web, image: a}]");
    assert!(page(&concurrent).1.contains("declared: 5,000<"));
}

#[test]
fn where_the_climb_ends_is_said_with_its_reason() {
    let (_, html) = page(&sample("hello"));
    let text = read(&html);
    assert!(text.contains("From 10,000,000</span> <b>WritesAboveOnePrimary</b> <code>spec.targets</code>"), "{text}");
    assert!(text.contains("LoadBalancer from 100k, DatabaseReplicas from 5M"));
    let endless = app(
        "targets: {dailyActiveUsers: 1000}\nprofile: {preset: Thin, cacheablePercent: 90}\nservices: [{name: web, image: a}]\nproxy: {}",
    );
    assert!(!page(&endless).1.contains("where it is red"));
}

fn command(file: &str) -> (i32, String, String) {
    let output = Command::cargo_bin("scaledapp").unwrap().args(["plan", "-f", file, "-o", "html"]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_command_writes_the_page_alone() {
    let (code, out, err) = command("manifests/samples/shop.yaml");
    assert!(code == 0 && out.starts_with("<!doctype html>") && out.trim_end().ends_with("</html>"), "{err}");
    assert!(err.starts_with("Previous plan: none") && out.contains("Previous plan: none"), "{err}");
}

#[test]
fn a_refused_spec_has_a_page_that_says_why() {
    let (code, out, _) = command("tests/refused/several-at-once.yaml");
    assert!(code == 1 && out.contains("<b>Refused.</b>") && out.contains("spec.targets.peakToAverage is 0.5"), "{out}");
    assert!(!out.contains("<h2>Architecture"), "no plan, no drawing");
    let (code, out, _) = command("tests/refused/availability-above-zones.yaml");
    assert!(code == 1 && out.contains("AvailabilityAboveZones") && out.contains("<h2>Architecture"), "{out}");
}

#[test]
fn free_text_of_a_spec_never_becomes_markup() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app.yaml");
    let evil = "<script>alert(1)</script>";
    let document = |name: &str, image: &str| {
        format!(
            "apiVersion: scaledapp.dev/v1alpha1\nkind: ScaledApp\nmetadata: {{name: '{name}'}}\nspec:\n  targets: {{dailyActiveUsers: 10}}\n  services: [{{name: web, image: '{image}', args: ['{evil}'], env: [{{name: A, value: '\"><img src=x>'}}]}}]\n"
        )
    };
    std::fs::write(&file, [document(evil, "a"), document("good", evil), document("fine", "a")].join("---\n")).unwrap();
    let (code, out, _) = command(file.to_str().unwrap());
    assert_eq!(code, 1);
    assert!(out.contains("&#60;script&#62;"), "the name is shown as text");
    assert!(!out.contains("<script") && !out.contains("<img"), "{out}");
    assert!(out.contains("<a href=\"#app-3\">fine</a>") && out.matches("<article").count() == 3, "one section each");
}
