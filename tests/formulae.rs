//! The formulae against exact and published values.

mod common;

use std::collections::BTreeMap;

use scaledapp::planner::availability::{k_of_n, with_spare};
use scaledapp::planner::caching::Popular;
use scaledapp::planner::queueing;

fn value(quantity: &str, inputs: &BTreeMap<&str, f64>) -> f64 {
    let input = |name: &str| *inputs.get(name).unwrap_or_else(|| panic!("{quantity} lacks {name}"));
    let count = |name: &str| input(name) as u32;
    match quantity {
        "erlang_c_min_servers" => f64::from(queueing::servers_for_waiting_share(input("offered"), input("p_wait"))),
        "erlang_c_p_wait" => queueing::erlang_c(count("servers"), input("offered")),
        "k_of_n_availability" => k_of_n(count("k"), count("n"), input("node_a")),
        "mmc_p_response_gt_t" => {
            queueing::response_tail(count("servers"), input("offered"), input("service_s"), input("t_s"))
        }
        "mmc_wait_p99_s" => queueing::wait_quantile(count("servers"), input("offered"), input("service_s"), 0.99),
        "sqrt_staffing_ceil" => queueing::square_root_staffing(input("offered"), input("qos")).ceil(),
        "utilisation_target" => queueing::utilisation_target(input("effective_cpu")),
        "lru_hit_ratio_che" | "static_top_k_hit_ratio" => {
            let items = Popular::zipf(input("items") as u64, input("zipf_alpha"));
            let room = input("items") * input("cache_fraction");
            if quantity.starts_with("lru") { items.hit_ratio(room) } else { items.best_static(room) }
        }
        other => panic!("no formula for {other}"),
    }
}

#[test]
fn formulae_match_exact_and_published_values() {
    let table = common::read("tests/golden/formulae.csv");
    let mut rows = 0;
    for row in table.lines().skip(1) {
        let mut cells = row.splitn(4, ',');
        let (quantity, inputs, expected) = (cells.next().unwrap(), cells.next().unwrap(), cells.next().unwrap());
        let inputs = inputs.split(';').map(|pair| pair.split_once('=').unwrap());
        let inputs = inputs.map(|(name, number)| (name, number.parse().unwrap())).collect();
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
