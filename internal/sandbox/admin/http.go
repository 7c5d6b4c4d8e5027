package admin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// maxBody bounds a request's JSON. A user with the most rights and annotations fits.
const maxBody = 1 << 20

// obj is a JSON object of an answer.
type obj = map[string]any

// serve makes a handler of what answers JSON.
func (a *Admin) serve(endpoint func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := endpoint(r)
		if err != nil {
			a.fail(w, r, err)

			return
		}

		a.answer(w, r, value)
	}
}

// answer writes an answer without escaping what needs no escape.
func (a *Admin) answer(w http.ResponseWriter, r *http.Request, value any) {
	var buf bytes.Buffer

	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(value); err != nil {
		a.fail(w, r, err)

		return
	}

	a.write(w, r, "application/json", bytes.TrimRight(buf.Bytes(), "\n"))
}

func (a *Admin) write(w http.ResponseWriter, r *http.Request, contentType string, raw []byte) {
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(http.StatusOK)

	if _, err := w.Write(raw); err != nil {
		a.cfg.Logger.DebugContext(r.Context(), "write answer", slog.Any("error", err))
	}
}

// Errors of a request that a node refuses in plain text, before it looks at what it means.
var (
	errBody     = errors.New("Invalid value for: body")            //nolint:staticcheck // the node's wording
	errQuery    = errors.New("Invalid value for: query parameter") //nolint:staticcheck // the same
	errPath     = errors.New("Invalid value for: path parameter")  //nolint:staticcheck // the same
	errTooLarge = errors.New("The request content was too large")  //nolint:staticcheck // the same
)

// fail answers an error: as the ledger API words it, or in plain text where a node does.
func (a *Admin) fail(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, errTooLarge):
		http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)

		return
	case errors.Is(err, errBody), errors.Is(err, errQuery), errors.Is(err, errPath):
		http.Error(w, err.Error(), http.StatusBadRequest)

		return
	}

	if _, known := cantonerr.As(err); !known {
		a.cfg.Logger.ErrorContext(r.Context(), "node administration request", slog.Any("error", err))
	}

	if err := cantonerr.Write(w, err); err != nil {
		a.cfg.Logger.DebugContext(r.Context(), "write error answer", slog.Any("error", err))
	}
}

// readBody reads a whole body of at most limit bytes.
func readBody(r *http.Request, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, limit+1))

	switch {
	case err != nil:
		return nil, errBody
	case int64(len(raw)) > limit:
		return nil, errTooLarge
	default:
		return raw, nil
	}
}

// decode reads a request the tolerant way a node does: unknown members are ignored.
func decode(r *http.Request, into any) error {
	raw, err := readBody(r, maxBody)
	if err != nil {
		return err
	}

	if err := json.Unmarshal(raw, into); err != nil {
		return errBody
	}

	return nil
}

// pathParam is a path parameter without its escapes. The router matches the escaped path when there is one.
func pathParam(r *http.Request, name string) (string, error) {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value, nil
	}

	plain, err := url.PathUnescape(value)
	if err != nil {
		return "", errPath
	}

	return plain, nil
}

// page is which part of a list is asked for.
type page struct {
	size  int
	after string // the last element of the page before
}

// parsePage checks a page; its token is the last element in base64.
func parsePage(size int, token string, most int) (page, error) {
	if size < 0 {
		return page{}, cantonerr.Argument("page size %d is negative", size)
	}

	if size == 0 || size > most {
		size = most
	}

	after, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(token) > maxBody {
		return page{}, cantonerr.Argument("page token is not one that was given out")
	}

	return page{size: size, after: string(after)}, nil
}

func pageToken(last string) string { return base64.RawURLEncoding.EncodeToString([]byte(last)) }

func queryPage(r *http.Request, most int) (page, error) {
	query, size := r.URL.Query(), 0

	if text := query.Get("pageSize"); text != "" {
		number, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return page{}, errQuery
		}

		size = int(number)
	}

	return parsePage(size, query.Get("pageToken"), most)
}

// fieldMask is which fields of a resource an update changes.
type fieldMask struct {
	Paths []string `json:"paths"`
}

// matches holds the id in a body to the one in the path.
func matches(what, inPath, inBody string) error {
	if inPath != inBody {
		return cantonerr.Argument("%s %.128q in the path is not %.128q of the body", what, inPath, inBody)
	}

	return nil
}
