package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

const (
	adminHeaderTimeout = 5 * time.Second
	adminReadTimeout   = 10 * time.Second
	adminWriteTimeout  = 30 * time.Second
	adminIdleTimeout   = 60 * time.Second
	adminStopTimeout   = 5 * time.Second
	adminHeaderBytes   = 16 << 10
	maxScrapes         = 4 // metrics requests served at once
)

// Page is something more that a program serves its operators, by a pattern of http.ServeMux.
type Page struct {
	Pattern string
	Handler http.Handler
}

// Admin serves a program's operators: /metrics, /livez, /readyz, and what more pages there are.
type Admin struct {
	listener net.Listener
	server   *http.Server
}

// ListenAdmin takes the address, so that a wrong one is an error before any work starts. Serve it with Run, or Close
// it.
func ListenAdmin(
	ctx context.Context, addr string, registry *prometheus.Registry, health *Health, logger *slog.Logger, pages ...Page,
) (*Admin, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen for the admin server (CES_ADMIN_ADDR): %w", err)
	}

	return &Admin{
		listener: listener,
		server: &http.Server{
			Handler:           adminHandler(registry, health, pages),
			ReadHeaderTimeout: adminHeaderTimeout,
			ReadTimeout:       adminReadTimeout,
			WriteTimeout:      adminWriteTimeout,
			IdleTimeout:       adminIdleTimeout,
			MaxHeaderBytes:    adminHeaderBytes,
			ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		},
	}, nil
}

func adminHandler(registry *prometheus.Registry, health *Health, pages []Page) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		Registry:            registry, // counts its own errors there
		MaxRequestsInFlight: maxScrapes,
		Timeout:             adminReadTimeout,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "alive") // the client may be gone
	})
	mux.HandleFunc("GET /readyz", health.serveReady)

	for _, page := range pages {
		mux.Handle(page.Pattern, page.Handler)
	}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		mux.ServeHTTP(w, r)
	})
}

// Addr is the address taken.
func (a *Admin) Addr() net.Addr { return a.listener.Addr() }

// Close gives the address back when Run was never called.
func (a *Admin) Close() error {
	if err := a.listener.Close(); err != nil {
		return fmt.Errorf("close the admin server: %w", err)
	}

	return nil
}

// Run serves until ctx ends, then lets requests under way finish for a bounded time.
func (a *Admin) Run(ctx context.Context) error {
	served := make(chan error, 1)

	go func() { served <- a.server.Serve(a.listener) }()

	select {
	case err := <-served:
		return fmt.Errorf("serve the admin server: %w", err)
	case <-ctx.Done():
	}

	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), adminStopTimeout)
	defer cancel()

	if err := a.server.Shutdown(stop); err != nil {
		_ = a.server.Close() // the requests that would not end
	}

	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve the admin server: %w", err)
	}

	return nil
}
