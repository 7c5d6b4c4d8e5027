package sandbox

import (
	"net/http"
	"net/url"
	"strings"
)

// joinSlashes takes several slashes for one. Clients rely on it: the wallet SDK joins a base URL that ends in a slash
// and a path that begins with one.
func joinSlashes(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		escaped := r.URL.EscapedPath()

		joined := escaped
		for strings.Contains(joined, "//") {
			joined = strings.ReplaceAll(joined, "//", "/")
		}

		if path, err := url.PathUnescape(joined); err == nil && joined != escaped {
			r = r.Clone(r.Context())
			r.URL.Path, r.URL.RawPath = path, joined
		}

		next.ServeHTTP(w, r)
	})
}
