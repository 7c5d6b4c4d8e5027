package intent_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/token"
)

type recorded struct {
	Name     string `json:"name"`
	Prepared []byte `json:"preparedTransactionBase64"`
}

// published are prepared transactions of real networks, which are not part of the project.
func published(tb testing.TB) []recorded {
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

	raw, err := os.ReadFile(filepath.Join(dir, "..", "shared", "conformance", "hashes", "prepared-transactions.json"))
	if os.IsNotExist(err) {
		tb.Skip("published prepared transactions are not here")
	}

	require.NoError(tb, err)

	var list []recorded

	require.NoError(tb, json.Unmarshal(raw, &list))
	require.NotEmpty(tb, list)

	return list
}

// said is what a published transaction does, read by eye.
type said struct {
	says []string
	// want makes the action that it is; nil for what we never sign.
	want func(r reading) intent.Action
}

// reading finds values of a transaction, such as ids that are too long to write down.
type reading struct {
	t *testing.T
	p signing.Prepared
}

func (r reading) root() signing.Exercise {
	root, ok := r.p.Transaction.RootExercise()
	require.True(r.t, ok)

	return root
}

// party is the only party of the transaction that begins with a hint.
func (r reading) party(hint string) ident.Party {
	found := regexp.MustCompile(regexp.QuoteMeta(hint) + `::[0-9a-f]{68}`).FindString(string(signing.Encode(r.p)))
	require.NotEmpty(r.t, found, hint)

	return ident.Party(found)
}

// asked is a transfer; its inputs and texts are those of the given record, its rest is written down in the test.
func (r reading) asked(argument signing.Value, t token.Transfer) token.Transfer {
	inputs, err := signing.At[signing.List](argument, "transfer", "inputHoldingCids")
	require.NoError(r.t, err)

	for _, id := range inputs {
		t.Inputs = append(t.Inputs, ident.ContractID(id.(signing.ContractID)))
	}

	return t
}

// answered is the argument of the instruction that the root is exercised on.
func (r reading) answered() signing.Value {
	input, ok := r.p.Metadata.Input(r.root().ContractID)
	require.True(r.t, ok)

	return input.Create.Argument
}

func day(text string) time.Time {
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		panic(err)
	}

	return at
}

func memoOf(text string) token.Metadata { return token.Metadata{token.KeyReason: text} }

