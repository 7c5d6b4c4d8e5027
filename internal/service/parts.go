package service

import (
	"log/slog"
	"net"
	"net/url"
	"time"

	"github.com/canton-exchange/suite/internal/secret"
)

// Base is the configuration that every program has. Embed it.
type Base struct {
	LogLevel        slog.Level    `env:"CES_LOG_LEVEL"        default:"info" help:"Least level that is logged: debug, info, warn or error."`
	ShutdownTimeout time.Duration `env:"CES_SHUTDOWN_TIMEOUT" default:"20s"  help:"How long a shutdown may take before the program ends anyway."`
}

// Validate wants a time to shut down in.
func (b *Base) Validate() error {
	if b.ShutdownTimeout <= 0 {
		return Invalid("CES_SHUTDOWN_TIMEOUT", b.ShutdownTimeout.String(), "a duration above zero")
	}

	return nil
}

func (b *Base) base() *Base { return b }

// Configuration is a pointer to a struct that embeds Base.
type Configuration interface{ base() *Base }

// AdminConfig is where a service answers its operators.
type AdminConfig struct {
	Addr string `env:"CES_ADMIN_ADDR" default:"127.0.0.1:9090" help:"Address of the admin server, which serves /metrics, /livez and /readyz without credentials: keep it inside."`
}

// Validate wants host and port.
func (c *AdminConfig) Validate() error {
	if _, port, err := net.SplitHostPort(c.Addr); err != nil || port == "" {
		return Invalid("CES_ADMIN_ADDR", c.Addr, "host:port such as 127.0.0.1:9090")
	}

	return nil
}

// DatabaseConfig is the integration database.
type DatabaseConfig struct {
	URL secret.String `env:"CES_DATABASE_URL,required" help:"PostgreSQL connection URL of the integration database, such as postgres://user:password@host:5432/ces?sslmode=verify-full."`
}

// Validate wants a PostgreSQL URL, and keeps quiet about the value.
func (c *DatabaseConfig) Validate() error {
	parsed, err := url.Parse(c.URL.Reveal())
	if err != nil || (parsed.Scheme != "postgres" && parsed.Scheme != "postgresql") {
		return errDatabaseURL
	}

	return nil
}
