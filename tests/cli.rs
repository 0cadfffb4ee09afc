//! The offline commands as a user sees them.

mod common;

use assert_cmd::Command;

fn scaledapp(args: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("scaledapp").unwrap().args(args).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn plan_says_first_what_it_starts_from() {
    let (code, out, _) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("Previous plan: none"), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours without a terminal");
}

#[test]
fn json_is_the_plan_alone() {
    let (code, out, err) = scaledapp(&["plan", "-f", "manifests/samples/shop.yaml", "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, plan["app"].as_str()), (0, Some("shop")));
    assert!(err.contains("Previous plan: none"));
    for name in ["hash", "demand", "demandAtHorizon", "ladder", "tiers", "findings", "monthlyCost"] {
        assert!(!plan[name].is_null(), "{name}");
    }
}

#[test]
fn a_refused_spec_exits_one_and_writes_nothing() {
    let (code, out, err) = scaledapp(&["plan", "-f", "tests/refused/several-at-once.yaml"]);
    assert_eq!(code, 1);
    assert!(out.contains("spec.targets.peakToAverage is 0.5") && err.contains("nothing was written"));
    let (code, out, _) = scaledapp(&["plan", "-f", "tests/refused/several-at-once.yaml", "-o", "json"]);
    let refused: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, refused["findings"][0]["kind"].as_str()), (1, Some("InvalidSpec")));
    let (code, out, _) = scaledapp(&["plan", "-f", "tests/refused/availability-above-zones.yaml", "-o", "recorded"]);
    assert_eq!((code, out.as_str()), (1, ""));
}

#[test]
fn bad_usage_exits_two() {
    for args in [
        &["plan"][..],
        &["plan", "-f", "nowhere.yaml"],
        &["plan", "-f", "Cargo.toml"],
        &["plan", "-f", "manifests/samples/shop.yaml", "--prices", "Cargo.toml"],
        &["plan", "-f", "manifests/samples/shop.yaml", "--observed", "Cargo.toml"],
        &["observe", "shop", "--for", "3s"],
        &["nonsense"],
        &["explain", "nothing.here"],
    ] {
        assert_eq!(scaledapp(args).0, 2, "{args:?}");
    }
}

#[test]
fn unknown_fields_are_refused_with_a_sentence() {
    let (code, out, _) = scaledapp(&["plan", "-f", "tests/refused/unknown-field.yaml"]);
    assert!(code == 1 && out.contains("userz") && out.contains("explain"), "{out}");
}

/// YAML's `99.9` is a number, and the API server wants text there: what is planned must be what can be applied.
#[test]
fn a_number_without_quotes_is_refused_as_kubernetes_refuses_it() {
    let text = std::fs::read_to_string("manifests/samples/shop.yaml").unwrap().replace("\"99.95\"", "99.95");
    let plan = Command::cargo_bin("scaledapp").unwrap().args(["plan", "-f", "-"]).write_stdin(text).output().unwrap();
    let out = String::from_utf8(plan.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(plan.status.code(), Some(1));
    assert!(out.contains("spec.targets.availabilityPercent is 99.95 without quotes: write \"99.95\""), "{out}");
}

#[test]
fn several_documents_of_the_standard_input() {
    let read = |name: &str| std::fs::read_to_string(format!("manifests/samples/{name}.yaml")).unwrap();
    let text =
        format!("{}---\nkind: Namespace\napiVersion: v1\nmetadata: {{name: x}}\n---\n{}", read("hello"), read("shop"));
    let output = Command::cargo_bin("scaledapp")
        .unwrap()
        .args(["plan", "-f", "-", "-o", "json"])
        .write_stdin(text)
        .output()
        .unwrap();
    let plans: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((plans[0]["app"].as_str(), plans[1]["app"].as_str()), (Some("hello"), Some("shop")));
    assert!(String::from_utf8(output.stderr).unwrap().contains("Passed over: Namespace"));
}

#[test]
fn what_a_sample_brings_beside_its_scaledapp_is_passed_over_by_name() {
    for command in ["plan", "render"] {
        let (code, out, err) = scaledapp(&[command, "-f", "manifests/samples/shop-whole.yaml"]);
        assert_eq!(code, 0, "{err}");
        for kind in ["ServiceAccount", "Role", "RoleBinding"] {
            assert!(err.contains(&format!("Passed over: {kind}, which is no ScaledApp.")), "{command}: {err}");
        }
        assert!(out.contains("shop"), "{command}: {out}");
    }
}

#[test]
fn a_recorded_plan_is_where_the_next_begins() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("before.json");
    let (_, recorded, _) =
        scaledapp(&["plan", "-f", "manifests/samples/shop.yaml", "--users", "5000000", "-o", "recorded"]);
    std::fs::write(&file, &recorded).unwrap();
    let (code, out, _) =
        scaledapp(&["plan", "-f", "manifests/samples/shop.yaml", "--previous", file.to_str().unwrap()]);
    assert_eq!(code, 0);
    assert!(out.starts_with("Previous plan: ") && out.contains("Proposed, waiting for approval"), "{out}");
    let data: serde_json::Value = serde_json::from_str(&recorded).unwrap();
    let mut revision =
        serde_json::json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": data, "revision": 1});
    std::fs::write(&file, revision.to_string()).unwrap();
    let (_, again, _) = scaledapp(&["plan", "-f", "manifests/samples/shop.yaml", "--previous", file.to_str().unwrap()]);
    assert_eq!(out, again);
    // Of another application, as a plan and as a revision that says whose it is.
    let other = |command: &str, text: &str| {
        std::fs::write(&file, text).unwrap();
        let (code, _, err) = scaledapp(&[command, "-f", HELLO, "--previous", file.to_str().unwrap()]);
        assert!(code == 2 && err.contains("is a plan of shop, and the file holds hello"), "{command}: {err}");
    };
    revision["metadata"] = serde_json::json!({"ownerReferences": [{"kind": "ScaledApp", "name": "shop"}]});
    for command in ["plan", "diff", "render"] {
        other(command, &recorded);
        other(command, &revision.to_string());
    }
}

#[test]
fn explain_shows_default_grade_and_source() {
    let (code, out, _) = scaledapp(&["explain", "profile.queriesPerRequest"]);
    assert!(
        code == 0 && out.contains("default: 3") && out.contains("grade B") && out.contains("Stack Overflow"),
        "{out}"
    );
    // As a message names a field.
    let (code, volume, _) = scaledapp(&["explain", "spec.services[0].volumes[3]"]);
    assert!(code == 0 && volume.contains("emptyDir.sizeLimit") && volume.contains("projected"), "{volume}");
    let (_, tree, _) = scaledapp(&["explain"]);
    assert!(tree.contains("dailyActiveUsers") && tree.contains("pooling"), "{tree}");
    let (_, tier, _) = scaledapp(&["explain", "database"]);
    assert!(tier.contains("pin.members"), "{tier}");
}

#[test]
fn status_without_a_cluster_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kubeconfig");
    let status = |args: &[&str]| {
        let mut command = Command::cargo_bin("scaledapp").unwrap();
        command.env("KUBECONFIG", &file).env_remove("KUBERNETES_SERVICE_HOST").env_remove("KUBERNETES_SERVICE_PORT");
        let output = command.args(["status", "shop"]).args(args).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, err) = status(&[]);
    assert!(code == 4 && err.contains("no cluster is configured") && err.lines().count() == 1, "{code} {err}");
    std::fs::write(
        &file,
        "{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: c, user: u}}], \
         clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: u, user: {token: t}}]}",
    )
    .unwrap();
    let (code, err) = status(&[]);
    assert!(code == 4 && err.contains("https://127.0.0.1:1/ does not answer: Connection refused"), "{code} {err}");
    let (code, err) = status(&["--context", "other"]);
    assert!(code == 4 && err.contains("other"), "{code} {err}");
    assert_eq!(status(&["-o", "table"]).0, 2);
}

