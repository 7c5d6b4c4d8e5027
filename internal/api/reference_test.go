package api_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/api"
)

// reference serves the reference page as the admin server does.
func reference(t *testing.T) string {
	t.Helper()

	pages, err := api.Reference()
	require.NoError(t, err)

	mux := http.NewServeMux()
	for _, page := range pages {
		mux.Handle(page.Pattern, page.Handler)
	}

	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	return server.URL
}

// TestTheReferenceIsWhole: every operation, parameter, member and type of the document is on it, and no script.
func TestTheReferenceIsWhole(t *testing.T) {
	t.Parallel()

	page := fetch(t, reference(t)+"/reference")
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "ZgotmplZ")
	require.NotContains(t, page, "http://")

	d := document(t)
	for path, item := range d.Paths.Map() {
		for method, operation := range item.Operations() {
			require.Contains(t, page, `<article id="`+operation.OperationID+`">`)
			require.Contains(t, page, `<span class="method `+method+`">`+method+`</span> `+path)

			for _, parameter := range operation.Parameters {
				require.Contains(t, page, `<th scope="row">`+parameter.Value.Name+`<`)
			}
		}
	}

	for name, schema := range d.Components.Schemas {
		require.Contains(t, page, `<article id="schema-`+name+`">`)

		for member := range schema.Value.Properties {
			require.Contains(t, page, `<th scope="row">`+member+`<`)
		}
	}

	source, err := os.ReadFile("../../openapi/exchange.yaml")
	require.NoError(t, err)
	require.Equal(t, strings.Split(string(source), "\n"), strings.Split(fetch(t, reference(t)+"/openapi.yaml"), "\n"))
}

func fetch(t *testing.T, address string) string {
	t.Helper()

	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)

	defer response.Body.Close()

	raw, err := io.ReadAll(response.Body)
	require.NoError(t, err)

	return string(raw)
}

// browser finds a real one.
func browser(t *testing.T) string {
	t.Helper()

	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}

	t.Skip("no Chromium is installed (apt-get install chromium)")

	return ""
}

// TestTheReferenceInABrowser: a real one shows it, whole and with its style, and complains about nothing.
func TestTheReferenceInABrowser(t *testing.T) {
	t.Parallel()

	program, address, home := browser(t), reference(t), t.TempDir()
	picture := filepath.Join(home, "page.png")

	run := func(arguments ...string) (stdout, stderr string) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()

		var out, complaints strings.Builder

		command := exec.CommandContext(ctx, program, append([]string{
			"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-first-run", "--user-data-dir=" + home, "--enable-logging=stderr",
		}, arguments...)...)
		command.Env = append(os.Environ(), "HOME="+home)
		command.Stdout, command.Stderr = &out, &complaints
		require.NoError(t, command.Run(), "%s", &complaints)

		return out.String(), complaints.String()
	}

	dom, complaints := run("--dump-dom", address+"/reference")
	require.Contains(t, dom, `<article id="requestWithdrawal">`)
	require.Equal(t, strings.Count(dom, "<article "), strings.Count(fetch(t, address+"/reference"), "<article "))
	require.NotContains(t, complaints, "CONSOLE", "the browser complains, as it does of what the policy of content forbids")

	run("--window-size=1280,900", "--screenshot="+picture, address+"/reference")

	taken, err := os.ReadFile(picture)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(string(taken), "\x89PNG"))
	require.Greater(t, len(taken), 20_000, "an empty page is smaller")

	if keep := os.Getenv("REFERENCE_PICTURE"); keep != "" {
		require.NoError(t, os.WriteFile(keep, taken, 0o600))
	}
}
