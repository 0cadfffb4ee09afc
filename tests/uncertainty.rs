//! What is not known exactly: ranges, the input to measure first, prices, and measured figures in the place of declared ones.

mod common;

use common::{app, planned, sample, valid};
use scaledapp::domain::{Environment, validate_observed};
use scaledapp::planner::{
    Catalogue, Finding, FindingKind, Given, Plan, PriceTable, Severity, Tier, Uncertainty, observed_plan, plan,
    uncertainty,
};

const SERVICES: &str = "services: [{name: web, image: a}]";

fn high_ends(plan: &Plan) -> Vec<&Finding> {
    plan.findings.iter().filter(|finding| finding.kind == FindingKind::HighEndMissesObjective).collect()
}

fn with_ranges(profile: &str, rest: &str) -> Plan {
    planned(&app(&format!("profile: {{{profile}}}\n{SERVICES}\n{rest}")))
}

#[test]
fn the_high_end_of_a_range_is_tried() {
    let range = |high: &str| {
        with_ranges(
            &format!(
                "cpuPerRequest: 12ms, serviceTime: {{p99: 120ms}}, ranges: [{{field: cpuPerRequest, low: 8ms, high: {high}}}]"
            ),
            "targets: {dailyActiveUsers: 2000000, availabilityPercent: '99'}",
        )
    };
    let plan = range("60ms");
    let [finding] = high_ends(&plan)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!((finding.severity, finding.field.as_str()), (Severity::Warning, "spec.profile.ranges[cpuPerRequest]"));
    let most = plan.web("web").unwrap().replicas.max;
    for part in ["With cpuPerRequest at 60ms", "web needs", &format!("has {most} at most"), "it takes web with"] {
        assert!(finding.message.contains(part), "{part}: {}", finding.message);
    }
    assert!(high_ends(&range("12ms")).is_empty());
    let at = plan.uncertainty.unwrap().at_high.unwrap();
    assert_eq!((at.values[0].field.as_str(), at.values[0].value.as_str()), ("spec.profile.cpuPerRequest", "60ms"));
    let web = at.tiers.iter().find(|tier| tier.tier == Tier::Web).unwrap();
    assert!(at.monthly_cost.high > plan.monthly_cost.high && web.replicas.max > most);
}

#[test]
fn an_end_with_which_nothing_can_be_planned_is_told() {
    let plan = with_ranges(
        "serviceTime: {p99: 100ms}, ranges: [{field: serviceTime.p99, low: 50ms, high: 500ms}]",
        "targets: {dailyActiveUsers: 1000, latency: {p99: 400ms}}",
    );
    let [finding] = high_ends(&plan)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!(finding.field, "spec.profile.ranges[serviceTime.p99]");
    assert!(finding.message.contains("no plan bears it (LatencyBelowServiceTime: "), "{}", finding.message);
}

/// Of a share of static files the low end is the heavier one.
#[test]
fn the_low_end_is_tried_as_well() {
    let plan = with_ranges(
        "staticPercent: 90, ranges: [{field: staticPercent, low: 20, high: 95}]",
        "targets: {dailyActiveUsers: 2000000}",
    );
    let [finding] = high_ends(&plan)[..] else { panic!("{:?}", plan.findings) };
    assert!(finding.message.starts_with("With staticPercent at 20,"), "{}", finding.message);
    assert_eq!(plan.uncertainty.unwrap().at_high.unwrap().values[0].value, "20");
}

#[test]
fn a_member_of_the_database_is_held_against_the_high_end() {
    let plan = with_ranges(
        "preset: Thin, queriesPerRequest: '2', ranges: [{field: queriesPerRequest, low: '2', high: '40'}]",
        "targets: {dailyActiveUsers: 1000000, availabilityPercent: '99.9'}\ndatabase: {}",
    );
    let [finding] = high_ends(&plan)[..] else { panic!("{:?}", plan.findings) };
    assert_eq!(finding.field, "spec.profile.ranges[queriesPerRequest]");
    assert!(
        finding.message.contains("database needs") && finding.message.contains("cores a member"),
        "{}",
        finding.message
    );
    assert!(!finding.message.contains("Web"), "the services do not hang on it: {}", finding.message);
}

