package intent_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

const ourNode = ident.ParticipantID("node::1220abababababababababababababababababababababababababababababababab")

func ed25519Key(t testing.TB) signing.PublicKey {
	t.Helper()

	public, _, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)

	key, err := signing.NewPublicKey(public)
	require.NoError(t, err)

	return key
}

func p256Key(t testing.TB) signing.PublicKey {
	t.Helper()

	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	key, err := signing.NewPublicKey(private.Public())
	require.NoError(t, err)

	return key
}

// asked is an onboarding as an honest node generates it.
func asked(t testing.TB, key signing.PublicKey, style topology.Style) (intent.Onboarding, topology.Generated) {
	t.Helper()

	g, err := topology.Generate(topology.Request{Key: key, Hint: "treasury", Local: ourNode, Threshold: 1, Style: style})
	require.NoError(t, err)

	return intent.Onboarding{Party: g.Party, Key: key, Participant: ourNode}, g
}

func TestHonestOnboardingsAreAccepted(t *testing.T) {
	t.Parallel()

	for _, key := range []signing.PublicKey{ed25519Key(t), p256Key(t)} {
		for _, style := range []topology.Style{topology.SelfContained, topology.Separate} {
			want, g := asked(t, key, style)

			hash, err := intent.CheckOnboarding(g.Transactions, want)
			require.NoError(t, err)
			require.Equal(t, g.MultiHash, hash)

			slices.Reverse(g.Transactions)

			hash, err = intent.CheckOnboarding(g.Transactions, want)
			require.NoError(t, err, "order says nothing")
			require.Equal(t, g.MultiHash, hash)
		}
	}

	// The older way to write a delegation of all rights.
	want, g := asked(t, ed25519Key(t), topology.Separate)
	alter(t, &g, 0, func(d *signing.NamespaceDelegation) { d.Root, d.SignsAll = true, false })
	_, err := intent.CheckOnboarding(g.Transactions, want)
	require.NoError(t, err)
}

// alter changes what one of the transactions says.
func alter[T signing.TopologyMapping](t testing.TB, g *topology.Generated, i int, change func(*T)) {
	t.Helper()

	transaction, err := signing.DecodeTopology(g.Transactions[i])
	require.NoError(t, err)

	mapping, ok := transaction.Mapping.(T)
	require.True(t, ok, "%T", transaction.Mapping)

	change(&mapping)
	transaction.Mapping = mapping
	g.Transactions[i] = topology.Encode(transaction)
}

