package event_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/event/eventtest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/strictjson"
)

func keys(t require.TestingT, fill string) event.Secret {
	s, err := event.NewSecret(secret.New(strings.Repeat(fill, event.MinSecret)))
	require.NoError(t, err)

	return s
}

func alarm(memo string) *event.Happened {
	data, _ := json.Marshal(map[string]string{"reason": "books", "memo": memo, "detail": memo})

	return &event.Happened{
		ID: uuid.UUID{7}, Treasury: "treasury::1220aa", Type: "withdrawal.alarm", Subject: memo,
		At: time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC), Data: data,
	}
}

// TestSignaturesHold whatever strangers wrote, for these bytes and this key, and for nothing else.
func TestSignaturesHold(t *testing.T) {
	t.Parallel()

	ours, theirs := keys(t, "a"), keys(t, "b")

	rapid.Check(t, func(rt *rapid.T) {
		memo := rapid.String().Draw(rt, "memo")

		body, err := alarm(memo).Encode(rapid.Int64Range(1, 1<<62).Draw(rt, "seq"), event.Chain{}, ours.Signer())
		require.NoError(rt, err)
		require.NoError(rt, event.Verify(body, ours.Signer().Keys()))
		require.ErrorIs(rt, event.Verify(body, theirs.Signer().Keys()), event.ErrSignature)

		again, err := alarm(memo).Encode(1, event.Chain{}, ours.Signer())
		require.NoError(rt, err)

		other, err := alarm(memo).Encode(1, event.Chain{}, ours.Signer())
		require.NoError(rt, err)
		require.Equal(rt, again, other, "the same event has the same bytes")

		// A reader that reads and writes it again in another order, with white space, still verifies it.
		var value map[string]any

		require.NoError(rt, json.Unmarshal(body, &value))

		loose, err := json.MarshalIndent(value, "", "   ")
		require.NoError(rt, err)
		require.NoError(rt, event.Verify(loose, ours.Signer().Keys()))

		e, err := event.Parse(body)
		require.NoError(rt, err)

		at := rapid.IntRange(0, len(body)-1).Draw(rt, "at")
		changed := slices.Clone(body)
		changed[at] ^= 1 << rapid.IntRange(0, 6).Draw(rt, "bit")

		if same, err := strictjson.Canonical(changed); err == nil && bytes.Equal(same, body) {
			return // another way to write the same, such as an escape in capitals
		}

		// The last bits of a base64 text may say nothing.
		if was, err := event.Parse(changed); err == nil && was.Signature == e.Signature {
			require.Error(rt, event.Verify(changed, ours.Signer().Keys()))
		}
	})
}

// TestUnsignedIsNotGood, nor signed by another way.
func TestUnsignedIsNotGood(t *testing.T) {
	t.Parallel()

	s := keys(t, "a").Signer()
	body, err := alarm("x").Encode(1, event.Chain{}, s)
	require.NoError(t, err)

	e, err := event.Parse(body)
	require.NoError(t, err)

	more := append([]byte(`{"also":"said",`), body[1:]...)
	require.ErrorIs(t, event.Verify(more, s.Keys()), event.ErrSignature, "a member more")

	header, signature, _ := strings.Cut(e.Signature, "..")

	for name, instead := range map[string]string{
		"none": "", "no header": ".." + signature, "no signature": header + "..", "another algorithm": "eyJhbGciOiJub25lIiwia2lkIjoiIn0.." + signature,
		"with a payload": header + ".e30." + signature, "nonsense": "a..b",
	} {
		wrong := bytes.ReplaceAll(body, []byte(e.Signature), []byte(instead))
		require.ErrorIs(t, event.Verify(wrong, s.Keys()), event.ErrSignature, name)
	}
}

func TestShortSecretsAreRefused(t *testing.T) {
	t.Parallel()

	_, err := event.NewSecret(secret.New(strings.Repeat("x", event.MinSecret-1)))
	require.ErrorContains(t, err, "31 bytes")

	salt := uuid.UUID{1}
	one, other := keys(t, "a").WebhookSecret("sub_a", salt).Reveal(), keys(t, "a").WebhookSecret("sub_a", uuid.UUID{2}).Reveal()
	require.NotEqual(t, one, other)
	require.NotEqual(t, one, keys(t, "a").WebhookSecret("sub_b", salt).Reveal())
	require.Equal(t, one, keys(t, "a").WebhookSecret("sub_a", salt).Reveal())
	require.True(t, strings.HasPrefix(one, "whsec_"))
}