#[test]
fn completions_and_crd_are_printed() {
    assert!(scaledapp(&["completions", "bash"]).1.contains("scaledapp__subcmd__status"));
    assert!(scaledapp(&["crd"]).1.contains("kind: CustomResourceDefinition"));
}

/// Every documented default belongs to a field that there is.
#[test]
fn defaults_belong_to_fields() {
    let fields: Vec<String> = scaledapp::report::fields::fields().into_iter().map(|field| field.path).collect();
    for line in scaledapp::domain::defaults::table() {
        assert!(fields.iter().any(|field| field == line.field), "{}", line.field);
    }
}

#[test]
fn calc_computes_one_formula() {
    let given = ["calc", "erlang_c_min_servers", "offered=100", "p_wait=0.05"];
    let (code, out, _) = scaledapp(&[&given[..], &["-o", "json"]].concat());
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, json["value"].as_f64()), (0, Some(119.0)));
    let (code, out, _) = scaledapp(&given);
    assert!(code == 0 && out.starts_with("119 servers\n"), "{out}");
    let (code, out, _) = scaledapp(&["calc"]);
    assert!(code == 0 && out.contains("lru_hit_ratio_che") && out.contains("items zipf_alpha cache_fraction"), "{out}");
    let (code, out, _) = scaledapp(&["calc", "k_of_n_availability"]);
    assert!(code == 0 && out.contains("node_a=") && out.contains("source: binomial"), "{out}");
}

