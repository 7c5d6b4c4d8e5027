package jetstream

import (
	"errors"
	"io/fs"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/canton-exchange/suite/internal/broker"
)

const (
	dialTimeout  = 10 * time.Second
	pingInterval = 5 * time.Second
	maxPings     = 2
	writeBuffer  = 1 << 20
)

// options are those of a connection that does not come back: what an old one still had to send would come too late.
func (b *Broker) options() []nats.Option {
	options := []nats.Option{
		nats.Name("canton-exchange-suite events"), nats.NoReconnect(), nats.Timeout(dialTimeout),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(maxPings), nats.WriteBufferSize(writeBuffer),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			b.logger.Warn("NATS", slog.Any("error", err))
		}),
	}

	if b.tls != nil {
		options = append(options, nats.Secure(b.tls))
	}

	if token := b.settings.Token.Reveal(); token != "" {
		options = append(options, nats.Token(token))
	}

	if b.settings.Username != "" {
		options = append(options, nats.UserInfo(b.settings.Username, b.settings.Password.Reveal()))
	}

	if b.settings.CredentialsFile != "" {
		options = append(options, nats.UserCredentials(b.settings.CredentialsFile))
	}

	return options
}

// explain says what it means that there is no connection, as far as that is known.
func explain(err error) error {
	means := broker.ExplainTLS(err, "CES_EVENTS_NATS_CA", "CES_EVENTS_NATS_CERT")

	switch {
	case means != "":
	case errors.Is(err, nats.ErrAuthorization):
		means = "NATS does not take the token, the password or the credentials that are set, or wants one and none is set"
	case errors.Is(err, nats.ErrAuthExpired), errors.Is(err, nats.ErrAccountAuthExpired),
		errors.Is(err, nats.ErrAuthRevoked):
		means = "the credentials of CES_EVENTS_NATS_CREDENTIALS count no more: make new ones"
	case errors.Is(err, nats.ErrSecureConnWanted):
		means = "TLS is set here, and the server has none"
	case errors.Is(err, nats.ErrTLS):
		means = "the server may not take our certificate: see CES_EVENTS_NATS_CERT"
	case errors.Is(err, fs.ErrNotExist):
		means = "see CES_EVENTS_NATS_CREDENTIALS"
	}

	return broker.Explain(err, means)
}
