package registry

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/ident"
)

// FuzzAnswers gives one text to every decoder. What is accepted must hold what the package promises.
func FuzzAnswers(f *testing.F) {
	const most = 2

	admin := ident.Party("admin::1220")

	for _, seed := range []string{
		`{"adminId":"admin::1220","supportedApis":{"a":1}}`,
		`{"id":"Coin","name":"x\u0000","symbol":"y","decimals":10,"supportedApis":{},"paused":true,"pauseInfo":{"reason":"r","until":"2026-01-01T00:00:00Z"}}`,
		`{"instruments":[{"id":"Coin"}],"nextPageToken":"Coin"}`,
		`{"choiceContextData":{"values":{"k":{"tag":"AV_Bool","value":true}}},"disclosedContracts":[{"templateId":"p:M:E","contractId":"00","createdEventBlob":"CgMy","synchronizerId":"g::1220"}]}`,
		`{"factoryId":"00","transferKind":"self","choiceContext":{"choiceContextData":{},"disclosedContracts":[{"templateId":{"packageId":"p","moduleName":"M","entityName":"E"},"contractId":"00","createdEventBlob":"CgMy"}]}}`,
		`{"error":"\\\"["}`, strings.Repeat("[", 100), `"\`,
	} {
		f.Add([]byte(seed))
	}

	f.Fuzz(func(t *testing.T, raw []byte) {
		before := bytes.Clone(raw)

		if info, err := decodeInfo(raw, admin); err == nil {
			require.Equal(t, admin, info.Admin)
		}

		if i, err := decodeInstrument(raw, ident.Instrument{Admin: admin, ID: "Coin"}); err == nil {
			require.True(t, i.Decimals >= 0 && i.Decimals <= amount.Scale && len(i.Name) <= maxLabel)
		}

		if p, err := decodePage(raw, admin); err == nil {
			require.LessOrEqual(t, len(p.next), maxPageToken)
		}

		if c, err := decodeContext(raw, most); err == nil {
			requireContext(t, raw, c, most)
		}

		if factory, err := decodeFactory(raw, most, false); err == nil {
			require.NotEqual(t, KindSelf, factory.Kind)
			requireContext(t, raw, factory.Context, most)
		}

		_, _ = errorText(raw)

		require.Equal(t, before, raw, "decoding leaves the answer alone")
	})
}

func requireContext(t *testing.T, raw []byte, c Context, most int) {
	t.Helper()

	require.Contains(t, string(raw), string(c.Data), "as it came")
	require.LessOrEqual(t, len(c.Disclosed), most)

	known := map[ident.ContractID]bool{}

	for _, d := range c.Disclosed {
		_, err := ident.ParseContractID(string(d.Contract))
		require.NoError(t, err)
		_, err = ident.ParseName(d.Template.String())
		require.NoError(t, err)
		require.False(t, known[d.Contract])

		known[d.Contract] = true
	}
}

// TestDepth holds the scanner against texts whose depth is known.
func TestDepth(t *testing.T) {
	t.Parallel()

	for text, deep := range map[string]bool{
		strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth): false,
		strings.Repeat("[", maxDepth+1):                               true,
		strings.Repeat(`{"a":[`, maxDepth/2+1):                        true,
		strings.Repeat("[]", 1000):                                    false,
		`"` + strings.Repeat("[", 1000) + `"`:                         false,
		`"\"` + strings.Repeat("{", 1000) + `"`:                       false,
		`"\\"` + strings.Repeat("{", 1000):                            true,
	} {
		require.Equal(t, deep, tooDeep([]byte(text)), "%.20s", text)
	}
}

// TestCacheIsBounded: a full cache begins anew.
func TestCacheIsBounded(t *testing.T) {
	t.Parallel()

	now := clock.NewManual(time.Unix(1, 0))

	c := newCache(now, 1)
	for i := range 3 * maxCached {
		id := ident.Instrument{Admin: "a::b", ID: strings.Repeat("x", i+1)}
		c.put(Instrument{Instrument: id}, now.Now())

		_, ok := c.get(id)
		require.True(t, ok)
		require.LessOrEqual(t, len(c.entries), maxCached)
	}

	never := newCache(now, -1)
	never.put(Instrument{}, now.Now())
	require.Empty(t, never.entries)
}