#[test]
fn calc_says_what_is_wrong_with_an_input() {
    let said = |args: &[&str]| {
        let (code, out, err) = scaledapp(&[&["calc"], args].concat());
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}");
        err
    };
    assert!(said(&["erlang"]).contains("did you mean"));
    assert!(said(&["erlang_b", "servers=2"]).contains("needs offered="));
    assert!(said(&["erlang_b", "servers=2.5", "offered=1"]).contains("servers is 2.5; it must be a whole number"));
    assert!(said(&["erlang_b", "servers=2", "offered=1", "cores=1"]).contains("takes servers, offered"));
    assert!(said(&["erlang_b", "servers=2", "servers=2", "offered=1"]).contains("given twice"));
    assert!(said(&["erlang_b", "servers"]).contains("name=value"));
    assert!(said(&["k_of_n_availability", "node_a=0.9", "k=3", "n=2"]).contains("k must not be above n"));
    assert!(said(&["mmc_wait_p99_s", "servers=1", "offered=1", "service_s=1"]).contains("no finite value"));
    assert!(said(&["erlang_b", "-o", "json"]).contains("needs servers="));
}

const HELLO: &str = "manifests/samples/hello.yaml";
const LADDER: &str = "manifests/samples/ladder.yaml";

#[test]
fn several_numbers_of_users_are_climbed() {
    let (code, out, _) = scaledapp(&["plan", "-f", HELLO, "--users", "1k,10k,100k,1M,10M,100M"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("Previous plan: none") && out.contains("+ LoadBalancer (Capacity)"), "{out}");
    assert!(out.contains("1M users can be met by this spec, 10M cannot."), "{out}");
    assert!(!out.contains('\u{1b}'), "no colours without a terminal");
    // One that cannot be met is an answer; only where none can, the spec is refused.
    let (code, out, err) = scaledapp(&["plan", "-f", HELLO, "--users", "10M,100M"]);
    assert!(code == 1 && out.contains("None of these loads") && err.contains("any of these numbers"), "{code} {err}");
    let (_, json, err) = scaledapp(&["plan", "-f", HELLO, "--users", "10k,1M", "-o", "json"]);
    let climb: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (climb["steps"][1]["users"].as_u64(), climb["steps"][1]["met"].as_bool()),
        (Some(1_000_000), Some(true))
    );
    assert!(err.contains("Previous plan: none"));
    let (_, yaml, _) = scaledapp(&["plan", "-f", HELLO, "--users", "10k,1M", "-o", "yaml"]);
    assert_eq!(serde_yaml::from_str::<serde_json::Value>(&yaml).unwrap(), climb);
    let (code, out, _) = scaledapp(&["plan", "-f", "tests/refused/unknown-field.yaml", "--users", "1k,2k"]);
    assert!(code == 1 && out.contains("userz"), "{out}");
}

#[test]
fn one_number_of_users_is_one_plan() {
    let plain = scaledapp(&["plan", "-f", HELLO, "--users", "1500000"]);
    assert_eq!(plain, scaledapp(&["plan", "-f", HELLO, "--users", "1.5M"]));
    assert!(plain.0 == 0 && plain.1.contains("Ladder\n"), "{}", plain.1);
}

#[test]
fn a_bad_list_of_users_gets_a_sentence() {
    let said = |users: &str| {
        let (code, out, err) = scaledapp(&["plan", "-f", HELLO, "--users", users]);
        assert_eq!((code, out.as_str()), (2, ""), "{users}");
        err
    };
    assert!(said("10k,1k").contains("1k comes after 10000: write the numbers from small to large"));
    assert!(said("1m").contains("write M for millions"));
    assert!(said("-3").contains("is no number of users"));
    assert!(said("1k,").contains("a number is missing"));
    let (code, _, err) = scaledapp(&["plan", "-f", HELLO, "--users", "1k,2k", "--why", "web"]);
    assert!(code == 2 && err.contains("--why shows one plan"), "{err}");
    let (code, _, err) = scaledapp(&["plan", "-f", HELLO, "--users", "1k,2k", "-o", "recorded"]);
    assert!(code == 2 && err.contains("-o recorded holds one plan"), "{err}");
}

