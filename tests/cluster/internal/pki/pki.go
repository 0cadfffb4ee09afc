// Package pki makes the keys and certificates of a cluster and the kubeconfigs
// made of them. Existing files are kept: `up` on a running cluster must not
// change its identity.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"scaledapp.dev/kins/internal/plan"
)

// The files' names without their endings .key, .crt and .conf.
const (
	CA            = "ca"
	FrontCA       = "front-ca" // of requests that the API server passes on to aggregated APIs
	Front         = "front"
	APIServer     = "apiserver"
	ServiceTokens = "service-accounts" // .key and .pub
	KubeletClient = "kubelet-client"
	Admin         = "admin"
	Manager       = "controller-manager"
	Scheduler     = "scheduler"
	Proxy         = "kube-proxy"
)

const lifetime = 10 * 365 * 24 * time.Hour

type request struct {
	name, commonName, organisation string
	dns                            []string
	ips                            []net.IP
	issuer                         string
}

// Make writes everything for the cluster into dir and the administrator's
// kubeconfig into kubeconfig.
func Make(c plan.Cluster, dir, kubeconfig string) error {
	if _, err := os.Stat(kubeconfig); err == nil {
		return nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	issuers := map[string]issuer{}
	for _, name := range []string{CA, FrontCA} {
		made, err := makeIssuer(dir, name, c.Name)
		if err != nil {
			return err
		}
		issuers[name] = made
	}
	if err := makeTokenKeys(dir); err != nil {
		return err
	}
	for _, r := range requests(c) {
		if err := issuers[r.issuer].issue(dir, r); err != nil {
			return fmt.Errorf("certificate %s: %w", r.name, err)
		}
	}
	inside := fmt.Sprintf("https://%s:%d", c.ControlPlane().IP, plan.APIPort)
	users := []string{Manager, Scheduler, Proxy}
	for _, n := range c.Nodes {
		users = append(users, n.Name)
	}
	for _, user := range users {
		if err := writeKubeconfig(dir, user, "kins", inside, filepath.Join(dir, user+".conf")); err != nil {
			return err
		}
	}
	// kind's name for the context, so that the same commands serve both.
	return writeKubeconfig(dir, Admin, "kind-"+c.Name, fmt.Sprintf("https://127.0.0.1:%d", c.APIHostPort), kubeconfig)
}

func requests(c plan.Cluster) []request {
	cp := c.ControlPlane()
	all := []request{
		{name: APIServer, commonName: "kube-apiserver", issuer: CA,
			dns: []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local", "localhost", cp.Name},
			ips: []net.IP{c.Kubernetes.AsSlice(), cp.IP.AsSlice(), net.IPv4(127, 0, 0, 1)}},
		{name: Front, commonName: "front-proxy-client", issuer: FrontCA},
		{name: KubeletClient, commonName: "kube-apiserver-kubelet-client", organisation: "system:masters", issuer: CA},
		{name: Admin, commonName: "kubernetes-admin", organisation: "system:masters", issuer: CA},
		{name: Manager, commonName: "system:kube-controller-manager", issuer: CA},
		{name: Scheduler, commonName: "system:kube-scheduler", issuer: CA},
		{name: Proxy, commonName: "system:kube-proxy", issuer: CA},
	}
	for _, n := range c.Nodes {
		all = append(all, request{name: n.Name, commonName: "system:node:" + n.Name, organisation: "system:nodes", issuer: CA,
			dns: []string{n.Name}, ips: []net.IP{n.IP.AsSlice()}})
	}
	return all
}

type issuer struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func makeIssuer(dir, name, cluster string) (issuer, error) {
	key, err := writeKey(dir, name)
	if err != nil {
		return issuer{}, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: cluster + "-" + name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := sign(template, template, key, key)
	if err != nil {
		return issuer{}, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return issuer{}, err
	}
	return issuer{certificate, key}, writePEM(dir, name+".crt", "CERTIFICATE", der)
}

func (i issuer) issue(dir string, r request) error {
	key, err := writeKey(dir, r.name)
	if err != nil {
		return err
	}
	subject := pkix.Name{CommonName: r.commonName}
	if r.organisation != "" {
		subject.Organization = []string{r.organisation}
	}
	der, err := sign(&x509.Certificate{
		Subject: subject, DNSNames: r.dns, IPAddresses: r.ips, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, i.certificate, key, i.key)
	if err != nil {
		return err
	}
	return writePEM(dir, r.name+".crt", "CERTIFICATE", der)
}

func sign(template, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = time.Now().Add(-time.Hour)
	template.NotAfter = time.Now().Add(lifetime)
	return x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
}

// makeTokenKeys makes the pair that signs and checks service account tokens.
func makeTokenKeys(dir string) error {
	key, err := writeKey(dir, ServiceTokens)
	if err != nil {
		return err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return err
	}
	return writePEM(dir, ServiceTokens+".pub", "PUBLIC KEY", public)
}

func writeKey(dir, name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writePEM(dir, name+".key", "EC PRIVATE KEY", der)
}

func writePEM(dir, name, kind string, der []byte) error {
	return os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
}
