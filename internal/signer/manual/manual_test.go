package manual_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signer/manual"
	"github.com/canton-exchange/suite/internal/signer/signertest"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	treasury     = ident.Party("treasury::1220aa")
	synchronizer = ident.SynchronizerID("global-domain::1220cc")
)

var now = time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)

func newKey(t testing.TB, spec signing.KeySpec) *signer.Key {
	t.Helper()

	p, err := keyfile.Generate(spec)
	require.NoError(t, err)

	key, err := p.Signer(t.Context(), signer.Config{Fingerprint: p.PublicKey().Fingerprint()})
	require.NoError(t, err)

	return key
}

func transaction() manual.Transaction {
	contract := ident.ContractID(strings.Repeat("0a", 33))
	name := ident.Name{Package: "abc123", Module: "Splice.Amulet", Entity: "Amulet"}
	action := signing.Create{
		LFVersion: signing.LFVersion1, ContractID: contract, PackageName: "splice-amulet", Template: name,
		Argument:    signing.Record{Fields: []signing.Field{{Label: "amount", Value: signing.Numeric("1.0")}}},
		Signatories: []ident.Party{treasury}, Stakeholders: []ident.Party{treasury},
	}

	return manual.Transaction{Scheme: signing.V2, Prepared: signing.Encode(signing.Prepared{
		Transaction: signing.Transaction{
			Version: signing.LFVersion1,
			Roots:   []*signing.Node{{ID: 0, Seed: &signing.Seed{1}, Action: action}},
		},
		Metadata: signing.Metadata{
			ActAs: []ident.Party{treasury}, CommandID: "withdrawal-1", SynchronizerID: synchronizer,
			TransactionUUID: "f6a7a8a6-4b3f-4b67-8d3b-0d8e6f1a2b3c", PreparationTime: signing.TimestampOf(now),
		},
	})}
}

func request(key *signer.Key) manual.Request {
	return manual.Request{
		ID: "attempt-7", Party: treasury, SignedBy: key.PublicKey().Fingerprint(), Content: transaction(),
		Statement: "send 1.0 Amulet\nto customer::1220bb, memo \"für 東京\"", Created: now, Expires: now.Add(manual.MaxLife),
	}
}

func TestPrepareNowSignLater(t *testing.T) {
	t.Parallel()

	for _, spec := range []signing.KeySpec{signing.KeyEd25519, signing.KeyP256} {
		cold := newKey(t, spec)
		public := cold.PublicKey()

		hot, err := manual.Open(t.Context(), public, signer.Config{Fingerprint: public.Fingerprint()})
		require.NoError(t, err)
		require.Equal(t, public, hot.PublicKey())

		_, err = hot.Sign(t.Context(), signertest.Hash(0))
		require.ErrorIs(t, err, signer.ErrLater)
		require.False(t, signer.IsTemporary(err), "trying again does not make people sign")

		asked := request(cold)
		exported, err := manual.ExportRequest(asked, now)
		require.NoError(t, err)

		later := now.Add(manual.MaxLife - time.Second)
		read, err := manual.ReadRequest(exported, later)
		require.NoError(t, err)
		require.Equal(t, asked, read)

		answered, err := manual.Answer(t.Context(), read, cold, later)
		require.NoError(t, err)

		sig, err := manual.ImportSignature(answered, asked, public, later)
		require.NoError(t, err)

		hash, err := signing.HashBytes(transaction().Prepared, signing.V2)
		require.NoError(t, err)
		signertest.Holds(t, public, hash[:], sig)

		_, err = manual.ImportSignature(answered, asked, public, later.Add(time.Second))
		require.ErrorIs(t, err, manual.ErrExpired)
		_, err = manual.ReadRequest(exported, later.Add(time.Second))
		require.ErrorIs(t, err, manual.ErrExpired)
		_, err = manual.Answer(t.Context(), read, cold, later.Add(time.Second))
		require.ErrorIs(t, err, manual.ErrExpired)
	}
}

