package offledger

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	// maxBody bounds a request: one hundred inputs take less than 20 kB.
	maxBody = 1 << 20
	// maxErrorText bounds what of an error, which may quote a stranger, is sent back.
	maxErrorText = 500
)

var errTooLarge = errors.New("request too large")

// refusal is an error whose text is a published one, so that nothing may stand before it.
type refusal struct {
	kind error
	text string
}

func (e *refusal) Error() string { return e.text }
func (e *refusal) Unwrap() error { return e.kind }

// Errorf makes an error that wraps kind, one of the sentinels, and has this text alone.
func Errorf(kind error, format string, args ...any) error {
	return &refusal{kind: kind, text: fmt.Sprintf(format, args...)}
}

// Handler answers with what ask returns: a value as JSON, nil as an empty 200, an error as {"error": text} with the
// status of its kind.
func Handler(ask func(r *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		value, err := ask(r)

		switch {
		case err != nil:
			refuse(w, err)
		case value == nil:
			w.WriteHeader(http.StatusOK)
		default:
			reply(w, http.StatusOK, value)
		}
	}
}

func reply(w http.ResponseWriter, status int, value any) {
	raw, err := strictjson.Encode(value)
	if err != nil {
		refuse(w, fmt.Errorf("encode answer: %w", err))

		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(raw) // who is gone needs no answer
}

func refuse(w http.ResponseWriter, err error) {
	text := strings.ToValidUTF8(err.Error(), "\uFFFD")
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}

	reply(w, statusOf(err), map[string]string{"error": text})
}

func statusOf(err error) int {
	switch {
	case errors.Is(err, errTooLarge):
		return http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrInvalid):
		return http.StatusBadRequest
	case errors.Is(err, ErrUnknown):
		return http.StatusNotFound
	case errors.Is(err, ErrConflict):
		return http.StatusConflict
	case errors.Is(err, ErrUnavailable):
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// Decode reads a request's body. Members that the document does not know are ignored; everything else that is not
// exactly JSON is ErrInvalid.
func Decode(r *http.Request, into any) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))

	switch {
	case err != nil:
		return fmt.Errorf("%w: read body: %w", ErrInvalid, err)
	case len(raw) > maxBody:
		return fmt.Errorf("%w: more than %d bytes", errTooLarge, maxBody)
	}

	if err := strictjson.Decode(raw, into); err != nil {
		return fmt.Errorf("%w: body: %w", ErrInvalid, err)
	}

	return nil
}

// PathText is a parameter of the path as it was meant: party ids come with their :: raw or escaped.
func PathText(r *http.Request, name string) (string, error) {
	text := chi.URLParam(r, name)
	if r.URL.RawPath == "" { // the router saw the decoded path
		return text, nil
	}

	plain, err := url.PathUnescape(text)
	if err != nil {
		return "", fmt.Errorf("%w: path: %w", ErrInvalid, err)
	}

	return plain, nil
}

// PathParty is a party id in the path.
func PathParty(r *http.Request, name string) (ident.Party, error) {
	return parsed(r, name, ident.ParseParty)
}

// PathContract is a contract id in the path.
func PathContract(r *http.Request, name string) (ident.ContractID, error) {
	return parsed(r, name, ident.ParseContractID)
}

func parsed[T any](r *http.Request, name string, parse func(string) (T, error)) (value T, err error) {
	text, err := PathText(r, name)
	if err != nil {
		return value, err
	}

	if value, err = parse(text); err != nil {
		return value, fmt.Errorf("%w: path: %w", ErrInvalid, err)
	}

	return value, nil
}
