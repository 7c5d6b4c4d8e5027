package endpoint_test

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
)

func client(t *testing.T, handler http.HandlerFunc) *endpoint.Client {
	t.Helper()

	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)

	c, err := endpoint.New(endpoint.Config{Driver: "test", URL: server.URL + "/prefix/"})
	require.NoError(t, err)
	t.Cleanup(c.Close)

	return c
}

func TestRequestAndAnswer(t *testing.T) {
	t.Parallel()

	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Path != "/prefix/v1/a" || r.Method != http.MethodPut || string(body) != `{"a":1}` ||
			r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Accept") != "application/json" ||
			r.Header.Get("X-One") != "1" || r.Header.Get("X-Token") != "hidden" ||
			r.Header.Get("Authorization") != "Bearer bearer" {
			t.Errorf("%s %s %q %v", r.Method, r.URL, body, r.Header)
		}

		w.WriteHeader(http.StatusTeapot)
		_, _ = io.WriteString(w, `{"said":"hidden and bearer"}`)
	})

	r := endpoint.Request{
		Op: "try", Method: http.MethodPut, Path: "/v1/a", Body: map[string]int{"a": 1},
		Header: map[string]string{"X-One": "1"}, Secrets: map[string]secret.String{"X-Token": secret.New("hidden")},
		Bearer: secret.New("bearer"),
	}

	a, err := c.Do(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, a.Status)

	require.EqualError(t, c.Refused(r, a, "do this"),
		`signer: test: try: HTTP 418: {"said":"[redacted] and [redacted]"} (do this)`)

	var out struct{ Said string }
	require.NoError(t, c.Decode(r, a, &out))
}

func TestAnswersAreBounded(t *testing.T) {
	t.Parallel()

	c := client(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")

		z := gzip.NewWriter(w)
		for {
			if _, err := z.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})

	_, err := c.Do(t.Context(), endpoint.Request{Op: "try", Method: http.MethodGet, Path: "/"})
	require.ErrorContains(t, err, "more than 262144 bytes")
	require.False(t, signer.IsTemporary(err))
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()

	c := client(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/prefix/" {
			t.Errorf("followed to %s", r.URL)
		}

		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})

	_, err := c.Do(t.Context(), endpoint.Request{Op: "try", Method: http.MethodGet, Path: "/"})
	require.ErrorContains(t, err, "HTTP 307")
	require.False(t, signer.IsTemporary(err))
}

func TestNoAnswer(t *testing.T) {
	t.Parallel()

	c := client(t, func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })

	_, err := c.Do(t.Context(), endpoint.Request{Op: "try", Method: http.MethodGet, Path: "/"})
	require.ErrorContains(t, err, "EOF")
	require.True(t, signer.IsTemporary(err))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	_, err = c.Do(ctx, endpoint.Request{Op: "try", Method: http.MethodGet, Path: "/"})
	require.ErrorIs(t, err, context.Canceled)
}

func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()

	c := client(t, func(http.ResponseWriter, *http.Request) { t.Error("sent") })

	for _, text := range []string{"", "two words", "a\nb", "naïve"} {
		_, err := c.Do(t.Context(), endpoint.Request{
			Op: "try", Method: http.MethodGet, Path: "/", Secrets: map[string]secret.String{"X-Token": secret.New(text)},
		})
		require.ErrorContains(t, err, "X-Token")
	}

	_, err := c.Do(t.Context(), endpoint.Request{Op: "try", Method: http.MethodGet, Path: "/", Bearer: secret.New("a b")})
	require.ErrorContains(t, err, "Authorization")
	require.NotContains(t, err.Error(), "a b")
}

func TestConfiguration(t *testing.T) {
	t.Parallel()

	notPEM := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(notPEM, []byte("text"), 0o600))

	for name, tc := range map[string]struct {
		cfg  endpoint.Config
		good bool
	}{
		"https":            {endpoint.Config{URL: "https://keys.internal/prefix"}, true},
		"this machine":     {endpoint.Config{URL: "http://127.0.0.1:8200"}, true},
		"its name":         {endpoint.Config{URL: "http://localhost"}, true},
		"its other name":   {endpoint.Config{URL: "http://[::1]:1"}, true},
		"plain":            {endpoint.Config{URL: "http://keys.internal"}, false},
		"plain, wanted":    {endpoint.Config{URL: "http://keys.internal", PlainHTTP: true}, true},
		"a name like it":   {endpoint.Config{URL: "http://127.0.0.1.evil.example"}, false},
		"none":             {endpoint.Config{}, false},
		"another scheme":   {endpoint.Config{URL: "ftp://keys.internal"}, false},
		"no host":          {endpoint.Config{URL: "https://"}, false},
		"a query":          {endpoint.Config{URL: "https://keys.internal?a=b"}, false},
		"a password":       {endpoint.Config{URL: "https://u:hunter2@keys.internal"}, false},
		"no URL":           {endpoint.Config{URL: "https://keys.internal/%zz?hunter2"}, false},
		"no CA file":       {endpoint.Config{URL: "https://keys", TLS: endpoint.TLS{CAFile: notPEM + "2"}}, false},
		"empty CA file":    {endpoint.Config{URL: "https://keys", TLS: endpoint.TLS{CAFile: notPEM}}, false},
		"half certificate": {endpoint.Config{URL: "https://keys", TLS: endpoint.TLS{CertFile: notPEM}}, false},
		"no certificate":   {endpoint.Config{URL: "https://keys", TLS: endpoint.TLS{CertFile: notPEM, KeyFile: notPEM}}, false},
	} {
		_, err := endpoint.New(tc.cfg)
		if tc.good {
			require.NoError(t, err, name)

			continue
		}

		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}