#[test]
fn why_puts_the_numbers_in() {
    let (code, out, _) = scaledapp(&["plan", "-f", LADDER, "--why", "Edge"]);
    assert!(code == 0 && out.contains("= step(32 MiB + 16 MiB + 2500 * 34 KiB)\n      = 160 MiB"), "{out}");
    let (_, out, _) = scaledapp(&["plan", "-f", LADDER, "--why", "demand"]);
    assert!(out.contains("= 500000 * 60 / 86400\n      = 347 requests/s"), "{out}");
    let (code, _, err) = scaledapp(&["plan", "-f", HELLO, "--why", "cache"]);
    assert_eq!(
        (code, err.as_str()),
        (2, "scaledapp: hello has no cache to explain; there is demand, web, pool, database, cost\n")
    );
    let (_, json, _) = scaledapp(&["plan", "-f", LADDER, "--why", "web/api", "-o", "json"]);
    let tiers: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((tiers[0]["name"].as_str(), tiers.as_array().map(Vec::len)), (Some("api"), Some(1)));
}

#[test]
fn yaml_is_the_same_plan_as_json() {
    let of = |form: &str| scaledapp(&["plan", "-f", LADDER, "-o", form]).1;
    let yaml: serde_json::Value = serde_yaml::from_str(&of("yaml")).unwrap();
    assert_eq!(yaml, serde_json::from_str::<serde_json::Value>(&of("json")).unwrap());
}

/// Two specs of a shop: the small one, and what it became.
fn two_specs(folder: &tempfile::TempDir) -> (String, String) {
    let small = std::fs::read_to_string("manifests/samples/shop.yaml").unwrap();
    let grown =
        small.replace("dailyActiveUsers: 10000", "dailyActiveUsers: 3000000").replace(":dev", ":1.2") + "  cache: {}\n";
    let write = |name: &str, text: &str| {
        let file = folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    };
    (write("small.yaml", &small), write("grown.yaml", &grown))
}

#[test]
fn diff_says_what_changes_what_restarts_and_what_waits() {
    let folder = tempfile::tempdir().unwrap();
    let (small, grown) = two_specs(&folder);
    let named = |text: String| text.replace(&small, "small.yaml").replace(&grown, "grown.yaml");
    let (code, up, _) = scaledapp(&["diff", &small, &grown]);
    assert_eq!(code, 1, "{up}");
    assert!(up.starts_with("Previous plan: ") && up.contains("members restart behind a switchover (Rolling)"), "{up}");
    let (code, down, _) = scaledapp(&["diff", &grown, &small]);
    assert!(
        code == 1 && down.contains("Waits for an approval") && down.contains("Shrinking: CPU of a member"),
        "{down}"
    );
    common::golden("plans/diff.txt", &format!("{}\n{}", named(up), named(down)));
    let (code, same, _) = scaledapp(&["diff", &small, &small]);
    assert!(code == 0 && same.contains("Nothing would change."), "{same}");
    let (code, json, err) = scaledapp(&["diff", &small, &grown, "-o", "json"]);
    let found: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(code == 1 && err.starts_with("Previous plan: "), "{err}");
    let image = found["spec"].as_array().unwrap().iter().find(|field| field["field"] == "spec.services[web].image");
    assert_eq!(image.unwrap()["to"], "localhost/scaledapp/shop:1.2");
    assert_eq!(found["rolled"][0]["fields"][0], "image");
    let setting = |name: &str| found["settings"].as_array().unwrap().iter().find(|change| change["setting"] == name);
    assert_eq!(setting("sharedBuffersBytes").unwrap()["restarts"], true);
    assert_eq!(setting("effectiveCacheSizeBytes").unwrap()["restarts"], false);
}

