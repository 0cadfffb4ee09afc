package node

import (
	"strings"

	"scaledapp.dev/kins/internal/pki"
	"scaledapp.dev/kins/internal/plan"
)

func controlPlane(c plan.Cluster, n plan.Node) []Service {
	return []Service{
		{Name: Etcd, Command: etcd()},
		{Name: APIServer, Command: kins(apiServer(c, n)...)},
		{Name: Manager, Command: kins(controllerManager(c)...), After: APIReady},
		{Name: Scheduler, After: APIReady, Command: kins("kube-scheduler",
			"--kubeconfig", pkiFile(pki.Scheduler+".conf"), "--authentication-kubeconfig", pkiFile(pki.Scheduler+".conf"),
			"--authorization-kubeconfig", pkiFile(pki.Scheduler+".conf"), "--bind-address=127.0.0.1", "--leader-elect=false")},
		{Name: Expander, Command: kins("expand-volumes", pkiFile(pki.Manager+".conf")), After: APIReady},
	}
}

// etcd need not survive a power cut here, so it does not wait for the disk.
func etcd() []string {
	return strings.Fields(`etcd --data-dir /var/lib/etcd --unsafe-no-fsync
		--listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379
		--listen-peer-urls http://127.0.0.1:2380`)
}

func apiServer(c plan.Cluster, n plan.Node) []string {
	args := []string{"kube-apiserver",
		"--etcd-servers=http://127.0.0.1:2379",
		"--advertise-address=" + n.IP.String(), "--bind-address=0.0.0.0", "--service-cluster-ip-range=" + c.Services.String(),
		"--client-ca-file=" + pkiFile(pki.CA+".crt"),
		"--tls-cert-file=" + pkiFile(pki.APIServer+".crt"), "--tls-private-key-file=" + pkiFile(pki.APIServer+".key"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + pkiFile(pki.ServiceTokens+".pub"), "--service-account-signing-key-file=" + pkiFile(pki.ServiceTokens+".key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged", "--profiling=false",
		"--kubelet-certificate-authority=" + pkiFile(pki.CA+".crt"), "--kubelet-preferred-address-types=InternalIP",
		"--kubelet-client-certificate=" + pkiFile(pki.KubeletClient+".crt"), "--kubelet-client-key=" + pkiFile(pki.KubeletClient+".key"),
		// Aggregated APIs (metrics) are reached at their pods' addresses.
		"--enable-aggregator-routing=true",
		"--requestheader-client-ca-file=" + pkiFile(pki.FrontCA+".crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + pkiFile(pki.Front+".crt"), "--proxy-client-key-file=" + pkiFile(pki.Front+".key"),
		"--audit-policy-file=" + etcFile("audit-policy.yaml"), "--audit-log-path=" + AuditLog,
		"--audit-log-maxsize=100", "--audit-log-maxbackup=3",
	}
	if c.FaultTuned {
		args = append(args, "--default-not-ready-toleration-seconds=5", "--default-unreachable-toleration-seconds=5")
	}
	return args
}

// The default client limit of 20 requests a second would cost four seconds of
// every start, since each controller uses credentials of its own.
func controllerManager(c plan.Cluster) []string {
	conf := pkiFile(pki.Manager + ".conf")
	args := []string{"kube-controller-manager",
		"--kubeconfig=" + conf, "--authentication-kubeconfig=" + conf, "--authorization-kubeconfig=" + conf, "--bind-address=127.0.0.1",
		"--leader-elect=false", "--kube-api-qps=200", "--kube-api-burst=400",
		"--use-service-account-credentials", "--service-account-private-key-file=" + pkiFile(pki.ServiceTokens+".key"), "--root-ca-file=" + pkiFile(pki.CA+".crt"),
		"--cluster-cidr=" + c.PodSubnet.String(), "--allocate-node-cidrs=false", "--enable-hostpath-provisioner",
		"--cluster-signing-cert-file=" + pkiFile(pki.CA+".crt"), "--cluster-signing-key-file=" + pkiFile(pki.CA+".key"),
	}
	if c.FaultTuned {
		args = append(args, "--node-monitor-period=1s", "--node-monitor-grace-period=10s", "--horizontal-pod-autoscaler-sync-period=5s")
	}
	return args
}

// auditPolicy records who wrote what, without bodies. The system's own reads
// and lease renewals, and everybody's health checks, would drown the rest.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  nonResourceURLs: ["/healthz*", "/livez*", "/readyz*", "/version", "/metrics", "/openapi/*", "/api*"]
- level: None
  userGroups: ["system:nodes", "system:serviceaccounts:kube-system", "system:serviceaccounts:ingress"]
  verbs: [get, list, watch]
- level: None
  users: ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy"]
  verbs: [get, list, watch]
- level: None
  userGroups: ["system:nodes"]
  resources: [{group: coordination.k8s.io, resources: [leases]}]
- level: Metadata
`
