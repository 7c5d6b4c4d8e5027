package signing

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
)

func TestPublishedFingerprints(t *testing.T) {
	t.Parallel()

	vectors := conformance[[]struct {
		Raw         string `json:"publicKeyRawHex"`
		Key         string `json:"publicKeyHex"`
		Fingerprint string `json:"fingerprint"`
	}](t, "key-fingerprints.json")
	require.NotEmpty(t, vectors)

	for _, v := range vectors {
		spec := KeyEd25519
		if len(unhex(t, v.Raw)) != ed25519.PublicKeySize {
			spec = KeyP256
		}

		for _, text := range []string{v.Raw, v.Key} {
			format := KeyFormatSPKI

			switch raw := unhex(t, text); len(raw) {
			case 0:
				continue
			case ed25519.PublicKeySize:
				format = KeyFormatRaw
			}

			key, err := ParsePublicKey(spec, format, unhex(t, text))
			require.NoError(t, err)
			require.Equal(t, v.Fingerprint, string(key.Fingerprint()))

			party, err := PartyID("treasury", key)
			require.NoError(t, err)
			require.Equal(t, "treasury::"+v.Fingerprint, string(party))

			namespace, err := Namespace(party)
			require.NoError(t, err)
			require.Equal(t, key.Fingerprint(), namespace)
		}
	}
}

func keys(tb testing.TB) map[string]crypto.Signer {
	tb.Helper()

	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(tb, err)

	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(tb, err)

	return map[string]crypto.Signer{"Ed25519": edwards, "P-256": p256}
}

func TestSignAndVerify(t *testing.T) {
	t.Parallel()

	for name, signer := range keys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			key, err := NewPublicKey(signer.Public())
			require.NoError(t, err)

			again, err := ParsePublicKey(key.Spec(), KeyFormatSPKI, key.SPKI())
			require.NoError(t, err)
			require.Equal(t, key, again)

			for _, what := range []Signable{Hash{1: 2}, TopologyHash{1: 2}} {
				s, err := Sign(rand.Reader, signer, key, what)
				require.NoError(t, err)
				require.NoError(t, Verify(key, what, s))
				require.Equal(t, key.Fingerprint(), s.SignedBy)

				require.ErrorIs(t, Verify(key, Hash{2: 2}, s), ErrBadSignature)
				refusals(t, key, what, s)
			}
		})
	}
}

func refusals(tb testing.TB, key PublicKey, what Signable, s Signature) {
	tb.Helper()

	for i := range s.Bytes {
		changed := s
		changed.Bytes = slices.Clone(s.Bytes)
		changed.Bytes[i] ^= 1
		require.ErrorIs(tb, Verify(key, what, changed), ErrBadSignature)
	}

	changed := s
	changed.Bytes = append(slices.Clone(s.Bytes), 0)
	require.ErrorIs(tb, Verify(key, what, changed), ErrBadSignature)

	changed = s
	changed.SignedBy = "1220"
	require.ErrorIs(tb, Verify(key, what, changed), ErrWrongKey)

	for _, format := range []SignatureFormat{"", "SIGNATURE_FORMAT_RAW", FormatDER, FormatConcat} {
		if format != s.Format {
			changed = s
			changed.Format = format
			require.ErrorIs(tb, Verify(key, what, changed), ErrUnsupported)
		}
	}

	changed = s
	changed.Algorithm = "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_384"
	require.ErrorIs(tb, Verify(key, what, changed), ErrUnsupported)
}

// What is signed is as the Ledger API wants it: checked by other means than Verify.
func TestWhatIsSigned(t *testing.T) {
	t.Parallel()

	signers := keys(t)
	edwards, _ := signers["Ed25519"].(ed25519.PrivateKey)
	public, _ := edwards.Public().(ed25519.PublicKey)

	key, err := NewPublicKey(public)
	require.NoError(t, err)

	hash, topology := Hash{5: 5}, TopologyHash{0: 0x12, 1: 0x20, 9: 9}

	s, err := Sign(nil, edwards, key, hash)
	require.NoError(t, err)
	require.Len(t, s.Bytes, 64)
	require.True(t, ed25519.Verify(public, hash[:], s.Bytes))

	s, err = Sign(nil, edwards, key, topology)
	require.NoError(t, err)
	require.True(t, ed25519.Verify(public, topology[:], s.Bytes), "all 34 bytes are signed")
	require.Equal(t, FormatConcat, s.Format)

	p256, _ := signers["P-256"].(*ecdsa.PrivateKey)

	key, err = NewPublicKey(p256.Public())
	require.NoError(t, err)

	s, err = Sign(rand.Reader, p256, key, hash)
	require.NoError(t, err)
	require.True(t, ecdsa.VerifyASN1(&p256.PublicKey, sum(hash[:]), s.Bytes), "ECDSA hashes once more")
	require.Equal(t, FormatDER, s.Format)
}

