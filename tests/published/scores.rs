//! Planned against published, as tables and as one figure: the root mean square of log2, 1 being a factor of two.

use std::fmt::Write;

use scaledapp::planner::{Plan, Rung, Tier};

use crate::common;
use crate::gitlab::{Costs, Measure, Planned, Published, published};

/// The sizes that are scored; the others of `gitlab.csv` were looked at afterwards and are told apart.
const SCORED: [&str; 4] = ["2000", "3000", "10000", "25000"];

/// A unit of demand that one core serves, whatever the size: what anybody can do without a planner.
fn constant_of_the_capacity_model(family: &str, measure: Measure) -> Option<f64> {
    match (family, measure) {
        ("linux", Measure::Web) => Some(3.00),
        ("linux", Measure::Database) => Some(32.6),
        ("hybrid", Measure::Web) => Some(3.86),
        _ => None,
    }
}

fn root_mean_square(errors: &[f64]) -> f64 {
    (errors.iter().map(|error| error * error).sum::<f64>() / errors.len() as f64).sqrt()
}

/// The constant with the least error over so many sizes: the geometric mean of their ratios.
fn constant_of(sizes: &[&Published], measure: Measure) -> f64 {
    let logs = sizes.iter().map(|size| (size.rate / measure.of(size).unwrap()).ln());
    (logs.sum::<f64>() / sizes.len() as f64).exp()
}

fn constant_error(size: &Published, measure: Measure, constant: f64) -> f64 {
    (size.rate / constant / measure.of(size).unwrap()).log2()
}

/// One measure of one family with its three predictors.
struct Score {
    family: &'static str,
    measure: Measure,
    step: u32,
    lines: Vec<Line>,
}

struct Line {
    size: String,
    fitted: bool,
    scored: bool,
    published: f64,
    planned: f64,
    ours: f64,
    constant_of_all: f64,
    constant_of_fitted: f64,
}

impl Score {
    fn new(family: &'static str, sizes: &[Published], planned: &Planned, fitted: [&str; 2], measure: Measure) -> Self {
        let family_sizes = sizes.iter().filter(|size| size.family == family && measure.of(size).is_some());
        let all: Vec<&Published> = family_sizes.collect();
        let is_scored = |size: &Published| family == "first" || SCORED.contains(&size.size.as_str());
        let scored: Vec<&Published> = all.iter().copied().filter(|size| is_scored(size)).collect();
        let two: Vec<&Published> = all.iter().copied().filter(|size| fitted.contains(&size.size.as_str())).collect();
        let step = planned.fit(&two, measure);
        let constant = constant_of_the_capacity_model(family, measure).unwrap_or_else(|| constant_of(&scored, measure));
        let of_two = constant_of(&two, measure);
        let line = |size: &&Published| Line {
            size: size.size.clone(),
            fitted: fitted.contains(&size.size.as_str()),
            scored: is_scored(size),
            published: measure.of(size).unwrap(),
            planned: planned.figure(size, measure, step),
            ours: planned.error(size, measure, step),
            constant_of_all: constant_error(size, measure, constant),
            constant_of_fitted: constant_error(size, measure, of_two),
        };
        Self { family, measure, step, lines: all.iter().map(line).collect() }
    }

    /// Errors of the scored sizes, or of those of them that were not fitted.
    fn errors(&self, predicted_only: bool, of: fn(&Line) -> f64) -> Vec<f64> {
        self.lines.iter().filter(|line| line.scored && !(predicted_only && line.fitted)).map(of).collect()
    }

    fn rms(&self, predicted_only: bool, of: fn(&Line) -> f64) -> f64 {
        root_mean_square(&self.errors(predicted_only, of))
    }

