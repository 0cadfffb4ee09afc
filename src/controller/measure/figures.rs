//! From two readings of an application's metrics pages to figures of its profile. Pure: no client, no clock.
//!
//! What the tiers do not count is left out and said so, never guessed: which queries only read, for example.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use super::exposition::Sample;

/// Fewest requests from which a mean is taken.
const FEWEST_REQUESTS: f64 = 100.0;

/// The samples of all pods at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// By component and pod.
    pub pages: BTreeMap<(String, String), Vec<Sample>>,
}

/// Two readings, and what was seen between them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    /// Names of the services.
    pub services: BTreeSet<String>,
    /// The first reading.
    pub before: Reading,
    /// The second one.
    pub after: Reading,
    /// Seconds between them.
    pub seconds: f64,
    /// Cores that the web pods used on average, all together.
    pub web_cores: Option<f64>,
    /// Memory of the web pod that used most, in bytes.
    pub web_memory: Option<f64>,
}

/// What was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Figures {
    /// Requests a second of the users.
    pub requests_per_second: f64,
    /// Each figure by its name in the file, as it is written there.
    pub figures: Vec<(&'static str, String)>,
    /// What is missing, and why.
    pub notes: Vec<String>,
}

/// Why there is nothing to observe. Each is one sentence.
#[derive(thiserror::Error, Debug, Clone, PartialEq)]
pub enum NothingObserved {
    /// Nothing counts requests.
    #[error(
        "nothing counts the requests of this application: it has no edge, which comes with the second web pod, or its metrics page could not be read twice"
    )]
    NoEdge,
    /// Too few requests.
    #[error(
        "{0:.0} requests came in {1:.0} s, and a mean takes {FEWEST_REQUESTS:.0}: put load on it, or observe longer with --for"
    )]
    TooFew(f64, f64),
}

impl Window {
    /// What a counter of a component rose by over all pods that both readings have; a pod that began anew counts from
    /// zero. `None` where no pod shows it.
    fn rise(&self, component: &str, metric: &str, labels: impl Fn(&BTreeMap<String, String>) -> bool) -> Option<f64> {
        let mut sum = None;
        for (key, after) in self.after.pages.iter().filter(|((of, _), _)| of == component) {
            let Some(before) = self.before.pages.get(key) else { continue };
            for sample in after.iter().filter(|sample| sample.name == metric && labels(&sample.labels)) {
                let was = before.iter().find(|old| old.name == metric && old.labels == sample.labels);
                let was = was.map_or(0.0, |old| old.value);
                let rose = if sample.value < was { sample.value } else { sample.value - was };
                *sum.get_or_insert(0.0) += rose;
            }
        }
        sum.filter(|sum: &f64| sum.is_finite())
    }

