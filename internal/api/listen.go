package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

const (
	headerTimeout = 5 * time.Second
	bodyTimeout   = 30 * time.Second
	writeTimeout  = 2 * time.Minute // more than the longest wait, and time for a long statement
	idleTimeout   = 2 * time.Minute
	stopTimeout   = 15 * time.Second
	headerBytes   = 32 << 10
	certificateAt = time.Second // how often files of certificates are looked at
)

// Listener serves the API on its address.
type Listener struct {
	listener net.Listener
	server   *http.Server
	handler  *Handler
}

// Listen takes the address, so that a wrong one, or a certificate that cannot be read, is an error before any work
// starts. Serve it with Run, or Close it.
func Listen(ctx context.Context, settings *Settings, handler *Handler) (*Listener, error) {
	var certificates *certificates

	if settings.CertFile != "" {
		certificates = newCertificates(settings, handler)
		if _, err := certificates.current(ctx); err != nil {
			return nil, err
		}
	}

	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", settings.Addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the API (CES_API_ADDR): %w", err)
	}

	if certificates != nil {
		listener = tls.NewListener(listener, &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetConfigForClient: certificates.forClient,
		})
	}

	return &Listener{
		listener: listener, handler: handler,
		server: &http.Server{
			Handler: handler, ReadHeaderTimeout: headerTimeout, ReadTimeout: bodyTimeout, WriteTimeout: writeTimeout,
			IdleTimeout: idleTimeout, MaxHeaderBytes: headerBytes,
			ErrorLog: slog.NewLogLogger(handler.Logger.Handler(), slog.LevelDebug), // strangers cause them at will
		},
	}, nil
}

// Addr is the address taken.
func (l *Listener) Addr() net.Addr { return l.listener.Addr() }

// Close gives the address back when Run was never called.
func (l *Listener) Close() error {
	if err := l.listener.Close(); err != nil {
		return fmt.Errorf("close the API's listener: %w", err)
	}

	return nil
}

// Run serves until ctx ends, then lets requests under way finish for a bounded time.
func (l *Listener) Run(ctx context.Context) error {
	served := make(chan error, 1)

	go func() { served <- l.server.Serve(l.listener) }()

	select {
	case err := <-served:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}

	l.handler.Drain()

	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()

	if err := l.server.Shutdown(stop); err != nil {
		_ = l.server.Close() // the requests that would not end; what they changed is whole or not there
	}

	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the API: %w", err)
	}

	return nil
}

// certificates are read from files, and again when these change.
type certificates struct {
	certFile, keyFile, clientCA string
	handler                     *Handler

	mu     sync.Mutex
	looked time.Time
	read   [3][]byte
	config *tls.Config
}

func newCertificates(settings *Settings, handler *Handler) *certificates {
	return &certificates{
		certFile: settings.CertFile, keyFile: settings.KeyFile, clientCA: settings.ClientCA, handler: handler,
	}
}

func (c *certificates) forClient(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	return c.current(hello.Context())
}

// current is what the files say. Files that are wrong, as they are while somebody changes them, leave what was before.
func (c *certificates) current(ctx context.Context) (*tls.Config, error) {
	c.mu.Lock()
	defer c.mu.Unlock()

	now := c.handler.Clock.Now()
	if c.config != nil && now.Sub(c.looked).Abs() < certificateAt {
		return c.config, nil
	}

	c.looked = now

	config, err := c.load()
	if err == nil {
		c.config = config

		return config, nil
	}

	if c.config == nil {
		return nil, err
	}

	c.handler.Logger.ErrorContext(ctx, "the API's certificate cannot be read; the one before is used on",
		slog.Any("error", err))

	return c.config, nil
}

func (c *certificates) load() (*tls.Config, error) {
	var read [3][]byte

	for i, file := range []string{c.certFile, c.keyFile, c.clientCA} {
		if file == "" {
			continue
		}

		raw, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read the API's certificate: %w", err)
		}

		read[i] = raw
	}

	if c.config != nil && bytes.Equal(read[0], c.read[0]) && bytes.Equal(read[1], c.read[1]) &&
		bytes.Equal(read[2], c.read[2]) {
		return c.config, nil
	}

	pair, err := tls.X509KeyPair(read[0], read[1])
	if err != nil {
		return nil, fmt.Errorf("CES_API_TLS_CERT_FILE and CES_API_TLS_KEY_FILE: %w", err)
	}

	config := &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, Certificates: []tls.Certificate{pair},
	}

	if c.clientCA != "" {
		config.ClientAuth, config.ClientCAs = tls.RequireAndVerifyClientCert, x509.NewCertPool()
		if !config.ClientCAs.AppendCertsFromPEM(read[2]) {
			return nil, fmt.Errorf("CES_API_CLIENT_CA_FILE: there is no certificate in it")
		}
	}

	c.read = read

	return config, nil
}
