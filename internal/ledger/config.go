package ledger

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// Defaults and bounds of the configuration.
const (
	DefaultRequestTimeout = 20 * time.Second // a node's own limit for one request
	DefaultMaxMessage     = 64 << 20
	DefaultMaxStreamAge   = 10 * time.Minute

	minMaxMessage = 1 << 10
	maxMaxMessage = 1 << 30
)

// Shape is the form in which transactions are asked for.
type Shape string

const (
	// ShapeAuto is ShapeLedgerEffects: every published version from 3.3 serves it.
	ShapeAuto Shape = ""
	// ShapeLedgerEffects reads /v2/updates with TRANSACTION_SHAPE_LEDGER_EFFECTS.
	ShapeLedgerEffects Shape = "ledger-effects"
	// ShapeTrees reads /v2/updates/trees, which nodes up to 3.5 serve and which knows no topology updates. For a node
	// that refuses the other.
	ShapeTrees Shape = "trees"
)

// Config says how to reach a validator node. New checks it.
type Config struct {
	// URL is what comes before /v2: http or https, a host, perhaps a path prefix. Streams use the same with ws or wss.
	URL string
	// Tokens gives the bearer tokens; nil sends no Authorization header.
	Tokens TokenSource
	// HTTPClient replaces the client's own; its redirects and its timeout are overruled. Not together with TLS.
	HTTPClient *http.Client
	TLS        TLS
	// RequestTimeout bounds one HTTP request with its answer, and the opening of a stream.
	RequestTimeout time.Duration
	// MaxMessage bounds one answer or one message of a stream, in bytes after decompression.
	MaxMessage int64
	// MaxStreamAge is when a stream is closed to be opened anew: a node fixes the packages of interface views, and we
	// the interfaces asked for, when it is opened.
	MaxStreamAge time.Duration
	Shape        Shape
	// Interfaces are asked for as views; StandardInterfaces if nil. The first is the one that must exist on the node.
	Interfaces []Interface
	// Retry is how point reads are repeated; DefaultRetry() if zero.
	Retry  Retry
	Clock  clock.Clock
	Logger *slog.Logger
}

// TLS says whom to trust and who we are. Files, so that secrets stay out of the configuration.
type TLS struct {
	// CAFile holds the certificates that alone are trusted, PEM; the system's if empty.
	CAFile string
	// CertFile and KeyFile are our certificate for mutual TLS, PEM; read at every handshake, so they can be renewed.
	CertFile, KeyFile string
	// ServerName is the name to expect in the node's certificate, if it is not the URL's host.
	ServerName string
}

func (t TLS) isZero() bool { return t == TLS{} }

// Bounds of the client's own transport.
const (
	dialTimeout      = 10 * time.Second
	handshakeTimeout = 10 * time.Second
	keepAlive        = 15 * time.Second
	maxIdleConns     = 32 // as many workers may ask at once, each of which would else open a connection anew
	// idleConnTimeout is below the 60 s after which a node is believed to close idle connections.
	idleConnTimeout = 45 * time.Second
	maxHeaderBytes  = 64 << 10
)

func (c *Config) validate() (*url.URL, error) {
	u, err := baseURL(c.URL)
	if err != nil {
		return nil, fmt.Errorf("ledger: URL: %w", err)
	}

	if c.HTTPClient != nil && !c.TLS.isZero() {
		return nil, errors.New("ledger: give either an HTTP client or TLS settings")
	}

	c.setDefaults()

	if c.RequestTimeout < 0 || c.MaxStreamAge < 0 || c.MaxMessage < minMaxMessage || c.MaxMessage > maxMaxMessage {
		return nil, fmt.Errorf("ledger: times must be positive, MaxMessage between %d and %d", minMaxMessage, maxMaxMessage)
	}

	switch c.Shape {
	case ShapeAuto, ShapeLedgerEffects, ShapeTrees:
	default:
		return nil, fmt.Errorf("ledger: shape %q: want %q or %q", c.Shape, ShapeLedgerEffects, ShapeTrees)
	}

	if err := c.Retry.validate(); err != nil {
		return nil, err
	}

	return u, validateInterfaces(c.Interfaces)
}

// baseURL never repeats the text in an error: it may hold a password.
func baseURL(text string) (*url.URL, error) {
	u, err := url.Parse(strings.TrimRight(text, "/"))

	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, errors.New("want http(s)://host[:port][/prefix]")
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("no credentials, query or fragment may be in it")
	case strings.HasSuffix(u.Path, "/v2"):
		return nil, errors.New("give what comes before /v2")
	default:
		return u, nil
	}
}

func (c *Config) setDefaults() {
	if c.RequestTimeout == 0 {
		c.RequestTimeout = DefaultRequestTimeout
	}

	if c.MaxMessage == 0 {
		c.MaxMessage = DefaultMaxMessage
	}

	if c.MaxStreamAge == 0 {
		c.MaxStreamAge = DefaultMaxStreamAge
	}

	if c.Interfaces == nil {
		c.Interfaces = StandardInterfaces()
	}

	if c.Retry == (Retry{}) {
		c.Retry = DefaultRetry()
	}

	if c.Clock == nil {
		c.Clock = clock.System{}
	}

	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

func validateInterfaces(list []Interface) error {
	if len(list) == 0 || !list[0].Mandatory {
		return errors.New("ledger: interfaces: the first must be mandatory")
	}

	for _, i := range list {
		if _, err := ident.ParseName(i.ID.String()); err != nil {
			return fmt.Errorf("ledger: interfaces: %w", err)
		}

		if !strings.HasPrefix(i.ID.Package, "#") {
			return fmt.Errorf("ledger: interface %s: name the package (#name): nodes from 3.5 refuse its hash", i.ID)
		}
	}

	return nil
}

// newHTTPClient makes a client that follows no redirect and keeps few idle connections.
func newHTTPClient(c *Config) (*http.Client, error) {
	if c.HTTPClient != nil {
		own := *c.HTTPClient
		own.CheckRedirect, own.Timeout = refuseRedirect, 0

		return &own, nil
	}

	tlsConfig, err := c.TLS.config()
	if err != nil {
		return nil, err
	}

	return &http.Client{
		CheckRedirect: refuseRedirect,
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive}).DialContext,
			TLSClientConfig:        tlsConfig,
			TLSHandshakeTimeout:    handshakeTimeout,
			MaxIdleConns:           maxIdleConns,
			MaxIdleConnsPerHost:    maxIdleConns,
			IdleConnTimeout:        idleConnTimeout,
			MaxResponseHeaderBytes: maxHeaderBytes,
			ForceAttemptHTTP2:      true,
		},
	}, nil
}

// refuseRedirect hands a redirect back as the answer, which then is an error.
func refuseRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func (t TLS) config() (*tls.Config, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}

	var err error
	if config.RootCAs, err = t.roots(); err != nil {
		return nil, fmt.Errorf("ledger: CA file: %w", err)
	}

	if t.CertFile == "" && t.KeyFile == "" {
		return config, nil
	}

	if _, err := t.certificate(); err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}

	config.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return t.certificate() }

	return config, nil
}

// roots are the certificates of CAFile; nil for the system's.
func (t TLS) roots() (*x509.CertPool, error) {
	if t.CAFile == "" {
		return nil, nil //nolint:nilnil // what crypto/tls takes for the system's
	}

	pem, err := os.ReadFile(t.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read certificates: %w", err)
	}

	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", t.CAFile)
	}

	return roots, nil
}

func (t TLS) certificate() (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("client certificate: %w", err)
	}

	return &pair, nil
}
