//! The routers before an engine's members: clients know one Service, and `HAProxy` behind it knows by checks of its
//! own which member serves. Services alone would send clients to a lost node for most of a minute.
//!
//! Must never make its readiness depend on the members behind it, and must never need DNS in a failover.

use std::collections::BTreeMap;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::api::core::v1::{
    ConfigMap, ConfigMapVolumeSource, Container, EmptyDirVolumeSource, EnvVar, PodSpec, PodTemplateSpec, Probe,
    Service, ServicePort, ServiceSpec, Volume,
};
use k8s_openapi::api::networking::v1::NetworkPolicy;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::database_pod::{mount, port};
use super::meta::{Part, hash};
use super::{Context, DesiredSet, Stage, disruption, names, network, pod, rollout};
use crate::planner::{Size, Tier};

/// From the deletion of a pod to its soft stop: no Service leads to it any more by then.
const STOP_AFTER_SECONDS: i64 = 5;
/// How long sessions go on in a pod that stops; `hard-stop-after` of the configuration.
const FINISH_SECONDS: i64 = 30;

/// The routers of one tier.
pub struct Router<'a> {
    /// The tier.
    pub tier: Tier,
    /// Port of clients, the same at the Service, in the pod and at the members.
    pub port: u16,
    /// What is spoken there.
    pub protocol: &'a str,
    /// Ports of the members that are used or checked.
    pub member_ports: &'a [u16],
    /// `haproxy.cfg`.
    pub config: String,
    /// Environment, for what the configuration may not hold.
    pub env: Vec<EnvVar>,
    /// Pods.
    pub replicas: u32,
    /// Size of a pod.
    pub size: Size,
}

/// The routers of a tier as part of an application.
#[must_use]
pub fn part(tier: Tier) -> Part<'static> {
    Part { component: tier.router_component().unwrap_or(tier.component()), name: "haproxy", service: None }
}

impl Router<'_> {
    /// Adds the routers' objects, and the Service at which clients reach the tier.
    pub fn build(&self, context: &Context<'_>, set: &mut DesiredSet) {
        let (part, name) = (part(self.tier), names::router(&context.app.name, self.tier));
        set.add(Stage::Foundation, &self.config_map(context));
        set.add(Stage::Foundation, &self.policy(context));
        set.add(Stage::Foundation, &self.service(context));
        set.add_some(Stage::Foundation, disruption::stateless(context, &part, name, self.replicas, 1).as_ref());
        set.add(Stage::Foundation, &self.deployment(context));
    }

    fn config_map(&self, context: &Context<'_>) -> ConfigMap {
        ConfigMap {
            metadata: part(self.tier).meta(context.app, names::router(&context.app.name, self.tier)),
            data: Some(BTreeMap::from([("haproxy.cfg".to_owned(), self.config.clone())])),
            ..ConfigMap::default()
        }
    }

    fn policy(&self, context: &Context<'_>) -> NetworkPolicy {
        let clients = network::components(context, &["web", "worker", "cron", "migration"]);
        let mut ingress = vec![network::from(Some(vec![clients]), &[self.port])];
        ingress.extend(network::metrics(context, &[8405]));
        let members = network::components(context, &[self.tier.component()]);
        let egress = vec![network::to(Some(vec![members]), self.member_ports), network::to_dns()];
        let name = names::router(&context.app.name, self.tier);
        network::policy(context, &part(self.tier), name, ingress, Some(egress))
    }

    fn service(&self, context: &Context<'_>) -> Service {
        let part = part(self.tier);
        Service {
            metadata: part.meta(context.app, names::engine(&context.app.name, self.tier)),
            spec: Some(ServiceSpec {
                selector: Some(part.selector(context.app)),
                // A router on the caller's node is nearer, and a lost node takes fewer callers' connections with it.
                traffic_distribution: Some("PreferSameNode".to_owned()),
                ports: Some(vec![ServicePort {
                    name: Some(self.protocol.to_owned()),
                    port: i32::from(self.port),
                    target_port: Some(IntOrString::String(self.protocol.to_owned())),
                    protocol: Some("TCP".to_owned()),
                    ..ServicePort::default()
                }]),
                ..ServiceSpec::default()
            }),
            ..Service::default()
        }
    }

    fn deployment(&self, context: &Context<'_>) -> Deployment {
        let (app, part) = (context.app, part(self.tier));
        Deployment {
            metadata: part.meta(app, names::router(&app.name, self.tier)),
            spec: Some(DeploymentSpec {
                replicas: Some(self.replicas.cast_signed()),
                selector: part.label_selector(app),
                strategy: Some(rollout::surge_only(1)),
                progress_deadline_seconds: Some(rollout::PROGRESS_DEADLINE_SECONDS),
                revision_history_limit: Some(rollout::REVISION_HISTORY_LIMIT),
                template: PodTemplateSpec {
                    metadata: Some(part.template_meta(app, Some(hash([self.config.as_str()])))),
                    spec: Some(PodSpec {
                        automount_service_account_token: Some(false),
                        enable_service_links: Some(false),
                        image_pull_secrets: pod::pull_secrets(context),
                        security_context: Some(pod::engine_pod_security()),
                        termination_grace_period_seconds: Some(STOP_AFTER_SECONDS + FINISH_SECONDS + 5),
                        topology_spread_constraints: Some(pod::spread(&part.label_selector(app), false)),
                        containers: vec![self.container(context)],
                        volumes: Some(self.volumes(context)),
                        ..PodSpec::default()
                    }),
                },
                ..DeploymentSpec::default()
            }),
            ..Deployment::default()
        }
    }

    fn container(&self, context: &Context<'_>) -> Container {
        Container {
            name: "router".to_owned(),
            image: Some(context.environment.images.haproxy.clone()),
            image_pull_policy: Some("IfNotPresent".to_owned()),
            env: (!self.env.is_empty()).then(|| self.env.clone()),
            ports: Some(vec![port(self.protocol, i32::from(self.port)), port("health", 8405)]),
            resources: Some(pod::resources(context, &self.size)),
            security_context: Some(pod::engine_container_security()),
            startup_probe: Some(pod::http_probe("/healthz", "health", 1, 60)),
            readiness_probe: Some(pod::http_probe("/readyz", "health", 2, 2)),
            liveness_probe: Some(Probe { timeout_seconds: Some(5), ..pod::http_probe("/healthz", "health", 10, 6) }),
            lifecycle: Some(rollout::stop_after(STOP_AFTER_SECONDS)),
            volume_mounts: Some(vec![mount("config", "/etc/haproxy", true), mount("run", "/run/haproxy", false)]),
            ..Container::default()
        }
    }

    fn volumes(&self, context: &Context<'_>) -> Vec<Volume> {
        vec![
            Volume {
                name: "config".to_owned(),
                config_map: Some(ConfigMapVolumeSource {
                    name: names::router(&context.app.name, self.tier),
                    ..ConfigMapVolumeSource::default()
                }),
                ..Volume::default()
            },
            Volume { name: "run".to_owned(), empty_dir: Some(EmptyDirVolumeSource::default()), ..Volume::default() },
        ]
    }
}

