package topology_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

func styles() map[string]topology.Style {
	return map[string]topology.Style{"one": topology.SelfContained, "three": topology.Separate}
}

// Whatever is changed after the signature, the signature does not authorize it.
func TestVerifyRefusesWhatWasNotSigned(t *testing.T) {
	t.Parallel()

	type submission struct {
		transactions []topology.Transaction
		signature    signing.Signature
	}

	for name, change := range map[string]func(t *testing.T, s *submission, g topology.Generated){
		"another key": func(t *testing.T, s *submission, g topology.Generated) {
			t.Helper()
			s.signature = edwards(t).sign(t, g.MultiHash)
		},
		"another key under this name": func(t *testing.T, s *submission, g topology.Generated) {
			t.Helper()
			s.signature = edwards(t).sign(t, g.MultiHash)
			s.signature.SignedBy = g.Fingerprint
		},
		"this key under another name": func(t *testing.T, s *submission, _ topology.Generated) {
			t.Helper()
			s.signature.SignedBy = edwards(t).key.Fingerprint()
		},
		"flipped bit of the signature": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Bytes[10] ^= 1
		},
		"signature too short": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Bytes = s.signature.Bytes[:63]
		},
		"signature too long": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Bytes = append(s.signature.Bytes, 0)
		},
		"signature missing": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Bytes = nil
		},
		"another format": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Format = signing.FormatDER
		},
		"another algorithm": func(_ *testing.T, s *submission, _ topology.Generated) {
			s.signature.Algorithm = signing.AlgorithmECDSASHA256
		},
		"another node": func(t *testing.T, s *submission, _ topology.Generated) {
			t.Helper()

			last := &s.transactions[len(s.transactions)-1]
			hosting := mapping[signing.PartyToParticipant](t, last.Raw)
			hosting.Participants[0].Participant = node("thief")
			last.Raw = put(hosting)
		},
	} {
		for style, s := range styles() {
			t.Run(name+", "+style, func(t *testing.T) {
				t.Parallel()

				h := edwards(t)
				g := generate(t, h.request(s))
				changed := submission{unsigned(g.Transactions), h.sign(t, g.MultiHash)}

				_, err := topology.Verify(changed.transactions, []signing.Signature{changed.signature})
				require.NoError(t, err)

				change(t, &changed, g)

				_, err = topology.Verify(changed.transactions, []signing.Signature{changed.signature})
				require.ErrorIs(t, err, topology.ErrUnauthorized)
			})
		}
	}
}

// All 34 bytes are signed: a signature over the SHA-256 hash alone, as prepared transactions are signed, is none.
func TestVerifyWantsTheWholeHashSigned(t *testing.T) {
	t.Parallel()

	h := edwards(t)
	g := generate(t, h.request(topology.SelfContained))

	var bare signing.Hash

	copy(bare[:], g.MultiHash[2:])

	_, err := topology.Verify(unsigned(g.Transactions), []signing.Signature{h.sign(t, bare)})
	require.ErrorIs(t, err, topology.ErrUnauthorized)
	require.ErrorIs(t, err, signing.ErrBadSignature)
}

// Nothing that was left out of, or added to, a signed set goes unnoticed.
func TestVerifyRefusesAnotherSet(t *testing.T) {
	t.Parallel()

	h := edwards(t)
	g := generate(t, h.request(topology.Separate))
	signatures := []signing.Signature{h.sign(t, g.MultiHash)}

	for i := range g.Transactions {
		fewer := slices.Delete(slices.Clone(g.Transactions), i, i+1)

		_, err := topology.Verify(unsigned(fewer), signatures)
		require.Error(t, err)

		// Nor does the key's consent make an incomplete onboarding complete.
		_, err = verifySigned(t, fewer, h)
		require.ErrorIs(t, err, topology.ErrInvalid)
	}

	one := generate(t, h.request(topology.SelfContained))
	more := [][]byte{g.Transactions[0], one.Transactions[0]}

	_, err := topology.Verify(unsigned(more), []signing.Signature{h.sign(t, one.MultiHash)})
	require.ErrorIs(t, err, topology.ErrUnauthorized)

	// The delegation beside a self-contained transaction is not needed, but no fault.
	_, err = verifySigned(t, more, h)
	require.NoError(t, err)
}