// Every way in which a node can lie about a party is refused, and the mismatch names it.
func TestOtherOnboardingsAreRefused(t *testing.T) {
	t.Parallel()

	type (
		hosting = signing.PartyToParticipant
		keys    = signing.PartyToKeys
		founds  = signing.NamespaceDelegation
	)

	key, other := ed25519Key(t), ed25519Key(t)
	another := ident.Party("other::" + string(key.Fingerprint()))
	theirs := signing.TopologyKey{Key: other, Usage: []signing.KeyUsage{1, 4, 5}}
	spy := signing.HostingParticipant{Participant: "spy" + ourNode, Permission: signing.PermissionConfirmation}

	hosts := func(change func(*hosting)) func(testing.TB, *topology.Generated) {
		return func(t testing.TB, g *topology.Generated) {
			t.Helper()
			alter(t, g, len(g.Transactions)-1, change)
		}
	}
	registers := func(change func(*keys)) func(testing.TB, *topology.Generated) {
		return func(t testing.TB, g *topology.Generated) {
			t.Helper()
			alter(t, g, 1, change)
		}
	}
	delegates := func(change func(*founds)) func(testing.TB, *topology.Generated) {
		return func(t testing.TB, g *topology.Generated) {
			t.Helper()
			alter(t, g, 0, change)
		}
	}
	put := func(m signing.TopologyMapping) func(testing.TB, *topology.Generated) {
		return func(_ testing.TB, g *topology.Generated) {
			g.Transactions = append(g.Transactions, topology.Encode(signing.TopologyTransaction{
				Operation: signing.TopologyAddReplace, Serial: 1, Mapping: m,
			}))
		}
	}

	whole, parts := []topology.Style{topology.SelfContained}, []topology.Style{topology.Separate}
	both := slices.Concat(whole, parts)

	for name, tc := range map[string]struct {
		styles []topology.Style
		change func(testing.TB, *topology.Generated)
		field  string
	}{
		"another party":       {both, hosts(func(p *hosting) { p.Party = another }), "hosting.party"},
		"another node":        {both, hosts(func(p *hosting) { p.Participants[0].Participant = spy.Participant }), "hosting.participant"},
		"one more node":       {both, hosts(func(p *hosting) { p.Participants = append(p.Participants, spy) }), "hosting"},
		"no node":             {both, hosts(func(p *hosting) { p.Participants = nil }), "hosting"},
		"submission":          {both, hosts(func(p *hosting) { p.Participants[0].Permission = signing.PermissionSubmission }), "hosting.permission"},
		"observation":         {both, hosts(func(p *hosting) { p.Participants[0].Permission = signing.PermissionObservation }), "hosting.permission"},
		"a move":              {both, hosts(func(p *hosting) { p.Participants[0].Onboarding = true }), "hosting.onboarding"},
		"nobody confirms":     {both, hosts(func(p *hosting) { p.Threshold = 0 }), "hosting.threshold"},
		"two confirm":         {both, hosts(func(p *hosting) { p.Threshold = 2 }), "hosting.threshold"},
		"another key":         {whole, hosts(func(p *hosting) { p.Keys[0] = theirs }), "hosting.keys.key"},
		"one more key":        {whole, hosts(func(p *hosting) { p.Keys = append(p.Keys, theirs) }), "hosting.keys"},
		"no signature":        {whole, hosts(func(p *hosting) { p.KeysThreshold = 0 }), "hosting.keys.threshold"},
		"two signatures":      {whole, hosts(func(p *hosting) { p.KeysThreshold = 2 }), "hosting.keys.threshold"},
		"no key at all":       {whole, hosts(func(p *hosting) { p.Keys, p.KeysThreshold = nil, 0 }), "keys"},
		"no namespace":        {whole, hosts(func(p *hosting) { p.Keys[0].Usage = []signing.KeyUsage{signing.UsageProtocol} }), "namespace"},
		"not for signing":     {whole, hosts(func(p *hosting) { p.Keys[0].Usage = []signing.KeyUsage{signing.UsageNamespace} }), "hosting.keys.key.usage"},
		"keys twice":          {parts, hosts(func(p *hosting) { p.Keys, p.KeysThreshold = []signing.TopologyKey{theirs}, 1 }), "keys"},
		"keys of another":     {parts, registers(func(k *keys) { k.Party = another }), "keys.party"},
		"registered another":  {parts, registers(func(k *keys) { k.Keys[0] = theirs }), "keys.key"},
		"registered more":     {parts, registers(func(k *keys) { k.Keys = append(k.Keys, theirs) }), "keys"},
		"registered for two":  {parts, registers(func(k *keys) { k.Threshold = 2 }), "keys.threshold"},
		"registered for none": {parts, registers(func(k *keys) { k.Keys[0].Usage = nil }), "keys.key.usage"},
		"delegates elsewhere": {parts, delegates(func(d *founds) { d.Target = theirs }), "namespace.key"},
		"delegates another's": {parts, delegates(func(d *founds) { d.Namespace = other.Fingerprint() }), "namespace"},
		"delegates a part":    {parts, delegates(func(d *founds) { d.SignsAll = false }), "namespace.delegation"},
		"not for a namespace": {parts, delegates(func(d *founds) { d.Target.Usage = []signing.KeyUsage{signing.UsageProtocol} }), "namespace.key.usage"},
		"no delegation":       {parts, func(_ testing.TB, g *topology.Generated) { g.Transactions = g.Transactions[1:] }, "namespace"},
		"no registration":     {parts, func(_ testing.TB, g *topology.Generated) { g.Transactions = slices.Delete(g.Transactions, 1, 2) }, "keys"},
		"no hosting":          {parts, func(_ testing.TB, g *topology.Generated) { g.Transactions = g.Transactions[:2] }, "topology"},
		"a second delegation": {both, put(founds{Namespace: key.Fingerprint(), Target: theirs, SignsAll: true}), "namespace.key"},
		"a second hosting":    {both, put(hosting{Party: another, Threshold: 1, Participants: []signing.HostingParticipant{spy}}), "topology"},
		"a later serial": {both, func(t testing.TB, g *topology.Generated) {
			t.Helper()
			rewrite(t, g, func(tt *signing.TopologyTransaction) { tt.Serial = 2 })
		}, "serial"},
		"a removal": {both, func(t testing.TB, g *topology.Generated) {
			t.Helper()
			rewrite(t, g, func(tt *signing.TopologyTransaction) { tt.Operation = signing.TopologyRemove })
		}, "operation"},
	} {
		for _, style := range tc.styles {
			want, g := asked(t, key, style)
			tc.change(t, &g)

			hash, err := intent.CheckOnboarding(g.Transactions, want)
			require.ErrorIs(t, err, intent.ErrMismatch, name)
			require.Zero(t, hash, name)

			var found *intent.OnboardingError

			require.ErrorAs(t, err, &found, name)
			require.True(t, found.Has(tc.field), "%s: %v", name, err)
			require.True(t, strings.HasPrefix(err.Error(), "topology is not what was asked for: "), err)
			require.NotContains(t, err.Error(), "prepared transaction")
		}
	}
}