/// How routers read names, the pool's too.
pub const RESOLVERS: &str = "\
# A silent DNS must never take a server out, hence the holds; a Service that was made anew has a new address, which counts at once.
resolvers cluster
  parse-resolv-conf
  accepted_payload_size 8192
  resolve_retries 3
  timeout resolve 1s
  timeout retry 1s
  hold valid 10s
  hold nx 1h
  hold timeout 1h
  hold refused 1h
  hold other 1h
  hold obsolete 0s
";

/// Where a router tells about itself, the pool's too. Ready is who has found out once who serves, which `found` says, or has
/// looked for 20 seconds: a new pod gets no session that it would have to hold, and what happens behind it afterwards never
/// takes it out. Servers count as alive until each has been asked, hence the first two seconds.
#[must_use]
pub fn health(found: &str) -> String {
    format!(
        r#"frontend health
  mode http
  bind :8405
  timeout client 10s
  http-request return status 200 content-type text/plain string "ok\n" if {{ path /healthz }}
{readiness}  http-request use-service prometheus-exporter if {{ path /metrics }}
  stats enable
  stats uri /stats
"#,
        readiness = readiness(&format!("{{ {found} }} {{ date,sub(proc.started) ge 2 }}"), "who serves"),
    )
}

/// Lines of a frontend that answer `/readyz`: ready for good once `found` held, or after 20 seconds. The edge's too.
#[must_use]
pub fn readiness(found: &str, looking_for: &str) -> String {
    format!(
        r#"  http-request set-var(proc.ready) bool(true) if {found}
  http-request set-var(proc.ready) bool(true) if {{ date,sub(proc.started) ge 20 }}
  http-request return status 200 content-type text/plain string "ready\n" if {{ path /readyz }} {{ var(proc.ready) -m found }}
  http-request return status 503 content-type text/plain string "looking for {looking_for}\n" if {{ path /readyz }}
"#
    )
}

/// Line of the section `global` that [`readiness`] counts from.
pub const STARTED: &str = "  set-var proc.started date()\n";

/// The beginning of every router's configuration: TCP, patient sessions, members by names that are read at the start
/// and when a Service is made anew. `defaults` adds to the section of that name; `found` is as [`health`] wants it.
#[must_use]
pub fn preamble(max_connections: u32, defaults: &str, found: &str) -> String {
    // Each session in and out, and checks.
    let most = 2 * max_connections + 256;
    format!(
        "\
global
  log stdout format raw local0 notice
  maxconn {most}
  stats socket /run/haproxy/admin.sock mode 660 level admin
  hard-stop-after {FINISH_SECONDS}s
{STARTED}
defaults
  log global
  mode tcp
  option tcpka
  option dontlognull
  # With retries a session that waits for its next try while its server goes down is never ended.
  retries 0
  timeout client 24h
  timeout server 24h
{defaults}
{RESOLVERS}
# About the router itself, never about the members behind it.
{health}
",
        health = health(found),
    )
}

/// What a `default-server` line needs so that names are read once and kept.
pub const RESOLVE: &str = "resolvers cluster init-addr last,none resolve-prefer ipv4";

/// Name and address of a member, as a `server` line wants them.
#[must_use]
pub fn server(context: &Context<'_>, tier: Tier, ordinal: u32, port: u16) -> String {
    let name = names::engine_member(&context.app.name, tier, ordinal);
    format!("server {name} {name}.{}.svc.{}:{port}", context.app.namespace, context.environment.cluster_domain)
}
