package sandbox_test

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	preparePath     = "/v2/interactive-submission/prepare"
	executePath     = "/v2/interactive-submission/execute"
	waitPath        = "/v2/interactive-submission/executeAndWait"
	transactionPath = "/v2/interactive-submission/executeAndWaitForTransaction"
)

// outcome is what a submission is answered: a status, and a code if it failed.
type outcome struct {
	status int
	code   string
}

// refusedWith calls what must fail, and checks the status and the code.
func (n *network) refusedWith(path string, body any, want outcome) refusal {
	n.t.Helper()

	status, _, raw := n.call(http.MethodPost, path, body)
	require.Equal(n.t, want.status, status, "%s", raw)

	var r refusal

	require.NoError(n.t, json.Unmarshal(raw, &r), "%s", raw)
	require.Equal(n.t, want.code, r.Code, "%s", raw)

	return r
}

// funded is a network with two external parties, the first of which has Canton Coin.
func funded(t *testing.T, cfg sandbox.Config) (alice, bob *external) {
	t.Helper()

	n := newBare(t, cfg)
	alice, bob = n.onboard("alice"), n.onboard("bob")
	alice.tap("1000")

	return alice, bob
}

// prepareTransfer prepares a transfer of Canton Coin.
func (e *external) prepareTransfer(to ident.Party, value string) prepared {
	e.n.t.Helper()

	command, disclosed, _ := e.transferCommand(to, e.n.Amulet(), value, "memo")

	return e.prepare(command, disclosed)
}

// altered is a prepared transaction with a change, hashed anew.
func altered(t *testing.T, p prepared, change func(*signing.Prepared)) prepared {
	t.Helper()

	decoded, err := signing.Decode(p.Transaction)
	require.NoError(t, err)

	change(&decoded)

	return encoded(t, decoded, p.Scheme)
}

func encoded(t *testing.T, p signing.Prepared, schemeName string) prepared {
	t.Helper()

	scheme, err := signing.ParseScheme(schemeName)
	require.NoError(t, err)

	hash, err := p.Hash(scheme)
	require.NoError(t, err)

	return prepared{Transaction: signing.Encode(p), Hash: hash[:], Scheme: schemeName}
}

// signatures of an execute request, to be changed.
func signaturesOf(request map[string]any) map[string]any {
	list, _ := request["partySignatures"].(map[string]any)["signatures"].([]any)

	return list[0].(map[string]any)["signatures"].([]any)[0].(map[string]any)
}

func TestSignaturesThatDoNotCount(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	p := alice.prepareTransfer(bob.party, "10")
	stranger := sha256.Sum256([]byte("stranger"))

	for name, change := range map[string]func(request map[string]any){
		"another key": func(r map[string]any) {
			signaturesOf(r)["signature"] = ed25519.Sign(ed25519.NewKeyFromSeed(stranger[:]), p.Hash)
		},
		"another key's name": func(r map[string]any) {
			name, err := signing.Namespace(bob.party)
			require.NoError(t, err)

			signaturesOf(r)["signedBy"] = name
		},
		"another hash": func(r map[string]any) { signaturesOf(r)["signature"] = ed25519.Sign(alice.key, p.Transaction) },
		"half a hash":  func(r map[string]any) { signaturesOf(r)["signature"] = ed25519.Sign(alice.key, p.Hash[:16]) },
		"no bytes":     func(r map[string]any) { signaturesOf(r)["signature"] = []byte{} },
		"DER":          func(r map[string]any) { signaturesOf(r)["format"] = "SIGNATURE_FORMAT_DER" },
		"ECDSA": func(r map[string]any) {
			signaturesOf(r)["signingAlgorithmSpec"] = "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256"
		},
		"nobody's": func(r map[string]any) { r["partySignatures"] = map[string]any{"signatures": []any{}} },
		"another party's": func(r map[string]any) {
			r["partySignatures"].(map[string]any)["signatures"].([]any)[0].(map[string]any)["party"] = bob.party
		},
		"another scheme": func(r map[string]any) { r["hashingSchemeVersion"] = "HASHING_SCHEME_VERSION_V3" },
		"too many": func(r map[string]any) {
			one := r["partySignatures"].(map[string]any)["signatures"].([]any)[0].(map[string]any)
			one["signatures"] = append(one["signatures"].([]any), one["signatures"].([]any)[0])
		},
	} {
		for _, path := range []string{executePath, waitPath, transactionPath} {
			request := alice.executeRequest(p)
			change(request)
			n.refusedWith(path, request, outcome{http.StatusBadRequest, "INVALID_EXTERNAL_SIGNATURE"})
		}

		require.Equal(t, "1000", n.total(alice.party, n.Amulet()), name)
	}

	// A signature that does no good does no harm where as many may be sent: the good one is enough.
	old, _ := funded(t, sandbox.Config{Version: sandbox.V34})
	p = old.prepareTransfer(old.party, "10")
	request := old.executeRequest(p)
	one := request["partySignatures"].(map[string]any)["signatures"].([]any)[0].(map[string]any)
	bad := signature(ed25519.NewKeyFromSeed(stranger[:]), p.Hash, "1220aa")
	one["signatures"] = append([]any{bad}, one["signatures"].([]any)...)
	old.n.must(http.MethodPost, waitPath, request, nil)
}