#[test]
fn diff_with_a_recorded_plan() {
    let folder = tempfile::tempdir().unwrap();
    let (small, grown) = two_specs(&folder);
    let record = folder.path().join("record.json");
    std::fs::write(&record, scaledapp(&["plan", "-f", &small, "-o", "recorded"]).1).unwrap();
    let record = record.to_str().unwrap();
    let (code, out, _) = scaledapp(&["diff", "-f", &grown, "--previous", record]);
    let (_, between, _) = scaledapp(&["diff", &small, &grown]);
    assert_eq!(code, 1);
    let rest = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(rest(&out), rest(&between), "only the first line says where the plan was from");
    assert_eq!(scaledapp(&["diff", "-f", &small, "--previous", record]).0, 0);
}

#[test]
fn diff_tells_errors_from_differences() {
    let refused = "tests/refused/availability-above-zones.yaml";
    for args in [
        &["diff"][..],
        &["diff", HELLO],
        &["diff", "-f", HELLO],
        &["diff", HELLO, "nowhere.yaml"],
        &["diff", HELLO, refused],
        &["diff", refused, HELLO],
        &["diff", HELLO, "tests/refused/unknown-field.yaml"],
        &["diff", HELLO, LADDER, "--live"],
        &["diff", HELLO, LADDER],
        &["diff", "-", "-"],
    ] {
        let (code, _, err) = scaledapp(args);
        assert!(code == 2 && !err.is_empty(), "{args:?} {code} {err}");
    }
}

#[test]
fn live_without_a_cluster_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    for args in [&["plan", "-f", HELLO, "--live"][..], &["diff", "-f", HELLO, "--live"]] {
        let mut command = Command::cargo_bin("scaledapp").unwrap();
        command.env("KUBECONFIG", folder.path().join("none")).env_remove("KUBERNETES_SERVICE_HOST");
        let output = command.args(args).output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(4) && err.contains("no cluster is configured"), "{args:?} {err}");
    }
    let (code, _, err) = scaledapp(&["plan", "-f", HELLO, "--context", "c"]);
    assert!(code == 2 && err.contains("--live"), "{err}");
}

/// Constants are listed, and each is found by its name.
#[test]
fn constants_are_explained_by_name() {
    let (code, list, _) = scaledapp(&["explain", "constants"]);
    assert!(code == 0 && list.contains("read_cpu_ms") && list.contains("1.2"), "{list}");
    let (code, one, _) = scaledapp(&["explain", "read_cpu_ms"]);
    assert!(code == 0 && one.starts_with("read_cpu_ms = 1.2 ms\n") && one.contains("Database"), "{one}");
}

#[test]
fn a_typo_is_answered_with_what_is_near() {
    let said = |name: &str| {
        let (code, _, err) = scaledapp(&["explain", name]);
        assert_eq!(code, 2, "{name}");
        err
    };
    assert!(said("peakToAvrage").contains("did you mean spec.targets.peakToAverage?"));
    assert!(said("raed_cpu_ms").contains("did you mean read_cpu_ms"));
    assert!(said("pgbouncer_tps_per_core").contains("pool_transactions_per_core"));
    assert!(said("qqqq").contains("lists all"));
}

#[test]
fn what_was_measured_is_shown_beside_what_was_declared() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let figures = "app: shop\nmeasuredAt: 2026-11-28\nwindow: 10m\ncpuPerRequest: 8.5ms\n";
    std::fs::write(path, figures).unwrap();
    let shop = ["plan", "-f", "manifests/samples/shop.yaml", "--observed", path];
    let (code, out, _) = scaledapp(&shop);
    assert_eq!(code, 0);
    assert!(
        out.contains("Measured 2026-11-28 over 10m") && out.contains("4.3x") && out.contains("All together: web 2 x"),
        "{out}"
    );
    let json = [&shop[..], &["-o", "json"]].concat();
    let plan: serde_json::Value = serde_json::from_str(&scaledapp(&json).1).unwrap();
    assert_eq!(plan["observed"]["figures"][0]["observed"], "8.5ms");
    let (code, _, err) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml", "--observed", path]);
    assert!(code == 2 && err.contains("the figures are of shop, and the file holds hello"), "{err}");
    let (code, _, err) = scaledapp(&[&shop[..], &["-o", "recorded"]].concat());
    assert!(code == 2 && err.contains("keeps a plan of what is declared"), "{err}");
}

#[test]
fn a_plan_says_what_to_measure_first() {
    let (_, out, _) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml"]);
    assert!(out.contains("Measure spec.targets.requestsPerUserPerDay first"), "{out}");
    let (_, out, _) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml", "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["uncertainty"]["measureFirst"], "spec.targets.requestsPerUserPerDay");
}
