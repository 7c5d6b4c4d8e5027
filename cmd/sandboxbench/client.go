package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/canton-exchange/suite/internal/strictjson"
)

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 64 << 20

var errStatus = errors.New("not the expected answer")

// call sends a body that is JSON already, and decodes the answer.
func (n *node) call(ctx context.Context, method, path string, body []byte, into any) error {
	request, err := http.NewRequestWithContext(ctx, method, n.url+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	request.Header.Set("Content-Type", "application/json")

	response, err := n.client.Do(request)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer func() { _ = response.Body.Close() }()

	raw, err := read(response)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s %s: %w: %s: %.500s", method, path, errStatus, response.Status, raw)
	}

	if into == nil {
		return nil
	}

	if err := strictjson.Decode(raw, into); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	return nil
}

// read reads an answer into memory of its length, which the node tells for all but the longest.
func read(response *http.Response) ([]byte, error) {
	var raw bytes.Buffer
	if response.ContentLength > 0 {
		raw.Grow(int(min(response.ContentLength, maxAnswer)) + bytes.MinRead)
	}

	if _, err := raw.ReadFrom(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}

	return raw.Bytes(), nil
}

// post is call with a body that is encoded first.
func (n *node) post(ctx context.Context, path string, body, into any) error {
	raw, err := strictjson.Encode(body)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}

	return n.call(ctx, http.MethodPost, path, raw, into)
}

func (n *node) get(ctx context.Context, path string, into any) error {
	return n.call(ctx, http.MethodGet, path, nil, into)
}
