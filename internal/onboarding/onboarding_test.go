package onboarding

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	generatePath = "/v2/parties/external/generate-topology"
	allocatePath = "/v2/parties/external/allocate"
)

// network is a sandbox behind a real socket.
func network(t *testing.T, cfg sandbox.Config) (s *sandbox.Sandbox, address string) {
	t.Helper()

	s, err := sandbox.New(cfg)
	require.NoError(t, err)

	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() {
		s.Close()
		server.Close()
	})

	return s, server.URL
}

func partyOf(t *testing.T, public signing.PublicKey) ident.Party {
	t.Helper()

	made, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	return made
}

// careful counts what it signs.
type careful struct {
	signer.Signer

	signed atomic.Int32
}

func (c *careful) Sign(ctx context.Context, what signing.Signable) (signing.Signature, error) {
	c.signed.Add(1)

	return c.Signer.Sign(ctx, what)
}

// between stands between the tool and the node, and changes the answers of one path.
func between(t *testing.T, address, path string, change func([]byte) []byte) (proxy string, allocations *atomic.Int32) {
	t.Helper()

	node, err := url.Parse(address)
	require.NoError(t, err)

	allocations = &atomic.Int32{}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(node) },
		ModifyResponse: func(r *http.Response) error {
			if r.Request.URL.Path != path {
				return nil
			}

			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}

			body = change(body)
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Header.Del("Content-Length")

			return nil
		},
	}

	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == allocatePath {
			allocations.Add(1)
		}

		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)

	return server.URL, allocations
}

// makingBy is a party that is made through an address.
func makingBy(t *testing.T, address string) (*making, *careful) {
	t.Helper()

	settings := ledger.Settings{URL: address, Timeout: time.Minute, MaxMessage: 1 << 20, Shape: "auto"}
	node, err := settings.Client(slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(node.CloseIdle)

	private, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)

	key, err := private.Signer(t.Context(), signer.Config{Fingerprint: private.PublicKey().Fingerprint()})
	require.NoError(t, err)

	c := &careful{Signer: key}
	m := &making{node: node, key: c, hint: "treasury", Result: Result{Party: partyOf(t, private.PublicKey())}}

	m.Participant, err = node.ParticipantID(t.Context())
	require.NoError(t, err)

	m.Synchronizer, err = choose(t.Context(), node, "")
	require.NoError(t, err)

	return m, c
}

// A node that slips something else under the signature, and hashes it honestly, gets no signature.
func TestALyingNodeGetsNoSignature(t *testing.T) {
	t.Parallel()

	stranger := func(t *testing.T) signing.TopologyKey {
		t.Helper()

		private, err := keyfile.Generate(signing.KeyEd25519)
		require.NoError(t, err)

		return signing.TopologyKey{
			Key: private.PublicKey(), Usage: []signing.KeyUsage{signing.UsageNamespace, signing.UsageProtocol},
		}
	}

	for name, lie := range map[string]func(*testing.T, *signing.PartyToParticipant){
		"the node submits": func(_ *testing.T, p *signing.PartyToParticipant) {
			p.Participants[0].Permission = signing.PermissionSubmission
		},
		"another node confirms": func(_ *testing.T, p *signing.PartyToParticipant) {
			p.Participants = append(p.Participants, signing.HostingParticipant{
				Participant: "other" + p.Participants[0].Participant, Permission: signing.PermissionConfirmation,
			})
		},
		"another key signs":  func(t *testing.T, p *signing.PartyToParticipant) { t.Helper(); p.Keys = append(p.Keys, stranger(t)) },
		"only another signs": func(t *testing.T, p *signing.PartyToParticipant) { t.Helper(); p.Keys[0] = stranger(t) },
		"no threshold":       func(_ *testing.T, p *signing.PartyToParticipant) { p.Threshold = 0 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s, address := network(t, sandbox.Config{})
			proxy, allocations := between(t, address, generatePath, func(body []byte) []byte {
				return retold(t, body, func(p *signing.PartyToParticipant) { lie(t, p) })
			})

			m, key := makingBy(t, proxy)
			err := m.ensure(t.Context())
			require.ErrorIs(t, err, intent.ErrMismatch)
			require.ErrorContains(t, err, "nothing was signed")
			require.Zero(t, key.signed.Load())
			require.Zero(t, allocations.Load())

			_, err = s.Holdings(m.Party)
			require.ErrorIs(t, err, sandbox.ErrUnknown)

			// The same through the same proxy, when the truth is told.
			proxy, allocations = between(t, address, generatePath, func(body []byte) []byte {
				return retold(t, body, func(*signing.PartyToParticipant) {})
			})

			m, key = makingBy(t, proxy)
			require.NoError(t, m.ensure(t.Context()))
			require.True(t, m.Made)
			require.EqualValues(t, 1, key.signed.Load())
			require.EqualValues(t, 1, allocations.Load())
		})
	}
}

// retold changes a node's answer and makes its hash fit.
func retold(t *testing.T, body []byte, change func(*signing.PartyToParticipant)) []byte {
	t.Helper()

	var answer topology.GenerateResponse

	require.NoError(t, json.Unmarshal(body, &answer))
	require.Len(t, answer.TopologyTransactions, 1)

	transaction, err := signing.DecodeTopology(answer.TopologyTransactions[0])
	require.NoError(t, err)

	hosting, ok := transaction.Mapping.(signing.PartyToParticipant)
	require.True(t, ok)

	change(&hosting)
	transaction.Mapping = hosting
	answer.TopologyTransactions[0] = topology.Encode(transaction)

	hash, err := signing.TopologyMultiHash(answer.TopologyTransactions)
	require.NoError(t, err)

	answer.MultiHash = hash[:]

	raw, err := json.Marshal(answer)
	require.NoError(t, err)

	return raw
}

// A party that the node could act for is nothing to put money on, whoever made it.
func TestAPartyOfTheNodesOwnIsRefused(t *testing.T) {
	t.Parallel()

	_, address := network(t, sandbox.Config{})
	proxy, _ := between(t, address, "/v2/state/connected-synchronizers", func(body []byte) []byte {
		return bytes.ReplaceAll(body, []byte(confirms), []byte(submits))
	})

	m, key := makingBy(t, proxy)
	require.NoError(t, m.ensure(t.Context()))
	require.True(t, m.Made)

	err := m.ensure(t.Context())
	require.ErrorIs(t, err, ErrSubmission)
	require.EqualValues(t, 1, key.signed.Load())
}

// The party is found when the node has made it and its answer was lost, and not when nothing was done.
func TestALostAnswer(t *testing.T) {
	t.Parallel()

	s, address := network(t, sandbox.Config{})
	m, _ := makingBy(t, address)

	for kind, made := range map[fault.Kind]bool{fault.Status503: false, fault.ReplyLost: true} {
		_, err := s.Faults().Replace([]fault.Rule{{Kind: kind, Times: 1, Match: fault.Match{Path: allocatePath}}})
		require.NoError(t, err)

		if made {
			require.NoError(t, m.ensure(t.Context()))
			require.Equal(t, confirms, m.Permission)
		} else {
			require.Error(t, m.ensure(t.Context()))
		}

		require.Equal(t, made, m.Made)

		m, _ = makingBy(t, address)
	}
}
