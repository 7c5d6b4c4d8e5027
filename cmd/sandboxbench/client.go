package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"

	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	maxAnswer  = 64 << 20 // bytes
	bufferSize = 64 << 10
)

var errStatus = errors.New("not the expected answer")

// connection is one connection to a node, for one goroutine. It sends a request and waits for the answer: a client with
// a pool and goroutines of its own would take more of the processor than it leaves to what is measured.
type connection struct {
	base   *url.URL
	conn   net.Conn
	reader *bufio.Reader
	writer *bufio.Writer
}

func (n *node) connect(ctx context.Context) (*connection, error) {
	base, err := url.Parse(n.url)
	if err != nil {
		return nil, fmt.Errorf("address of the node: %w", err)
	}

	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", base.Host)
	if err != nil {
		return nil, fmt.Errorf("connect to the node: %w", err)
	}

	return &connection{
		base: base, conn: conn,
		reader: bufio.NewReaderSize(conn, bufferSize), writer: bufio.NewWriterSize(conn, bufferSize),
	}, nil
}

func (c *connection) close() { _ = c.conn.Close() }

// call sends a body that is JSON already, and decodes the answer.
func (c *connection) call(ctx context.Context, method, path string, body []byte, into any) error {
	raw, err := c.exchange(ctx, method, path, body)
	if err == nil && into != nil {
		err = strictjson.Decode(raw, into)
	}

	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}

	return nil
}

func (c *connection) exchange(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, c.base.String()+path, bytes.NewReader(body))
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller says what was called
	}

	request.Header.Set("Content-Type", "application/json")

	if err := errors.Join(request.Write(c.writer), c.writer.Flush()); err != nil {
		return nil, err
	}

	response, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return nil, err //nolint:wrapcheck // the same
	}
	defer func() { _ = response.Body.Close() }()

	var raw bytes.Buffer
	if response.ContentLength > 0 {
		raw.Grow(int(min(response.ContentLength, maxAnswer)) + bytes.MinRead)
	}

	if _, err := raw.ReadFrom(io.LimitReader(response.Body, maxAnswer)); err != nil {
		return nil, err //nolint:wrapcheck // the same
	}

	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%w: %s: %.500s", errStatus, response.Status, raw.Bytes())
	}

	return raw.Bytes(), nil
}

// post is call with a body that is encoded first.
func (c *connection) post(ctx context.Context, path string, body, into any) error {
	raw, err := strictjson.Encode(body)
	if err != nil {
		return fmt.Errorf("POST %s: %w", path, err)
	}

	return c.call(ctx, http.MethodPost, path, raw, into)
}

func (c *connection) get(ctx context.Context, path string, into any) error {
	return c.call(ctx, http.MethodGet, path, nil, into)
}