// delegation is a topology transaction that lets a key act for its own namespace, serialized (protocol.v30).
func delegation(public signing.PublicKey) []byte {
	field := func(num protowire.Number, content []byte) []byte {
		return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
	}
	number := func(num protowire.Number, n uint64) []byte {
		return protowire.AppendVarint(protowire.AppendTag(nil, num, protowire.VarintType), n)
	}

	raw, _ := public.Raw()
	key := slices.Concat(number(2, 3), field(3, raw), field(5, []byte{1}), number(6, 1))
	mapping := slices.Concat(field(1, []byte(public.Fingerprint())), field(2, key), field(4, nil))
	transaction := slices.Concat(number(1, 1), number(2, 1), field(3, field(1, mapping)))

	return slices.Concat(field(1, transaction), number(2, 30))
}

func TestTopology(t *testing.T) {
	t.Parallel()

	cold, other := newKey(t, signing.KeyEd25519), newKey(t, signing.KeyEd25519)
	asked := request(cold)
	content := manual.Topology{delegation(cold.PublicKey()), delegation(other.PublicKey())}
	asked.Content = content

	exported, err := manual.ExportRequest(asked, now)
	require.NoError(t, err)

	read, err := manual.ReadRequest(exported, now)
	require.NoError(t, err)
	require.Equal(t, asked, read)

	answered, err := manual.Answer(t.Context(), read, cold, now)
	require.NoError(t, err)

	sig, err := manual.ImportSignature(answered, asked, cold.PublicKey(), now)
	require.NoError(t, err)

	hash, err := signing.TopologyMultiHash(content)
	require.NoError(t, err)
	signertest.Holds(t, cold.PublicKey(), hash[:], sig)
}

func TestRefusesAnotherKey(t *testing.T) {
	t.Parallel()

	cold, other := newKey(t, signing.KeyEd25519), newKey(t, signing.KeyEd25519)

	_, err := manual.Open(t.Context(), other.PublicKey(), signer.Config{Fingerprint: cold.PublicKey().Fingerprint()})
	require.ErrorIs(t, err, signer.ErrWrongKey)

	_, err = manual.Open(t.Context(), signing.PublicKey{}, signer.Config{Fingerprint: cold.PublicKey().Fingerprint()})
	require.ErrorIs(t, err, signing.ErrUnsupported)

	_, err = manual.Answer(t.Context(), request(cold), other, now)
	require.ErrorIs(t, err, signer.ErrWrongKey)

	theirs := request(other)
	answered, err := manual.Answer(t.Context(), theirs, other, now)
	require.NoError(t, err)

	_, err = manual.ImportSignature(answered, request(cold), cold.PublicKey(), now)
	require.ErrorIs(t, err, signing.ErrWrongKey)
	_, err = manual.ImportSignature(answered, theirs, cold.PublicKey(), now)
	require.ErrorIs(t, err, signing.ErrWrongKey)
}