func TestSchemes(t *testing.T) {
	t.Parallel()

	for version, schemes := range map[sandbox.Version][]string{
		sandbox.V33: {"HASHING_SCHEME_VERSION_V2"},
		sandbox.V34: {"HASHING_SCHEME_VERSION_V2"},
		sandbox.V35: {"HASHING_SCHEME_VERSION_V2", "HASHING_SCHEME_VERSION_V3"},
		sandbox.V36: {"HASHING_SCHEME_VERSION_V2", "HASHING_SCHEME_VERSION_V3"},
	} {
		t.Run(string(version), func(t *testing.T) {
			t.Parallel()

			alice, bob := funded(t, sandbox.Config{Version: version})

			for _, scheme := range schemes {
				command, disclosed, _ := alice.transferCommand(bob.party, alice.n.Amulet(), "1", scheme)
				request := alice.prepareRequest(command, disclosed)
				request["hashingSchemeVersion"] = scheme

				var p prepared

				alice.n.must(http.MethodPost, preparePath, request, &p)
				require.Equal(t, scheme, p.Scheme)

				parsed, err := signing.ParseScheme(scheme)
				require.NoError(t, err)

				own, err := signing.HashBytes(p.Transaction, parsed)
				require.NoError(t, err)
				require.Equal(t, own[:], p.Hash)
				alice.n.must(http.MethodPost, executePath, alice.executeRequest(p), nil)
			}

			require.Len(t, alice.n.Transfers(), len(schemes))

			if len(schemes) == 1 {
				command, disclosed, _ := alice.transferCommand(bob.party, alice.n.Amulet(), "1", "")
				request := alice.prepareRequest(command, disclosed)
				request["hashingSchemeVersion"] = "HASHING_SCHEME_VERSION_V3"
				alice.n.refusedWith(preparePath, request, outcome{http.StatusBadRequest, "INVALID_ARGUMENT"})

				executed := alice.executeRequest(alice.prepare(command, disclosed))
				executed["hashingSchemeVersion"] = "HASHING_SCHEME_VERSION_V3"
				alice.n.refusedWith(executePath, executed, outcome{http.StatusBadRequest, "INVALID_ARGUMENT"})
			}
		})
	}
}

