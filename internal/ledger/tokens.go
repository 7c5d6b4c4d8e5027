package ledger

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/secret"
)

// TokenSource gives the bearer token of a request. It is safe for concurrent use.
type TokenSource interface {
	// Token is a token that is good now. It is asked for before every request and every opening of a stream.
	Token(ctx context.Context) (secret.String, error)
	// Invalidate says that the node refused the last token: the next must be a new one, if there can be one.
	Invalidate()
}

// FileTokens reads the token from a file that something else keeps fresh. The file is read for every token, so that a
// rotation is seen at once however it is done; it is small and in the page cache.
func FileTokens(path string) TokenSource { return fileTokens(path) }

type fileTokens string

// Token is the file's content without surrounding white space.
func (f fileTokens) Token(context.Context) (secret.String, error) { return secret.FromFile(string(f)) }

// Invalidate does nothing: the file is read again anyway.
func (fileTokens) Invalidate() {}

// StaticToken always gives the same token: for tests, and for networks that live on one machine.
func StaticToken(token secret.String) TokenSource { return staticToken{token} }

type staticToken struct{ token secret.String }

// Token is the token.
func (s staticToken) Token(context.Context) (secret.String, error) { return s.token, nil }

// Invalidate does nothing: there is no other token.
func (staticToken) Invalidate() {}

// ClientCredentialsConfig is an OAuth2 client-credentials grant.
type ClientCredentialsConfig struct {
	TokenURL string
	ClientID string
	Secret   secret.String
	// Audience is sent as the form parameter that most identity providers want; empty to leave it out.
	Audience string
	Scopes   []string
	// HTTPClient speaks to the identity provider; a client with a timeout of its own if nil.
	HTTPClient *http.Client
	Clock      clock.Clock
}

const (
	// tokenMargin is how much life a token must have left. Nodes allow five minutes in all by default, and an answer
	// may take as long as RequestTimeout.
	tokenMargin = 30 * time.Second
	// tokenUnknownLife is assumed for a token without expires_in: a node accepts no longer ones by default.
	tokenUnknownLife = 5 * time.Minute
	tokenTimeout     = 15 * time.Second
)

// ClientCredentials asks an identity provider for tokens and renews each before it expires.
func ClientCredentials(cfg ClientCredentialsConfig) (TokenSource, error) {
	if err := checkTokenURL(cfg.TokenURL); err != nil {
		return nil, fmt.Errorf("ledger: token URL: %w", err)
	}

	if cfg.ClientID == "" || cfg.Secret.IsZero() {
		return nil, errors.New("ledger: client credentials: a client id and a secret are needed")
	}

	if cfg.Clock == nil {
		cfg.Clock = clock.System{}
	}

	if cfg.HTTPClient == nil {
		cfg.HTTPClient = &http.Client{Timeout: tokenTimeout, CheckRedirect: refuseRedirect}
	}

	return &clientCredentials{cfg: cfg, turn: make(chan struct{}, 1)}, nil
}

// checkTokenURL never repeats the text: it may hold a password.
func checkTokenURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil {
		return errors.New("want http(s)://host/path without credentials in it")
	}

	return nil
}

type clientCredentials struct {
	cfg ClientCredentialsConfig
	// turn is a mutex that can be waited for under a context; it guards what follows.
	turn    chan struct{}
	token   secret.String
	renewAt time.Time
	expires time.Time
}

// Token is the current token, or a new one when less than half a minute of it is left. When the identity provider
// cannot be reached the current one is used as long as it lasts.
func (c *clientCredentials) Token(ctx context.Context) (secret.String, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return secret.String{}, fmt.Errorf("wait for access token: %w", ctx.Err())
	}
	defer func() { <-c.turn }()

	now := c.cfg.Clock.Now()
	if !c.token.IsZero() && now.Before(c.renewAt) {
		return c.token, nil
	}

	err := c.renew(ctx, now)
	if err != nil && !c.token.IsZero() && now.Before(c.expires) && ctx.Err() == nil {
		return c.token, nil
	}

	if err != nil {
		return secret.String{}, err
	}

	return c.token, nil
}

// Invalidate forgets the token. A renewal that is under way is newer than the refused token and is left alone.
func (c *clientCredentials) Invalidate() {
	select {
	case c.turn <- struct{}{}:
		c.token = secret.String{}
		<-c.turn
	default:
	}
}

func (c *clientCredentials) renew(ctx context.Context, now time.Time) error {
	grant := clientcredentials.Config{
		ClientID: c.cfg.ClientID, ClientSecret: c.cfg.Secret.Reveal(), TokenURL: c.cfg.TokenURL, Scopes: c.cfg.Scopes,
		AuthStyle: oauth2.AuthStyleInParams,
	}
	if c.cfg.Audience != "" {
		grant.EndpointParams = url.Values{"audience": {c.cfg.Audience}}
	}

	fresh, err := grant.Token(context.WithValue(ctx, oauth2.HTTPClient, c.cfg.HTTPClient))
	if err != nil {
		return tokenError(err)
	}

	life := tokenUnknownLife
	if fresh.ExpiresIn > 0 {
		// The provider counts from some moment after now; counting from before the request is the safe side.
		life = time.Duration(min(fresh.ExpiresIn, int64(24*time.Hour/time.Second))) * time.Second
	}

	c.token, c.expires = secret.New(fresh.AccessToken), now.Add(life)
	c.renewAt = c.expires.Add(-min(tokenMargin, life/2))

	return nil
}

// tokenError says what the identity provider said, without its body: providers echo requests, and ours hold the secret.
func tokenError(err error) error {
	if answer, ok := errors.AsType[*oauth2.RetrieveError](err); ok {
		status := 0
		if answer.Response != nil {
			status = answer.Response.StatusCode
		}

		return fmt.Errorf("identity provider answered %d %s: check client id, secret, audience and scopes",
			status, excerpt(answer.ErrorCode))
	}

	// A *url.Error holds the address but never the form.
	return fmt.Errorf("ask identity provider: %w", err)
}