func TestRequestsThatAreNotMade(t *testing.T) {
	t.Parallel()

	key := newKey(t, signing.KeyEd25519)

	for name, tc := range map[string]struct {
		change func(*manual.Request)
		want   error
	}{
		"no id":         {func(r *manual.Request) { r.ID = "" }, manual.ErrMalformed},
		"id of lines":   {func(r *manual.Request) { r.ID = "a\nb" }, manual.ErrMalformed},
		"long id":       {func(r *manual.Request) { r.ID = strings.Repeat("a", 256) }, manual.ErrMalformed},
		"no key":        {func(r *manual.Request) { r.SignedBy = "" }, manual.ErrMalformed},
		"no content":    {func(r *manual.Request) { r.Content = nil }, manual.ErrMalformed},
		"no bytes":      {func(r *manual.Request) { r.Content = manual.Transaction{Scheme: signing.V2} }, manual.ErrMalformed},
		"no topology":   {func(r *manual.Request) { r.Content = manual.Topology{} }, manual.ErrMalformed},
		"bad topology":  {func(r *manual.Request) { r.Content = manual.Topology{{1}} }, manual.ErrMalformed},
		"no life":       {func(r *manual.Request) { r.Expires = r.Created }, manual.ErrMalformed},
		"long life":     {func(r *manual.Request) { r.Expires = now.Add(manual.MaxLife + 1) }, manual.ErrMalformed},
		"in the future": {func(r *manual.Request) { r.Created, r.Expires = now.Add(time.Hour), now.Add(25*time.Hour) }, manual.ErrMalformed},
		"over":          {func(r *manual.Request) { r.Created, r.Expires = now.Add(-time.Hour), now }, manual.ErrExpired},
		"escape":        {func(r *manual.Request) { r.Statement = "\x1b[2J" }, manual.ErrMalformed},
		"reversed":      {func(r *manual.Request) { r.Statement = "send \u202e0.1" }, manual.ErrMalformed},
		"long":          {func(r *manual.Request) { r.Statement = strings.Repeat("a", 64<<10+1) }, manual.ErrMalformed},
		"no UTF-8":      {func(r *manual.Request) { r.Statement = "\xff" }, manual.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			r := request(key)
			tc.change(&r)

			raw, err := manual.ExportRequest(r, now)
			require.ErrorIs(t, err, tc.want)
			require.Nil(t, raw)
		})
	}
}

// members lets a test change a file and keep it well-formed.
func members(t *testing.T, raw []byte) map[string]any {
	t.Helper()

	var out map[string]any
	require.NoError(t, json.Unmarshal(raw, &out))

	return out
}

func file(t *testing.T, m map[string]any) []byte {
	t.Helper()

	raw, err := json.Marshal(m)
	require.NoError(t, err)

	return raw
}

func TestForgedRequests(t *testing.T) {
	t.Parallel()

	key := newKey(t, signing.KeyEd25519)
	exported, err := manual.ExportRequest(request(key), now)
	require.NoError(t, err)

	other := transaction()
	other.Prepared = bytes.Replace(other.Prepared, []byte("withdrawal-1"), []byte("withdrawal-2"), 1)

	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   error
	}{
		"hash":        {func(m map[string]any) { m["hash"] = strings.Repeat("0", 64) }, manual.ErrMismatch},
		"transaction": {func(m map[string]any) { m["prepared_transaction"] = other.Prepared }, manual.ErrMismatch},
		"scheme":      {func(m map[string]any) { m["hashing_scheme"] = signing.V3.String() }, manual.ErrMismatch},
		"no scheme":   {func(m map[string]any) { delete(m, "hashing_scheme") }, manual.ErrMalformed},
		"kind":        {func(m map[string]any) { m["kind"] = "topology" }, manual.ErrMalformed},
		"both":        {func(m map[string]any) { m["topology_transactions"] = []string{"AA=="} }, manual.ErrMalformed},
		"member":      {func(m map[string]any) { m["more"] = 1 }, manual.ErrMalformed},
		"format":      {func(m map[string]any) { m["format"] = "x" }, manual.ErrMalformed},
		"version":     {func(m map[string]any) { m["version"] = 2 }, manual.ErrMalformed},
		"party":       {func(m map[string]any) { m["party"] = "treasury" }, manual.ErrMalformed},
		"life":        {func(m map[string]any) { m["expires_at"] = "2027-01-01T00:00:00Z" }, manual.ErrMalformed},
		"time":        {func(m map[string]any) { m["expires_at"] = "tomorrow" }, manual.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			m := maps.Clone(members(t, exported))
			tc.change(m)

			_, err := manual.ReadRequest(file(t, m), now)
			require.ErrorIs(t, err, tc.want)
		})
	}

	_, err = manual.ReadRequest(bytes.Replace(exported, []byte(`{`), []byte(`{"id":"x",`), 1), now)
	require.ErrorIs(t, err, manual.ErrMalformed, "a member given twice")

	_, err = manual.ReadRequest(make([]byte, 17<<20), now)
	require.ErrorIs(t, err, manual.ErrMalformed)
}

