package jetstream

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/canton-exchange/suite/internal/secret"
)

const (
	embeddedMemory      = 64 << 20 // for streams in memory, of which we make none
	embeddedConnections = 256
	embeddedPending     = 64 << 20
	startTimeout        = 30 * time.Second
	tokenFile           = "token"
	ownerOnly           = 0o700
	ownerReads          = 0o600
)

// Embedded is a NATS server inside this program, for a trial. It keeps its streams on disk, within bounds.
type Embedded struct{ server *server.Server }

// StartEmbedded starts the server, and gives the settings by which it is reached.
func StartEmbedded(ctx context.Context, s Settings, logger *slog.Logger) (*Embedded, Settings, error) {
	if err := os.MkdirAll(s.Embedded, ownerOnly); err != nil {
		return nil, s, fmt.Errorf("make the directory of the embedded NATS server: %w", err)
	}

	token, err := s.embeddedToken(ctx, logger)
	if err != nil {
		return nil, s, err
	}

	host, text, err := net.SplitHostPort(s.EmbeddedAddr)
	if err != nil {
		return nil, s, fmt.Errorf("address of the embedded NATS server: %w", err)
	}

	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, s, fmt.Errorf("port of the embedded NATS server: %w", err)
	}

	if port == 0 {
		port = server.RANDOM_PORT
	}

	embedded, err := server.NewServer(&server.Options{
		ServerName: "canton-exchange-suite", Host: host, Port: port, Authorization: token.Reveal(), NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: s.Embedded, JetStreamMaxMemory: embeddedMemory, JetStreamMaxStore: s.EmbeddedDisk,
		MaxConn: embeddedConnections, MaxPending: embeddedPending,
	})
	if err != nil {
		return nil, s, fmt.Errorf("start the embedded NATS server: %w", err)
	}

	embedded.Start()

	e := &Embedded{server: embedded}
	if !embedded.ReadyForConnections(startTimeout) || !embedded.JetStreamEnabled() {
		e.Stop()

		return nil, s, errors.New("the embedded NATS server does not start: is its address free, and its directory its own?")
	}

	s.URL, s.Token, s.Create, s.Replicas = embedded.ClientURL(), token, true, 1

	return e, s, nil
}

// embeddedToken is what clients must know: the one that is set, or one that is made once and kept beside the streams.
func (c *Settings) embeddedToken(ctx context.Context, logger *slog.Logger) (secret.String, error) {
	if c.Token.Reveal() != "" {
		return c.Token, nil
	}

	path := filepath.Join(c.Embedded, tokenFile)

	token, err := secret.FromFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		token = secret.New(rand.Text())
		err = os.WriteFile(path, []byte(token.Reveal()+"\n"), ownerReads)
	}

	if err != nil {
		return secret.String{}, fmt.Errorf("token of the embedded NATS server: %w", err)
	}

	logger.InfoContext(ctx, "clients of the embedded NATS server need the token in a file", slog.String("file", path))

	return token, nil
}

// Stop ends the server, once what it took is on disk.
func (e *Embedded) Stop() {
	e.server.Shutdown()
	e.server.WaitForShutdown()
}
