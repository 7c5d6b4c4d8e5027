package endpoint

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/secret"
)

// Config says where a keeper is and whom to trust.
type Config struct {
	// Driver names the keeper in errors.
	Driver string
	// URL is what comes before every path: https, or http to this machine; no credentials, query or fragment.
	URL string
	// PlainHTTP allows http to other machines: where something else encrypts, such as a service mesh.
	PlainHTTP bool
	TLS       TLS
}

// TLS says whom to trust and who we are, in PEM files.
type TLS struct {
	// CAFile holds the certificates that alone are trusted; the system's if empty.
	CAFile string
	// CertFile and KeyFile are our certificate for mutual TLS; read at every handshake, so that they can be renewed.
	CertFile, KeyFile string
	// ServerName is the name to expect in the server's certificate, if it is not the URL's host.
	ServerName string
}

// Bounds of the transport. The idle time is below what servers and proxies commonly allow.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	idleTimeout      = 45 * time.Second
	maxIdle          = 16
	maxHeader        = 64 << 10
)

// baseURL never repeats the text in an error: it may hold a password.
func (c Config) baseURL() (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(c.URL, "/"))

	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, errors.New("want https://host[:port][/prefix]")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("no credentials, query or fragment may be in it")
	case u.Scheme == "http" && !c.PlainHTTP && !loopback(u.Hostname()):
		return nil, errors.New("http would send tokens in the clear: use https, or allow plain HTTP where something " +
			"else encrypts")
	default:
		return u, nil
	}
}

func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

func (c Config) client() (*http.Client, error) {
	trust, err := c.TLS.config()
	if err != nil {
		return nil, err
	}

	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        trust,
			TLSHandshakeTimeout:    handshakeTimeout,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    maxIdle,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		},
	}, nil
}

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}

	if t.CAFile != "" {
		pem, err := os.ReadFile(t.CAFile)
		if err != nil {
			return nil, fmt.Errorf("CA file: %w", err)
		}

		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("CA file: %s holds no certificate", t.CAFile)
		}
	}

	if t.CertFile == "" && t.KeyFile == "" {
		return config, nil
	}

	if _, err := t.certificate(); err != nil {
		return nil, err
	}

	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate() }

	return config, nil
}

func (t TLS) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}

	return &pair, nil
}

// Token gives a secret for each use, so that one kept in a file can be rotated.
type Token func() (secret.String, error)

// FileToken reads the file for every use.
func FileToken(path string) Token {
	return func() (secret.String, error) { return secret.FromFile(path) }
}

// FixedToken always gives the same.
func FixedToken(token secret.String) Token {
	return func() (secret.String, error) { return token, nil }
}
