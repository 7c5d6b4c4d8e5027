package registry_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
)

func TestMetadataThatCannotBeTrusted(t *testing.T) {
	t.Parallel()

	coin := ident.Instrument{Admin: admin, ID: "Coin"}

	for name, body := range map[string]string{
		"another": `{"id":"coin","decimals":10}`, "too fine": `{"id":"Coin","decimals":11}`,
		"negative": `{"id":"Coin","decimals":-1}`, "a fraction": `{"id":"Coin","decimals":2.5}`,
		"a text": `{"id":"Coin","decimals":"2"}`, "paused by text": `{"id":"Coin","paused":"no"}`,
		"many APIs": `{"id":"Coin","supportedApis":{` + numbered(300) + `}}`,
	} {
		_, err := at(t, nil, serve(t, says(200, body))).Instrument(t.Context(), coin)
		require.Equal(t, registry.Broken, registry.KindOf(err), "%s: %v", name, err)
	}

	for name, body := range map[string]string{
		"another": `{"adminId":"admin::1220ab","supportedApis":{}}`, "nobody": `{"supportedApis":{}}`,
		"many APIs": `{"adminId":"admin::1220aa","supportedApis":{` + numbered(300) + `}}`,
	} {
		_, err := at(t, nil, serve(t, says(200, body))).Info(t.Context(), admin)
		require.Equal(t, registry.Broken, registry.KindOf(err), "%s: %v", name, err)
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `%q:1,`, fmt.Sprint("api-", i))
	}

	return strings.TrimSuffix(b.String(), ",")
}

func TestPages(t *testing.T) {
	t.Parallel()

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body := map[string]string{
			"":            `{"instruments":[{"id":"a"},{"id":"b"}],"nextPageToken":"b&c {admin}"}`,
			"b&c {admin}": `{"instruments":[{"id":"b"},{"id":"c"}],"nextPageToken":""}`,
		}[r.URL.Query().Get("pageToken")]
		_, _ = io.WriteString(w, body)
	})

	list, err := at(t, nil, url).Instruments(t.Context(), admin)
	require.NoError(t, err)
	require.Len(t, list, 3)

	var asked, repeated atomic.Int32

	again := func(w http.ResponseWriter, _ *http.Request) {
		repeated.Add(1)
		_, _ = io.WriteString(w, `{"instruments":[],"nextPageToken":"again"}`)
	}
	endless := map[string]http.HandlerFunc{
		"the same token": again,
		"new tokens": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprintf(w, `{"instruments":[],"nextPageToken":"%d"}`, asked.Add(1))
		},
		"a long token": says(200, `{"instruments":[],"nextPageToken":"`+strings.Repeat("x", 2000)+`"}`),
	}
	for name, handler := range endless {
		_, err := at(t, nil, serve(t, handler)).Instruments(t.Context(), admin)
		require.Equal(t, registry.Broken, registry.KindOf(err), "%s: %v", name, err)
	}

	require.LessOrEqual(t, asked.Load(), int32(200))
	require.Equal(t, int32(2), repeated.Load())
}

func TestMetadataIsRememberedForAWhile(t *testing.T) {
	t.Parallel()

	var asked atomic.Int32

	url := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)

		if r.Method == http.MethodPost {
			_, _ = io.WriteString(w, goodContext)

			return
		}

		_, _ = io.WriteString(w, `{"id":"Coin","supportedApis":{"x":1}}`)
	})

	now := clock.NewManual(time.Unix(1_000_000, 0))
	client := at(t, func(c *registry.Config) { c.Clock, c.CacheFor = now, time.Minute }, url)
	times := func(want int32) {
		t.Helper()

		got, err := client.Instrument(t.Context(), ident.Instrument{Admin: admin, ID: "Coin"})
		require.NoError(t, err)
		require.Equal(t, map[string]int{"x": 1}, got.APIs)
		require.Equal(t, want, asked.Load())

		got.APIs["x"] = 2 // must not reach the next
	}

	times(1)
	times(1)
	now.Advance(59 * time.Second)
	times(1)
	now.Advance(time.Second)
	times(2)
	now.Advance(-time.Hour)
	times(3)

	for range 2 {
		_, err := client.AcceptContext(t.Context(), admin, "00aa", nil)
		require.NoError(t, err)
	}

	require.Equal(t, int32(5), asked.Load(), "contexts are asked for every time")
}
