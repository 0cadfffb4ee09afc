//! A full cache gets less memory: its master drops what is too much before a smaller member copies it, so the kernel
//! ends nobody.

use kube::ResourceExt;
use serde_json::json;

use crate::cluster::{World, eventually};
use crate::lifecycle::small;
use crate::shop::apply_shop;
use crate::story::READY_LIMIT;

const MIB: u64 = 1024 * 1024;
/// Items of 2 KiB: more than a small member holds, and less than a large one.
const FILL: &str = "for i = 1, 40000 do redis.call('SET', 'item:' .. i, string.rep('x', 2048)) end";

/// Memory of each Redis.
const LIMITS: &str =
    r#"jsonpath={range .items[*]}{.spec.containers[?(@.name=="redis")].resources.limits.memory}{"\n"}{end}"#;

/// What a member's Redis answers.
fn ask(world: &World, pod: &str, command: &str) -> String {
    let shell = format!("REDISCLI_AUTH=$ADMIN_PASSWORD redis-cli -e --user admin --no-auth-warning {command}");
    world.kubectl(&["exec", pod, "-c", "redis", "--", "sh", "-c", &shell]).trim().to_owned()
}

/// The cache's pods, none of which was ever started anew.
async fn members(world: &World) -> Vec<String> {
    let pods = world.pods_of("cache").await;
    for pod in &pods {
        let containers = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
        assert_eq!(containers.map(|c| c.restart_count).sum::<i32>(), 0, "{} was started anew", pod.name_any());
    }
    pods.iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn memory_of_a_full_cache_is_lowered_and_nobody_is_killed() {
    let world = World::new("memory").await;
    let apply = |memory: &str| {
        let mut spec = small();
        spec.push(("/spec/cache", json!({"pin": {"members": 3, "memory": memory}})));
        apply_shop(&world, &spec);
    };
    apply("192Mi");
    world.ready("shop", READY_LIMIT).await;
    let pods = members(&world).await;
    let master = pods.iter().find(|pod| ask(&world, pod, "ROLE").starts_with("master")).expect("a master");
    ask(&world, master, &format!("EVAL \"{FILL}\" 0"));
    assert_eq!(ask(&world, master, "DBSIZE"), "40000");

    apply("96Mi");
    // A cache that rolls does not make the application unready.
    eventually("three smaller members", READY_LIMIT, async || {
        let limits = world.kubectl(&["get", "pods", "-l", "scaledapp.dev/app=shop", "-o", LIMITS]);
        let ready = world.kubectl(&["get", "statefulset", "shop-cache", "-o", "jsonpath={.status.readyReplicas}"]);
        let small = limits.lines().filter(|line| *line == "96Mi").count();
        if small == 3 && ready == "3" { Ok(()) } else { Err(format!("{small} of 3, {ready} ready")) }
    })
    .await;
    let pods = members(&world).await;
    assert_eq!(pods.len(), 3);
    for pod in &pods {
        assert_eq!(ask(&world, pod, "CONFIG GET maxmemory").lines().last(), Some((24 * MIB).to_string().as_str()));
        let items: u64 = ask(&world, pod, "DBSIZE").parse().expect("a number");
        assert!((5_000..12_000).contains(&items), "{pod} has {items} items");
    }
    world.remove();
}