#[test]
fn volumes_are_held_against_the_high_end() {
    let plan = with_ranges(
        "bytesWrittenPerUserPerDay: 1Ki, ranges: [{field: bytesWrittenPerUserPerDay, low: 1Ki, high: 4Ki}]",
        "targets: {dailyActiveUsers: 100000}\ndatabase: {pin: {memory: 32Gi}}",
    );
    let [finding] = high_ends(&plan)[..] else { panic!("{:?}", plan.findings) };
    assert!(finding.message.contains("of volume a member"), "{}", finding.message);
}

/// More requests take more pods, and none of them more memory.
#[test]
fn memory_is_held_against_a_pod() {
    let found = |high: &str| {
        let plan = with_ranges(
            &format!(
                "memoryPerReplica: 300Mi, ranges: [{{field: memoryPerReplica, low: 200Mi, high: {high}}}, {{field: cpuPerRequest, low: 40ms, high: 55ms}}]"
            ),
            "targets: {peakRequestsPerSecond: 40, availabilityPercent: '99.9'}",
        );
        high_ends(&plan).into_iter().map(|finding| finding.message.clone()).collect::<Vec<_>>()
    };
    assert_eq!(found("380Mi"), Vec::<String>::new());
    let told = found("600Mi");
    assert!(told.len() == 1 && told[0].contains("web needs 600 MiB of memory a pod and has 384 MiB"), "{told:?}");
}

/// What each bears alone may be too much together.
#[test]
fn all_ranges_are_tried_together() {
    let profile = |cpu: u32, statics: u32| {
        format!(
            "cpuPerRequest: 20ms, staticPercent: 50, serviceTime: {{p99: 80ms}}, ranges: [{{field: cpuPerRequest, low: 20ms, high: {cpu}ms}}, {{field: staticPercent, low: {statics}, high: 50}}]"
        )
    };
    let targets = "targets: {dailyActiveUsers: 2000000, availabilityPercent: '99.9'}";
    let found = |cpu, statics| {
        let plan = with_ranges(&profile(cpu, statics), targets);
        high_ends(&plan).into_iter().map(|finding| (finding.field.clone(), finding.message.clone())).collect::<Vec<_>>()
    };
    assert_eq!(found(20, 50), []);
    let together: Vec<_> = (21..60).map(|cpu| found(cpu, 36)).find(|found| !found.is_empty()).unwrap();
    let [(field, message)] = &together[..] else { panic!("{together:?}") };
    assert_eq!(field, "spec.profile.ranges");
    assert!(message.contains("cpuPerRequest") && message.contains("staticPercent 36"), "{message}");
}

fn doubts(spec: &str) -> Uncertainty {
    let app = valid(&app(spec));
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    let plan = plan(&app, &catalogue, &environment, None);
    uncertainty(&app, &catalogue, &environment, &plan)
}

#[test]
fn the_input_that_moves_the_cost_most_is_named() {
    let known = doubts(&format!(
        "{SERVICES}\ntargets: {{peakRequestsPerSecond: 2000, peakToAverage: '3'}}\nprofile: {{responseSize: 2Ki}}\ndatabase: {{}}"
    ));
    assert_eq!(known.measure_first.as_deref(), Some("spec.profile.cpuPerRequest"));
    let inputs = known.sensitivity.unwrap();
    assert!(inputs.windows(2).all(|pair| pair[0].swing() >= pair[1].swing()));
    let first = &inputs[0];
    assert_eq!((first.value.as_str(), first.low.as_str(), first.high.as_str()), ("50ms", "25ms", "100ms"));
    assert!(first.source.contains("doubt_of_grade_d"), "{}", first.source);
    let queries = inputs.iter().find(|input| input.field == "spec.profile.queriesPerRequest").unwrap();
    assert_eq!((queries.low.as_str(), queries.high.as_str()), ("2", "4.5"), "grade B is doubted less");
    let reads = inputs.iter().find(|input| input.field == "spec.profile.readPercent").unwrap();
    assert_eq!((reads.low.as_str(), reads.high.as_str()), ("66.67", "88.89"), "a share is doubted by its odds");
}