    fn rows(&self, text: &mut String) {
        for line in &self.lines {
            let how = match (line.scored, line.fitted) {
                (_, true) => "fitted",
                (true, _) => "predicted",
                _ => "predicted, not scored",
            };
            let _ = writeln!(
                text,
                "| {} | {} | {how} | {} | {} | {:+.2} | {:+.2} | {:+.2} |",
                self.measure.name(),
                line.size,
                number(line.published),
                number(line.planned),
                line.ours,
                line.constant_of_all,
                line.constant_of_fitted
            );
        }
    }

    fn summary(&self) -> String {
        let pair = |of: fn(&Line) -> f64| format!("{:.2} / {:.2}", self.rms(false, of), self.rms(true, of));
        format!(
            "| {}, {} | {} | {} | {} |",
            self.family,
            self.measure.name(),
            pair(|l| l.ours),
            pair(|l| l.constant_of_all),
            pair(|l| l.constant_of_fitted)
        )
    }
}

fn number(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").unwrap_or(&text).to_owned()
}

const FAMILIES: [(&str, &str, [&str; 2], [&str; 2]); 3] = [
    ("linux", "Linux package: machines", ["3000", "25000"], ["2000", "10000"]),
    ("hybrid", "Cloud Native Hybrid: pods of 4 vCPU, the database as above", ["3000", "25000"], ["2000", "10000"]),
    ("first", "Cloud Native First: pods of 2 vCPU over several zones", ["S", "L"], ["M", "XL"]),
];

fn scores() -> (Vec<Score>, Vec<Score>) {
    let sizes = published();
    let (mut there, mut back) = (Vec::new(), Vec::new());
    for (family, _, fitted, others) in FAMILIES {
        let of_family: Vec<&Published> = sizes.iter().filter(|size| size.family == family).collect();
        let planned = Planned::of(family);
        for measure in Measure::ALL {
            if of_family.iter().all(|size| measure.of(size).is_none()) {
                continue;
            }
            there.push(Score::new(family, &sizes, planned, fitted, measure));
            back.push(Score::new(family, &sizes, planned, others, measure));
        }
    }
    (there, back)
}

fn tables(there: &[Score], back: &[Score]) -> String {
    let mut text = String::new();
    let head = "| | planner | one constant for all sizes | a constant of the same two sizes |\n|---|---|---|---|\n";
    text.push_str(
        "Root mean square of log2(predicted / published), over the scored sizes / over those that were not fitted:\n\n",
    );
    text.push_str(head);
    for score in there {
        let _ = writeln!(text, "{}", score.summary());
    }
    let pair = |of: fn(&Line) -> f64| {
        format!("{:.2} / {:.2}", over_the_three(there, false, of), over_the_three(there, true, of))
    };
    let _ = writeln!(
        text,
        "| **linux web, linux primary and hybrid web together** | **{}** | **{}** | **{}** |",
        pair(|l| l.ours),
        pair(|l| l.constant_of_all),
        pair(|l| l.constant_of_fitted)
    );
    text.push_str("\nThe other way round, fitted on 2,000 and 10,000 users, or on M and XL:\n\n");
    text.push_str(head);
    for score in back {
        let _ = writeln!(text, "{}", score.summary());
    }
    for (family, title, fitted, _) in FAMILIES {
        let _ = writeln!(text, "\n**{title}.** Fitted on {} and {}:", fitted[0], fitted[1]);
        for score in there.iter().filter(|score| score.family == family) {
            let _ = writeln!(text, "- {}: {}", score.measure.name(), score.measure.cost(score.step));
        }
        text.push_str("\n| | size | | published | planned | log2 | one constant | constant of two |\n|---|---|---|---|---|---|---|---|\n");
        for score in there.iter().filter(|score| score.family == family) {
            score.rows(&mut text);
        }
    }
    text
}

