package api_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
)

// authority issues certificates.
type authority struct {
	t    *testing.T
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()

	a := &authority{t: t, key: ecKey(t)}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}

	raw, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	require.NoError(t, err)
	a.cert, err = x509.ParseCertificate(raw)
	require.NoError(t, err)

	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})

	return a
}

// issue makes a certificate with this number, and its key.
func (a *authority) issue(number int64) (cert, key []byte) {
	private := ecKey(a.t)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(number), Subject: pkix.Name{CommonName: "issued"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}

	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, private.Public(), a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(a.t, err)

	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// listening serves the API until the test ends, or until stop is called, which waits for the end.
func (w *world) listening(environ ...string) (address string, stop func() error) {
	w.t.Helper()

	cfg := settings(w.t, append([]string{"CES_API_ADDR=127.0.0.1:0"}, environ...)...)
	listener, err := api.Listen(w.t.Context(), &cfg, w.handler)
	require.NoError(w.t, err)

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)

	go func() { ended <- listener.Run(ctx) }()

	w.t.Cleanup(func() {
		cancel()
		<-ended
	})

	return listener.Addr().String(), func() error {
		cancel()

		err := <-ended
		ended <- err

		return err
	}
}

// visit asks for the keys over TLS, on a connection of its own, and says what was seen.
func (w *world) visit(address, key string, config *tls.Config) (v visited, err error) {
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()

	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "https://"+address+"/v1/keys", http.NoBody)
	require.NoError(w.t, err)
	request.Header.Set("Authorization", "Bearer "+key)

	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return visited{}, err
	}
	defer response.Body.Close()

	return visited{response.TLS.PeerCertificates[0].SerialNumber.Int64(), response.StatusCode, response.ProtoMajor}, nil
}

// visited is what was seen: the number of the certificate, and what was answered.
type visited struct {
	number           int64
	status, protocol int
}

// TestCertificates are shown, taken from their files again when these change, and kept while the files are wrong.
func TestCertificates(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key, ca, dir := w.key("admin"), newAuthority(t, "servers"), t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert"), filepath.Join(dir, "key")

	write := func(cert, key []byte) {
		require.NoError(t, os.WriteFile(certFile, cert, 0o600))
		require.NoError(t, os.WriteFile(keyFile, key, 0o600))
	}
	write(ca.issue(7))

	address, _ := w.listening("CES_API_TLS_CERT_FILE="+certFile, "CES_API_TLS_KEY_FILE="+keyFile)

	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)

	shown := func() int64 {
		v, err := w.visit(address, key, &tls.Config{RootCAs: pool})
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, v.status)
		require.Equal(t, 2, v.protocol)

		return v.number
	}

	require.EqualValues(t, 7, shown())

	write(ca.issue(8))
	require.EqualValues(t, 7, shown(), "files are not read for every connection")
	w.clock.Advance(time.Second)
	require.EqualValues(t, 8, shown())

	write(ca.issue(9))
	require.NoError(t, os.WriteFile(keyFile, []byte("half a ke"), 0o600))
	w.clock.Advance(time.Second)
	require.EqualValues(t, 8, shown())
	require.Contains(t, w.log.String(), "certificate cannot be read")

	write(ca.issue(10))
	w.clock.Advance(time.Second)
	require.EqualValues(t, 10, shown())

	_, err := w.visit(address, key, &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}) //nolint:gosec // it must be refused
	require.ErrorContains(t, err, "protocol version")

	for _, environ := range [][]string{
		{"CES_API_TLS_CERT_FILE=" + certFile, "CES_API_TLS_KEY_FILE=" + certFile}, {"CES_API_TLS_CERT_FILE=" + certFile, "CES_API_TLS_KEY_FILE=" + dir + "/none"},
		{"CES_API_TLS_CERT_FILE=" + certFile, "CES_API_TLS_KEY_FILE=" + keyFile, "CES_API_CLIENT_CA_FILE=" + keyFile},
	} {
		cfg := settings(t, append(environ, "CES_API_ADDR=127.0.0.1:0")...)
		_, err := api.Listen(t.Context(), &cfg, w.handler)
		require.Error(t, err, "%v", environ)
	}
}

// TestClientCertificates are wanted besides the key, of those who may issue them.
func TestClientCertificates(t *testing.T) {
	t.Parallel()

	w := begin(t)
	key, ca, clients, dir := w.key("admin"), newAuthority(t, "servers"), newAuthority(t, "clients"), t.TempDir()
	files := map[string]string{}

	cert, private := ca.issue(1)
	for name, content := range map[string][]byte{"CERT": cert, "KEY": private, "CA": clients.pem} {
		files[name] = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(files[name], content, 0o600))
	}

	address, _ := w.listening("CES_API_TLS_CERT_FILE="+files["CERT"], "CES_API_TLS_KEY_FILE="+files["KEY"], "CES_API_CLIENT_CA_FILE="+files["CA"])

	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)

	showing := func(by *authority) *tls.Config {
		pair, err := tls.X509KeyPair(by.issue(2))
		require.NoError(t, err)

		// Shown whoever the server says it believes.
		return &tls.Config{RootCAs: pool, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }}
	}

	v, err := w.visit(address, key, showing(clients))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, v.status)

	v, err = w.visit(address, "", showing(clients))
	require.NoError(t, err)
	require.Equal(t, http.StatusUnauthorized, v.status)

	_, err = w.visit(address, key, &tls.Config{RootCAs: pool})
	require.Error(t, err)
	_, err = w.visit(address, key, showing(ca))
	require.Error(t, err)
}

// TestTheEndIsGraceful: a request that was taken is answered, no other is taken.
func TestTheEndIsGraceful(t *testing.T) {
	t.Parallel()

	w := begin(t)
	admin := w.key("admin")
	address, stop := w.listening()
	w.server.URL = "http://" + address

	lock, err := w.pool.Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), "LOCK TABLE audit_log IN EXCLUSIVE MODE")
	require.NoError(t, err)

	done := make(chan *reply, 1)

	go func() {
		r, _ := w.try(http.MethodPost, "/v1/keys", admin, aKey, "Idempotency-Key", "once")
		done <- r
	}()

	require.Eventually(t, func() bool { return w.blocked("audit_log") == 1 }, 30*time.Second, 10*time.Millisecond)

	ended := make(chan error, 1)

	go func() { ended <- stop() }()

	require.Eventually(t, func() bool {
		connection, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
		if err == nil {
			_ = connection.Close()
		}

		return err != nil
	}, 30*time.Second, 10*time.Millisecond, "nobody is let in any more")

	require.NoError(t, lock.Rollback(t.Context()))
	(<-done).is(http.StatusCreated)
	require.NoError(t, <-ended)
}
