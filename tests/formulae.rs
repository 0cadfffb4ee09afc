//! The formulae against exact and published values.

mod common;

use scaledapp::planner::availability::with_spare;
use scaledapp::planner::caching::Popular;
use scaledapp::planner::formulary::{CalcError, FORMULAE, formula};
use scaledapp::planner::queueing;

fn value(quantity: &str, inputs: &[(String, f64)]) -> f64 {
    formula(quantity).and_then(|formula| formula.value(inputs)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn formulae_match_exact_and_published_values() {
    let table = common::read("tests/golden/formulae.csv");
    let mut rows = 0;
    for row in table.lines().skip(1) {
        let mut cells = row.splitn(4, ',');
        let (quantity, inputs, expected) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let inputs = inputs.split(';').map(|pair| pair.split_once('=').unwrap());
        let inputs = inputs.map(|(name, number)| (name.to_owned(), number.parse().unwrap()));
        let inputs: Vec<(String, f64)> = inputs.collect();
        let decimals = expected.split_once('.').map_or(0, |(_, fraction)| fraction.len());
        let expected: f64 = expected.parse().unwrap();
        let found = value(quantity, &inputs);
        let tolerance = 0.51 * 10_f64.powi(-(decimals as i32));
        assert!((found - expected).abs() <= tolerance, "{row}: found {found}");
        rows += 1;
    }
    assert!(rows > 50, "{rows} rows");
}

#[test]
fn waiting_is_simulated_and_exact_alike() {
    // c = 10, a = 8, S = 50 ms, t = 200 ms: 0.02569 by simulation.
    assert!((queueing::response_tail(10, 8.0, 0.05, 0.2) - 0.02567).abs() < 1e-5);
}

#[test]
fn large_pools_neither_overflow_nor_take_long() {
    assert!(queueing::wait_quantile(1_000_000, 700_000.0, 50.0, 0.99) == 0.0);
    assert!(queueing::wait_quantile(10, 10.0, 50.0, 0.99).is_infinite());
    assert!(queueing::erlang_c(5000, 4900.0) > 0.0);
}

#[test]
fn room_and_hit_ratio_are_each_others_inverse() {
    for (items, exponent) in [(1, 0.9), (100_000, 0.0), (100_000, 0.9), (5_000_000, 1.2), (100_000_000_000, 0.9)] {
        let popular = Popular::zipf(items, exponent);
        assert!((popular.items() - items as f64).abs() < 0.5, "{items}");
        for hit in [0.5, 0.9, 0.99] {
            let room = popular.room_for(hit);
            assert!(room <= items as f64 && (popular.hit_ratio(room) - hit).abs() < 1e-6, "{items} {exponent} {hit}");
        }
        assert!((popular.hit_ratio(items as f64) - 1.0).abs() < 1e-12);
    }
}

#[test]
fn a_time_to_live_answers_more_the_more_is_asked() {
    let pages = Popular::zipf(10_000, 0.9);
    let ratio = |rate: f64| pages.hit_ratio_of_ttl(rate, 60.0);
    assert!(ratio(0.1) < 0.2 && ratio(10.0) > ratio(1.0) && ratio(100_000.0) > 0.99);
    // One item: rate * ttl / (1 + rate * ttl).
    assert!((Popular::zipf(1, 0.9).hit_ratio_of_ttl(3.0, 1.0) - 0.75).abs() < 1e-12);
    assert!((Popular::zipf(1, 0.9).asked_within(1e9, 60.0) - 1.0).abs() < 1e-12);
}

#[test]
fn spares_cover_a_node_and_a_zone() {
    assert_eq!(with_spare(1, 3), 2);
    assert_eq!(with_spare(4, 3), 6);
    assert_eq!(with_spare(4, 1), 5);
    assert_eq!(with_spare(10, 2), 20);
}

#[test]
fn every_formula_answers_within_its_domain_and_refuses_outside() {
    use scaledapp::planner::formulary::Domain;
    for formula in FORMULAE {
        let least = |domain: Domain| match domain {
            Domain::Whole(low, high) | Domain::Between(low, high) => (low, high, low - 1.0),
            Domain::Above0(high) => (high / 1e9, high, 0.0),
        };
        let given = |pick: usize| -> Vec<(String, f64)> {
            let one = |domain| if pick == 0 { least(domain).0 } else { least(domain).1 };
            formula.inputs.iter().map(|input| (input.name.to_owned(), one(input.domain))).collect()
        };
        for pick in 0..2 {
            let started = std::time::Instant::now();
            match formula.value(&given(pick)) {
                Ok(value) => assert!(value.is_finite(), "{}", formula.name),
                Err(error) => assert!(matches!(error, CalcError::Unbounded { .. }), "{}: {error}", formula.name),
            }
            assert!(started.elapsed().as_secs() < 20, "{} takes long", formula.name);
        }
        for (index, input) in formula.inputs.iter().enumerate() {
            let mut outside = given(1);
            outside[index].1 = least(input.domain).2;
            let error = formula.value(&outside).unwrap_err();
            assert!(matches!(error, CalcError::OutOfDomain { .. }), "{}: {error}", formula.name);
            outside.remove(index);
            let error = formula.value(&outside).unwrap_err();
            assert!(matches!(error, CalcError::Missing { .. }), "{}: {error}", formula.name);
        }
        let twice = [given(1), given(1)].concat();
        assert!(matches!(formula.value(&twice), Err(CalcError::Twice(_))), "{}", formula.name);
        let unknown = [given(1), vec![("colour".to_owned(), 1.0)]].concat();
        assert!(matches!(formula.value(&unknown), Err(CalcError::UnknownInput { .. })), "{}", formula.name);
    }
    assert!(formula("erlang").unwrap_err().to_string().contains("erlang_c_p_wait"));
}

#[test]
fn the_back_of_an_envelope_gives_the_published_figures() {
    let near = |quantity: &str, inputs: &[(&str, f64)], expected: f64| {
        let inputs: Vec<(String, f64)> = inputs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let found = value(quantity, &inputs);
        assert!((found / expected - 1.0).abs() < 0.01, "{quantity}: {found}, not {expected}");
    };
    // 150 million users with two posts each; twice that at the peak.
    near("average_rps", &[("dau", 150e6), ("req_per_user_day", 2.0)], 3472.0);
    near("peak_rps", &[("average_rps", 3472.0), ("peak_factor", 2.0)], 6944.0);
    // Stack Overflow in 2016.
    near("concurrency", &[("rate", 2424.0), ("time_s", 0.0077)], 18.66);
    near("network_mbps", &[("rps", 2424.0), ("bytes", 5900.0)], 114.4);
    near("reads_rps", &[("rps", 44.0), ("reads_per_write", 10.0)], 40.0);
    near("writes_rps", &[("rps", 44.0), ("reads_per_write", 10.0)], 4.0);
    near("grown", &[("now", 100.0), ("percent_per_month", 8.0), ("months", 6.0)], 158.7);
    near("erlang_b", &[("servers", 2.0), ("offered", 1.0)], 0.2);
    near("mmc_wait_mean_s", &[("servers", 1.0), ("offered", 0.5), ("service_s", 0.1)], 0.1);
    near("mmc_wait_quantile_s", &[("servers", 1.0), ("offered", 0.5), ("service_s", 0.1), ("p", 0.99)], 0.7824);
    let varying = [("servers", 1.0), ("offered", 0.5), ("service_s", 0.1), ("ca2", 1.0)];
    near("allen_cunneen_wait_s", &[&varying[..], &[("cs2", 0.0)]].concat(), 0.05);
    near("sqrt_staffing", &[("offered", 100.0), ("qos", 1.5)], 115.0);
    near("usl_throughput", &[("lambda", 100.0), ("n", 10.0), ("sigma", 0.037), ("kappa", 0.0)], 750.2);
    near("usl_peak_n", &[("sigma", 0.0), ("kappa", 0.01)], 10.0);
    near("hpa_replicas", &[("current", 4.0), ("metric", 90.0), ("target", 60.0)], 6.0);
    near("hpa_replicas", &[("current", 4.0), ("metric", 65.0), ("target", 60.0)], 4.0);
    near("lru_items_for_hit_ratio", &[("items", 1e5), ("zipf_alpha", 0.9), ("hit_ratio", 0.6052)], 1e4);
    near("ttl_hit_ratio", &[("rate", 3.0), ("ttl_s", 1.0)], 0.75);
    near("ttl_hit_ratio_renewed", &[("rate", 1.0), ("ttl_s", 1.0)], 0.632_12);
    near("ttl_cache_hit_ratio", &[("items", 1.0), ("zipf_alpha", 0.9), ("rate", 3.0), ("ttl_s", 1.0)], 0.75);
    let items = [("items", 5e6), ("value_bytes", 2048.0), ("overhead_bytes", 120.0)];
    near("cache_bytes", &[&items[..], &[("fill", 0.75)]].concat(), 14.45e9);
    near("pool_connections", &[("cores", 4.0), ("spindles", 1.0)], 9.0);
    near("wal_bytes_per_s", &[("write_tps", 1000.0), ("bytes_per_tx", 1460.0)], 1.46e6);
    near("catch_up_s", &[("backlog", 100.0), ("replay", 30.0), ("generation", 10.0)], 5.0);
    let growth = [("initial", 0.0), ("growth_per_day", 1e9), ("days", 100.0), ("bloat", 0.5)];
    near("storage_bytes", &[&growth[..], &[("copies", 3.0), ("free", 0.3)]].concat(), 642.9e9);
    near("moved_keys", &[("n", 3.0), ("m", 4.0)], 0.25);
    near("workers_to_drain", &[("rate", 2.0), ("job_s", 3.0), ("backlog", 100.0), ("drain_s", 60.0)], 11.0);
    near("series_availability", &[("node_a", 0.998), ("n", 3.0)], 0.994);
    near("parallel_availability", &[("node_a", 0.9), ("n", 2.0)], 0.99);
    near("error_budget_s", &[("slo", 0.999), ("window_s", 2_592_000.0)], 2592.0);
    near("quorum_members", &[("f", 2.0)], 5.0);
    near("pods_with_spare", &[("n", 4.0), ("zones", 3.0)], 6.0);
}