#[test]
fn a_declared_range_takes_the_place_of_the_doubt_and_what_was_declared_is_not_doubted() {
    let known = doubts(&format!(
        "{SERVICES}\ntargets: {{peakRequestsPerSecond: 2000}}\nprofile: {{cpuPerRequest: 20ms, responseSize: 10Ki, serviceTime: {{p99: 90ms}}, ranges: [{{field: cpuPerRequest, low: 19ms, high: 22ms}}]}}"
    ));
    let inputs = known.sensitivity.unwrap();
    let cpu = inputs.iter().find(|input| input.field == "spec.profile.cpuPerRequest").unwrap();
    assert_eq!((cpu.low.as_str(), cpu.high.as_str()), ("19ms", "22ms"));
    assert_eq!(cpu.source, "spec.profile.ranges[cpuPerRequest]");
    assert!(!inputs.iter().any(|input| input.field.ends_with("responseSize") || input.field.ends_with("p99")));
    assert!(!inputs.iter().any(|input| input.field.ends_with("staticPercent")), "zero means off");
}

#[test]
fn an_end_that_cannot_be_planned_is_told() {
    let known = doubts(&format!("{SERVICES}\ntargets: {{dailyActiveUsers: 1000, latency: {{p99: 300ms}}}}"));
    let inputs = known.sensitivity.unwrap();
    let time = inputs.iter().find(|input| input.field == "spec.profile.serviceTime.p99").unwrap();
    assert_eq!(time.refused_at, ["high"]);
}

#[test]
fn a_plan_costs_what_its_prices_say() {
    let table = |cpu: &str| {
        format!(
            "{{name: ours, currency: EUR, cpu: {{low: {cpu}, high: {cpu}, date: '2026-11-28', source: bill}}, memory: {{low: 0, high: 0, date: '2026-11-28', source: bill}}, storage: {{low: 0, high: 0, date: '2026-11-28', source: bill}}, egress: {{low: 0.1, high: 0.1, date: '2026-11-28', source: bill}}}}"
        )
    };
    let catalogue = |cpu: &str| Catalogue { prices: PriceTable::parse(&table(cpu)).unwrap(), ..Catalogue::builtin() };
    let shop = valid(&sample("shop"));
    let plan = plan(&shop, &catalogue("10"), &Environment::default(), None);
    let cores: u64 = plan.tiers.iter().map(|tier| tier.total.cpu.0).sum();
    // 2.3148 requests a second of 20 KiB for 365 / 12 days.
    let sent = 10_000.0 * 20.0 * 20_480.0 * 365.0 / 12.0 / 1e9 * 0.1;
    assert!((plan.monthly_cost.high - (cores as f64 / 100.0 + sent)).abs() < 0.01, "{:?}", plan.monthly_cost);
    assert_eq!((plan.monthly_cost.currency.as_str(), plan.monthly_cost.prices.as_str()), ("EUR", "ours"));
    let web = plan.tier(Tier::Web).unwrap();
    assert!((web.monthly_cost.high - web.total.cpu.cores() * 10.0).abs() < 1e-6);
}

#[test]
fn a_wrong_table_of_prices_is_refused_with_a_sentence() {
    let good = include_str!("../src/planner/prices.yaml");
    assert_eq!(PriceTable::parse(good).unwrap(), PriceTable::builtin());
    let wrong = |from: &str, to: &str| PriceTable::parse(&good.replacen(from, to, 1)).unwrap_err().to_string();
    for (from, to, told) in [
        ("currency: USD", "currency: dollars", "currency is \"dollars\": write the three letters"),
        ("low: 21", "low: 40", "cpu.low is 40 and cpu.high is 30: write numbers"),
        ("low: 21", "low: -1", "cpu.low is -1"),
        ("low: 21", "low: .nan", "cpu.low is NaN"),
        ("\"2026-06-17\"", "June", "cpu.date is \"June\": write the day"),
        ("storage:", "disk:", "it is no table of prices"),
        ("name: large", "title: large", "it is no table of prices"),
    ] {
        assert!(wrong(from, to).contains(told), "{}", wrong(from, to));
    }
}