    /// The figures.
    ///
    /// # Errors
    /// When requests were not counted, or too few of them came.
    pub fn figures(&self) -> Result<Figures, NothingObserved> {
        let of_proxy = |name: &'static str| {
            move |labels: &BTreeMap<String, String>| labels.get("proxy").is_some_and(|is| is == name)
        };
        let of_service =
            |labels: &BTreeMap<String, String>| labels.get("proxy").is_some_and(|is| self.services.contains(is));
        let requests = self
            .rise("edge", "haproxy_frontend_http_requests_total", of_proxy("edge"))
            .ok_or(NothingObserved::NoEdge)?;
        if requests < FEWEST_REQUESTS {
            return Err(NothingObserved::TooFew(requests, self.seconds));
        }
        let mut found = Figures { requests_per_second: requests / self.seconds, ..Figures::default() };
        let origin = self.rise("edge", "haproxy_backend_http_requests_total", of_service).unwrap_or(0.0);
        self.services(&mut found, origin);
        if let Some(bytes) = self.rise("edge", "haproxy_frontend_bytes_out_total", of_proxy("edge")) {
            found.figures.push(("responseSize", format!("\"{:.0}\"", bytes / requests)));
        }
        let misses = self.cache(&mut found, origin);
        let queries = self.rise("pool", "pgbouncer_stats_queries_total", |_| true);
        if let Some(queries) = queries.filter(|_| origin > 0.0) {
            // A miss of the cache is read from the database as well, and the planner adds it by itself.
            found.figures.push(("queriesPerRequest", three((queries - misses).max(0.0) / origin)));
            found.notes.push("readPercent: the pool does not count which queries only read".to_owned());
        }
        // What an edge answers from its copies Varnish does not see.
        let copies = self.rise("edge", "haproxy_frontend_http_cache_hits_total", of_proxy("edge")).unwrap_or(0.0);
        let answered = self.rise("proxy", "varnish_main_cache_hit", |_| true).map(|hits| hits + copies);
        let fetched = self.rise("proxy", "varnish_main_cache_miss", |_| true);
        if let (Some(answered), Some(fetched)) = (answered, fetched)
            && answered + fetched > 0.0
        {
            found.figures.push(("proxyHitPercent", three(answered / (answered + fetched) * 100.0)));
        }
        found
            .notes
            .push("serviceTime.p99: the edge shows means alone; its log has the time of each request".to_owned());
        Ok(found)
    }

    fn services(&self, found: &mut Figures, origin: f64) {
        match self.web_cores.filter(|_| origin >= FEWEST_REQUESTS) {
            Some(cores) => {
                let milliseconds = cores * self.seconds / origin * 1000.0;
                found.figures.push(("cpuPerRequest", format!("{}ms", three(milliseconds.max(0.001)))));
                found.notes.push(
                    "cpuPerRequest is the mean over all requests that reached the services, static files with them, and holds what they use while idle".to_owned(),
                );
            }
            None => found.notes.push(
                "cpuPerRequest: the metrics API shows no web pod in this window, or fewer than 100 requests reached the services".to_owned(),
            ),
        }
        if let Some(bytes) = self.web_memory {
            found.figures.push(("memoryPerReplica", format!("\"{bytes:.0}\"")));
        }
    }

    /// Figures of the cache; its misses.
    fn cache(&self, found: &mut Figures, origin: f64) -> f64 {
        let hits = self.rise("cache", "redis_keyspace_hits_total", |_| true);
        let misses = self.rise("cache", "redis_keyspace_misses_total", |_| true);
        let (Some(hits), Some(misses)) = (hits, misses) else { return 0.0 };
        let reads = hits + misses;
        if reads > 0.0 && origin > 0.0 {
            found.figures.push(("cacheReadsPerRequest", three(reads / origin)));
            found.figures.push(("cacheHitPercent", three(hits / reads * 100.0)));
        }
        misses
    }
}

