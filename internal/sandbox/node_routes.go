package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/sandbox/registry"
	"github.com/canton-exchange/suite/internal/sandbox/scan"
)

// requestTimeout is the node's http-ledger-api.request-timeout.
const requestTimeout = 20 * time.Second

// Handler serves the node's JSON Ledger API under /v2, its health, and the wallets under /sandbox/v1.
func (v *Validator) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(joinSlashes)
	r.Mount("/", v.node())
	r.Route("/sandbox/v1", v.walletRoutes)

	return r
}

// node serves what a validator serves. All of it fails when the node is at fault.
func (v *Validator) node() http.Handler {
	r := chi.NewRouter()
	r.Use(v.whenUp, v.damage, v.inspect)
	r.NotFound(v.unknownPath)

	// An invalid token is refused everywhere; a missing one only where the answer is not public.
	r.With(v.refuseInvalid).Get("/livez", v.getLive)
	r.With(v.refuseInvalid).Get("/readyz", v.getReady)
	r.With(v.refuseInvalid).Get("/v2/version", v.getVersion)

	r.With(v.authorize).Group(v.readRoutes)
	r.With(v.authorize).Group(v.partyRoutes)
	r.With(v.authorize).Group(v.commandRoutes)
	r.With(v.unlessRejecting).Group(v.admin.Routes)

	registry.Mount(r.With(v.unlessRegistryDown), registries{v.Sandbox}, v.amulet.dso, v.authorize)
	scan.Mount(r, scanView{v}, scan.Guards{Authorize: v.authorize, Administer: v.operatesNode})

	// A websocket without a token opens, and then says so in its first message.
	r.With(v.refuseInvalid).Group(v.streamRoutes)

	return r
}

// readRoutes are those of the questions about what is on the ledger, as far as the node's version has them.
func (v *Validator) readRoutes(r chi.Router) {
	r.Get("/v2/state/ledger-end", v.getLedgerEnd)
	r.Get("/v2/state/latest-pruned-offsets", v.getPruned)
	r.Get("/v2/state/connected-synchronizers", v.getSynchronizers)
	r.With(v.administersParties).Get("/v2/parties", v.listParties)
	r.Get("/v2/parties/participant-id", v.getParticipant)
	r.With(v.administersParties).Get("/v2/parties/{party}", v.getParty)
	r.Post("/v2/state/active-contracts", v.postContracts)
	r.Post("/v2/updates", v.postUpdates(channelUpdates))
	r.Post("/v2/updates/update-by-id", v.postUpdateByID)
	r.Post("/v2/updates/update-by-offset", v.postUpdateByOffset)
	r.Post("/v2/events/events-by-contract-id", v.postEventsByContract)

	if v.cfg.Version.atLeast(V34) {
		r.Post("/v2/contracts/contract-by-id", v.postContract)
	}

	if v.cfg.Version.atLeast(V35) {
		r.Post("/v2/updates/get-updates-page", v.postUpdatesPage)
		// A GET with a body in 3.5.1; a POST too from 3.5.14 on.
		r.Get("/v2/state/active-contracts-page", v.postContractsPage)
		r.Post("/v2/state/active-contracts-page", v.postContractsPage)
	}

	if v.cfg.Version.atLeast(V36) {
		r.Post("/v2/updates/update-by-hash", v.postUpdateByHash)
	}

	if v.cfg.Version.hasTrees() {
		v.olderRoutes(r)
	}
}

func (v *Validator) streamRoutes(r chi.Router) {
	r.Get("/v2/updates", v.streamUpdates(channelUpdates))
	r.Get("/v2/state/active-contracts", v.streamContracts)
	r.Get("/v2/commands/completions", v.streamCompletions(true))

	if v.cfg.Version.atLeast(V35) {
		r.Get("/v2/commands/command-completions", v.streamCompletions(false))
	}

	if v.cfg.Version.hasTrees() {
		r.Get("/v2/updates/flats", v.streamUpdates(channelFlats))
		r.Get("/v2/updates/trees", v.streamUpdates(channelTrees))
	}
}

// unknownPath answers as a node does, which is not the way it tells other errors.
func (v *Validator) unknownPath(w http.ResponseWriter, r *http.Request) {
	v.answer(w, r, http.StatusNotFound, obj{
		"errors": []string{fmt.Sprintf("no resource at %s %.200s", r.Method, r.URL.Path)}, "status": http.StatusNotFound,
	})
}

// encodeJSON writes an answer without escaping what needs no escape.
func encodeJSON(value any) ([]byte, error) {
	var buf bytes.Buffer

	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)

	if err := enc.Encode(value); err != nil {
		return nil, err //nolint:wrapcheck // the caller says what it encoded
	}

	return bytes.TrimRight(buf.Bytes(), "\n"), nil
}

// answer writes an answer of the node's API.
func (v *Validator) answer(w http.ResponseWriter, r *http.Request, status int, value any) {
	v.write(w, r, status, value, func(raw []byte) []byte { return raw })
}

func (v *Validator) write(
	w http.ResponseWriter, r *http.Request, status int, value any, damage func([]byte) []byte,
) {
	raw, err := encodeJSON(value)
	if err != nil {
		v.cfg.Logger.ErrorContext(r.Context(), "encode answer", slog.Any("error", err))
		http.Error(w, "Internal server error", http.StatusInternalServerError)

		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	if _, err := w.Write(damage(raw)); err != nil {
		v.cfg.Logger.DebugContext(r.Context(), "write answer", slog.Any("error", err))
	}
}

// fail answers an error of the ledger API.
func (v *Validator) fail(w http.ResponseWriter, r *http.Request, err error) {
	var e *cantonError
	if !errors.As(err, &e) {
		e = newError(http.StatusInternalServerError, grpcUnavailable, categoryUnknown, "NA", "internal error")
		v.cfg.Logger.ErrorContext(r.Context(), "ledger API request", slog.Any("error", err))
	}

	v.answer(w, r, e.Status, e)
}

// errBody is a request body that the node cannot decode: it answers plain text, not JSON.
var errBody = errors.New("invalid value for: body")

// errTooLarge is a request body beyond the bound, which a node refuses in plain text too.
var errTooLarge = errors.New("request body too large")

// decode reads a ledger API request the tolerant way a node does: unknown members are ignored, and of equal ones the
// last counts.
func decode(r *http.Request, into any) error {
	var raw bytes.Buffer
	if r.ContentLength > 0 { // it is read into one piece of memory
		raw.Grow(int(min(r.ContentLength, maxRequestBody)) + bytes.MinRead)
	}

	_, err := raw.ReadFrom(io.LimitReader(r.Body, maxRequestBody+1))

	switch {
	case err != nil:
		return errBody
	case raw.Len() > maxRequestBody:
		return errTooLarge
	}

	if unmarshal(raw.Bytes(), into) != nil {
		return errBody
	}

	return nil
}

// read decodes a request or answers why it cannot.
func (v *Validator) read(w http.ResponseWriter, r *http.Request, into any) bool {
	switch err := decode(r, into); {
	case err == nil:
		return true
	case errors.Is(err, errTooLarge):
		http.Error(w, "The request content was too large", http.StatusRequestEntityTooLarge)
	default:
		http.Error(w, "Invalid value for: body", http.StatusBadRequest)
	}

	return false
}
