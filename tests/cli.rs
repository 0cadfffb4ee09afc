//! The offline commands as a user sees them.

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
    let revision =
        serde_json::json!({"apiVersion": "apps/v1", "kind": "ControllerRevision", "data": data, "revision": 1});
    std::fs::write(&file, revision.to_string()).unwrap();
    let (_, again, _) = scaledapp(&["plan", "-f", "manifests/samples/shop.yaml", "--previous", file.to_str().unwrap()]);
    assert_eq!(out, again);
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
        out.contains("Measured 2026-11-28 over 10m") && out.contains("4.2x") && out.contains("All together: web 2 x"),
        "{out}"
    );
    let json = [&shop[..], &["-o", "json"]].concat();
    let plan: serde_json::Value = serde_json::from_str(&scaledapp(&json).1).unwrap();
    assert_eq!(plan["observed"]["figures"][0]["observed"], "8.5ms");
    let (code, _, err) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml", "--observed", path]);
    assert!(code == 2 && err.contains("the figures are of shop, and the file holds hello"), "{err}");
    let (code, _, err) = scaledapp(&[&shop[..], &["-o", "recorded"]].concat());
    assert!(code == 2 && err.contains("record a plan of what is declared"), "{err}");
}

#[test]
fn a_plan_says_what_to_measure_first() {
    let (_, out, _) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml"]);
    assert!(out.contains("Measure spec.profile.cpuPerRequest first"), "{out}");
    let (_, out, _) = scaledapp(&["plan", "-f", "manifests/samples/hello.yaml", "-o", "json"]);
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(plan["uncertainty"]["measureFirst"], "spec.profile.cpuPerRequest");
}