// TestPreparedTransactionsExpire goes through the three windows of time: of the preparation, of ledger time, and of
// record time.
func TestPreparedTransactionsExpire(t *testing.T) {
	t.Parallel()

	late := func(of time.Duration) func(p *signing.Prepared) {
		return func(p *signing.Prepared) {
			at := signing.TimestampOf(start().Add(of))
			p.Metadata.MaxRecordTime = &at
		}
	}

	for name, c := range map[string]struct {
		wait   time.Duration
		change func(*signing.Prepared)
		want   outcome
	}{
		"in time":               {day - time.Minute, nil, outcome{status: http.StatusOK}},
		"prepared too long ago": {day + time.Second, nil, outcome{http.StatusConflict, "LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND"}},
		"past executeBefore":    {2*day + time.Minute, nil, outcome{http.StatusBadRequest, "LEDGER_TIME_OUTSIDE_BOUNDS"}},
		"record time, just":     {time.Minute, late(time.Minute + time.Second), outcome{status: http.StatusOK}},
		"record time":           {time.Minute, late(time.Minute), outcome{http.StatusConflict, "NOT_SEQUENCED_TIMEOUT"}},
	} {
		for _, scheme := range []string{"HASHING_SCHEME_VERSION_V2", "HASHING_SCHEME_VERSION_V3"} {
			t.Run(name+" "+scheme, func(t *testing.T) {
				t.Parallel()

				alice, bob := funded(t, sandbox.Config{})
				command, disclosed, _ := alice.transferCommand(bob.party, alice.n.Amulet(), "10", "")
				transfer := command.(map[string]any)["ExerciseCommand"].(map[string]any)["choiceArgument"].(map[string]any)["transfer"]
				transfer.(map[string]any)["executeBefore"] = start().Add(2 * day)

				request := alice.prepareRequest(command, disclosed)
				request["hashingSchemeVersion"] = scheme

				var p prepared

				alice.n.must(http.MethodPost, preparePath, request, &p)

				if c.change != nil {
					p = altered(t, p, c.change)
				}

				alice.n.clock.Advance(c.wait)

				if c.want.status == http.StatusOK {
					alice.n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)

					return
				}

				r := alice.n.refusedWith(waitPath, alice.executeRequest(p), c.want)
				require.Equal(t, c.want.status == http.StatusConflict, r.Context["definite_answer"] == "true")
				require.Empty(t, alice.n.Transfers())
			})
		}
	}
}

// TestMaxRecordTimeIsSignedUnderV3 shows why V3 is there: under V2 whoever executes may change it.
func TestMaxRecordTimeIsSignedUnderV3(t *testing.T) {
	t.Parallel()

	for scheme, want := range map[string]int{
		"HASHING_SCHEME_VERSION_V2": http.StatusOK, "HASHING_SCHEME_VERSION_V3": http.StatusBadRequest,
	} {
		alice, bob := funded(t, sandbox.Config{})
		command, disclosed, _ := alice.transferCommand(bob.party, alice.n.Amulet(), "10", "")
		request := alice.prepareRequest(command, disclosed)
		request["hashingSchemeVersion"], request["maxRecordTime"] = scheme, start().Add(time.Minute)

		var p prepared

		alice.n.must(http.MethodPost, preparePath, request, &p)

		later := altered(t, p, func(p *signing.Prepared) {
			require.Equal(t, signing.TimestampOf(start().Add(time.Minute)), *p.Metadata.MaxRecordTime)
			p.Metadata.MaxRecordTime = nil
		})
		later.Hash = p.Hash // which is what was signed

		status, _, raw := alice.n.call(http.MethodPost, waitPath, alice.executeRequest(later))
		require.Equal(t, want, status, "%s: %s", scheme, raw)
	}
}

func TestTheSameBytesCommitOnce(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	p := alice.prepareTransfer(bob.party, "10")

	first := alice.executeRequest(p)
	first["submissionId"] = "first"
	n.must(http.MethodPost, waitPath, first, nil)

	r := n.refusedWith(waitPath, alice.executeRequest(p), outcome{http.StatusConflict, "DUPLICATE_COMMAND"})
	require.Equal(t, "first", r.Context["existing_submission_id"])

	// Another user's change is another one, and so is the same after the node forgot: the inputs are spent all the same.
	again := alice.executeRequest(p)
	again["userId"] = "somebody-else"
	n.refusedWith(waitPath, again, outcome{http.StatusNotFound, "LOCAL_VERDICT_INACTIVE_CONTRACTS"})
	require.Len(t, n.Transfers(), 1)

	// What spends nothing is kept from repeating by its uuid.
	ping := alice.prepare(pingCommand(alice.party, bob.party), []any{})
	n.must(http.MethodPost, waitPath, alice.executeRequest(ping), nil)

	again = alice.executeRequest(ping)
	again["userId"] = "somebody-else"
	status, _, raw := n.call(http.MethodPost, waitPath, again)
	require.Contains(t, []int{http.StatusConflict, http.StatusBadRequest}, status, string(raw))
	require.Len(t, pings(n, bob.party), 1)
}