// What no signature can make good: the key signs every one of these.
func TestVerifyRefusesWhatIsNoOnboarding(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(t *testing.T, g [][]byte) [][]byte{
		"nothing":        func(_ *testing.T, g [][]byte) [][]byte { return g[:0] },
		"trailing bytes": func(_ *testing.T, g [][]byte) [][]byte { return [][]byte{g[0], g[1], append(g[2], 0)} },
		"unknown field":  func(_ *testing.T, g [][]byte) [][]byte { return [][]byte{g[0], g[1], append(g[2], 0x18, 1)} },
		"cut short":      func(_ *testing.T, g [][]byte) [][]byte { return [][]byte{g[0], g[1], g[2][:len(g[2])-1]} },
		"empty":          func(_ *testing.T, g [][]byte) [][]byte { return [][]byte{g[0], g[1], {}} },
		"same twice":     func(_ *testing.T, g [][]byte) [][]byte { return [][]byte{g[0], g[1], g[2], g[2]} },
		"second hosting": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			hosting := mapping[signing.PartyToParticipant](t, g[2])
			hosting.Participants[0].Participant = node("other")

			return append(g, put(hosting))
		},
		"second delegation": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			delegation := mapping[signing.NamespaceDelegation](t, g[0])
			delegation.Root = true

			return append(g, put(delegation))
		},
		"second set of keys": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			keys := mapping[signing.PartyToKeys](t, g[1])
			keys.Keys[0].Usage = keys.Keys[0].Usage[1:]

			return append(g, put(keys))
		},
		"keys in two places": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			hosting := mapping[signing.PartyToParticipant](t, g[2])
			hosting.Keys, hosting.KeysThreshold = mapping[signing.PartyToKeys](t, g[1]).Keys, 1

			return [][]byte{g[0], g[1], put(hosting)}
		},
		"keys of another party": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			keys := mapping[signing.PartyToKeys](t, g[1])
			keys.Party = "x" + keys.Party

			return [][]byte{g[0], put(keys), g[2]}
		},
		"swapped hint": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			hosting := mapping[signing.PartyToParticipant](t, g[2])
			hosting.Party = "x" + hosting.Party

			return [][]byte{g[0], g[1], put(hosting)}
		},
		"removal": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			return [][]byte{g[0], g[1], topology.Encode(signing.TopologyTransaction{
				Operation: signing.TopologyRemove, Serial: 1, Mapping: mapping[signing.PartyToParticipant](t, g[2]),
			})}
		},
		"second serial": func(t *testing.T, g [][]byte) [][]byte {
			t.Helper()

			return [][]byte{g[0], g[1], topology.Encode(signing.TopologyTransaction{
				Operation: signing.TopologyAddReplace, Serial: 2, Mapping: mapping[signing.PartyToParticipant](t, g[2]),
			})}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			h := edwards(t)
			g := generate(t, h.request(topology.Separate))
			raw := change(t, slices.Clone(g.Transactions))

			signatures := []signing.Signature{h.sign(t, g.MultiHash)}
			if hash, err := signing.TopologyMultiHash(raw); err == nil {
				signatures[0] = h.sign(t, hash)
			}

			_, err := topology.Verify(unsigned(raw), signatures)
			require.ErrorIs(t, err, topology.ErrInvalid)
		})
	}
}

// The same for what the mappings say.
func TestVerifyRefusesWhatAPartyMayNotHave(t *testing.T) {
	t.Parallel()

	type parts struct {
		delegation signing.NamespaceDelegation
		keys       signing.PartyToKeys
		hosting    signing.PartyToParticipant
	}

	stranger := edwards(t).key
	elsewhere, err := signing.PartyID("treasury", stranger)
	require.NoError(t, err)

	rename := func(p *parts, party ident.Party) { p.keys.Party, p.hosting.Party = party, party }
	host := func(name string, permission signing.Permission) signing.HostingParticipant {
		return signing.HostingParticipant{Participant: node(name), Permission: permission}
	}

	for name, change := range map[string]func(p *parts){
		"party of another namespace": func(p *parts) { rename(p, elsewhere) },
		"hint with a colon":          func(p *parts) { rename(p, "a:"+p.keys.Party) },
		"hint with a slash":          func(p *parts) { rename(p, "a/"+p.keys.Party) },
		"delegation to another key":  func(p *parts) { p.delegation.Target.Key = stranger },
		"delegation by another":      func(p *parts) { p.delegation.Namespace = stranger.Fingerprint() },
		"another namespace": func(p *parts) {
			p.delegation.Namespace, p.delegation.Target.Key = stranger.Fingerprint(), stranger
		},
		"delegation of nothing":    func(p *parts) { p.delegation.SignsAll = false },
		"namespace key without it": func(p *parts) { p.delegation.Target.Usage = []signing.KeyUsage{signing.UsageProtocol} },
		"key for other things":     func(p *parts) { p.keys.Keys[0].Usage = []signing.KeyUsage{signing.UsageNamespace} },
		"no keys":                  func(p *parts) { p.keys.Keys = nil },
		"key twice":                func(p *parts) { p.keys.Keys = append(p.keys.Keys, p.keys.Keys[0]) },
		"no key threshold":         func(p *parts) { p.keys.Threshold = 0 },
		"key threshold too high":   func(p *parts) { p.keys.Threshold = 2 },
		"no threshold":             func(p *parts) { p.hosting.Threshold = 0 },
		"threshold too high":       func(p *parts) { p.hosting.Threshold = 2 },
		"no nodes":                 func(p *parts) { p.hosting.Participants = nil },
		"node twice": func(p *parts) {
			p.hosting.Participants = append(p.hosting.Participants, host("local", signing.PermissionObservation))
		},
		"node that submits": func(p *parts) {
			p.hosting.Participants = append(p.hosting.Participants, host("other", signing.PermissionSubmission))
		},
		"nodes that only see":      func(p *parts) { p.hosting.Participants[0].Permission = signing.PermissionObservation },
		"node that is catching up": func(p *parts) { p.hosting.Participants[0].Onboarding = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			h := edwards(t)
			g := generate(t, h.request(topology.Separate))
			p := parts{
				mapping[signing.NamespaceDelegation](t, g.Transactions[0]),
				mapping[signing.PartyToKeys](t, g.Transactions[1]),
				mapping[signing.PartyToParticipant](t, g.Transactions[2]),
			}

			change(&p)

			_, err := verifySigned(t, [][]byte{put(p.delegation), put(p.keys), put(p.hosting)}, h)
			require.ErrorIs(t, err, topology.ErrInvalid)
		})
	}
}
