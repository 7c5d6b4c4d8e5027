package sandbox

import (
	"bufio"
	"bytes"
	"net"
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
		case seen.taken: // a websocket's messages are told one by one; a connection that was hung up said nothing
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

	status int  // 0 when the handler left it to the server
	taken  bool // the connection was taken over
	body   bytes.Buffer
}

// Hijack lets a websocket take the connection over.
func (w *inspected) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.taken = true

	return hijack(w.ResponseWriter)
}

func (w *inspected) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

func (w *inspected) Write(raw []byte) (int, error) {
	w.body.Write(raw)

	return w.ResponseWriter.Write(raw) //nolint:wrapcheck // as the writer below says it
}
