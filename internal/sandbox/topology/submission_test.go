package topology_test

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

func TestCheckSubmission(t *testing.T) {
	t.Parallel()

	hash := signing.Hash(sha256.Sum256([]byte("a prepared transaction")))
	other := signing.Hash(sha256.Sum256([]byte("another")))
	a, b, stranger := edwards(t), p256(t), edwards(t)
	sa, sb, ss := a.sign(t, hash), b.sign(t, hash), stranger.sign(t, hash)

	posing := ss
	posing.SignedBy = sa.SignedBy
	concat := sb
	concat.Format = signing.FormatConcat
	short := sa
	short.Bytes = sa.Bytes[:63]
	long := sa
	long.Bytes = append(slices.Clone(sa.Bytes), 0)
	algorithm := sa
	algorithm.Algorithm = signing.AlgorithmECDSASHA256

	for _, tc := range []struct {
		name      string
		threshold uint32
		by        []signing.Signature
		ok        bool
	}{
		{"one of two, Ed25519", 1, []signing.Signature{sa}, true},
		{"one of two, ECDSA", 1, []signing.Signature{sb}, true},
		{"two of two", 2, []signing.Signature{sb, sa}, true},
		{"surplus that is valid", 1, []signing.Signature{sa, sb}, true},
		{"surplus of a stranger", 1, []signing.Signature{ss, sa}, true},
		{"surplus that does not hold", 1, []signing.Signature{posing, short, sb, concat}, true},
		{"fifty", 1, slices.Repeat([]signing.Signature{sa}, 50), true},
		{"fifty-one", 1, slices.Repeat([]signing.Signature{sa}, 51), false},
		{"none", 1, nil, false},
		{"too few", 2, []signing.Signature{sa}, false},
		{"one key twice", 2, []signing.Signature{sa, a.sign(t, hash)}, false},
		{"ECDSA key twice", 2, []signing.Signature{sb, b.sign(t, hash)}, false},
		{"key and stranger", 2, []signing.Signature{sa, ss}, false},
		{"stranger", 1, []signing.Signature{ss}, false},
		{"stranger under a key's name", 1, []signing.Signature{posing}, false},
		{"another hash", 1, []signing.Signature{a.sign(t, other), b.sign(t, other)}, false},
		{"ECDSA said to be concatenated", 1, []signing.Signature{concat}, false},
		{"too short", 1, []signing.Signature{short}, false},
		{"too long", 1, []signing.Signature{long}, false},
		{"another algorithm", 1, []signing.Signature{algorithm}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			keys := topology.KeySet{Keys: []signing.PublicKey{a.key, b.key}, Threshold: tc.threshold}

			err := topology.CheckSubmission(hash, keys, tc.by)
			if tc.ok {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, topology.ErrExternalSignature)
			}
		})
	}

	require.ErrorIs(t, topology.CheckSubmission(hash, topology.KeySet{}, []signing.Signature{sa}),
		topology.ErrExternalSignature, "a party without keys, as a local one, signs nothing")
}

// The hash of a prepared transaction and that of an onboarding are different things to sign, also for the same bytes.
func TestCheckSubmissionWants32Bytes(t *testing.T) {
	t.Parallel()

	h := edwards(t)
	g := generate(t, h.request(topology.SelfContained))

	var bare signing.Hash

	copy(bare[:], g.MultiHash[2:])

	keys := topology.KeySet{Keys: []signing.PublicKey{h.key}, Threshold: 1}
	require.NoError(t, topology.CheckSubmission(bare, keys, []signing.Signature{h.sign(t, bare)}))

	err := topology.CheckSubmission(bare, keys, []signing.Signature{h.sign(t, g.MultiHash)})
	require.ErrorIs(t, err, topology.ErrExternalSignature)
	require.ErrorIs(t, err, signing.ErrBadSignature)
}