func pingCommand(from, to ident.Party) map[string]any {
	return map[string]any{"CreateCommand": map[string]any{
		"templateId":      "#canton-builtin-admin-workflow-ping:Canton.Internal.Ping:Ping",
		"createArguments": map[string]any{"id": "ping", "initiator": from, "responder": to},
	}}
}

func pings(n *network, party ident.Party) []ident.ContractID {
	var found []ident.ContractID

	for _, c := range n.ActiveContracts(party) {
		if c.Template.Entity == "Ping" {
			found = append(found, c.ContractID)
		}
	}

	return found
}

func TestChangesAreDeduplicated(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	alice.tap("1")

	request := alice.prepareRequest(pingCommand(alice.party, bob.party), []any{})
	request["commandId"] = "same"

	var first, second prepared

	n.must(http.MethodPost, preparePath, request, &first)
	n.must(http.MethodPost, preparePath, request, &second)
	require.NotEqual(t, first.Hash, second.Hash)

	n.must(http.MethodPost, waitPath, alice.executeRequest(first), nil)
	n.refusedWith(waitPath, alice.executeRequest(second), outcome{http.StatusConflict, "DUPLICATE_COMMAND"})

	// After a week nobody remembers; what was prepared then is too old by itself.
	n.clock.Advance(7*day + time.Second)
	n.must(http.MethodPost, preparePath, request, &second)
	n.must(http.MethodPost, waitPath, alice.executeRequest(second), nil)
	require.Len(t, pings(n, bob.party), 2)

	for name, c := range map[string]struct {
		period map[string]any
		want   outcome
	}{
		"too long": {
			map[string]any{"DeduplicationDuration": map[string]any{"value": map[string]any{"seconds": 700_000, "nanos": 0}}},
			outcome{http.StatusBadRequest, "INVALID_DEDUPLICATION_PERIOD"},
		},
		"overflowing": {
			map[string]any{"DeduplicationDuration": map[string]any{"value": map[string]any{"seconds": int64(1) << 62, "nanos": 0}}},
			outcome{http.StatusBadRequest, "INVALID_DEDUPLICATION_PERIOD"},
		},
		"negative": {
			map[string]any{"DeduplicationDuration": map[string]any{"value": map[string]any{"seconds": -1, "nanos": 0}}},
			outcome{http.StatusBadRequest, "INVALID_DEDUPLICATION_PERIOD"},
		},
		"negative offset": {
			map[string]any{"DeduplicationOffset": map[string]any{"value": -1}},
			outcome{http.StatusBadRequest, "NEGATIVE_OFFSET"},
		},
		"offset ahead": {
			map[string]any{"DeduplicationOffset": map[string]any{"value": 1 << 40}},
			outcome{http.StatusBadRequest, "INVALID_DEDUPLICATION_PERIOD"},
		},
	} {
		r := alice.executeRequest(alice.prepare(pingCommand(alice.party, bob.party), []any{}))
		r["deduplicationPeriod"] = c.period
		status, _, raw := n.call(http.MethodPost, executePath, r)
		require.Equal(t, c.want.status, status, "%s: %s", name, raw)
		require.Contains(t, string(raw), c.want.code, name)
	}
}

func TestOfTwoTransactionsOverOneInputOneCommits(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	first, second := alice.prepareTransfer(bob.party, "10"), alice.prepareTransfer(bob.party, "11")

	n.must(http.MethodPost, waitPath, alice.executeRequest(first), nil)
	r := n.refusedWith(waitPath, alice.executeRequest(second), outcome{http.StatusNotFound, "LOCAL_VERDICT_INACTIVE_CONTRACTS"})
	require.Equal(t, "true", r.Context["definite_answer"])
	require.Len(t, n.Transfers(), 1)
	require.Equal(t, "10", n.Transfers()[0].Amount.Short())
}

