package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/memo"
)

const (
	adminVariable  = "CES_ADMIN_ADDR"
	readyTimeout   = 5 * time.Second // more than checkTimeout
	maxReadyAnswer = 16 << 10        // bytes
)

var errNoAdmin = errors.New("this program has no admin server to ask")

// askReady asks the program that runs with the same configuration whether it is ready, and prints its answer. Container
// images without a shell have nothing else for a health check.
func (o surroundings) askReady(ctx context.Context, cfg Configuration) error {
	addr, err := adminAddress(cfg)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/readyz", http.NoBody)
	if err != nil {
		return fmt.Errorf("ask whether the program is ready: %w", err)
	}

	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // no proxy: it is on this machine

	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether the program is ready: %w", err)
	}
	defer response.Body.Close()

	answer, err := io.ReadAll(io.LimitReader(response.Body, maxReadyAnswer))
	if err != nil {
		return fmt.Errorf("ask whether the program is ready: %w", err)
	}

	for line := range strings.Lines(string(answer)) { // whoever it is that listens there
		_, _ = fmt.Fprintln(o.stdout, memo.Line(strings.TrimSuffix(line, "\n")))
	}

	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("not ready: %s", response.Status)
	}

	return nil
}

// adminAddress finds where the program listens, as an address to connect to: one that listens everywhere is met here.
func adminAddress(cfg Configuration) (string, error) {
	fields, err := fieldsOf(cfg)
	if err != nil {
		return "", err
	}

	for _, f := range fields {
		if f.Name != adminVariable {
			continue
		}

		host, port, err := net.SplitHostPort(f.value.String())
		if err != nil {
			return "", fmt.Errorf("%s: %w", adminVariable, err)
		}

		if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
			host = "localhost"
		}

		return net.JoinHostPort(host, port), nil
	}

	return "", errNoAdmin
}
