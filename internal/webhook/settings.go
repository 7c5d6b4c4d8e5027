package webhook

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/service"
)

// Settings are the environment variables of a program that sends webhooks.
type Settings struct {
	Timeout       time.Duration `env:"CES_EVENTS_TIMEOUT" default:"10s" help:"How long a webhook's receiver may take for one answer, up to 20s."`
	Workers       int           `env:"CES_EVENTS_WORKERS" default:"128" help:"How many subscriptions whose receivers answer are delivered at once, 1 to 1024, and four times as many of those that let us wait or failed last. Those that have nothing to be told give way to others."`
	AllowNetworks string        `env:"CES_EVENTS_ALLOW_NETWORKS" help:"Networks, separated by commas, of receivers that are not on the public internet, such as 10.1.0.0/16; webhooks reach no other address that is not public."`
	PlainHTTP     bool          `env:"CES_EVENTS_PLAIN_HTTP" help:"Send webhooks to http:// addresses too, where anybody on the way reads and changes them: for trials."`
	CAFile        string        `env:"CES_EVENTS_TLS_CA_FILE" help:"PEM file of certificates that are trusted for receivers besides the system's."`
}

// Bounds of Settings. An answer must be there well before a lease ends.
const (
	maxTimeout = 20 * time.Second
	maxWorkers = 1024
)

// Validate wants well-formed values.
func (s *Settings) Validate() error {
	switch {
	case s.Timeout <= 0 || s.Timeout > maxTimeout:
		return service.Invalid("CES_EVENTS_TIMEOUT", s.Timeout.String(), "a duration above zero, up to "+maxTimeout.String())
	case s.Workers < 1 || s.Workers > maxWorkers:
		return service.Invalid("CES_EVENTS_WORKERS", strconv.Itoa(s.Workers),
			"a whole number from 1 to "+strconv.Itoa(maxWorkers))
	}

	_, err := s.networks()

	return err
}

func (s *Settings) networks() ([]netip.Prefix, error) {
	if s.AllowNetworks == "" {
		return nil, nil
	}

	var networks []netip.Prefix

	for text := range strings.SplitSeq(s.AllowNetworks, ",") {
		network, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil || network != network.Masked() {
			return nil, service.Invalid("CES_EVENTS_ALLOW_NETWORKS", text, "networks such as 10.1.0.0/16")
		}

		networks = append(networks, network)
	}

	return networks, nil
}

// roots are the certificates that are trusted; nil for the system's alone.
func (s *Settings) roots() (*x509.CertPool, error) {
	if s.CAFile == "" {
		return nil, nil //nolint:nilnil // no pool is how crypto/tls names the system's
	}

	pem, err := os.ReadFile(s.CAFile)
	if err != nil {
		return nil, fmt.Errorf("CES_EVENTS_TLS_CA_FILE: %w", err)
	}

	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}

	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CES_EVENTS_TLS_CA_FILE: %s holds no certificate", s.CAFile)
	}

	return pool, nil
}

// errURL never repeats the address: it may hold a password.
var errURL = errors.New("the address must be https://host[:port][/path], without credentials and fragment")

// checkURL refuses addresses that nothing is sent to.
func checkURL(text string, plain bool) error {
	u, err := url.Parse(text)

	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Fragment != "" || u.Opaque != "":
		return errURL
	case u.Scheme == "https" || (u.Scheme == "http" && plain):
		return nil
	default:
		return errURL
	}
}
