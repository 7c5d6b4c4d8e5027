package topology_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

// node is the id of a node that exists only by name.
func node(name string) ident.ParticipantID {
	return ident.ParticipantID(name + "::1220" + strings.Repeat("ab", 32))
}

// holder is somebody with a key.
type holder struct {
	signer crypto.Signer
	key    signing.PublicKey
}

func edwards(tb require.TestingT) holder {
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)

	return holderOf(tb, private)
}

func p256(tb require.TestingT) holder {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)

	return holderOf(tb, private)
}

func holderOf(tb require.TestingT, signer crypto.Signer) holder {
	key, err := signing.NewPublicKey(signer.Public())
	require.NoError(tb, err)

	return holder{signer: signer, key: key}
}

func (h holder) sign(tb require.TestingT, what signing.Signable) signing.Signature {
	s, err := signing.Sign(rand.Reader, h.signer, h.key, what)
	require.NoError(tb, err)

	return s
}

// request asks for the plainest onboarding.
func (h holder) request(style topology.Style) topology.Request {
	return topology.Request{Key: h.key, Hint: "treasury", Local: node("local"), Threshold: 1, Style: style}
}

func generate(tb require.TestingT, r topology.Request) topology.Generated {
	g, err := topology.Generate(r)
	require.NoError(tb, err)

	return g
}

// unsigned are transactions without signatures of their own.
func unsigned(raw [][]byte) []topology.Transaction {
	out := make([]topology.Transaction, 0, len(raw))
	for _, b := range raw {
		out = append(out, topology.Transaction{Raw: b})
	}

	return out
}

// verifySigned has the holders sign the multi-hash of the transactions and verifies.
func verifySigned(tb require.TestingT, raw [][]byte, by ...holder) (topology.Onboarding, error) {
	hash, err := signing.TopologyMultiHash(raw)
	require.NoError(tb, err)

	signatures := make([]signing.Signature, 0, len(by))
	for _, h := range by {
		signatures = append(signatures, h.sign(tb, hash))
	}

	return topology.Verify(unsigned(raw), signatures)
}

// put serializes a mapping as a new party has it.
func put(m signing.TopologyMapping) []byte {
	return topology.Encode(signing.TopologyTransaction{
		Operation: signing.TopologyAddReplace, Serial: 1, Mapping: m,
	})
}

// mapping decodes what a transaction says.
func mapping[T signing.TopologyMapping](tb require.TestingT, raw []byte) T {
	t, err := signing.DecodeTopology(raw)
	require.NoError(tb, err)

	m, ok := t.Mapping.(T)
	require.True(tb, ok, "%T", t.Mapping)

	return m
}

// shared finds a file of published facts, which are not part of the project.
func shared(tb testing.TB, path string) string {
	tb.Helper()

	dir, err := os.Getwd()
	require.NoError(tb, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		require.NotEqual(tb, dir, filepath.Dir(dir), "no go.mod above the test")
		dir = filepath.Dir(dir)
	}

	full := filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		tb.Skipf("%s is not on this machine", path)
	}

	return full
}

// published is an onboarding that a real node generated.
type published struct {
	Name         string   `json:"name"`
	Transactions [][]byte `json:"topologyTransactionsBase64"`
	MultiHash    []byte   `json:"expectedMultiHashBase64"`
	Party        string   `json:"partyId"`
	Fingerprint  string   `json:"publicKeyFingerprint"`
}

func publishedOnboarding(tb testing.TB, name string) published {
	tb.Helper()

	raw, err := os.ReadFile(shared(tb, "conformance/hashes/topology-multi-hash.json"))
	require.NoError(tb, err)

	var all []published

	require.NoError(tb, json.Unmarshal(raw, &all))

	for _, p := range all {
		if p.Name == name {
			return p
		}
	}

	require.Fail(tb, "no such vector", name)

	return published{}
}