func TestInputsInFlightAreLocked(t *testing.T) {
	t.Parallel()

	alice, bob := slow(t)
	n := alice.n
	first, second := alice.prepareTransfer(bob.party, "10"), alice.prepareTransfer(bob.party, "11")

	n.must(http.MethodPost, executePath, alice.executeRequest(first), nil)
	n.refusedWith(executePath, alice.executeRequest(first), outcome{http.StatusConflict, "SUBMISSION_ALREADY_IN_FLIGHT"})
	n.refusedWith(waitPath, alice.executeRequest(second), outcome{http.StatusConflict, "LOCAL_VERDICT_LOCKED_CONTRACTS"})
	n.must(http.MethodPost, executePath, alice.executeRequest(second), nil) // tells nothing, and ends the same
	require.Empty(t, n.Transfers())

	list := alice.completions(0)
	require.Len(t, list, 2, "those refused; the first is still on its way")

	for _, c := range list {
		require.Contains(t, c.Status.Message, "LOCAL_VERDICT_LOCKED_CONTRACTS")
	}
}

// slow is a network on which nothing that is executed from now on is sequenced in a test's time.
func slow(t *testing.T) (alice, bob *external) {
	t.Helper()

	n := newBare(t, sandbox.Config{Latency: time.Hour})
	alice, bob = n.onboard("alice"), n.onboard("bob")
	n.tap(alice.party, "1000") // by its wallet, which does not wait

	return alice, bob
}

func TestContextsWorkForADayAndNotForTwo(t *testing.T) {
	t.Parallel()

	for name, c := range map[string]struct {
		shape sandbox.AmuletShape
		age   time.Duration // of the context when the transaction is executed
		want  outcome
	}{
		"config, a day":       {sandbox.ShapeCurrent, day, outcome{status: http.StatusOK}},
		"config, two days":    {sandbox.ShapeCurrent, 2*day + time.Minute, outcome{http.StatusNotFound, "CONTRACT_NOT_FOUND"}},
		"round, ten minutes":  {sandbox.ShapeRecorded, 10 * time.Minute, outcome{status: http.StatusOK}},
		"round, half an hour": {sandbox.ShapeRecorded, 31 * time.Minute, outcome{http.StatusNotFound, "CONTRACT_NOT_FOUND"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			alice, bob := funded(t, sandbox.Config{Shape: c.shape})
			n := alice.n
			command, disclosed, _ := alice.transferCommand(bob.party, n.Amulet(), "10", "")
			transfer := command.(map[string]any)["ExerciseCommand"].(map[string]any)["choiceArgument"].(map[string]any)["transfer"]
			transfer.(map[string]any)["executeBefore"] = start().Add(10 * day)

			early := alice.prepare(command, disclosed)

			n.clock.Advance(c.age)

			if c.want.status != http.StatusOK {
				// Rotation archived what the context names: for a new preparation and for an old one.
				n.refusedWith(preparePath, alice.prepareRequest(command, disclosed), c.want)
				n.refusedWith(waitPath, alice.executeRequest(early),
					outcome{http.StatusNotFound, "LOCAL_VERDICT_INACTIVE_CONTRACTS"})

				return
			}

			p := alice.prepare(command, disclosed)
			n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)
		})
	}
}

func TestMinLedgerTimeAtExecution(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n

	for ahead, want := range map[time.Duration]int{
		-time.Hour: http.StatusOK, 30 * time.Second: http.StatusOK, 2 * time.Minute: http.StatusBadRequest,
	} {
		r := alice.executeRequest(alice.prepare(pingCommand(alice.party, bob.party), []any{}))
		r["minLedgerTime"] = map[string]any{"time": map[string]any{
			"MinLedgerTimeAbs": map[string]any{"value": n.clock.Now().Add(ahead)},
		}}
		status, _, raw := n.call(http.MethodPost, waitPath, r)
		require.Equal(t, want, status, "%s: %s", ahead, raw)
	}
}
