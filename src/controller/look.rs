//! A look at an application from outside: what `scaledapp status` shows, read once or by watches.
//!
//! Reads only, with the rights of whoever asks, and never the spec: an application of a newer version is shown too.
//! What may not be read beside the application itself is noted, and is no error.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::time::Duration;

use futures::StreamExt;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::config::{Config, KubeConfigOptions};
use kube::{Client, ResourceExt};

use crate::api::{ScaledApp, labels};

use super::error::message_of;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// For one look.
pub(super) const ANSWER: Duration = Duration::from_secs(30);
/// Longest silence of the server; a watch that has nothing to say is ended by the server before.
const SILENCE: Duration = Duration::from_secs(90);
/// Nodes that are asked for at the same time.
const PARALLEL: usize = 8;
/// Applications that are named when one is not found.
const NAMED: u32 = 5;
/// Label of a node's zone.
const ZONE: &str = "topology.kubernetes.io/zone";

/// Why there is nothing to look at. Each is one sentence.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    /// No cluster is configured.
    #[error("no cluster is configured ({0}): set KUBECONFIG, or write ~/.kube/config")]
    NoCluster(String),
    /// The kubeconfig does not serve.
    #[error("the kubeconfig leads to no cluster: {0}")]
    Kubeconfig(String),
    /// There is no such application.
    #[error("there is no ScaledApp {name} in namespace {namespace}{others}")]
    NotFound {
        /// Its name.
        name: String,
        /// Where it was looked for.
        namespace: String,
        /// Those that there are, in words.
        others: String,
    },
    /// It was deleted while it was watched.
    #[error("{name} in namespace {namespace} is gone")]
    Gone {
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// The CRD is not there.
    #[error(
        "this cluster knows no ScaledApps: install the operator's chart, or the resource alone with 'scaledapp crd | kubectl apply -f -'"
    )]
    NotInstalled,
    /// The user may not.
    #[error("you may not read ScaledApps here, which needs get, list and watch of scaledapps.scaledapp.dev: {0}")]
    Forbidden(String),
    /// The user may not read what the operator remembers.
    #[error(
        "you may not read the recorded plans here, which needs list of controllerrevisions.apps: {0}; a plan in a file is read with --previous"
    )]
    PlansForbidden(String),
    /// The cluster does not know the user.
    #[error("the cluster does not accept your credentials ({0}): log in again, or take another context")]
    Unauthorized(String),
    /// The API server does not answer.
    #[error("the cluster at {address} does not answer: {why}")]
    Unreachable {
        /// Where it was asked.
        address: String,
        /// Why.
        why: String,
    },
    /// Another answer of the API server.
    #[error("the cluster could not be read: {0}")]
    Refused(String),
}

impl LookError {
    /// Whether the application is what is missing.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. } | Self::Gone { .. })
    }
}

/// What was read.
#[derive(Clone, Debug)]
pub struct Look {
    /// The application as it is stored.
    pub app: DynamicObject,
    /// Its pods.
    pub pods: Vec<Pod>,
    /// Zones by the name of the node.
    pub zones: BTreeMap<String, String>,
    /// What could not be read.
    pub notes: Vec<String>,
}

/// Somebody who looks at one application.
#[derive(Clone)]
pub struct Looker {
    pub(super) client: Client,
    address: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

impl Looker {
    /// Where it looks.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Looks with the kubeconfig's rights, or with the pod's inside a cluster; the namespace is the context's unless
    /// it is given.
    ///
    /// # Errors
    /// When no cluster is configured, or not in a way that can be used.
    pub async fn connect(context: Option<&str>, namespace: Option<&str>, name: &str) -> Result<Self, LookError> {
        let configured = match context {
            Some(context) => {
                let options = KubeConfigOptions { context: Some(context.to_owned()), ..KubeConfigOptions::default() };
                Config::from_kubeconfig(&options).await.map_err(|error| LookError::Kubeconfig(error.to_string()))
            }
            None => Config::infer().await.map_err(|error| {
                LookError::NoCluster(error.source().map_or_else(|| error.to_string(), ToString::to_string))
            }),
        };
        let mut config = configured?;
        config.connect_timeout = Some(CONNECT);
        config.read_timeout = Some(SILENCE);
        let address = config.cluster_url.to_string();
        let namespace = namespace.map_or_else(|| config.default_namespace.clone(), str::to_owned);
        let client = Client::try_from(config).map_err(|error| LookError::Kubeconfig(deepest(&error)))?;
        Ok(Self::new(client, address, namespace, name.to_owned()))
    }

    /// Looks with a client; `address` is what errors call the cluster.
    #[must_use]
    pub fn new(client: Client, address: String, namespace: String, name: String) -> Self {
        Self { client, address, name, namespace }
    }

    /// Reads everything once.
    ///
    /// # Errors
    /// When the application cannot be read.
    pub async fn look(&self) -> Result<Look, LookError> {
        tokio::time::timeout(ANSWER, self.read()).await.map_err(|_| self.late())?
    }

    async fn read(&self) -> Result<Look, LookError> {
        let app = match self.apps().get(&self.name).await {
            Ok(app) => app,
            Err(kube::Error::Api(answer)) if answer.code == 404 && answer.details.is_some() => {
                return Err(self.not_found().await);
            }
            Err(error) => return Err(self.error(&error)),
        };
        let mut notes = Vec::new();
        let pods = match self.pods().list(&self.pods_of_app()).await {
            Ok(pods) => pods.items,
            Err(error) => {
                notes.push(pods_note(&error));
                Vec::new()
            }
        };
        let mut zones = BTreeMap::new();
        self.add_zones(&pods, &mut zones).await;
        Ok(Look { app, pods, zones, notes })
    }
    pub(super) fn apps(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &ApiResource::erase::<ScaledApp>(&()))
    }

    pub(super) fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    pub(super) fn selector(&self) -> String {
        format!("{}={}", labels::APP, self.name)
    }

    pub(super) fn late(&self) -> LookError {
        LookError::Unreachable {
            address: self.address.clone(),
            why: format!("no answer within {} s", ANSWER.as_secs()),
        }
    }

    fn pods_of_app(&self) -> ListParams {
        ListParams::default().labels(&self.selector())
    }

    /// Adds the zones of nodes that are not known yet; those without, and those that may not be read,
    /// are empty.
    pub(super) async fn add_zones(&self, pods: &[Pod], zones: &mut BTreeMap<String, String>) {
        let unknown: std::collections::BTreeSet<String> = pods
            .iter()
            .filter(|pod| !pod.labels().contains_key(ZONE))
            .filter_map(|pod| pod.spec.as_ref()?.node_name.clone())
            .filter(|node| !zones.contains_key(node))
            .collect();
        let nodes: Api<Node> = Api::all(self.client.clone());
        let asked = unknown.into_iter().map(|node| async {
            let found = nodes.get_metadata(&node).await.ok();
            (node, found.and_then(|meta| meta.labels().get(ZONE).cloned()).unwrap_or_default())
        });
        let found: Vec<(String, String)> = futures::stream::iter(asked).buffer_unordered(PARALLEL).collect().await;
        zones.extend(found);
    }

    async fn not_found(&self) -> LookError {
        let list = self.apps().list_metadata(&ListParams::default().limit(NAMED)).await.ok();
        let names: Vec<String> = list.into_iter().flat_map(|list| list.items).map(|app| app.name_any()).collect();
        let others = if names.is_empty() { String::new() } else { format!("; there is {}", names.join(", ")) };
        LookError::NotFound { name: self.name.clone(), namespace: self.namespace.clone(), others }
    }

    /// What an answer about the application means.
    pub(super) fn error(&self, error: &kube::Error) -> LookError {
        match error {
            kube::Error::Api(answer) => match answer.code {
                401 => LookError::Unauthorized(answer.message.clone()),
                403 => LookError::Forbidden(answer.message.clone()),
                // The server knows the path of no such resource; of an object it would say more.
                404 => LookError::NotInstalled,
                _ => LookError::Refused(answer.message.clone()),
            },
            kube::Error::Auth(_) => LookError::Unauthorized(deepest(error)),
            kube::Error::SerdeError(_) => LookError::Refused(error.to_string()),
            _ => LookError::Unreachable { address: self.address.clone(), why: deepest(error) },
        }
    }
}

/// Why no pods are shown.
pub(super) fn pods_note(error: &kube::Error) -> String {
    format!("The pods cannot be read: {}", message_of(error))
}

/// The cause of all causes, which is what helps.
pub(super) fn deepest(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::{Request, Response};
    use kube::client::Body;
    use serde_json::{Value, json};

    /// A look at a server that answers by the path.
    async fn look(answer: fn(&str) -> (u16, String)) -> Result<Look, LookError> {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let server = tokio::spawn(async move {
            while let Some((request, send)) = handle.next_request().await {
                let (status, body) = answer(request.uri().path());
                send.send_response(Response::builder().status(status).body(Body::from(body.into_bytes())).unwrap());
            }
        });
        let client = Client::new(service, "prod");
        let looker = Looker::new(client, "https://cluster".to_owned(), "prod".to_owned(), "shop".to_owned());
        let seen = looker.look().await;
        server.abort();
        seen
    }

    fn refused(code: u16, reason: &str, message: &str) -> (u16, String) {
        let details = json!({"name": "shop", "group": "scaledapp.dev", "kind": "scaledapps"});
        let status = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason,
            "message": message, "details": details});
        (code, status.to_string())
    }

    fn app() -> Value {
        json!({"apiVersion": "scaledapp.dev/v1alpha1", "kind": "ScaledApp", "metadata": {"name": "shop", "namespace": "prod"},
            "spec": {"aFieldOfTomorrow": true}})
    }

    #[tokio::test]
    async fn a_cluster_without_the_crd_is_told_from_one_without_the_application() {
        let error = look(|_| (404, "404 page not found\n".to_owned())).await.unwrap_err();
        assert!(matches!(error, LookError::NotInstalled), "{error:?}");
        let error = look(|path| {
            if path.ends_with("/shop") {
                return refused(404, "NotFound", "scaledapps.scaledapp.dev \"shop\" not found");
            }
            let item = json!({"metadata": {"name": "hello"}});
            (200, json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": [item]}).to_string())
        })
        .await
        .unwrap_err();
        assert!(error.is_not_found());
        assert_eq!(error.to_string(), "there is no ScaledApp shop in namespace prod; there is hello");
    }

    #[tokio::test]
    async fn pods_and_nodes_that_may_not_be_read_are_no_error() {
        let seen = look(|path| {
            if path.ends_with("/shop") {
                (200, app().to_string())
            } else {
                refused(403, "Forbidden", "pods is forbidden")
            }
        })
        .await
        .unwrap();
        assert_eq!(seen.notes, ["The pods cannot be read: pods is forbidden"]);
        let seen = look(|path| match path {
            path if path.ends_with("/shop") => (200, app().to_string()),
            path if path.ends_with("/pods") => {
                let pod = json!({"metadata": {"name": "shop-web-0"}, "spec": {"nodeName": "n1", "containers": []}});
                (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": [pod]}).to_string())
            }
            _ => refused(403, "Forbidden", "nodes is forbidden"),
        })
        .await
        .unwrap();
        assert_eq!((seen.pods.len(), seen.notes.len(), seen.zones["n1"].as_str()), (1, 0, ""));
    }
}
