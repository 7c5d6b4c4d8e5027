package screening

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/canton-exchange/suite/internal/secret"
)

// Settings are the environment variables of a program that has deposits screened.
type Settings struct {
	URL       string        `env:"CES_SCREENING_URL" help:"Address of the exchange's service that says whether money may be taken: https, or http to this machine. Without it nothing is taken of tokens whose policy says screen=true."`
	PlainHTTP bool          `env:"CES_SCREENING_PLAIN_HTTP" help:"Allow http to another machine: only where something else encrypts, such as a service mesh."`
	CAFile    string        `env:"CES_SCREENING_TLS_CA_FILE" help:"PEM file of the certificates that alone are trusted for the service; the system's if not set."`
	TokenFile string        `env:"CES_SCREENING_TOKEN_FILE" help:"File with the bearer token for the service. It is read again for every request, so it can be rotated."`
	Timeout   time.Duration `env:"CES_SCREENING_TIMEOUT" default:"5s" help:"How long one answer may take, up to 20s."`
	Workers   int           `env:"CES_SCREENING_WORKERS" default:"4" help:"How many questions are asked at once, 1 to 64."`
}

// Bounds of Settings.
const (
	// MaxTimeout is well below a lease, so that nobody asks while another one still waits for the answer.
	MaxTimeout = 20 * time.Second
	MaxWorkers = 64
)

// Validate wants well-formed values. Its errors name the variable.
func (s *Settings) Validate() error {
	switch {
	case s.Timeout <= 0 || s.Timeout > MaxTimeout:
		return fmt.Errorf("CES_SCREENING_TIMEOUT: %s: want a duration above zero, up to %s", s.Timeout, MaxTimeout)
	case s.Workers < 1 || s.Workers > MaxWorkers:
		return fmt.Errorf("CES_SCREENING_WORKERS: %d: want a whole number from 1 to %d", s.Workers, MaxWorkers)
	case s.URL != "":
		_, err := s.address()

		return err
	case s.PlainHTTP || s.CAFile != "" || s.TokenFile != "":
		return errors.New("CES_SCREENING_URL is not set, and other variables say how to reach it")
	default:
		return nil
	}
}

// Configured reports whether there is a service to ask.
func (s *Settings) Configured() bool { return s.URL != "" }

// Client makes a client of the settings. It calls nobody. An error is the operator's: it names the variable.
func (s *Settings) Client() (*Client, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}

	address, err := s.address()
	if err != nil {
		return nil, err
	}

	trust := &tls.Config{MinVersion: tls.VersionTLS12}
	if trust.RootCAs, err = s.roots(); err != nil {
		return nil, fmt.Errorf("CES_SCREENING_TLS_CA_FILE: %w", err)
	}

	if _, err := s.token(); err != nil {
		return nil, fmt.Errorf("CES_SCREENING_TOKEN_FILE: %w", err)
	}

	return &Client{url: address.String(), token: s.token, timeout: s.Timeout, http: newHTTPClient(trust)}, nil
}

// address never repeats the text in an error: it may hold a password.
func (s *Settings) address() (*url.URL, error) {
	u, err := url.Parse(s.URL)

	switch {
	case err != nil:
		return nil, errors.New("CES_SCREENING_URL: not a URL")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "":
		return nil, errors.New("CES_SCREENING_URL: want https://host[:port][/path]")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("CES_SCREENING_URL: no credentials, query or fragment may be in it")
	case u.Scheme == "http" && !s.PlainHTTP && !loopback(u.Hostname()):
		return nil, errors.New("CES_SCREENING_URL: over http anybody on the way could say that money may be taken: use " +
			"https, or set CES_SCREENING_PLAIN_HTTP=true where something else encrypts")
	default:
		return u, nil
	}
}

func loopback(host string) bool { return host == "localhost" || net.ParseIP(host).IsLoopback() }

// roots are the certificates that are trusted; nil for the system's.
func (s *Settings) roots() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil //nolint:nilnil // no pool is how crypto/tls names the system's
	}

	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}

	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", s.CAFile)
	}

	return pool, nil
}

// token is the bearer token as it is now; none if no file is configured.
func (s *Settings) token() (secret.String, error) {
	if s.TokenFile == "" {
		return secret.String{}, nil
	}

	return secret.FromFile(s.TokenFile)
}

// Bounds of the transport. The idle time is below what servers and proxies commonly allow.
const (
	dialTimeout = 10 * time.Second
	idleTimeout = 45 * time.Second
	maxHeader   = 64 << 10
)

// newHTTPClient makes a client that follows no redirect: neither the token nor the question must go to another host.
func newHTTPClient(trust *tls.Config) *http.Client {
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout}).DialContext,
			TLSClientConfig:        trust,
			TLSHandshakeTimeout:    dialTimeout,
			MaxIdleConns:           MaxWorkers,
			MaxIdleConnsPerHost:    MaxWorkers,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2:      true,
		},
	}
}