func TestFilters(t *testing.T) {
	t.Parallel()

	credited := event.About{Type: "deposit.credited", Subject: "d1", Account: "c1", InstrumentNo: 3}
	alarmed := event.About{Type: "withdrawal.alarm", Subject: "books"}

	for name, tc := range map[string]struct {
		filter          event.Filter
		credit, alarmed bool
	}{
		"nothing":        {event.Filter{}, true, true},
		"type":           {event.Filter{Types: []string{"deposit.credited"}}, true, false},
		"group":          {event.Filter{Types: []string{"withdrawal.*", "holdings.*"}}, false, true},
		"one of types":   {event.Filter{Types: []string{"withdrawal.alarm", "deposit.*"}}, true, true},
		"account":        {event.Filter{Accounts: []string{"c2", "c1"}}, true, false},
		"other account":  {event.Filter{Accounts: []string{"c2"}}, false, false},
		"subject":        {event.Filter{Subjects: []string{"d1"}}, true, false},
		"token":          {event.Filter{InstrumentNos: []int32{3}}, true, false},
		"all must match": {event.Filter{Types: []string{"deposit.*"}, Accounts: []string{"c2"}}, false, false},
	} {
		require.Equal(t, tc.credit, tc.filter.Matches(credited), name)
		require.Equal(t, tc.alarmed, tc.filter.Matches(alarmed), name)
	}

	for _, pattern := range []string{"deposit.*", "deposit.credited", "offer.*"} {
		require.True(t, event.KnownType(pattern), pattern)
	}

	for _, pattern := range []string{"", "*", "deposit*", "deposit.credit", "deposits.*", "deposit.credited*", "deposit.credited.*"} {
		require.False(t, event.KnownType(pattern), pattern)
	}
}

// TestTheCatalogueIsWhole: every type has a schema that a reader of schemas reads, a sentence and a subject.
func TestTheCatalogueIsWhole(t *testing.T) {
	t.Parallel()

	schemas, err := eventtest.Load()
	require.NoError(t, err)

	seen := map[string]bool{}

	for _, kind := range event.Catalogue() {
		require.False(t, seen[kind.Name], kind.Name)
		require.NotEmpty(t, kind.When)
		require.NotEmpty(t, kind.Subject)
		require.Error(t, schemas.Check(kind.Name, []byte(`{"nobody knows this": 1}`)), kind.Name)

		seen[kind.Name] = true
	}

	require.NoError(t, schemas.Check("withdrawal.alarm", []byte(`{"reason": "books"}`)))
	require.Error(t, schemas.Check("withdrawal.alarm", []byte(`{}`)))
	require.Error(t, schemas.Check("withdrawal.unheard_of", []byte(`{}`)))
	require.Equal(t, ident.Party("treasury::1220aa"), alarm("").Treasury)
}

// FuzzWithhold: whatever an event holds, what is withheld is gone and the rest is signed.
func FuzzWithhold(f *testing.F) {
	f.Add([]byte(`{"memo": "m", "evidence": {"transfer": {"memo": "m"}}}`))
	f.Add([]byte(`{"evidence": 5, "memo": {"memo": 1}}`))

	f.Fuzz(func(t *testing.T, data []byte) {
		s := keys(t, "a").Signer()
		h := alarm("x")
		h.Data = data

		body, err := h.Encode(1, event.Chain{}, s)
		if err != nil {
			return
		}

		less, err := event.Withhold(body, []string{event.WithheldMemo, event.WithheldCounterparty}, s)
		if err != nil {
			return
		}

		require.NoError(t, event.Verify(less, s.Keys()))

		e, err := event.Parse(less)
		require.NoError(t, err)

		members := map[string]json.RawMessage{}
		require.NoError(t, json.Unmarshal(e.Data, &members))
		require.NotContains(t, members, "memo")
		require.NotContains(t, members, "sender")
	})
}
