package registry_test

import (
	"bytes"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
)

func TestConfigurationThatIsRefused(t *testing.T) {
	t.Parallel()

	good := func() registry.Config {
		return registry.Config{Registries: []registry.Registry{
			{Admin: admin, Endpoints: []registry.Endpoint{{URL: "https://scan.example"}}},
		}}
	}
	_, err := registry.New(good())
	require.NoError(t, err)

	url := func(text string) func(*registry.Config) {
		return func(c *registry.Config) { c.Registries[0].Endpoints[0].URL = text }
	}
	path := func(accept string) func(*registry.Config) {
		return func(c *registry.Config) { c.Registries[0].Paths.Accept = accept }
	}

	for name, spoil := range map[string]func(*registry.Config){
		"no URL": url(""), "no scheme": url("scan.example"), "another scheme": url("ftp://scan.example"),
		"a password": url("https://user:hunter2@scan.example"), "a query": url("https://scan.example?hunter2"),
		"a fragment": url("https://scan.example#hunter2"), "no URL at all": url("https://scan\x00.example/hunter2"),
		"no admin":          func(c *registry.Config) { c.Registries[0].Admin = "" },
		"no endpoint":       func(c *registry.Config) { c.Registries[0].Endpoints = nil },
		"an admin twice":    func(c *registry.Config) { c.Registries = append(c.Registries, c.Registries[0]) },
		"negative timeout":  func(c *registry.Config) { c.RequestTimeout = -1 },
		"tiny answers":      func(c *registry.Config) { c.MaxAnswer = 10 },
		"no contracts":      func(c *registry.Config) { c.MaxDisclosed = -1 },
		"endless memory":    func(c *registry.Config) { c.CacheFor = 2 * time.Hour },
		"no rounds":         func(c *registry.Config) { c.Retry = registry.Retry{Rounds: 0, Initial: 1, Max: 1} },
		"shrinking pauses":  func(c *registry.Config) { c.Retry = registry.Retry{Rounds: 1, Initial: 2, Max: 1} },
		"a path without id": path("/accept"), "a path with a query": path("/{instruction}?x=1"),
		"a path with a host": path("//evil.example/{instruction}"), "a path with a hole": path("/{instrument}/{instruction}"),
		"a relative path": path("{instruction}"), "a path that is none": path("/%zz/{instruction}"),
	} {
		cfg := good()
		spoil(&cfg)

		_, err := registry.New(cfg)
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "hunter2", name)
	}
}

func TestPlainHTTPIsWarnedOf(t *testing.T) {
	t.Parallel()

	for url, warned := range map[string]bool{
		"http://validator.example": true, "http://127.0.0.1:1": false, "http://[::1]": false, "http://localhost": false,
		"https://validator.example": false,
	} {
		var log bytes.Buffer

		at(t, func(c *registry.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) }, url)
		require.Equal(t, warned, bytes.Contains(log.Bytes(), []byte("plain HTTP")), url)
	}
}

func TestUnknownAdmin(t *testing.T) {
	t.Parallel()

	client := at(t, nil, "http://127.0.0.1:1")
	transfer := someTransfer()
	transfer.Instrument.Admin = "other::1220"

	_, err := client.TransferFactory(t.Context(), transfer)
	require.EqualError(t, err,
		"registry: get transfer factory: misconfigured of other::1220: no registry is configured")
	require.Equal(t, registry.Misconfigured, registry.KindOf(err))
}

func TestTransfersThatCannotBeMeant(t *testing.T) {
	t.Parallel()

	client := at(t, nil, serve(t, says(500, "asked")))

	for name, spoil := range map[string]func(*token.Transfer){
		"no sender":      func(t *token.Transfer) { t.Sender = "" },
		"no receiver":    func(t *token.Transfer) { t.Receiver = "bob" },
		"no instrument":  func(t *token.Transfer) { t.Instrument.ID = "" },
		"nothing":        func(t *token.Transfer) { t.Amount = amt("0") },
		"less":           func(t *token.Transfer) { t.Amount = amt("-1") },
		"no inputs":      func(t *token.Transfer) { t.Inputs = nil },
		"a strange one":  func(t *token.Transfer) { t.Inputs = []ident.ContractID{"00 aa"} },
		"no times":       func(t *token.Transfer) { t.RequestedAt, t.ExecuteBefore = time.Time{}, time.Time{} },
		"over at once":   func(t *token.Transfer) { t.ExecuteBefore = t.RequestedAt },
		"a finer time":   func(t *token.Transfer) { t.ExecuteBefore = t.ExecuteBefore.Add(time.Nanosecond) },
		"a finer moment": func(t *token.Transfer) { t.RequestedAt = t.RequestedAt.Add(time.Nanosecond) },
		"invalid memo":   func(t *token.Transfer) { t.Meta = token.Metadata{token.KeyReason: "\xff"} },
	} {
		transfer := someTransfer()
		spoil(&transfer)

		_, err := client.TransferFactory(t.Context(), transfer)
		require.Error(t, err, name)
		require.Equal(t, registry.KindNone, registry.KindOf(err), "%s: %v", name, err)
	}
}

// TestArgumentIsReadBack: what is written is what the domain reads, context and metadata in their places.
func TestArgumentIsReadBack(t *testing.T) {
	t.Parallel()

	want := someTransfer()
	want.Meta = token.Metadata{token.KeyReason: "memo \" \\ é \u2028"}

	raw, err := registry.TransferArgument(want, strictjson.Raw(`{"values":{"k":1}}`), token.Metadata{"a": "b"})
	require.NoError(t, err)

	got, err := token.DecodeTransferArgument(raw)
	require.NoError(t, err)
	require.True(t, want.Amount.Equal(got.Amount))
	got.Amount = want.Amount
	require.Equal(t, want, got)

	var extra struct {
		Args strictjson.Raw `json:"extraArgs"`
	}
	require.NoError(t, strictjson.Decode(raw, &extra))
	require.JSONEq(t, `{"context":{"values":{"k":1}},"meta":{"values":{"a":"b"}}}`, string(extra.Args))

	_, err = registry.TransferArgument(want, strictjson.Raw(`{"a":1,"a":2}`), nil)
	require.Error(t, err)
}