/// Three digits, which is more than a window of a minute knows.
fn three(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let decimals = (2 - value.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl Figures {
    /// The file that `plan --observed` reads.
    #[must_use]
    pub fn file(&self, app: &str, namespace: &str, measured_at: &str, seconds: u64) -> String {
        let mut text = String::new();
        let _ = writeln!(
            text,
            "# {app} in {namespace}, for: scaledapp plan -f app.yaml --observed FILE\napp: {app}\nmeasuredAt: \"{measured_at}\"\nwindow: {seconds}s"
        );
        let _ = writeln!(
            text,
            "# {0} requests a second came in this window. If that was your peak:\n# peakRequestsPerSecond: {0}",
            three(self.requests_per_second)
        );
        for (name, value) in &self.figures {
            let _ = writeln!(text, "{name}: {value}");
        }
        for note in &self.notes {
            let _ = writeln!(text, "# {note}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::exposition::parse;
    use super::*;
    use crate::domain::validate_observed;

    fn reading(pages: &[(&str, &str, &str)]) -> Reading {
        let pages = pages
            .iter()
            .map(|(component, pod, page)| (((*component).to_owned(), (*pod).to_owned()), parse(page).unwrap()));
        Reading { pages: pages.collect() }
    }

    /// Parts of the pages as HAProxy 3.0, the pool's agent and the exporters of Redis and Varnish write them.
    fn pages(scale: f64) -> Reading {
        let edge = |part: f64| {
            format!(
                "# HELP haproxy_frontend_http_requests_total Total number of HTTP requests processed by this object\n\
                 # TYPE haproxy_frontend_http_requests_total counter\n\
                 haproxy_frontend_http_requests_total{{proxy=\"edge\"}} {}\n\
                 haproxy_frontend_http_requests_total{{proxy=\"admin\"}} {}\n\
                 haproxy_frontend_http_requests_total{{proxy=\"origin\"}} {}\n\
                 haproxy_frontend_http_cache_hits_total{{proxy=\"edge\"}} {}\n\
                 haproxy_frontend_bytes_out_total{{proxy=\"edge\"}} {}\n\
                 haproxy_frontend_bytes_out_total{{proxy=\"admin\"}} 9999999\n\
                 haproxy_backend_http_requests_total{{proxy=\"web\"}} {}\n\
                 haproxy_backend_http_requests_total{{proxy=\"proxy\"}} {}\n",
                1000.0 * part,
                77.0 * part,
                200.0 * part,
                100.0 * part,
                5_000_000.0 * part,
                600.0 * part,
                500.0 * part
            )
        };
        let pool = format!(
            "pgbouncer_stats_queries_total{{database=\"app\"}} {}\npgbouncer_stats_queries_total{{database=\"app_ro\"}} {}\npgbouncer_pools_client_maxwait_seconds{{database=\"app\",user=\"app\"}} 0\n",
            900.0 * scale,
            600.0 * scale
        );
        let cache =
            format!("redis_keyspace_hits_total {}\nredis_keyspace_misses_total {}\n", 2700.0 * scale, 300.0 * scale);
        let proxy = format!(
            "varnish_main_cache_hit {}\nvarnish_main_cache_miss {}\nvarnish_main_s_resp_bodybytes 1.2e+07\n",
            600.0 * scale,
            200.0 * scale
        );
        reading(&[
            ("edge", "shop-edge-a", &edge(scale)),
            ("edge", "shop-edge-b", &edge(scale)),
            ("pool", "shop-pool-a", &pool),
            ("cache", "shop-cache-0", &cache),
            ("proxy", "shop-proxy-0", &proxy),
        ])
    }

    fn window() -> Window {
        Window {
            services: BTreeSet::from(["web".to_owned()]),
            before: pages(1.0),
            after: pages(2.0),
            seconds: 60.0,
            web_cores: Some(0.06),
            web_memory: Some(73_400_320.0),
        }
    }

    #[test]
    fn two_readings_are_figures_of_the_profile() {
        let found = window().figures().unwrap();
        let figure = |name: &str| found.figures.iter().find(|(is, _)| *is == name).map(|(_, value)| value.as_str());
        assert!((found.requests_per_second - 2000.0 / 60.0).abs() < 1e-9);
        assert_eq!(figure("cpuPerRequest"), Some("3ms"), "0.06 cores for 60 s over 1200 requests at the services");
        assert_eq!(figure("responseSize"), Some("\"5000\""));
        assert_eq!(figure("memoryPerReplica"), Some("\"73400320\""));
        assert_eq!(figure("queriesPerRequest"), Some("1"), "1500 queries less 300 misses over 1200 requests");
        assert_eq!((figure("cacheReadsPerRequest"), figure("cacheHitPercent")), (Some("2.5"), Some("90")));
        assert_eq!(figure("proxyHitPercent"), Some("80"));
    }

    #[test]
    fn the_file_is_what_the_plan_reads() {
        let file = window().figures().unwrap().file("shop", "default", "2026-11-28T12:00:00Z", 60);
        let observed = validate_observed(&file).unwrap();
        assert_eq!((observed.app.as_deref(), observed.window.as_str()), (Some("shop"), "60s"));
        assert_eq!(observed.figures().len(), 7, "{file}");
        assert!(observed.cache_hit.is_some_and(|hit| (hit - 0.9).abs() < 1e-9));
    }

    #[test]
    fn a_pod_that_began_anew_counts_from_zero_and_one_that_came_is_left_out() {
        let mut window = window();
        let key = ("edge".to_owned(), "shop-edge-a".to_owned());
        // 500 requests since its start, where 1000 were counted before.
        window.after.pages.insert(key, parse("haproxy_frontend_http_requests_total{proxy=\"edge\"} 500\n").unwrap());
        window.after.pages.insert(
            ("edge".to_owned(), "shop-edge-c".to_owned()),
            parse("haproxy_frontend_http_requests_total{proxy=\"edge\"} 90000\n").unwrap(),
        );
        let found = window.figures().unwrap();
        assert!((found.requests_per_second - 1500.0 / 60.0).abs() < 1e-9);
    }

    #[test]
    fn too_little_is_told_instead_of_guessed() {
        let quiet = Window { after: pages(1.01), ..window() };
        assert!(matches!(quiet.figures(), Err(NothingObserved::TooFew(..))));
        let without = Window { before: reading(&[]), ..window() };
        assert!(matches!(without.figures(), Err(NothingObserved::NoEdge)));
        let blind = Window { web_cores: None, web_memory: None, ..window() }.figures().unwrap();
        assert!(!blind.figures.iter().any(|(name, _)| *name == "cpuPerRequest"));
        assert!(blind.notes.iter().any(|note| note.starts_with("cpuPerRequest: the metrics API")));
    }
}
