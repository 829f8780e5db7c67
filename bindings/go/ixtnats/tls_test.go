package ixtnats_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	sdk "github.com/h-dv/ixt/bindings/go"
)

// certificate is one for 127.0.0.1 that vouches for itself, and its key, as files.
func certificate(t *testing.T) (roots *x509.CertPool, chain, key string) {
	t.Helper()
	secret, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, secret.Public(), secret)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	bytes, err := x509.MarshalECPrivateKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AddCert(made)
	write := func(name, kind string, bytes []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return roots, write("chain.pem", "CERTIFICATE", der), write("key.pem", "EC PRIVATE KEY", bytes)
}

// The server demands TLS and a token: the module's own settings for the one, the URL for the other.
func TestTLSAndAToken(t *testing.T) {
	roots, chain, key := certificate(t)
	s := newServer(t, "tls { cert_file: \""+chain+"\", key_file: \""+key+"\" }\nauthorization { token: \"s3cret\" }\n")
	url := "nats://s3cret@" + s.address
	trusting := sdk.WithTLS(&tls.Config{RootCAs: roots})
	serve(t, echo("provider", trusting), url)
	client := dial(t, url, "caller", trusting)
	if answer, err := client.Unary(limited(t), "echo", []byte("hidden")); err != nil || string(answer) != "hidden" {
		t.Error(string(answer), err)
	}
	for _, other := range []struct {
		url     string
		options []sdk.ModuleOption
	}{{url, nil}, {s.url(), []sdk.ModuleOption{trusting}}} {
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		if _, err := sdk.Dial(ctx, other.url, "stranger", append(other.options, quiet...)...); err == nil {
			t.Error("a stranger was let in")
		}
		cancel()
	}
}
