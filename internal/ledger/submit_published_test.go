package ledger_test

import (
	"context"
	"crypto/ed25519"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// knows34 and knows35 report whether a published version has what came with 3.4 or 3.5.
func knows34(version string) bool { return version >= "3.4" }
func knows35(version string) bool { return version >= "3.5" }

// Everything that a request may hold is valid under each version's document, if it is set where the version knows it.
func TestSubmissionsAreMadeAsPublished(t *testing.T) {
	t.Parallel()

	at := time.Date(2026, 1, 2, 3, 4, 5, 678_901_999, time.FixedZone("", 3600))
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))

	public, err := signing.NewPublicKey(key.Public())
	require.NoError(t, err)

	for _, version := range publishedVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			p, c := servePublished(t, version, ledger.ShapeAuto)
			p.answers["/v2/interactive-submission/prepare"] = `{"preparedTransaction":"AQ==","preparedTransactionHash":"` +
				strings.Repeat("A", 43) + `=","hashingSchemeVersion":"HASHING_SCHEME_VERSION_V2","hashingDetails":null` +
				costAnswer(version) + `}`

			request := ledger.PrepareRequest{
				UserID: "u", CommandID: "c", ActAs: []ident.Party{party}, ReadAs: []ident.Party{party},
				Disclosed: []ledger.DisclosedContract{{
					Template: ledger.StandardInterfaces()[0].ID, Contract: "00ab", EventBlob: []byte{1}, Synchronizer: synchronizer,
				}},
				Synchronizer: synchronizer, MaxRecordTime: at, MinLedgerTime: at, PackageIDs: []string{"ab"},
			}
			if knows34(version) {
				request.ExpectedSignatures = []signing.Algorithm{signing.AlgorithmEd25519}
			}

			if knows35(version) {
				request.Schemes = []signing.Scheme{signing.V3, signing.V2}
			}

			for _, command := range []ledger.Command{
				ledger.Exercise{
					On: ledger.StandardInterfaces()[0].ID, Contract: "00ab", Choice: "Archive", Argument: struct{}{},
				},
				ledger.Create{Template: ledger.StandardInterfaces()[0].ID, Arguments: strictjson.Raw(`{"owner":"a::b"}`)},
				ledger.RawCommand(`{"CreateCommand":{"templateId":"#a:B:C","createArguments":{}}}`),
			} {
				request.Command = command

				prepared, err := c.Prepare(within(t), request)
				require.NoError(t, err)
				require.Equal(t, signing.V2, prepared.Scheme)
				require.Equal(t, knows34(version), prepared.Cost != nil)

				request.NoCostEstimate = knows34(version)
			}

			signature, err := signing.Sign(nil, key, public, signing.Hash{})
			require.NoError(t, err)

			execute := ledger.ExecuteRequest{
				UserID: "u", Transaction: []byte{1}, Scheme: signing.V2, SubmissionID: "s", MinLedgerTime: at,
				Signatures: []ledger.PartySignatures{{Party: party, Signatures: []signing.Signature{signature}}},
			}
			p.answers["/v2/interactive-submission/execute"] = `{}`
			p.answers["/v2/interactive-submission/executeAndWait"] = `{"updateId":"1220ab","completionOffset":7}`

			for _, d := range []ledger.Deduplication{{}, ledger.DeduplicateFor(time.Hour + 7), ledger.DeduplicateAfter(0)} {
				execute.Deduplication = d
				require.NoError(t, c.Execute(within(t), execute))

				p.answers["/v2/commands/submit-and-wait"] = `{"updateId":"1220ab","completionOffset":7}`

				submitted, err := c.SubmitAndWait(within(t), ledger.SubmitRequest{
					UserID: "u", CommandID: "c", Command: request.Command, ActAs: request.ActAs, Disclosed: request.Disclosed,
					Synchronizer: synchronizer, Deduplication: d,
				})
				require.NoError(t, err)
				require.Equal(t, ledger.Committed{Update: "1220ab", Offset: 7}, submitted)

				committed, err := c.ExecuteAndWait(within(t), execute)
				if knows34(version) {
					require.NoError(t, err)
					require.Equal(t, ledger.Committed{Update: "1220ab", Offset: 7}, committed)
				} else {
					require.Equal(t, rejected, ledger.OutcomeOf(err))
				}
			}
		})
	}
}

func costAnswer(version string) string {
	if !knows34(version) {
		return ""
	}

	return `,"costEstimation":{"estimationTimestamp":"2026-01-02T03:04:05.678901Z",` +
		`"confirmationRequestTrafficCostEstimation":17000,"confirmationResponseTrafficCostEstimation":900,` +
		`"totalTrafficCostEstimation":17900}`
}