// readByEye are the published transactions by name.
func readByEye() map[string]said {
	return map[string]said{
		"java-minimumComplianceTest": {
			[]string{"bob::", "creates Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal {receiver: bob::"},
			func(r reading) intent.Action {
				return intent.PreapprovalProposal{Provider: r.party("app_user_localnet-localparty-1"), DSO: r.party("DSO")}
			},
		},
		"java-externallySignedTokenStandardTransfer": {
			[]string{"pays 100.0000000000 Amulet of DSO::", "to treasury::", "at once", "110.0000000000", "10.0000000000"},
			func(r reading) intent.Action {
				return r.transfer(intent.Direct, "110", token.Transfer{
					Sender: r.party("alice"), Receiver: r.party("treasury"), Amount: amounttest.Of("100"),
					Instrument:    ident.Instrument{Admin: r.party("DSO"), ID: "Amulet"},
					RequestedAt:   day("2025-09-29T06:43:48.153604Z"),
					ExecuteBefore: day("2025-09-30T06:43:48.153604Z"),
					Meta:          memoOf("f0246353-ede9-4ef5-8d0f-6e3e85c3db0a"),
				})
			},
		},
		"bitgo-transfer-raw-txn": {
			[]string{"offers 15.0000000000 Amulet of DSO::", "until 2025-12-07T10:59:38.661Z", `memo ""`, "locked until"},
			func(r reading) intent.Action {
				return r.transfer(intent.Offer, "20", token.Transfer{
					Sender: r.party("ravi-test-party-1"), Receiver: r.party("1220a"), Amount: amounttest.Of("15"),
					Instrument:    ident.Instrument{Admin: r.party("DSO"), ID: "Amulet"},
					RequestedAt:   day("2025-11-07T10:59:38.661Z"),
					ExecuteBefore: day("2025-12-07T10:59:38.661Z"), Meta: memoOf(""),
				})
			},
		},
		"bitgo-one-step-pre-approval-prepare-response":         oneStepProposal(),
		"bitgo-invalid-one-step-pre-approval-prepare-response": oneStepProposal(),
		"bitgo-canton-token-pre-approval-prepare-response": {
			[]string{"creates Utility.Registry.App.V0.Model.TransferPreapproval:TransferPreapproval", "TestCoin1"},
			func(r reading) intent.Action {
				operator := r.party("auth0_007c65f857f1c3d599cb6df73775")

				return intent.UtilityPreapproval{Operator: operator, Admin: operator, Instruments: []string{"TestCoin1"}}
			},
		},
		"bitgo-canton-token-accept-prepare-response": {
			[]string{"accepts the offer 00ce04", "of 3.0000000000 TestToken of auth0_", "from ravi-2-step-party::"},
			func(r reading) intent.Action { return r.answer(intent.Accept, r.testTokens()) },
		},
		"bitgo-canton-token-reject-prepare-response": {
			[]string{"rejects the offer 00ce04", "of 3.0000000000 TestToken of auth0_", "RejectedTransfer, signed by"},
			func(r reading) intent.Action { return r.answer(intent.Reject, r.testTokens()) },
		},
		"bitgo-cbtctoken-acceptance-prepare-response": {
			[]string{"accepts the offer ", "of 0.0001000000 CBTC of cbtc-network::", "without a memo"},
			func(r reading) intent.Action {
				return r.answer(intent.Accept, token.Transfer{
					Sender: r.party("12203"), Receiver: r.party("12201"), Amount: amounttest.Of("0.0001"),
					Instrument:    ident.Instrument{Admin: r.party("cbtc-network"), ID: "CBTC"},
					RequestedAt:   day("2026-03-03T10:10:09.529Z"),
					ExecuteBefore: day("2026-03-05T10:10:09.529Z"),
				})
			},
		},
		"bitgo-canton-token-transfer-prepare-response": {
			[]string{"offers 1.0000000000 TestToken of auth0_", `memo "a1"`, "478.0000000000", "479.0000000000"},
			func(r reading) intent.Action {
				return r.transfer(intent.Offer, "479", token.Transfer{
					Sender: r.party("ravi-2-step-party"), Receiver: r.party("1220a"), Amount: amounttest.Of("1"),
					Instrument:    ident.Instrument{Admin: r.party("auth0_007c65f857f1c3d599cb6df73775"), ID: "TestToken"},
					RequestedAt:   day("2026-02-04T08:00:32.658Z"),
					ExecuteBefore: day("2026-02-04T09:00:32.658Z"), Meta: memoOf("a1"),
				})
			},
		},
		"bitgo-canton-token-transfer-offer-withdrawn-prepare-response": {
			[]string{"withdraws the offer 00184f", "of 9.0000000000 TestToken of auth0_"},
			func(r reading) intent.Action {
				return r.answer(intent.Withdraw, token.Transfer{
					Sender: r.party("ravi-2-step-party"), Receiver: r.party("1220a"), Amount: amounttest.Of("9"),
					Instrument:    ident.Instrument{Admin: r.party("auth0_007c65f857f1c3d599cb6df73775"), ID: "TestToken"},
					RequestedAt:   day("2026-01-28T10:37:19.482Z"),
					ExecuteBefore: day("2026-01-28T11:37:19.482Z"), Meta: memoOf(""),
				})
			},
		},
		"bitgo-transfer-rejection-prepare-response": {
			[]string{"rejects the offer 006d2c", "of 5.0000000000 Amulet of DSO::", "without a memo"},
			func(r reading) intent.Action {
				return r.answer(intent.Reject, token.Transfer{
					Sender: r.party("12201"), Receiver: r.party("abcde"), Amount: amounttest.Of("5"),
					Instrument:    ident.Instrument{Admin: r.party("DSO"), ID: "Amulet"},
					RequestedAt:   day("2025-10-27T18:32:43.188Z"),
					ExecuteBefore: day("2025-11-26T18:32:43.188Z"),
				})
			},
		},
		"walletkernel-create-ping": {[]string{"operator::", "creates Canton.Internal.Ping:Ping {id: \"ping_id\""}, nil},
		"wallet-sdk-ping":          {[]string{"v1-01-alice::", "creates Canton.Internal.Ping:Ping"}, nil},
		"bitgo-canton-allocation-allocate-prepare-response": {
			[]string{"exercises AllocationFactory_Allocate on ", "390.0000000000", "385.0000000000", "locked"}, nil,
		},
		"bitgo-canton-allocation-reject-prepare-response": {
			[]string{"exercises AllocationRequest_Reject on Utility.Settlement.App.V1.Model.Dvp:Dvp", "RejectedDvp"}, nil,
		},
		"bitgo-canton-create-command-prepare-response": {
			[]string{"creates Utility.Registry.App.V0.Service.Provider:ProviderServiceRequest"}, nil,
		},
	}
}