func TestForgedAnswers(t *testing.T) {
	t.Parallel()

	key := newKey(t, signing.KeyEd25519)
	asked := request(key)
	answered, err := manual.Answer(t.Context(), asked, key, now)
	require.NoError(t, err)

	for name, tc := range map[string]struct {
		change func(map[string]any)
		want   error
	}{
		"signature": {func(m map[string]any) { m["signature"] = make([]byte, 64) }, signing.ErrBadSignature},
		"none":      {func(m map[string]any) { delete(m, "signature") }, signing.ErrBadSignature},
		"algorithm": {func(m map[string]any) { m["algorithm"] = "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256" }, signing.ErrUnsupported},
		"form":      {func(m map[string]any) { m["signature_format"] = "SIGNATURE_FORMAT_RAW" }, signing.ErrUnsupported},
		"signed by": {func(m map[string]any) { m["signed_by"] = "1220ab" }, signing.ErrWrongKey},
		"id":        {func(m map[string]any) { m["id"] = "attempt-8" }, manual.ErrMismatch},
		"hash":      {func(m map[string]any) { m["hash"] = strings.Repeat("0", 64) }, manual.ErrMismatch},
		"member":    {func(m map[string]any) { m["more"] = 1 }, manual.ErrMalformed},
		"format":    {func(m map[string]any) { m["format"] = "canton-exchange-suite/signing-request" }, manual.ErrMalformed},
		"version":   {func(m map[string]any) { m["version"] = 0 }, manual.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			m := members(t, answered)
			tc.change(m)

			sig, err := manual.ImportSignature(file(t, m), asked, key.PublicKey(), now)
			require.ErrorIs(t, err, tc.want)
			require.Zero(t, sig)
		})
	}

	_, err = manual.ImportSignature(make([]byte, 17<<10), asked, key.PublicKey(), now)
	require.ErrorIs(t, err, manual.ErrMalformed)

	// The signature of another attempt with the same id.
	other := asked
	other.Content = manual.Transaction{Prepared: transaction().Prepared, Scheme: signing.V3}
	_, err = manual.ImportSignature(answered, other, key.PublicKey(), now)
	require.ErrorIs(t, err, manual.ErrMismatch)
}

// FuzzReadRequest accepts only requests that it would write itself.
func FuzzReadRequest(f *testing.F) {
	exported, err := manual.ExportRequest(request(newKey(f, signing.KeyEd25519)), now)
	require.NoError(f, err)
	f.Add(exported)
	f.Add([]byte(`{"format":"canton-exchange-suite/signing-request","version":1,"kind":"topology"}`))

	f.Fuzz(func(t *testing.T, raw []byte) {
		r, err := manual.ReadRequest(raw, now)
		if err != nil {
			return
		}

		again, err := manual.ExportRequest(r, now)
		require.NoError(t, err)

		same, err := manual.ReadRequest(again, now)
		require.NoError(t, err)
		require.Equal(t, r.ID, same.ID)
	})
}

// FuzzImportSignature accepts no other signature than the one that was made.
func FuzzImportSignature(f *testing.F) {
	key := newKey(f, signing.KeyEd25519)
	asked := request(key)
	answered, err := manual.Answer(f.Context(), asked, key, now)
	require.NoError(f, err)
	f.Add(answered)

	want, err := manual.ImportSignature(answered, asked, key.PublicKey(), now)
	require.NoError(f, err)

	f.Fuzz(func(t *testing.T, raw []byte) {
		sig, err := manual.ImportSignature(raw, asked, key.PublicKey(), now)
		if err == nil {
			require.Equal(t, want, sig)
		}
	})
}