const MEASURED: &str = "app: shop\nmeasuredAt: \"2026-11-28T12:00:00Z\"\nwindow: 10m\n";

fn measured(spec: &str, figures: &str) -> Plan {
    let observed = validate_observed(&format!("{MEASURED}{figures}")).unwrap();
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    let given = Given { catalogue: &catalogue, environment: &environment, previous: None };
    observed_plan(&valid(&app(spec)), &observed, given)
}

const DECLARED: &str = "targets: {peakRequestsPerSecond: 500, availabilityPercent: '99.9'}\nprofile: {cpuPerRequest: 20ms, serviceTime: {p99: 90ms}}\nservices: [{name: web, image: a}]\ndatabase: {}\ncache: {}";

#[test]
fn a_measured_value_takes_the_place_of_the_declared_one() {
    let plan = measured(DECLARED, "cpuPerRequest: 2.5ms\nqueriesPerRequest: 9\n");
    let declared = planned(&app(DECLARED));
    let busy = |plan: &Plan| plan.web("web").unwrap().requirement.cpu_millicores;
    assert!((busy(&declared) / busy(&plan) - 8.0).abs() < 1e-6);
    assert!((plan.demand.database_writes_per_second / declared.demand.database_writes_per_second - 3.0).abs() < 1e-6);
    let reasons = &plan.tier(Tier::Web).unwrap().reasons;
    assert!(
        reasons.iter().any(|reason| reason.source.contains("measured 2026-11-28T12:00:00Z over 10m")),
        "{reasons:#?}"
    );
}

#[test]
fn each_measured_figure_is_held_against_the_declared_one() {
    let plan =
        measured(DECLARED, "cpuPerRequest: 2.5ms\nqueriesPerRequest: 9\nresponseSize: 20Ki\ncacheHitPercent: 45\n");
    let compared = plan.observed.unwrap();
    let figure = |field: &str| compared.figures.iter().find(|figure| figure.field == field).unwrap();
    let cpu = figure("spec.profile.cpuPerRequest");
    assert_eq!(
        (cpu.declared.as_str(), cpu.source.as_str(), cpu.observed.as_str(), cpu.factor),
        ("20ms", "declared", "2.5ms", Some(0.125))
    );
    assert!(
        cpu.tiers.iter().all(|change| change.tier != Tier::Database) && cpu.tiers.iter().any(|c| c.tier == Tier::Web)
    );
    let queries = figure("spec.profile.queriesPerRequest");
    assert_eq!((queries.source.as_str(), queries.factor), ("default, grade B", Some(3.0)));
    assert!(queries.tiers.iter().any(|change| change.tier == Tier::Database), "{queries:?}");
    let size = figure("spec.profile.responseSize");
    assert_eq!((size.factor, &size.tiers[..]), (Some(1.0), &[][..]), "as declared, so nothing changes");
    assert_eq!(figure("cacheHitPercent").declared, "90");
    assert!(cpu.cost < compared.cost_declared && queries.cost > compared.cost_declared);
    assert!(!compared.tiers.is_empty());
}

