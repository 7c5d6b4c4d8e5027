package broker_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/broker/jetstream"
	"github.com/canton-exchange/suite/internal/secret"
)

// The secrets that must not be shown.
const (
	rightSecret = "the-right-secret-of-the-test"
	wrongSecret = "a-wrong-secret-of-the-test"
)

// guarded is a server that does not take everybody.
func guarded(t *testing.T, o *natsserver.Options) jetstream.Settings {
	t.Helper()

	o.Host, o.Port, o.NoSigs, o.NoLog, o.JetStream, o.StoreDir = "127.0.0.1", natsserver.RANDOM_PORT, true, true, true, t.TempDir()

	s, err := natsserver.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(s.Shutdown)
	require.True(t, s.ReadyForConnections(patience))

	set := settings("", "")
	set.URL, set.Token, set.EmbeddedAddr = s.ClientURL(), secret.String{}, "127.0.0.1:0"

	return set
}

// openGuarded opens as the program would, and publishes.
func openGuarded(t *testing.T, s jetstream.Settings) error {
	t.Helper()
	require.NoError(t, s.Validate())

	b, err := jetstream.New(s, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}

	sink, err := b.Open(t.Context(), party)
	if err != nil {
		return err
	}
	defer sink.Close()

	require.NoError(t, publish(t, sink, message(1, "a")))

	has, err := sink.Last(t.Context())
	require.NoError(t, err)
	require.Equal(t, at(message(1, "a")), has)

	return nil
}

// login is a server, and what is set for it. says is what the error says; it is none where that is empty.
type login struct {
	server func(*testing.T) jetstream.Settings
	set    func(*jetstream.Settings)
	says   string
}

func requireLogins(t *testing.T, logins map[string]login) {
	t.Helper()

	for name, l := range logins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := l.server(t)
			l.set(&s)

			err := openGuarded(t, s)
			if l.says == "" {
				require.NoError(t, err)

				return
			}

			require.ErrorContains(t, err, l.says)
			require.NotContains(t, err.Error(), rightSecret)
			require.NotContains(t, err.Error(), wrongSecret)
		})
	}
}

func TestNATSOverTLS(t *testing.T) {
	t.Parallel()

	ours, others := newAuthority(t), newAuthority(t)
	soon, before := time.Now().Add(time.Hour), time.Now().Add(-time.Minute)
	certFile, keyFile := ours.issue(t, leaf("127.0.0.1", soon))
	othersCert, othersKey := others.issue(t, leaf("127.0.0.1", soon))

	server := func(address string, until time.Time, clients bool) func(*testing.T) jetstream.Settings {
		return func(t *testing.T) jetstream.Settings {
			t.Helper()

			s := guarded(t, &natsserver.Options{
				TLS: true, TLSConfig: ours.server(t, leaf(address, until), clients), TLSVerify: clients, TLSTimeout: patience.Seconds(),
			})
			s.CAFile = ours.file

			return s
		}
	}
	plain := func(t *testing.T) jetstream.Settings { t.Helper(); return guarded(t, &natsserver.Options{}) }

	requireLogins(t, map[string]login{
		"trusted":         {server("127.0.0.1", soon, false), func(*jetstream.Settings) {}, ""},
		"not trusted":     {server("127.0.0.1", soon, false), func(s *jetstream.Settings) { s.CAFile = "" }, "CES_EVENTS_NATS_CA names"},
		"another's":       {server("127.0.0.1", soon, false), func(s *jetstream.Settings) { s.CAFile = others.file }, "CES_EVENTS_NATS_CA names"},
		"another address": {server("127.0.0.2", soon, false), func(*jetstream.Settings) {}, "another address"},
		"run out":         {server("127.0.0.1", before, false), func(*jetstream.Settings) {}, "run out"},
		"no TLS":          {plain, func(s *jetstream.Settings) { s.CAFile = ours.file }, "the server has none"},
		"no CA":           {plain, func(s *jetstream.Settings) { s.CAFile = keyFile }, "has no certificate"},
		"a certificate": {server("127.0.0.1", soon, true), func(s *jetstream.Settings) {
			s.CertFile, s.KeyFile = certFile, keyFile
		}, ""},
		"no certificate": {server("127.0.0.1", soon, true), func(*jetstream.Settings) {}, "CES_EVENTS_NATS_CERT"},
		"another's certificate": {server("127.0.0.1", soon, true), func(s *jetstream.Settings) {
			s.CertFile, s.KeyFile = othersCert, othersKey
		}, "CES_EVENTS_NATS_CERT"},
		"another's key": {plain, func(s *jetstream.Settings) { s.CertFile, s.KeyFile = certFile, othersKey }, "our certificate"},
	})
}

