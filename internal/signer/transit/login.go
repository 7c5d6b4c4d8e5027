package transit

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
)

// login gives the token of a request.
type login interface {
	token(ctx context.Context) (secret.String, error)
	// renewable says whether there can be another token than the one that was refused, and forgets that one.
	renewable(ctx context.Context, refused secret.String) bool
}

type givenToken endpoint.Token

func (g givenToken) token(context.Context) (secret.String, error) {
	token, err := g()
	if err != nil {
		return secret.String{}, (&signer.Error{
			Driver: driver, Op: "read token", Cause: signer.Excerpt(err.Error()), Advice: "see the token file",
		}).Because(err)
	}

	return token, nil
}

// renewable is true when the token has been replaced meanwhile.
func (g givenToken) renewable(_ context.Context, refused secret.String) bool {
	token, err := g()

	return err == nil && token != refused
}

// AppRole logs in with a role and its secret; the token is kept for most of its life.
type AppRole struct {
	// Mount is the authentication method's path below auth/, "approle" if empty.
	Mount  string
	RoleID string
	// SecretID gives the secret of the role; read again at every login.
	SecretID endpoint.Token
	// Clock measures the token's life; the system's if nil.
	Clock clock.Clock
}

const (
	defaultAppRoleMount = "approle"
	// maxLease keeps a server from making us keep a token for ever.
	maxLease = 24 * time.Hour
	// A token is used for this part of its life: the rest is for requests under way and for clocks that run differently.
	usedLife, ofLife = 4, 5
)

type appRole struct {
	client    *endpoint.Client
	namespace string
	path      string
	role      AppRole
	// turn is a mutex that can be waited for under a context; it guards what follows.
	turn    chan struct{}
	current secret.String
	renewAt time.Time
}

func newAppRole(client *endpoint.Client, namespace string, role AppRole) (*appRole, error) {
	if role.Mount == "" {
		role.Mount = defaultAppRoleMount
	}

	mount, err := cleanPath(role.Mount)
	if err != nil {
		return nil, fmt.Errorf("signer: %s: AppRole mount: %w", driver, err)
	}

	if role.RoleID == "" || role.SecretID == nil {
		return nil, fmt.Errorf("signer: %s: AppRole: give a role id and a secret id", driver)
	}

	if role.Clock == nil {
		role.Clock = clock.System{}
	}

	return &appRole{
		client: client, namespace: namespace, path: "/v1/auth/" + mount + "/login", role: role,
		turn: make(chan struct{}, 1),
	}, nil
}

func (l *appRole) token(ctx context.Context) (secret.String, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return secret.String{}, fmt.Errorf("wait for login: %w", ctx.Err())
	}
	defer func() { <-l.turn }()

	now := l.role.Clock.Now()
	if !l.current.IsZero() && now.Before(l.renewAt) {
		return l.current, nil
	}

	token, life, err := l.login(ctx)
	if err != nil {
		return secret.String{}, err
	}

	l.current, l.renewAt = token, now.Add(life*usedLife/ofLife)

	return token, nil
}

func (l *appRole) login(ctx context.Context) (secret.String, time.Duration, error) {
	id, err := l.role.SecretID()
	if err != nil {
		return secret.String{}, 0, (&signer.Error{
			Driver: driver, Op: "read secret id", Cause: signer.Excerpt(err.Error()), Advice: "see the secret id's file",
		}).Because(err)
	}

	r := endpoint.Request{
		Op: "log in", Method: http.MethodPost, Path: l.path, Header: headers(l.namespace),
		Body: map[string]string{"role_id": l.role.RoleID, "secret_id": id.Reveal()},
	}

	a, err := l.client.Do(ctx, r)
	if err != nil {
		return secret.String{}, 0, err
	}

	if a.Status != http.StatusOK {
		return secret.String{}, 0, l.client.Refused(r, a, "see role id, secret id and the AppRole mount", id)
	}

	var answer struct {
		Auth struct {
			ClientToken   string `json:"client_token"`
			LeaseDuration int64  `json:"lease_duration"`
		} `json:"auth"`
	}
	if err := l.client.Decode(r, a, &answer); err != nil {
		return secret.String{}, 0, err
	}

	if answer.Auth.ClientToken == "" || answer.Auth.LeaseDuration < 0 {
		return secret.String{}, 0, l.client.Malformed(r, "no token in the answer")
	}

	// A lease of zero does not expire.
	life := maxLease
	if answer.Auth.LeaseDuration > 0 {
		life = time.Duration(min(answer.Auth.LeaseDuration, int64(maxLease/time.Second))) * time.Second
	}

	return secret.New(answer.Auth.ClientToken), life, nil
}

// renewable makes the next token a new one, unless another request has already.
func (l *appRole) renewable(ctx context.Context, refused secret.String) bool {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	defer func() { <-l.turn }()

	if l.current == refused {
		l.current = secret.String{}
	}

	return true
}
