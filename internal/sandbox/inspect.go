package sandbox

import (
	"bytes"
	"net/http"
)

// inspect shows every answer to Config.Inspect. It is the innermost of what wraps the endpoints, so that it sees what
// the node wanted to say.
func (v *Validator) inspect(next http.Handler) http.Handler {
	if v.cfg.Inspect == nil {
		return next
	}

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := &inspected{ResponseWriter: w}
		next.ServeHTTP(seen, r)

		switch {
		case seen.status == http.StatusSwitchingProtocols: // its messages are told one by one
		case seen.status == 0 && r.Context().Err() != nil: // the client left before there was an answer
		default:
			v.tell(r.Method, r.URL.EscapedPath(), max(seen.status, http.StatusOK), seen.Header(), seen.body.Bytes())
		}
	})
}

// tell shows one answer, or one message of a websocket, to Config.Inspect.
func (v *Validator) tell(method, path string, status int, header http.Header, body []byte) {
	if v.cfg.Inspect != nil {
		v.cfg.Inspect(method, path, status, header, body)
	}
}

// inspected keeps a copy of an answer that it passes on.
type inspected struct {
	http.ResponseWriter

	status int // 0 when the handler left it to the server
	body   bytes.Buffer
}

// Unwrap lets a websocket take the connection over.
func (w *inspected) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *inspected) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *inspected) Write(raw []byte) (int, error) {
	w.body.Write(raw)

	return w.ResponseWriter.Write(raw) //nolint:wrapcheck // as the writer below says it
}

// damage is where answers are damaged on request: outside of inspect.
func (v *Validator) damage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&damaged{ResponseWriter: w, faults: &v.faults}, r)
	})
}

type damaged struct {
	http.ResponseWriter

	faults *faults
}

// Unwrap lets a websocket take the connection over.
func (w *damaged) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *damaged) Write(raw []byte) (int, error) {
	if _, err := w.ResponseWriter.Write(w.faults.garbled(raw)); err != nil {
		return 0, err //nolint:wrapcheck // as the writer below says it
	}

	return len(raw), nil
}
