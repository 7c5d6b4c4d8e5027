package registry

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
)

// Defaults and bounds of the configuration.
const (
	DefaultRequestTimeout = 10 * time.Second
	// DefaultMaxAnswer is many times the context of a Canton Coin transfer.
	DefaultMaxAnswer    = 4 << 20
	DefaultMaxDisclosed = 100
	DefaultCacheFor     = time.Minute

	minMaxAnswer = 1 << 10
	maxMaxAnswer = 64 << 20
	maxDisclosed = 10_000
	maxCacheFor  = time.Hour
	maxRounds    = 100
)

// Config says where registries are. New checks it.
type Config struct {
	// Registries are the admins whose tokens we deal in, each once.
	Registries []Registry
	// RequestTimeout bounds one HTTP request with its answer.
	RequestTimeout time.Duration
	// MaxAnswer bounds one answer, in bytes after decompression, and MaxDisclosed the contracts in it.
	MaxAnswer    int64
	MaxDisclosed int
	// CacheFor is how long metadata is taken as it was, so that a pause may be seen that much later; negative for not
	// at all. Contexts are never kept.
	CacheFor time.Duration
	// Retry is how patiently endpoints are asked; DefaultRetry() if zero.
	Retry Retry
	// Clock is the system's if nil, Logger discards if nil.
	Clock  clock.Clock
	Logger *slog.Logger
}

// Registry is where the tokens of one admin are described.
type Registry struct {
	Admin ident.Party
	// Endpoints serve the same registry, the preferred one first.
	Endpoints []Endpoint
	// Spread begins every call at another endpoint, for public scans of which none is better than the others.
	Spread bool
	// Paths are StandardPaths() where empty.
	Paths Paths
}

// Endpoint is one place where a registry is served.
type Endpoint struct {
	// URL is what comes before /registry, and may end in that too: http or https, a host, perhaps a path in which
	// {admin} stands for the admin's party id.
	URL string
	// Tokens gives the bearer tokens, as a validator's scan-proxy wants them; nil where the registry is open, as the
	// standard means it.
	Tokens TokenSource
	// TLS is whom to trust and who we are; the system's roots and nobody if nil.
	TLS *tls.Config
}

// TokenSource gives the bearer token of a request. It is safe for concurrent use.
type TokenSource interface {
	// Token is a token that is good now. It is asked for before every request.
	Token(ctx context.Context) (secret.String, error)
	// Invalidate says that the last token was refused: the next must be a new one, if there can be one.
	Invalidate()
}

// Paths are the paths of a registry's calls, after Endpoint.URL. {admin} and, where it makes sense, {instrument} or
// {instruction} stand for what is asked about.
type Paths struct {
	Info, Instruments, Instrument string
	TransferFactory               string
	Accept, Reject, Withdraw      string
}

// StandardPaths are the published ones.
func StandardPaths() Paths {
	const metadata, transfer = "/registry/metadata/v1", "/registry/transfer-instruction/v1"

	return Paths{
		Info: metadata + "/info", Instruments: metadata + "/instruments",
		Instrument:      metadata + "/instruments/{instrument}",
		TransferFactory: transfer + "/transfer-factory",
		Accept:          transfer + "/{instruction}/choice-contexts/accept",
		Reject:          transfer + "/{instruction}/choice-contexts/reject",
		Withdraw:        transfer + "/{instruction}/choice-contexts/withdraw",
	}
}

// Retry is how often and how patiently endpoints are asked. Within a round each is asked once, without a pause.
type Retry struct {
	Rounds int
	// Initial is the pause after the first round and Max the longest; each is spread by half around its value. A
	// registry that asks for more than Max is not waited for: the caller is told.
	Initial, Max time.Duration
}

// DefaultRetry rides out a hiccup. A withdrawal has its own patience, in the database.
func DefaultRetry() Retry {
	const rounds, initial, longest = 3, 200 * time.Millisecond, 2 * time.Second

	return Retry{Rounds: rounds, Initial: initial, Max: longest}
}