// brokenSigner is a device that claims a key and answers what it likes.
type brokenSigner struct {
	public crypto.PublicKey
	answer []byte
	err    error
}

func (b brokenSigner) Public() crypto.PublicKey { return b.public }

func (b brokenSigner) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) {
	return b.answer, b.err
}

func TestABrokenSignerIsNoticed(t *testing.T) {
	t.Parallel()

	for name, signer := range keys(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			key, err := NewPublicKey(signer.Public())
			require.NoError(t, err)

			_, err = Sign(nil, brokenSigner{public: signer.Public(), answer: make([]byte, 64)}, key, Hash{})
			require.ErrorIs(t, err, ErrBadSignature)

			cause := errors.New("device is gone")
			_, err = Sign(nil, brokenSigner{public: signer.Public(), err: cause}, key, Hash{})
			require.ErrorIs(t, err, cause)

			for _, other := range keys(t) {
				_, err = Sign(rand.Reader, other, key, Hash{})
				require.ErrorIs(t, err, ErrWrongKey)
			}
		})
	}

	_, err := Sign(nil, brokenSigner{}, PublicKey{}, Hash{})
	require.ErrorIs(t, err, ErrUnsupported)
	require.Error(t, Verify(PublicKey{}, Hash{}, Signature{SignedBy: PublicKey{}.Fingerprint()}))
}

func TestKeysThatAreRefused(t *testing.T) {
	t.Parallel()

	signers := keys(t)

	edwards, err := NewPublicKey(signers["Ed25519"].Public())
	require.NoError(t, err)

	p256, err := NewPublicKey(signers["P-256"].Public())
	require.NoError(t, err)

	raw, ok := edwards.Raw()
	require.True(t, ok)

	_, ok = p256.Raw()
	require.False(t, ok)

	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)

	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)

	rsaDER, err := x509.MarshalPKIXPublicKey(rsaKey.Public())
	require.NoError(t, err)

	tests := map[string]struct {
		spec   KeySpec
		format KeyFormat
		data   []byte
		want   error
	}{
		"too short":             {KeyEd25519, KeyFormatRaw, raw[1:], ErrInvalidKey},
		"nothing":               {KeyEd25519, KeyFormatSPKI, nil, ErrInvalidKey},
		"raw as DER":            {KeyEd25519, KeyFormatSPKI, raw, ErrInvalidKey},
		"DER and more":          {KeyEd25519, KeyFormatSPKI, append(edwards.SPKI(), 0), ErrInvalidKey},
		"another kind":          {KeyP256, KeyFormatSPKI, edwards.SPKI(), ErrInvalidKey},
		"yet another kind":      {KeyEd25519, KeyFormatSPKI, p256.SPKI(), ErrInvalidKey},
		"RSA":                   {KeyP256, KeyFormatSPKI, rsaDER, ErrUnsupported},
		"a raw P-256 key":       {KeyP256, KeyFormatRaw, raw, ErrUnsupported},
		"the legacy format":     {KeyEd25519, "CRYPTO_KEY_FORMAT_DER", edwards.SPKI(), ErrUnsupported},
		"a spec we do not know": {"SIGNING_KEY_SPEC_EC_SECP256K1", KeyFormatSPKI, p256.SPKI(), ErrUnsupported},
	}

	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := ParsePublicKey(tt.spec, tt.format, tt.data)
			require.ErrorIs(t, err, tt.want)
		})
	}

	_, err = NewPublicKey(p384.Public())
	require.ErrorIs(t, err, ErrUnsupported)

	_, err = NewPublicKey((*ecdsa.PublicKey)(nil))
	require.ErrorIs(t, err, ErrUnsupported)
}

func TestPartyIDs(t *testing.T) {
	t.Parallel()

	key, err := NewPublicKey(keys(t)["Ed25519"].Public())
	require.NoError(t, err)

	for _, hint := range []string{
		"", "a::b", ":a", "a:", "a b", "a/b", "ä", "a\x00", strings.Repeat("x", 186),
	} {
		_, err := PartyID(hint, key)
		require.ErrorIs(t, err, ErrInvalidKey, hint)
	}

	_, err = PartyID(strings.Repeat("x", 185), key)
	require.NoError(t, err)

	_, err = PartyID("treasury-1_a:b", key)
	require.NoError(t, err)

	_, err = PartyID("a", PublicKey{})
	require.ErrorIs(t, err, ErrInvalidKey)

	for _, party := range []ident.Party{
		"", "a", "a::", "a::1220", "a::" + ident.Party(strings.ToUpper(string(key.Fingerprint()))),
		"a:::" + ident.Party(key.Fingerprint()), "a::1320" + ident.Party(key.Fingerprint()[4:]),
		"a::" + ident.Party(key.Fingerprint()) + "::x",
	} {
		_, err := Namespace(party)
		require.ErrorIs(t, err, ErrInvalidKey, party)
	}
}