func TestTheRestOfSubmissionIsAskedForAsPublished(t *testing.T) {
	t.Parallel()

	public, err := signing.NewPublicKey(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public())
	require.NoError(t, err)

	treasury, err := signing.PartyID("treasury", public)
	require.NoError(t, err)

	for _, version := range publishedVersions {
		t.Run(version, func(t *testing.T) {
			t.Parallel()

			p, c := servePublished(t, version, ledger.ShapeAuto)
			status := `"status":{"code":0,"message":"","details":[]}`

			if !knows34(version) {
				status = `"status":{"code":0,"message":"","details":[],"unknownFields":{"fields":{}}}`
			}

			p.items["/v2/commands/completions"] = []string{completionItem(`"offset":9,"updateId":"1220ab",` + status +
				`,"deduplicationPeriod":{"Empty":{}},"traceContext":null,"synchronizerTime":{"synchronizerId":"` + synchronizer +
				`","recordTime":"2026-01-02T03:04:05.678901Z"}`)}

			request := ledger.CompletionsRequest{UserID: "u", Parties: []ident.Party{party}, Begin: 3}
			items, err := c.Completions(within(t), request)
			require.NoError(t, err)
			require.Equal(t, ident.UpdateID("1220ab"), items[0].Completion.Update)

			s, err := c.OpenCompletions(within(t), request)
			require.NoError(t, err)

			item, err := s.Next(within(t))
			require.NoError(t, err)
			require.Equal(t, items[0], item)
			require.NoError(t, s.Close())

			p.answers["/v2/parties/external/allocate"] = `{"partyId":"` + string(treasury) + `"}`
			p.answers["/v2/parties/external/generate-topology"] = `{"partyId":"` + string(treasury) +
				`","publicKeyFingerprint":"` + string(public.Fingerprint()) + `","topologyTransactions":["AQ=="],"multiHash":""}`
			p.answers["/v2/interactive-submission/preferred-packages"] = `{"packageReferences":[{"packageId":"ab",` +
				`"packageName":"p","packageVersion":"1.0.0"}],"synchronizerId":"` + synchronizer + `"}`

			_, err = c.GenerateTopology(within(t), ledger.TopologyRequest{
				Synchronizer: synchronizer, Hint: "treasury", Key: public, ObserveOnly: true,
				Confirming: []ident.ParticipantID{"node::1220"}, Observing: []ident.ParticipantID{"other::1220"}, Threshold: 1,
			})
			require.ErrorContains(t, err, "the hash is not that of the transactions")

			allocate := ledger.AllocateRequest{Synchronizer: synchronizer, Party: treasury, Transactions: [][]byte{{1}}}
			if knows35(version) {
				allocate.UserID = "u"
			}

			require.NoError(t, c.AllocateParty(within(t), allocate))

			preferred, err := c.PreferredPackages(within(t), []ledger.PackageRequirement{
				{Name: "p", Parties: []ident.Party{party}},
			}, synchronizer, time.Now())
			require.NoError(t, err)
			require.Equal(t, []ledger.PackageReference{{ID: "ab", Name: "p", Version: "1.0.0"}}, preferred.Packages)
			require.Len(t, p.asked(), 5)
		})
	}
}

// Answers of prepare that contradict themselves or what was asked for.
func TestPreparedTransactionsThatCannotBe(t *testing.T) {
	t.Parallel()

	const hash = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

	cost := func(at, total string) string {
		return `,"costEstimation":{"estimationTimestamp":"` + at + `","confirmationRequestTrafficCostEstimation":1,` +
			`"confirmationResponseTrafficCostEstimation":1,"totalTrafficCostEstimation":` + total + `}`
	}

	for name, tc := range map[string]struct{ transaction, hash, scheme, cost string }{
		"no transaction":         {"", hash, "HASHING_SCHEME_VERSION_V2", ""},
		"a short hash":           {"AQ==", "AQ==", "HASHING_SCHEME_VERSION_V2", ""},
		"no hash":                {"AQ==", "", "HASHING_SCHEME_VERSION_V2", ""},
		"not base64":             {"?", hash, "HASHING_SCHEME_VERSION_V2", ""},
		"no scheme":              {"AQ==", hash, "", ""},
		"an unknown scheme":      {"AQ==", hash, "HASHING_SCHEME_VERSION_V9", ""},
		"a scheme not asked for": {"AQ==", hash, "HASHING_SCHEME_VERSION_V3", ""},
		"a time that is none":    {"AQ==", hash, "HASHING_SCHEME_VERSION_V2", cost("soon", "2")},
		"a cost below zero":      {"AQ==", hash, "HASHING_SCHEME_VERSION_V2", cost("2026-01-02T03:04:05Z", "-2")},
	} {
		n := newNode(t)
		n.before = answer(200, "application/json", `{"preparedTransaction":"`+tc.transaction+`","preparedTransactionHash":"`+
			tc.hash+`","hashingSchemeVersion":"`+tc.scheme+`"`+tc.cost+`}`)

		_, err := newClient(t, n).Prepare(within(t), ledger.PrepareRequest{
			CommandID: "c", ActAs: []ident.Party{party}, Command: ledger.RawCommand(`{}`),
		})
		require.Equal(t, ledger.CodeMalformed, asError(t, err).Code, "%s: %v", name, err)
	}
}

