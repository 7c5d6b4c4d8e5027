package api

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
)

// failing is what the generated server writes its answers to: it takes an error instead of one.
type failing interface{ fail(err error) }

// fail gives an operation's error to who will tell it.
func fail(w http.ResponseWriter, err error) {
	if f, ok := w.(failing); ok {
		f.fail(err)
	}
}

// answer goes to the caller as it is written.
type answer struct {
	http.ResponseWriter

	status int
	size   int64
	err    error
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
		a.ResponseWriter.WriteHeader(status)
	}
}

// Write implements http.ResponseWriter.
func (a *answer) Write(part []byte) (int, error) {
	a.WriteHeader(http.StatusOK)

	n, err := a.ResponseWriter.Write(part)
	a.size += int64(n)

	return n, err //nolint:wrapcheck // as it came
}

func (a *answer) fail(err error) { a.err = err }

// recorded is an answer that is not given yet.
type recorded struct {
	header http.Header
	status int
	body   []byte
	err    error
}

// Header implements http.ResponseWriter.
func (a *recorded) Header() http.Header { return a.header }

// WriteHeader implements http.ResponseWriter.
func (a *recorded) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

// Write implements http.ResponseWriter.
func (a *recorded) Write(part []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, part...)

	return len(part), nil
}

func (a *recorded) fail(err error) { a.err = err }

// write gives it.
func (a *recorded) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the caller may be gone
}

const tagSize = 16

// tag is the ETag of what is answered.
func (a *recorded) tag() string {
	hash := sha256.Sum256(a.body)

	return `"` + hex.EncodeToString(hash[:tagSize]) + `"`
}