type topologyVector struct {
	Name         string   `json:"name"`
	Transactions []string `json:"topologyTransactionsBase64"`
	Expected     string   `json:"expectedMultiHashHex"`
	Base64       string   `json:"expectedMultiHashBase64"`
	Actual       string   `json:"actualMultiHashBase64"`
	Negative     string   `json:"negative"`
	Hashes       []string `json:"transactionHashesHex"`
	Decoded      []struct {
		Mapping      string                `json:"mapping"`
		Serial       uint32                `json:"serial"`
		Operation    TopologyOperation     `json:"operation"`
		Namespace    Fingerprint           `json:"namespace"`
		Party        ident.Party           `json:"party"`
		Participants []ident.ParticipantID `json:"participants"`
	} `json:"decoded"`
}

func (v topologyVector) raw(tb testing.TB) [][]byte {
	tb.Helper()

	out := make([][]byte, 0, len(v.Transactions))
	for _, text := range v.Transactions {
		out = append(out, unbase64(tb, text))
	}

	return out
}

func TestPublishedTopology(t *testing.T) {
	t.Parallel()

	vectors := conformance[[]topologyVector](t, "topology-multi-hash.json")
	require.NotEmpty(t, vectors)

	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()

			raw := v.raw(t)

			hash, err := TopologyMultiHash(raw)
			require.NoError(t, err)

			if v.Negative != "" {
				require.NotEqual(t, v.Expected, hash.String(), v.Negative)
				require.Equal(t, v.Actual, base64.StdEncoding.EncodeToString(hash[:]))
			} else {
				require.Equal(t, v.Expected, hash.String())
				require.Equal(t, v.Base64, base64.StdEncoding.EncodeToString(hash[:]))
			}

			slices.Reverse(raw)

			reversed, err := TopologyMultiHash(raw)
			require.NoError(t, err)
			require.Equal(t, hash, reversed, "the order does not matter")

			slices.Reverse(raw)

			for i, one := range raw {
				require.Equal(t, v.Hashes[i], TopologyTransactionHash(one).String())

				decoded, err := DecodeTopology(one)
				require.NoError(t, err)
				require.Equal(t, v.Decoded[i].Operation, decoded.Operation)
				require.Equal(t, v.Decoded[i].Serial, decoded.Serial)

				switch mapping := decoded.Mapping.(type) {
				case NamespaceDelegation:
					require.Equal(t, "namespaceDelegation", v.Decoded[i].Mapping)
					require.Equal(t, v.Decoded[i].Namespace, mapping.Namespace)
					require.Equal(t, mapping.Namespace, mapping.Target.Key.Fingerprint())
					require.True(t, mapping.SignsAll)
				case PartyToKeys:
					require.Equal(t, "partyToKeyMapping", v.Decoded[i].Mapping)
					require.Equal(t, v.Decoded[i].Party, mapping.Party)
					require.Len(t, mapping.Keys, 1)
				case PartyToParticipant:
					require.Equal(t, "partyToParticipant", v.Decoded[i].Mapping)
					require.Equal(t, v.Decoded[i].Party, mapping.Party)
					require.Len(t, mapping.Participants, 1)
					require.Equal(t, v.Decoded[i].Participants[0], mapping.Participants[0].Participant)
					require.Equal(t, PermissionConfirmation, mapping.Participants[0].Permission)
				}
			}
		})
	}
}

// Made by another implementation over the one-byte "transactions" 01 and 02.
func TestTopologyHashes(t *testing.T) {
	t.Parallel()

	one, two := []byte{1}, []byte{2}
	require.Equal(t, "1220bd4f82197ef1d2871c8882a61b6a6056a9b09a053c0a99baee11a61caa87399a",
		TopologyTransactionHash(one).String())
	require.Equal(t, "1220db1900d2b54e290aa0efd5ce914fd9351b14181fe2ff4719f44510572eea3fdb",
		TopologyTransactionHash(two).String())

	hash, err := TopologyMultiHash([][]byte{two, one})
	require.NoError(t, err)
	require.Equal(t, "1220cf14163a2cc2e8a41b91bb6385e66ed8cac7bab2db4c2817e6c262d440eebb02", hash.String())

	hash, err = TopologyMultiHash([][]byte{one})
	require.NoError(t, err)
	require.Equal(t, "1220bab89e9955897ee4a6bbd271e01eabb4e6c437bbdf69cec144dcec0a1c00af1f", hash.String())

	_, err = TopologyMultiHash([][]byte{one, two, one})
	require.ErrorIs(t, err, ErrDuplicateField)

	_, err = TopologyMultiHash(nil)
	require.ErrorIs(t, err, ErrTooLarge)

	_, err = TopologyMultiHash(make([][]byte, MaxTopologyTransactions+1))
	require.ErrorIs(t, err, ErrTooLarge)
}