// A node that refuses the better scheme is asked for the other; what is refused for another reason is asked for once.
func TestTheNextSchemeIsAskedFor(t *testing.T) {
	t.Parallel()

	for code, tc := range map[string]struct{ category, requests int }{
		"INVALID_ARGUMENT": {8, 2}, "CONTRACT_NOT_FOUND": {11, 1},
	} {
		requests := 0
		n := newNode(t)
		refuse := answer(400, "application/json", cantonError(code, tc.category, 3, "no"))
		n.before = func(w http.ResponseWriter, r *http.Request) bool {
			requests++

			return refuse(w, r)
		}

		_, err := newClient(t, n).Prepare(within(t), ledger.PrepareRequest{
			CommandID: "c", ActAs: []ident.Party{party}, Command: ledger.RawCommand(`{}`),
			Schemes: []signing.Scheme{signing.V3, signing.V2},
		})
		require.Equal(t, code, asError(t, err).Code)
		require.Equal(t, tc.requests, requests)
	}
}

// Answers to executeAndWait that say that it went well, and not where.
func TestCommittedAnswersThatCannotBe(t *testing.T) {
	t.Parallel()

	for _, body := range []string{
		`{}`, `{"updateId":"","completionOffset":7}`, `{"updateId":"1220ab","completionOffset":-7}`, `[]`, ``,
	} {
		n := newNode(t)
		n.before = answer(200, "application/json", body)

		_, err := newClient(t, n).ExecuteAndWait(within(t), ledger.ExecuteRequest{
			Transaction: []byte{1}, Scheme: signing.V2, SubmissionID: "s",
			Signatures: []ledger.PartySignatures{{Party: party, Signatures: make([]signing.Signature, 1)}},
		})
		require.Equal(t, ledger.CodeMalformed, asError(t, err).Code, "%s: %v", body, err)
		require.Equal(t, unknown, ledger.OutcomeOf(err))
		require.Equal(t, ledger.Submitted, ledger.Classify(err))
	}
}

// Without a token nothing is sent, and so nothing is lost.
func TestASubmissionWithoutToken(t *testing.T) {
	t.Parallel()

	n := newNode(t)
	n.before = func(http.ResponseWriter, *http.Request) bool {
		t.Error("something was sent")

		return false
	}

	err := newClient(t, n, func(c *ledger.Config) { c.Tokens = ledger.FileTokens(t.TempDir() + "/none") }).
		Execute(within(t), ledger.ExecuteRequest{
			Transaction: []byte{1}, Scheme: signing.V2, SubmissionID: "s",
			Signatures: []ledger.PartySignatures{{Party: party, Signatures: make([]signing.Signature, 1)}},
		})
	require.Equal(t, ledger.CodeNoToken, asError(t, err).Code)
	require.Equal(t, again, ledger.OutcomeOf(err))
}

// rotating gives another token after each that was refused.
type rotating struct{ refused atomic.Int64 }

func (r *rotating) Token(context.Context) (secret.String, error) {
	return secret.New("token-" + strconv.FormatInt(r.refused.Load(), 10)), nil
}

func (r *rotating) Invalidate() { r.refused.Add(1) }

// A refused token is replaced for the next request: this one is not repeated.
func TestASubmissionIsNotRepeatedWithAnotherToken(t *testing.T) {
	t.Parallel()

	var got []string

	n := newNode(t)
	n.before = func(w http.ResponseWriter, r *http.Request) bool {
		got = append(got, r.Header.Get("Authorization"))

		return answer(401, "application/json", cantonError("NA", -1, 16, "no"))(w, r)
	}
	c := newClient(t, n, func(c *ledger.Config) { c.Tokens = &rotating{} })

	for range 2 {
		err := c.Execute(within(t), ledger.ExecuteRequest{
			Transaction: []byte{1}, Scheme: signing.V2, SubmissionID: "s",
			Signatures: []ledger.PartySignatures{{Party: party, Signatures: make([]signing.Signature, 1)}},
		})
		require.Equal(t, again, ledger.OutcomeOf(err))
	}

	require.Equal(t, []string{"Bearer token-0", "Bearer token-1"}, got)
}