func oneStepProposal() said {
	return said{[]string{"creates Splice.Wallet.TransferPreapproval:TransferPreapprovalProposal"},
		func(r reading) intent.Action {
			return intent.PreapprovalProposal{Provider: r.party("Bitgo-devnet-validator-1"), DSO: r.party("DSO")}
		}}
}

func (r reading) testTokens() token.Transfer {
	return token.Transfer{
		Sender: r.party("ravi-2-step-party"), Receiver: r.party("ravi-2-step-party-new"), Amount: amounttest.Of("3"),
		Instrument:    ident.Instrument{Admin: r.party("auth0_007c65f857f1c3d599cb6df73775"), ID: "TestToken"},
		RequestedAt:   day("2026-02-04T12:41:45.192Z"),
		ExecuteBefore: day("2026-02-04T13:41:45.192Z"), Meta: memoOf(""),
	}
}

func (r reading) transfer(kind intent.Kind, total string, t token.Transfer) intent.Action {
	return intent.Transfer{
		Transfer: r.asked(r.root().Argument, t), Total: amounttest.Of(total), Factory: r.root().ContractID, Kind: kind,
		MaxFee: amount.Zero(),
	}
}

func (r reading) answer(choice intent.Choice, t token.Transfer) intent.Action {
	return intent.Answer{Choice: choice, Instruction: r.root().ContractID, Transfer: r.asked(r.answered(), t)}
}

// TestPublishedTransactions are of real networks: each has a statement, and is what was read by eye; it is refused when
// any one field of that, or of itself, is another.
func TestPublishedTransactions(t *testing.T) {
	t.Parallel()

	known := readByEye()

	for _, v := range published(t) {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()

			p, err := signing.Decode(v.Prepared)
			if strings.HasPrefix(v.Name, "canton-golden") || strings.HasPrefix(v.Name, "v3-") {
				require.ErrorIs(t, err, signing.ErrStructure, "not a transaction of a ledger")

				return
			}

			require.NoError(t, err)

			expected, ok := known[v.Name]
			require.True(t, ok)

			statement := intent.Describe(p).String()
			for _, part := range expected.says {
				require.Contains(t, statement, part)
			}

			t.Log(statement)

			j := job{raw: v.Prepared, prepared: p, want: intent.Request{
				Party: p.Metadata.ActAs[0], CommandID: p.Metadata.CommandID, Synchronizer: p.Metadata.SynchronizerID,
				Now: p.Metadata.PreparationTime.Time(), Tolerance: time.Minute,
			}}

			if expected.want == nil {
				require.ErrorIs(t, j.check(), intent.ErrMismatch)

				return
			}

			j.want.Action = expected.want(reading{t, p})
			require.NoError(t, j.check())
			altered(t, j)
		})
	}
}

// altered changes every field of the request and of the transaction.
func altered(t *testing.T, j job) {
	t.Helper()

	for _, x := range changes(reflect.ValueOf(&j.want).Elem(), "", func() {}) {
		if !loose(x.path) && !slices.Contains([]string{".MaxRecordTime"}, x.path) {
			x.apply()
			require.ErrorIs(t, j.check(), intent.ErrMismatch, x.path)
			x.undo()
		}
	}

	where := partsOf(j)
	effects := money(j.prepared)

	for _, x := range changes(reflect.ValueOf(&j.prepared).Elem(), "", func() {}) {
		x.apply()

		if again, ok := readAgain(j); ok && intent.Check(again, j.want) == nil {
			require.True(t, where.harmless(x.path) || utilityHarmless(where, x.path), "%s", x.path)
			require.Equal(t, effects, money(again), x.path)
		}

		x.undo()
	}

	require.NoError(t, j.check())
}

// utilityHarmless are the parts of the Utility registry's records that say nothing of whose the money is: labels, what
// a lock says, who else sees a holding, and the contract that records a rejection.
func utilityHarmless(where parts, path string) bool {
	class, rest := where.within(path)

	return regexp.MustCompile(`^\.Argument\.Fields(\[5\]\.Value|\[7\].*|-\[7\])$|^\.Stakeholders-\[\d\]$`).MatchString(rest) &&
		(class == classMoney || class == classSpent) || class == classOurs
}