func TestNATSLogins(t *testing.T) {
	t.Parallel()

	byToken := func(t *testing.T) jetstream.Settings {
		t.Helper()

		return guarded(t, &natsserver.Options{Authorization: rightSecret})
	}
	byPassword := func(t *testing.T) jetstream.Settings {
		t.Helper()

		return guarded(t, &natsserver.Options{Username: "suite", Password: rightSecret})
	}
	password := func(password string) func(*jetstream.Settings) {
		return func(s *jetstream.Settings) { s.Username, s.Password = "suite", secret.New(password) }
	}

	accounts := newAccounts(t)
	refusedByNATS := "NATS does not take"

	requireLogins(t, map[string]login{
		"token":          {byToken, func(s *jetstream.Settings) { s.Token = secret.New(rightSecret) }, ""},
		"wrong token":    {byToken, func(s *jetstream.Settings) { s.Token = secret.New(wrongSecret) }, refusedByNATS},
		"no token":       {byToken, func(*jetstream.Settings) {}, refusedByNATS},
		"password":       {byPassword, password(rightSecret), ""},
		"wrong password": {byPassword, password(wrongSecret), refusedByNATS},
		"credentials":    {accounts.server, func(s *jetstream.Settings) { s.CredentialsFile = accounts.user(t, time.Hour) }, ""},
		"credentials that ran out": {accounts.server, func(s *jetstream.Settings) {
			s.CredentialsFile = accounts.user(t, -time.Hour)
		}, "NATS"},
		"credentials of others": {accounts.server, func(s *jetstream.Settings) {
			s.CredentialsFile = newAccounts(t).user(t, time.Hour)
		}, refusedByNATS},
		"no file": {accounts.server, func(s *jetstream.Settings) {
			s.CredentialsFile = "/nowhere/suite.creds"
		}, "see CES_EVENTS_NATS_CREDENTIALS"},
	})
}

// accounts are those of an operator of NATS, whose users log in by credentials.
type accounts struct {
	operator        *jwt.OperatorClaims
	system, account nkeys.KeyPair
	claims          map[string]string // of the accounts, by their keys
}

func newAccounts(t *testing.T) *accounts {
	t.Helper()

	operator, operatorKey := key(t, nkeys.CreateOperator)
	a := &accounts{operator: jwt.NewOperatorClaims(operatorKey), claims: map[string]string{}}

	for _, account := range []*nkeys.KeyPair{&a.system, &a.account} {
		var public string

		*account, public = key(t, nkeys.CreateAccount)
		claims := jwt.NewAccountClaims(public)

		if account == &a.account {
			claims.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: jwt.NoLimit, MemoryStorage: jwt.NoLimit, Streams: jwt.NoLimit, Consumer: jwt.NoLimit}
		} else {
			a.operator.SystemAccount = public
		}

		text, err := claims.Encode(operator)
		require.NoError(t, err)

		a.claims[public] = text
	}

	_, err := a.operator.Encode(operator)
	require.NoError(t, err)

	return a
}

func key(t *testing.T, create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
	t.Helper()

	pair, err := create()
	require.NoError(t, err)
	public, err = pair.PublicKey()
	require.NoError(t, err)

	return pair, public
}

func (a *accounts) server(t *testing.T) jetstream.Settings {
	t.Helper()

	resolver := &natsserver.MemAccResolver{}
	for account, claims := range a.claims {
		require.NoError(t, resolver.Store(account, claims))
	}

	return guarded(t, &natsserver.Options{
		TrustedOperators: []*jwt.OperatorClaims{a.operator}, SystemAccount: a.operator.SystemAccount, AccountResolver: resolver,
	})
}

// user is a new user's file of credentials.
func (a *accounts) user(t *testing.T, lasts time.Duration) string {
	t.Helper()

	user, public := key(t, nkeys.CreateUser)
	claims := jwt.NewUserClaims(public)
	claims.Expires = time.Now().Add(lasts).Unix()

	text, err := claims.Encode(a.account)
	require.NoError(t, err)
	seed, err := user.Seed()
	require.NoError(t, err)
	credentials, err := jwt.FormatUserConfig(text, seed)
	require.NoError(t, err)

	file := filepath.Join(t.TempDir(), "suite.creds")
	require.NoError(t, os.WriteFile(file, credentials, 0o600))

	return file
}

// TestRightsThatNATSMustGive are few. What it holds is asked of the stream's leader, where the stream allows to ask any
// replica too, as one does that is made by NATS' own command: one that is behind would say that it has no such message.
func TestRightsThatNATSMustGive(t *testing.T) {
	t.Parallel()

	operator := &natsserver.User{Username: "operator", Password: rightSecret}
	suite := &natsserver.User{Username: "suite", Password: rightSecret, Permissions: &natsserver.Permissions{
		Publish:   &natsserver.SubjectPermission{Allow: []string{"ces.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*"}},
		Subscribe: &natsserver.SubjectPermission{Allow: []string{"_INBOX.>"}},
	}}

	s := guarded(t, &natsserver.Options{Users: []*natsserver.User{operator, suite}})
	s.Username, s.Password, s.Create = operator.Username, secret.New(rightSecret), false
	makeStream(t, s, party, 1)

	s.Username = suite.Username
	require.NoError(t, openGuarded(t, s))
}