#[test]
fn gitlab_is_predicted_better_than_by_a_constant() {
    let (there, back) = scores();
    common::documented("docs/evidence/published.md", "scores", &tables(&there, &back));
    let of = |family: &str, measure: Measure| {
        there.iter().find(|score| score.family == family && score.measure == measure).unwrap()
    };
    for (family, measure) in
        [("linux", Measure::Web), ("linux", Measure::Database), ("first", Measure::Web), ("first", Measure::Database)]
    {
        let score = of(family, measure);
        assert!(score.rms(false, |l| l.ours) < score.rms(false, |l| l.constant_of_all), "{family} {measure:?}");
        for predicted_only in [false, true] {
            let ours = score.rms(predicted_only, |l| l.ours);
            assert!(ours < score.rms(predicted_only, |l| l.constant_of_fitted), "{family} {measure:?}");
        }
    }
    for measure in [Measure::Web, Measure::Database] {
        let score = of("linux", measure);
        assert!(score.rms(true, |l| l.ours) < score.rms(true, |l| l.constant_of_all), "{measure:?}");
    }
    // Pods of the hybrid are published in whole nodes; a constant that knows all four sizes is as good there.
    let hybrid = of("hybrid", Measure::Web);
    assert!(hybrid.rms(false, |l| l.ours) < hybrid.rms(false, |l| l.constant_of_fitted));
    for predicted_only in [false, true] {
        assert!(
            over_the_three(&there, predicted_only, |l| l.ours)
                < over_the_three(&there, predicted_only, |l| l.constant_of_all)
        );
    }
}

/// The figures for which the capacity model has a constant, together.
fn over_the_three(scores: &[Score], predicted_only: bool, of: fn(&Line) -> f64) -> f64 {
    let three = scores.iter().filter(|score| constant_of_the_capacity_model(score.family, score.measure).is_some());
    root_mean_square(&three.flat_map(|score| score.errors(predicted_only, of)).collect::<Vec<f64>>())
}

fn members(plan: &Plan, tier: Tier) -> u32 {
    plan.tier(tier).map_or(0, |tier| tier.replicas.max)
}

/// Web machines, members of database, sessions and cache, and where high availability begins.
#[test]
fn the_tiers_and_their_nodes_are_the_published_ones() {
    let sizes = published();
    let linux: Vec<&Published> = sizes.iter().filter(|size| size.family == "linux").collect();
    let planned = Planned::of("linux");
    let score = |measure| Score::new("linux", &sizes, planned, ["3000", "25000"], measure).step;
    let costs = Costs { queries: Costs::new(score(Measure::Database)).queries, ..Costs::new(score(Measure::Web)) };
    let mut text = String::from(
        "| users | HA | web | PostgreSQL | persistent Redis | cache Redis | PgBouncer |\n|---|---|---|---|---|---|---|\n",
    );
    for size in linux {
        let plan = size.plan(costs, "cache: {}\nsessions: {}");
        let is = |name: &str| size.tiers.get(name).map_or(0, |nodes| nodes.count);
        let replicated = plan.ladder.iter().any(|rung| rung.rung == Rung::DatabaseReplicas && rung.on);
        let web = plan.web("web").unwrap().replicas.max;
        let (database, sessions) = (members(&plan, Tier::Database), members(&plan, Tier::Sessions));
        let (cache, pool) = (members(&plan, Tier::Cache), members(&plan, Tier::Pool));
        let shared = if is("cache") == 0 { "shared".to_owned() } else { is("cache").to_string() };
        let _ = writeln!(
            text,
            "| {} | {} / {} | {} / {web} | {} / {database} | {} / {sessions} | {shared} / {cache} | {} / {pool} |",
            size.size,
            if size.available { "yes" } else { "no" },
            if replicated { "yes" } else { "no" },
            is("web"),
            is("database"),
            is("sessions"),
            is("pool"),
        );
        assert_eq!(replicated, size.available, "{}", size.size);
        assert_eq!((database, sessions, cache), (is("database"), is("sessions"), is("sessions")), "{}", size.size);
        if SCORED.contains(&size.size.as_str()) {
            assert_eq!(web, is("web"), "{}", size.size);
        }
    }
    common::documented("docs/evidence/published.md", "nodes", &text);
}