// onboarding is a topology transaction with everything that we know of hosting.
func onboarding(tb testing.TB) []byte {
	tb.Helper()

	key, err := NewPublicKey(ed25519.PublicKey(unhex(tb, strings.Repeat("5a", 32))))
	require.NoError(tb, err)

	raw, _ := key.Raw()
	party := "treasury::" + string(key.Fingerprint())

	signingKey := func(num number) []byte {
		return message1(num, varint(keyFormat, internalFormatRaw), protoText(keyPublicKey, string(raw)),
			protoText(keyUsage, "\x01\x04\x05"), varint(keySpec, internalSpecEd25519))
	}

	return slices.Concat(message1(versionedData, varint(topologyOperation, 1), varint(topologySerial, 1),
		message1(topologyMapping, message1(mappingPartyToParticipant,
			protoText(hostingParty, party), varint(hostingThreshold, 1),
			message1(hostingParticipants, protoText(participantUID, party),
				varint(participantPermission, uint64(PermissionConfirmation)), message1(participantOnboarding)),
			message1(hostingKeys, signingKey(keysKeys), varint(keysThreshold, 1))))),
		varint(versionedVersion, topologyProtoVersion))
}

func varint(num number, n uint64) []byte {
	var w writer

	w.varintAlways(num, n)

	return w.buf
}

func TestTopologyIsReadCompletely(t *testing.T) {
	t.Parallel()

	raw := onboarding(t)

	want, err := DecodeTopology(raw)
	require.NoError(t, err)

	mapping, ok := want.Mapping.(PartyToParticipant)
	require.True(t, ok)
	require.True(t, mapping.Participants[0].Onboarding)
	require.Equal(t, []KeyUsage{UsageNamespace, UsageProtocol, UsageProofOfOwnership}, mapping.Keys[0].Usage)

	// Whoever checks an onboarding must see that a node would act in the party's name by itself.
	submission, err := DecodeTopology(bytes.Replace(raw, varint(participantPermission, uint64(PermissionConfirmation)),
		varint(participantPermission, uint64(PermissionSubmission)), 1))
	require.NoError(t, err)

	mapping, ok = submission.Mapping.(PartyToParticipant)
	require.True(t, ok)
	require.Equal(t, PermissionSubmission, mapping.Participants[0].Permission)

	differs := func(changed []byte) {
		if got, err := DecodeTopology(changed); err == nil {
			require.NotEqual(t, want, got, "not read: %s", hex.EncodeToString(changed))
		}
	}

	for i := range raw {
		for bit := range 8 {
			changed := slices.Clone(raw)
			changed[i] ^= 1 << bit
			differs(changed)
		}
	}

	whole, ok := takeApart(raw)
	require.True(t, ok)
	variations(whole, func(parts []part) [][]part {
		out := [][]part{append(slices.Clone(parts), part{raw: varint(30, 1)})}
		for i := range parts {
			out = append(out, append(slices.Clone(parts), parts[i]), slices.Delete(slices.Clone(parts), i, i+1))
		}

		return out
	}, differs)
}

func TestTopologyThatIsRefused(t *testing.T) {
	t.Parallel()

	mapping := func(content ...[]byte) []byte {
		return slices.Concat(message1(versionedData, varint(topologyOperation, 1), varint(topologySerial, 1),
			message1(topologyMapping, content...)), varint(versionedVersion, topologyProtoVersion))
	}
	party := func(text string) []byte {
		return mapping(message1(mappingPartyToParticipant, protoText(hostingParty, text)))
	}

	tests := map[string]struct {
		raw  []byte
		want error
	}{
		"nothing":           {nil, ErrMissingField},
		"no mapping":        {mapping(), ErrMissingField},
		"another mapping":   {mapping(message1(5, nil)), ErrUnknownField},
		"another version":   {varint(versionedVersion, 31), ErrUnknownField},
		"no such party":     {party("treasury"), ErrInvalidValue},
		"no such namespace": {party("treasury::abc"), ErrInvalidValue},
		"another operation": {message1(versionedData, varint(topologyOperation, 3)), ErrUnknownField},
	}

	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			_, err := DecodeTopology(tt.raw)
			require.ErrorIs(t, err, tt.want)
		})
	}
}
