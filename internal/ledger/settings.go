package ledger

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/secret"
)

// Settings are the environment variables of every program that talks to a validator node.
type Settings struct {
	URL             string        `env:"CES_LEDGER_URL" help:"Base URL of the validator node's JSON Ledger API, what comes before /v2, such as https://validator.example/api/json-api. Required by all that talks to the node: not by -replay."`
	TokenFile       string        `env:"CES_LEDGER_TOKEN_FILE" help:"File with the bearer token. It is read again for every request, so it can be rotated."`
	TokenURL        string        `env:"CES_LEDGER_TOKEN_URL" help:"Token endpoint of the identity provider, for OAuth2 client credentials instead of a token file."`
	ClientID        string        `env:"CES_LEDGER_CLIENT_ID" help:"OAuth2 client id."`
	ClientSecret    secret.String `env:"CES_LEDGER_CLIENT_SECRET" help:"OAuth2 client secret."`
	Audience        string        `env:"CES_LEDGER_AUDIENCE" help:"Audience to ask a token for."`
	Scope           string        `env:"CES_LEDGER_SCOPE" help:"Scope to ask a token for."`
	CAFile          string        `env:"CES_LEDGER_CA_FILE" help:"PEM file of the certificates that alone are trusted for the node; the system's if not set."`
	CertificateFile string        `env:"CES_LEDGER_CERT_FILE" help:"PEM file of our certificate for mutual TLS."`
	KeyFile         string        `env:"CES_LEDGER_KEY_FILE" help:"PEM file of that certificate's key."`
	Timeout         time.Duration `env:"CES_LEDGER_TIMEOUT" default:"20s" help:"How long one request to the node may take."`
	MaxMessage      int64         `env:"CES_LEDGER_MAX_MESSAGE" default:"67108864" help:"Largest answer or stream message accepted from the node, in bytes."`
	Shape           string        `env:"CES_LEDGER_SHAPE" default:"auto" help:"How updates are asked for: auto, ledger-effects (/v2/updates) or trees (/v2/updates/trees, for nodes that refuse the other)."`
}

// ErrNoURL means that a program which needs the node was not told where it is.
var ErrNoURL = errors.New("CES_LEDGER_URL is not set: it says where the validator node's JSON Ledger API is")

const shapeAuto = "auto"

// Validate wants well-formed values, and one way to get a token, whole, or none. Its errors name the variable. That the
// URL is missing is not one of them: a program may have other things to do.
func (s *Settings) Validate() error {
	if s.URL != "" {
		if _, err := baseURL(s.URL); err != nil {
			return fmt.Errorf("CES_LEDGER_URL: %w", err)
		}
	}

	switch {
	case s.Timeout <= 0:
		return fmt.Errorf("CES_LEDGER_TIMEOUT: %s: want a duration above zero", s.Timeout)
	case s.MaxMessage < minMaxMessage, s.MaxMessage > maxMaxMessage:
		return fmt.Errorf("CES_LEDGER_MAX_MESSAGE: %d: want %d to %d bytes", s.MaxMessage, minMaxMessage, maxMaxMessage)
	case s.Shape != shapeAuto && Shape(s.Shape) != ShapeLedgerEffects && Shape(s.Shape) != ShapeTrees:
		return fmt.Errorf("CES_LEDGER_SHAPE: want %s, %s or %s", shapeAuto, ShapeLedgerEffects, ShapeTrees)
	case (s.CertificateFile == "") != (s.KeyFile == ""):
		return errors.New("CES_LEDGER_CERT_FILE and CES_LEDGER_KEY_FILE belong together: set both or none")
	default:
		return s.validateTokens()
	}
}

func (s *Settings) validateTokens() error {
	oauth := s.TokenURL != "" || s.ClientID != "" || !s.ClientSecret.IsZero()

	switch {
	case !oauth:
		return nil
	case s.TokenFile != "":
		return errors.New("CES_LEDGER_TOKEN_FILE and CES_LEDGER_TOKEN_URL are two ways to get a token: set one")
	case s.TokenURL == "" || s.ClientID == "" || s.ClientSecret.IsZero():
		return errors.New("client credentials need CES_LEDGER_TOKEN_URL, CES_LEDGER_CLIENT_ID and " +
			"CES_LEDGER_CLIENT_SECRET (or CES_LEDGER_CLIENT_SECRET_FILE)")
	}

	if err := checkTokenURL(s.TokenURL); err != nil {
		return fmt.Errorf("CES_LEDGER_TOKEN_URL: %w", err)
	}

	return nil
}

// Client makes a client of the settings, without a call to the node. An error is the operator's: it names the variable.
func (s *Settings) Client(log *slog.Logger) (*Client, error) {
	if s.URL == "" {
		return nil, ErrNoURL
	}

	if err := s.Validate(); err != nil {
		return nil, err
	}

	trust := TLS{CAFile: s.CAFile, CertFile: s.CertificateFile, KeyFile: s.KeyFile}

	if _, err := trust.roots(); err != nil {
		return nil, fmt.Errorf("CES_LEDGER_CA_FILE: %w", err)
	}

	if trust.CertFile != "" {
		if _, err := trust.certificate(); err != nil {
			return nil, fmt.Errorf("CES_LEDGER_CERT_FILE, CES_LEDGER_KEY_FILE: %w", err)
		}
	}

	tokens, err := s.tokens()
	if err != nil {
		return nil, err
	}

	config := Config{
		URL: s.URL, Tokens: tokens, TLS: trust,
		RequestTimeout: s.Timeout, MaxMessage: s.MaxMessage, Clock: clock.System{}, Logger: log,
	}
	if s.Shape != shapeAuto {
		config.Shape = Shape(s.Shape)
	}

	return New(config)
}

// TokenSource gives the node's access tokens to what stands behind the same door, such as a validator's scan-proxy; nil
// where none are configured.
func (s *Settings) TokenSource() (TokenSource, error) { return s.tokens() }

func (s *Settings) tokens() (TokenSource, error) {
	switch {
	case s.TokenFile != "":
		return FileTokens(s.TokenFile), nil
	case s.TokenURL == "":
		return nil, nil //nolint:nilnil // no token source is a choice: a node on the same machine may ask for none
	}

	config := ClientCredentialsConfig{
		TokenURL: s.TokenURL, ClientID: s.ClientID, Secret: s.ClientSecret, Audience: s.Audience, Clock: clock.System{},
	}
	if s.Scope != "" {
		config.Scopes = []string{s.Scope}
	}

	return ClientCredentials(config)
}
