//! Who may reach the members, and whom they may reach.

use k8s_openapi::api::networking::v1::NetworkPolicy;

use super::database::PART;
use super::{Context, database_pod, names, network};

/// Where API servers listen: the port behind their Service differs between distributions.
const API_SERVER_PORTS: [u16; 4] = [443, 6443, 8443, 16443];

/// The pool is the only way in; members follow each other; the operator asks Patroni.
pub(super) fn policy(context: &Context<'_>) -> NetworkPolicy {
    let members = || Some(vec![network::components(context, &["database"])]);
    let mut ingress = vec![
        network::from(Some(vec![network::components(context, &["pool"])]), &[5432, 8008, 8009]),
        network::from(members(), &[5432, 8008]),
        network::from(Some(vec![network::operator()]), &[8008]),
    ];
    ingress.extend(network::metrics(context, &[8008, database_pod::METRICS_PORT]));
    let egress = vec![
        network::to(members(), &[5432, 8008]),
        // Patroni's lock lives in the API server, whose address no selector knows.
        network::to(None, &API_SERVER_PORTS),
        network::to_dns(),
    ];
    network::policy(context, &PART, names::database(&context.app.name), ingress, Some(egress))
}