func (c *Config) setDefaults() {
	if c.RequestTimeout == 0 {
		c.RequestTimeout = DefaultRequestTimeout
	}

	if c.MaxAnswer == 0 {
		c.MaxAnswer = DefaultMaxAnswer
	}

	if c.MaxDisclosed == 0 {
		c.MaxDisclosed = DefaultMaxDisclosed
	}

	if c.CacheFor == 0 {
		c.CacheFor = DefaultCacheFor
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

func (c *Config) validate() error {
	switch {
	case c.RequestTimeout < 0:
		return errors.New("registry: the request timeout must be positive")
	case c.MaxAnswer < minMaxAnswer || c.MaxAnswer > maxMaxAnswer:
		return fmt.Errorf("registry: MaxAnswer must be between %d and %d", minMaxAnswer, maxMaxAnswer)
	case c.MaxDisclosed < 1 || c.MaxDisclosed > maxDisclosed:
		return fmt.Errorf("registry: MaxDisclosed must be between 1 and %d", maxDisclosed)
	case c.CacheFor > maxCacheFor:
		return fmt.Errorf("registry: CacheFor must be at most %s", maxCacheFor)
	case c.Retry.Rounds < 1 || c.Retry.Rounds > maxRounds || c.Retry.Initial <= 0 || c.Retry.Max < c.Retry.Initial:
		return fmt.Errorf("registry: retry: want 1 to %d rounds and pauses above 0, Max not below Initial", maxRounds)
	default:
		return nil
	}
}

// complete fills in the standard's paths and checks them all.
func (p Paths) complete() (Paths, error) {
	standard := StandardPaths()

	for _, path := range []struct {
		own      *string
		standard string
		about    string
	}{
		{&p.Info, standard.Info, ""}, {&p.Instruments, standard.Instruments, ""},
		{&p.Instrument, standard.Instrument, holeInstrument}, {&p.TransferFactory, standard.TransferFactory, ""},
		{&p.Accept, standard.Accept, holeInstruction}, {&p.Reject, standard.Reject, holeInstruction},
		{&p.Withdraw, standard.Withdraw, holeInstruction},
	} {
		if *path.own == "" {
			*path.own = path.standard
		}

		plain := strings.ReplaceAll(*path.own, holeAdmin, "x")
		if path.about != "" {
			plain = strings.ReplaceAll(plain, path.about, "x")
		}

		u, err := url.Parse(plain)
		if err != nil || !strings.HasPrefix(plain, "/") || strings.HasPrefix(plain, "//") ||
			strings.ContainsAny(plain, "{}?#") || u.Host != "" || !strings.Contains(*path.own, path.about) {
			return p, fmt.Errorf("path %q: want /path%s without query", *path.own, path.about)
		}
	}

	return p, nil
}

// Holes in URLs and paths.
const (
	holeAdmin       = "{admin}"
	holeInstrument  = "{instrument}"
	holeInstruction = "{instruction}"
)

// baseURL never repeats the text in an error: it may hold a password.
func baseURL(text string, admin ident.Party) (*url.URL, error) {
	text = strings.NewReplacer(holeAdmin, escaped(string(admin)), string(admin), escaped(string(admin))).Replace(text)
	u, err := url.Parse(strings.TrimRight(text, "/"))

	switch {
	case err != nil:
		return nil, errors.New("not a URL")
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "":
		return nil, errors.New("want http(s)://host[:port][/prefix]")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return nil, errors.New("no credentials, query or fragment may be in it")
	default:
		return u, nil
	}
}

// join puts a path after a base that may end in the path's first segment.
func join(base, path string) string {
	const root = "/registry"

	if strings.HasPrefix(path, root+"/") || path == pathAmuletRules || path == pathRounds {
		base = strings.TrimSuffix(base, root)
	}

	return base + path
}

// escaped makes one segment of a path of any text, with every character escaped that a registry or a proxy might
// take for something else; a party's colons are among them.
func escaped(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }
