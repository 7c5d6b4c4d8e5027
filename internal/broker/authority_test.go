package broker_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// authority issues certificates.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	t.Helper()

	a := &authority{dir: t.TempDir()}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "an authority of the test's"}, IsCA: true,
		BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	a.file, _ = a.issue(t, a.cert)

	return a
}

// issue signs a certificate, and gives the files of it and of its key.
func (a *authority) issue(t *testing.T, cert *x509.Certificate) (certFile, keyFile string) {
	t.Helper()

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	if a.key == nil {
		a.key = key
	}

	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key.Public(), a.key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)

	name := rand.Text()
	write := func(kind, ending string, der []byte) string {
		file := filepath.Join(a.dir, name+ending)
		require.NoError(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600))

		return file
	}

	return write("CERTIFICATE", ".pem", der), write("PRIVATE KEY", ".key", private)
}

// leaf is a certificate for clients, and for servers at an address.
func leaf(address string, until time.Time) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "suite"}, IPAddresses: []net.IP{net.ParseIP(address)},
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		NotBefore: until.Add(-time.Hour), NotAfter: until,
	}
}

// server is what a server with a certificate shows; it wants a certificate of the authority's where clients must have one.
func (a *authority) server(t *testing.T, cert *x509.Certificate, clients bool) *tls.Config {
	t.Helper()

	pair, err := tls.LoadX509KeyPair(a.issue(t, cert))
	require.NoError(t, err)

	config := &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	if clients {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		config.ClientCAs.AddCert(a.root(t))
	}

	return config
}

func (a *authority) root(t *testing.T) *x509.Certificate {
	t.Helper()

	text, err := os.ReadFile(a.file)
	require.NoError(t, err)

	block, _ := pem.Decode(text)
	cert, err := x509.ParseCertificate(block.Bytes)
	require.NoError(t, err)

	return cert
}
