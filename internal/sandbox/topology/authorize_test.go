package topology_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

// Signatures over each transaction do as well as one over the multi-hash, and only for the transaction they are over.
func TestVerifySignaturesPerTransaction(t *testing.T) {
	t.Parallel()

	for name, style := range styles() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			h := edwards(t)
			g := generate(t, h.request(style))
			transactions := unsigned(g.Transactions)

			_, err := topology.Verify(transactions, nil)
			require.ErrorIs(t, err, topology.ErrUnauthorized)

			for i, raw := range g.Transactions {
				transactions[i].Signatures = []signing.Signature{h.sign(t, signing.TopologyTransactionHash(raw))}
			}

			o, err := topology.Verify(transactions, nil)
			require.NoError(t, err)
			require.Equal(t, g.Party, o.Party)

			for i := range transactions {
				kept := transactions[i].Signatures

				transactions[i].Signatures = nil
				_, err := topology.Verify(transactions, nil)
				require.ErrorIs(t, err, topology.ErrUnauthorized)

				// A signature over the multi-hash does not count where one over the transaction must stand.
				transactions[i].Signatures = []signing.Signature{h.sign(t, g.MultiHash)}
				_, err = topology.Verify(transactions, nil)
				require.ErrorIs(t, err, topology.ErrUnauthorized)

				transactions[i].Signatures = kept
			}

			// One that does not hold is a fault even beside a multi-hash that is signed.
			transactions[0].Signatures[0].Bytes = bytes.Repeat([]byte{1}, 64)
			_, err = topology.Verify(transactions, []signing.Signature{h.sign(t, g.MultiHash)})
			require.ErrorIs(t, err, topology.ErrUnauthorized)
		})
	}
}

// A party may sign with several keys; each of them must agree to be registered.
func TestVerifyAsksEveryRegisteredKey(t *testing.T) {
	t.Parallel()

	first, second := edwards(t), p256(t)
	g := generate(t, first.request(topology.SelfContained))
	hosting := mapping[signing.PartyToParticipant](t, g.Transactions[0])
	hosting.Keys = append(hosting.Keys, signing.TopologyKey{
		Key: second.key, Usage: []signing.KeyUsage{signing.UsageProtocol},
	})
	hosting.KeysThreshold = 2
	raw := [][]byte{put(hosting)}

	for _, h := range []holder{first, second} {
		_, err := verifySigned(t, raw, h)
		require.ErrorIs(t, err, topology.ErrUnauthorized)
	}

	want := topology.KeySet{Keys: []signing.PublicKey{first.key, second.key}, Threshold: 2}
	o, err := verifySigned(t, raw, first, second)
	require.NoError(t, err)
	require.Equal(t, want, o.Keys)

	// The one over all of them, the other over the transaction that registers it, as a node's documents have it.
	o, err = topology.Verify([]topology.Transaction{{
		Raw: raw[0], Signatures: []signing.Signature{second.sign(t, signing.TopologyTransactionHash(raw[0]))},
	}}, []signing.Signature{first.sign(t, o.MultiHash)})
	require.NoError(t, err)
	require.Equal(t, want, o.Keys)

	// Nobody founds a party in the namespace of a key that is not registered: it could not have agreed.
	hosting.Keys = hosting.Keys[1:]
	hosting.KeysThreshold = 1

	_, err = verifySigned(t, [][]byte{put(hosting)}, second)
	require.ErrorIs(t, err, topology.ErrInvalid)
}

// The same where the keys stand in a transaction of their own: that is the one to sign.
func TestVerifyAsksForTheTransactionThatRegisters(t *testing.T) {
	t.Parallel()

	first, second := edwards(t), edwards(t)
	g := generate(t, first.request(topology.Separate))
	keys := mapping[signing.PartyToKeys](t, g.Transactions[1])
	keys.Keys = append(keys.Keys, signing.TopologyKey{
		Key: second.key, Usage: []signing.KeyUsage{signing.UsageProtocol},
	})
	raw := [][]byte{g.Transactions[0], put(keys), g.Transactions[2]}

	hash, err := signing.TopologyMultiHash(raw)
	require.NoError(t, err)

	for i := range raw {
		transactions := unsigned(raw)
		transactions[i].Signatures = []signing.Signature{second.sign(t, signing.TopologyTransactionHash(raw[i]))}

		o, err := topology.Verify(transactions, []signing.Signature{first.sign(t, hash)})
		if i == 1 {
			require.NoError(t, err)
			require.Equal(t, []signing.PublicKey{first.key, second.key}, o.Keys.Keys)
		} else {
			require.ErrorIs(t, err, topology.ErrUnauthorized)
		}
	}
}

func TestVerifyIsBounded(t *testing.T) {
	t.Parallel()

	h := edwards(t)
	g := generate(t, h.request(topology.SelfContained))
	many := slices.Repeat([]signing.Signature{h.sign(t, g.MultiHash)}, topology.MaxSignatures+1)

	_, err := topology.Verify(unsigned(g.Transactions), many)
	require.ErrorIs(t, err, topology.ErrInvalid)

	_, err = topology.Verify(unsigned(g.Transactions), many[1:])
	require.NoError(t, err)

	hosting := mapping[signing.PartyToParticipant](t, g.Transactions[0])
	for len(hosting.Keys) <= topology.MaxSignatures {
		hosting.Keys = append(hosting.Keys, signing.TopologyKey{
			Key: edwards(t).key, Usage: []signing.KeyUsage{signing.UsageProtocol},
		})
	}

	_, err = verifySigned(t, [][]byte{put(hosting)}, h)
	require.ErrorIs(t, err, topology.ErrInvalid)
}

// FuzzVerify demands of any bytes: no panic, and that nobody is onboarded without a signature over those very bytes.
func FuzzVerify(f *testing.F) {
	h := edwards(f)

	for _, style := range styles() {
		g := generate(f, h.request(style))
		parts := append(slices.Clone(g.Transactions), nil, nil)
		s := h.sign(f, g.MultiHash)
		f.Add(parts[0], parts[1], parts[2], string(s.Format), string(s.Algorithm), string(s.SignedBy), s.Bytes)
	}

	f.Fuzz(func(t *testing.T, a, b, c []byte, format, algorithm, by string, signature []byte) {
		var raw [][]byte

		for _, part := range [][]byte{a, b, c} {
			if len(part) > 0 {
				raw = append(raw, part)
			}
		}

		o, err := topology.Verify(unsigned(raw), []signing.Signature{{
			Format: signing.SignatureFormat(format), Algorithm: signing.Algorithm(algorithm),
			SignedBy: signing.Fingerprint(by), Bytes: signature,
		}})
		if err != nil {
			return
		}

		hash, err := signing.TopologyMultiHash(raw)
		require.NoError(t, err)
		require.Equal(t, hash, o.MultiHash)

		namespace, err := signing.Namespace(o.Party)
		require.NoError(t, err)
		require.Equal(t, by, string(namespace))

		key, ok := o.Keys.Key(namespace)
		require.True(t, ok, "with one signature there can be one key only")
		require.NoError(t, signing.Verify(key, hash, signing.Signature{
			Format: signing.SignatureFormat(format), Algorithm: signing.Algorithm(algorithm),
			SignedBy: namespace, Bytes: signature,
		}))
		require.NotEmpty(t, o.Hosts)
		require.NotZero(t, o.Threshold)
	})
}
