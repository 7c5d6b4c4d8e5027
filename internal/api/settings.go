package api

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/service"
)

const (
	minAnswersKept = 24 * time.Hour // as the document promises
	mostAtOnce     = 10000
	mostStreams    = 100000
)

// Settings are what an operator says of the API.
type Settings struct {
	Addr      string `env:"CES_API_ADDR" default:"127.0.0.1:8080" help:"Address that the API is served on. Without a certificate it must be of this machine alone, unless CES_API_PLAIN_HTTP is set."`
	PlainHTTP bool   `env:"CES_API_PLAIN_HTTP" default:"false" help:"Serve plain HTTP on any address, because a proxy in front ends TLS: keys are sent in the clear up to there."`
	CertFile  string `env:"CES_API_TLS_CERT_FILE" help:"Certificate chain, PEM. It is read again when it changes."`
	KeyFile   string `env:"CES_API_TLS_KEY_FILE" help:"Private key of the certificate, PEM."`
	ClientCA  string `env:"CES_API_CLIENT_CA_FILE" help:"Certificates, PEM, of who issues certificates to clients: with it, a client must have one, besides its key."`

	TrustedProxies string        `env:"CES_API_TRUSTED_PROXIES" help:"Networks, separated by commas, of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8; none if not set."`
	AtOnce         int           `env:"CES_API_MAX_REQUESTS" default:"512" help:"How many requests may be under way at once, 1 to 10000; more are answered 503."`
	Streams        int           `env:"CES_API_MAX_STREAMS" default:"2000" help:"How many streams of events may be open at once, 1 to 100000; more are answered 503. They take no place of CES_API_MAX_REQUESTS."`
	StreamsOfOne   int           `env:"CES_API_MAX_STREAMS_PER_KEY" default:"50" help:"How many of them one key may have open."`
	PlainWebhooks  bool          `env:"CES_API_WEBHOOKS_PLAIN_HTTP" default:"false" help:"Let subscriptions have URLs with http: for trials alone."`
	AnswersKept    time.Duration `env:"CES_API_ANSWERS_KEPT" default:"72h" help:"How long the answer to an Idempotency-Key is kept, at least 24h."`

	OIDC OIDCSettings
}

// OIDCSettings say whose tokens are believed besides keys.
type OIDCSettings struct {
	Issuer      string  `env:"CES_API_OIDC_ISSUER" help:"Issuer of the identity provider's tokens, as their claim iss says it; without it there are only API keys."`
	Audience    string  `env:"CES_API_OIDC_AUDIENCE" help:"What the tokens must be for, as their claim aud says it."`
	JWKS        url.URL `env:"CES_API_OIDC_JWKS_URL" help:"Where the identity provider's public keys are."`
	ScopesClaim string  `env:"CES_API_OIDC_SCOPES_CLAIM" default:"scope" help:"Claim that has the scopes, as words of a text or as a list."`
	// TreasuriesClaim is empty where a token is for all treasuries.
	TreasuriesClaim string `env:"CES_API_OIDC_TREASURIES_CLAIM" help:"Claim that has the treasuries that a token is for, as words of a text or as a list of party ids; without it tokens are for all."`
	PerSecond       int    `env:"CES_API_OIDC_PER_SECOND" default:"50" help:"How many requests a second one subject may make."`
}

// Validate names the variable that the API could not live with.
func (c *Settings) Validate() error {
	host, port, err := net.SplitHostPort(c.Addr)

	switch {
	case err != nil || port == "":
		return service.Invalid("CES_API_ADDR", c.Addr, "host:port such as 127.0.0.1:8080")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("CES_API_TLS_CERT_FILE and CES_API_TLS_KEY_FILE go together: set both or none")
	case c.CertFile == "" && c.ClientCA != "":
		return errors.New("CES_API_CLIENT_CA_FILE is set without CES_API_TLS_CERT_FILE: " +
			"clients show certificates over TLS only")
	case c.CertFile == "" && !c.PlainHTTP && !isLoopback(host):
		return service.Invalid("CES_API_ADDR", c.Addr, "an address of this machine alone such as 127.0.0.1:8080, "+
			"or a certificate in CES_API_TLS_CERT_FILE: keys would be sent in the clear")
	case c.AtOnce < 1 || c.AtOnce > mostAtOnce:
		return service.Invalid("CES_API_MAX_REQUESTS", strconv.Itoa(c.AtOnce), "a whole number from 1 to 10000")
	case c.Streams < 1 || c.Streams > mostStreams:
		return service.Invalid("CES_API_MAX_STREAMS", strconv.Itoa(c.Streams), "a whole number from 1 to 100000")
	case c.StreamsOfOne < 1:
		return service.Invalid("CES_API_MAX_STREAMS_PER_KEY", strconv.Itoa(c.StreamsOfOne), "a whole number above 0")
	case c.AnswersKept < minAnswersKept:
		return service.Invalid("CES_API_ANSWERS_KEPT", c.AnswersKept.String(), "at least 24h")
	}

	_, err = c.proxies()

	return err
}

func (c *Settings) proxies() ([]netip.Prefix, error) {
	if c.TrustedProxies == "" {
		return nil, nil
	}

	texts := strings.Split(c.TrustedProxies, ",")
	for i := range texts {
		texts[i] = strings.TrimSpace(texts[i])
	}

	networks, err := ParseNetworks(texts)
	if err != nil {
		return nil, fmt.Errorf("CES_API_TRUSTED_PROXIES: %w", err)
	}

	return networks, nil
}

// Validate wants all of an identity provider, or nothing.
func (c *OIDCSettings) Validate() error {
	if c.Issuer == "" && c.Audience == "" && c.JWKS.Host == "" {
		return nil
	}

	switch {
	case c.Issuer == "" || c.Audience == "" || c.JWKS.Host == "":
		return errors.New("CES_API_OIDC_ISSUER, CES_API_OIDC_AUDIENCE and CES_API_OIDC_JWKS_URL go together: set all or none")
	case !visible(c.Issuer):
		return service.Invalid("CES_API_OIDC_ISSUER", c.Issuer, "the issuer as tokens say it, such as https://id.example.com")
	case !mayRead(c.JWKS):
		return service.Invalid("CES_API_OIDC_JWKS_URL", c.JWKS.String(), "a URL with https")
	case c.PerSecond < 1:
		return service.Invalid("CES_API_OIDC_PER_SECOND", strconv.Itoa(c.PerSecond), "a whole number above 0")
	default:
		return nil
	}
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}

	address, err := netip.ParseAddr(host)

	return err == nil && address.Unmap().IsLoopback()
}