func rewrite(t testing.TB, g *topology.Generated, change func(*signing.TopologyTransaction)) {
	t.Helper()

	transaction, err := signing.DecodeTopology(g.Transactions[0])
	require.NoError(t, err)

	change(&transaction)
	g.Transactions[0] = topology.Encode(transaction)
}

func TestOnboardingsThatAreNotUnderstoodAreRefused(t *testing.T) {
	t.Parallel()

	want, g := asked(t, ed25519Key(t), topology.SelfContained)

	for name, transactions := range map[string][][]byte{
		"nothing":         {},
		"the same twice":  {g.Transactions[0], g.Transactions[0]},
		"no transaction":  {g.Transactions[0], {1}},
		"an unknown part": {append(slices.Clone(g.Transactions[0]), 0x18, 1)},
	} {
		hash, err := intent.CheckOnboarding(transactions, want)
		require.Error(t, err, name)
		require.NotErrorIs(t, err, intent.ErrMismatch, name)
		require.Zero(t, hash, name)
	}

	// Nor is a party that could not be the key's.
	want.Party = "treasury::1220"
	_, err := intent.CheckOnboarding(g.Transactions, want)
	require.ErrorIs(t, err, intent.ErrMismatch)
}

// FuzzCheckOnboarding demands that of all bytes only those that an honest node writes are accepted.
func FuzzCheckOnboarding(f *testing.F) {
	key := ed25519Key(f)
	want, whole := asked(f, key, topology.SelfContained)
	_, parts := asked(f, key, topology.Separate)

	for _, g := range []topology.Generated{whole, parts} {
		raw := append(slices.Clone(g.Transactions), nil, nil)
		f.Add(raw[0], raw[1], raw[2])
	}

	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		raw := slices.DeleteFunc([][]byte{a, b, c}, func(part []byte) bool { return len(part) == 0 })

		hash, err := intent.CheckOnboarding(raw, want)
		if err != nil {
			return
		}

		signed, err := signing.TopologyMultiHash(raw)
		require.NoError(t, err)
		require.Equal(t, signed, hash)

		onboarded, err := topology.Read(raw)
		require.NoError(t, err, "a node takes what we take")
		require.Equal(t, want.Party, onboarded.Party)
		require.Equal(t, topology.KeySet{Keys: []signing.PublicKey{key}, Threshold: 1}, onboarded.Keys)
		require.Equal(t, []signing.HostingParticipant{
			{Participant: ourNode, Permission: signing.PermissionConfirmation},
		}, onboarded.Hosts)
	})
}