#[test]
fn measured_hits_and_peaks_change_the_demand() {
    let spec = "targets: {dailyActiveUsers: 100000, requestsPerUserPerDay: 86}\nprofile: {cacheReadsPerRequest: '10', queriesPerRequest: '0', staticPercent: 50}\nservices: [{name: web, image: a, paths: [/]}]\ndatabase: {}\ncache: {}\nproxy: {}";
    let cold = measured(spec, "cacheHitPercent: 20\nproxyHitPercent: 50\npeakRequestsPerSecond: 400\n");
    assert!((cold.demand.peak_requests_per_second - 400.0).abs() < 1e-6);
    assert!((cold.demand.origin_requests_per_second - 300.0).abs() < 1e-6, "half of 200 static files");
    assert!((cold.demand.database_reads_per_second - 200.0 * 10.0 * 0.8).abs() < 1e-6);
    let declared = planned(&app(spec));
    assert_eq!(cold.demand.database_bytes, declared.demand.database_bytes, "the users are as many as before");
    for (quantity, formula) in [
        ("demand.peakRequestsPerSecond", "as measured"),
        ("demand.averageRequestsPerSecond", "peak / peakToAverage"),
        ("demand.originRequestsPerSecond", "static * (1 - fileHits) + dynamic * (1 - cacheable * pageHits)"),
    ] {
        let reason = cold.demand_reasons.iter().find(|reason| reason.quantity == quantity).unwrap();
        assert_eq!(reason.formula, formula);
        let measured = reason.source.contains("measured 2026-11-28T12:00:00Z over 10m");
        assert_eq!(measured, quantity != "demand.averageRequestsPerSecond", "{quantity}: {}", reason.source);
    }
    assert_eq!(cold.observed.unwrap().figures[0].field, "peakRequestsPerSecond");
}

#[test]
fn a_measured_value_beside_its_range_is_told() {
    let spec = "targets: {peakRequestsPerSecond: 50}\nprofile: {cpuPerRequest: 20ms, ranges: [{field: cpuPerRequest, low: 15ms, high: 25ms}]}\nservices: [{name: web, image: a}]";
    let outside = |figure: &str| measured(spec, figure).observed.unwrap().figures[0].outside_its_range;
    assert!(outside("cpuPerRequest: 31ms\n") && !outside("cpuPerRequest: 24ms\n"));
}

#[test]
fn wrong_figures_are_refused_with_sentences() {
    let told = |text: &str| {
        let problems = validate_observed(text).unwrap_err();
        problems.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join(" ")
    };
    assert!(
        told("cpuPerRequest: 2ms").contains("measuredAt is missing: write when")
            && told("cpuPerRequest: 2ms").contains("window is missing")
    );
    let with = |figures: &str| told(&format!("{MEASURED}{figures}"));
    for (figures, sentence) in [
        ("", "observed holds no figure"),
        ("cpuPerRequest: 2", "cpuPerRequest is \"2\": write a span of time"),
        ("serviceTime: {p99: 90}", "serviceTime.p99 is \"90\""),
        ("cacheHitPercent: 120", "cacheHitPercent is \"120\": write a number from 0 to 100."),
        ("readPercent: -1", "readPercent is \"-1\""),
        ("queriesPerRequest: .nan", "queriesPerRequest is \"NaN\""),
        ("responseSize: large", "responseSize is \"large\": write a quantity"),
        ("cpu: 2ms", "These are no measured figures"),
    ] {
        assert!(with(figures).contains(sentence), "{}", with(figures));
    }
    assert!(told(&MEASURED.replace("2026-11-28T12:00:00Z", "yesterday")).contains("measuredAt is \"yesterday\""));
}

/// Prints the CPU time of a plan: `cargo test --test uncertainty -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement"]
fn the_cpu_time_of_a_plan() {
    let on_cpu = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1000.0
    };
    let (catalogue, environment) = (Catalogue::builtin(), Environment::default());
    for name in ["hello", "shop", "large", "ladder"] {
        let app = valid(&sample(name));
        let mut ranged = app.clone();
        let field = scaledapp::api::RangedField::CpuPerRequest;
        let middle = app.profile.unit_cost(field);
        ranged.profile.ranges = vec![scaledapp::domain::ValidRange { field, low: middle / 2.0, high: middle * 2.0 }];
        let time = |app: &scaledapp::domain::ValidApp, asked: bool| {
            const TIMES: u32 = 50;
            let begun = on_cpu();
            for _ in 0..TIMES {
                let made = plan(app, &catalogue, &environment, None);
                if asked {
                    std::hint::black_box(uncertainty(app, &catalogue, &environment, &made));
                }
                std::hint::black_box(&made);
            }
            (on_cpu() - begun) / f64::from(TIMES)
        };
        println!(
            "{name}: plan {:.0} us, with a range {:.0} us, with what to measure first {:.0} us",
            time(&app, false),
            time(&ranged, false),
            time(&app, true)
        );
    }
}
