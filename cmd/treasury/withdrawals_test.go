package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ingest"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/payout"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer/driver"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

func TestPolicies(t *testing.T) {
	t.Parallel()

	environ := []string{"CES_DATABASE_URL=" + emptyDatabase(t)}
	token := []string{"admin::1220", "Token"}
	policy := func(assignments ...string) (int, string, string) {
		return call(t, environ, slices.Concat([]string{"set-policy"}, token, assignments)...)
	}

	code, _, stderr := policy("enabled=true")
	require.Equal(t, service.ExitFailure, code)
	require.Contains(t, stderr, "list it first with `treasury list-token`")

	code, _, stderr = call(t, environ, append([]string{"list-token"}, token...)...)
	require.Equal(t, service.ExitOK, code, stderr)

	code, stdout, stderr := policy()
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "has no policy: it is not paid out")

	code, stdout, stderr = policy("minimum=1.5", "maximum=1000", "offer_seconds=24h", "attempt_seconds=600",
		"pool_target=20", "pool_large=100", "dust=5", "tiny=0.1", "merge_from=30", "spend_expired_locks=true",
		"shape_from=22:30", "shape_until=330", "delivery=direct_only", "reclaim=false", "max_wait_seconds=20m")
	require.Equal(t, service.ExitOK, code, stderr)

	for _, want := range []string{
		"enabled true", "decimals 10", "minimum 1.5", "maximum 1000", "delivery direct_only", "offer_seconds 24h0m0s",
		"reclaim false", "attempt_seconds 10m0s", "shape_from 22:30", "shape_until 05:30", "pool_large 100",
		"max_wait_seconds 20m0s", "spend_expired_locks true",
	} {
		require.Contains(t, squeezed(stdout), "\n"+want+" ")
	}

	// What is not named stays as it is.
	code, stdout, stderr = policy("maximum=none", "shape_from=none", "shape_until=none")
	require.Equal(t, service.ExitOK, code, stderr)

	for _, want := range []string{"minimum 1.5", "maximum none", "shape_from none", "pool_target 20"} {
		require.Contains(t, squeezed(stdout), "\n"+want+" ")
	}

	for assignment, want := range map[string]string{
		"colour=red":            "where NAME is one of enabled, decimals, minimum",
		"enabled":               "want NAME=VALUE",
		"enabled=perhaps":       "want true or false",
		"minimum=much":          "want a decimal number",
		"offer_seconds=1500ms":  "want whole seconds",
		"offer_seconds=1s":      "offer lifetime: want",
		"shape_from=25:00":      "want a time of day",
		"shape_from=01:00":      "set both, or neither",
		"delivery=by_mail":      "want any or direct_only",
		"max_attempts=many":     "want a whole number",
		"tiny=6":                "policy",
		"decimals=11":           "want 0 to 10",
		"pool_target=5000":      "want 0 to 500",
		"attempt_seconds=9000h": "want 1s to",
	} {
		code, stdout, stderr = policy(assignment)
		require.Equal(t, service.ExitUsage, code, assignment)
		require.Empty(t, stdout)
		require.Contains(t, stderr, want, assignment)
	}

	code, stdout, stderr = policy()
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, squeezed(stdout), "\nminimum 1.5 ", "wrong values change nothing")
}

// squeezed has one space where a table has several, and none where a line begins.
func squeezed(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.Join(strings.Fields(line), " ")
	}

	return strings.Join(lines, "\n")
}

func TestRegistriesAreSet(t *testing.T) {
	t.Parallel()

	environ := []string{"CES_DATABASE_URL=" + emptyDatabase(t)}
	registry := func(urls ...string) (int, string, string) {
		return call(t, environ, append([]string{"set-registry", "admin::1220"}, urls...)...)
	}

	code, stdout, stderr := registry()
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "it is not known where the registry of admin::1220 is")

	code, stdout, stderr = registry("node:https://validator/api/validator/v0/scan-proxy", "https://registry.example/{admin}")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "asked at https://validator/api/validator/v0/scan-proxy, with the access token of the validator node\n")
	require.Contains(t, stdout, "asked at https://registry.example/{admin}, without credentials\n")

	for _, wrong := range []string{"registry.example", "https://user:pass@registry.example", "ftp://registry.example"} {
		code, stdout, stderr = registry(wrong)
		require.Equal(t, service.ExitUsage, code, stderr)
		require.Empty(t, stdout)
	}

	code, stdout, stderr = registry("none")
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "it is not known where")
}

// exchange is a network, a database and ingestion, with a customer alice who has 100 coins, all made with the tool.
type exchange struct {
	*sandbox.Sandbox

	t *testing.T
	// environ is of a tool beside the database, with a cold key; cold is of one where the key is.
	environ, cold []string
	address       string
	node          *ledger.Client
	db            *store.DB
	party, shop   ident.Party
	public        signing.PublicKey
}

func newExchange(t *testing.T) *exchange {
	t.Helper()

	s, address := network(t, sandbox.Config{CheckpointInterval: 20 * time.Millisecond})
	public, cold := keyIn(t)
	dsn := emptyDatabase(t)

	e := &exchange{Sandbox: s, t: t, address: address, cold: cold, public: public, party: partyOf(t, public)}
	e.environ = []string{"CES_DATABASE_URL=" + dsn, "CES_TREASURY_PARTY=" + string(e.party)}

	code, _, stderr := call(t, append(slices.Clone(cold), "CES_LEDGER_URL="+address), "onboard", "treasury")
	require.Equal(t, service.ExitOK, code, stderr)

	e.environ = append(e.environ, "CES_SIGNER=manual",
		"CES_SIGNER_MANUAL_PUBLIC_KEY="+base64.StdEncoding.EncodeToString(public.SPKI()))

	coin := []string{string(s.Amulet().Admin), s.Amulet().ID}
	e.ok(append([]string{"list-token"}, coin...)...)
	e.ok(slices.Concat([]string{"set-policy"}, coin, []string{"attempt_seconds=12h", "minimum=1"})...)
	e.ok("set-registry", string(s.DSO()), address+"/api/token-standard/v0/registrars/{admin}")
	e.ok("add-memo", "alice", "ACC-1")

	var err error
	e.db, err = store.Open(t.Context(), secret.New(dsn))
	require.NoError(t, err)
	t.Cleanup(e.db.Close)

	e.node, err = ledger.New(ledger.Config{URL: address, Clock: clock.System{}, Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	t.Cleanup(e.node.CloseIdle)

	ingestion, err := ingest.New(ingest.Config{Party: e.party}, e.node, e.db, clock.System{},
		slog.New(slog.DiscardHandler), ingest.NewMetrics(prometheus.NewRegistry()))
	require.NoError(t, err)
	e.run(ingestion.Run)
	e.deposit()

	return e
}

func (e *exchange) deposit() {
	e.t.Helper()

	payer, err := e.AllocateParty("payer")
	require.NoError(e.t, err)
	e.shop, err = e.AllocateParty("shop")
	require.NoError(e.t, err)

	for _, party := range []ident.Party{e.shop, e.party} {
		_, err = e.Preapprove(party)
		require.NoError(e.t, err)
	}

	_, err = e.Tap(payer, amounttest.Of("200"))
	require.NoError(e.t, err)
	_, err = e.Transfer(sandbox.TransferRequest{
		Sender: payer, Receiver: e.party, Instrument: e.Amulet(), Amount: amounttest.Of("100"), Memo: new("ACC-1"),
	})
	require.NoError(e.t, err)

	e.until("1 credited: 100 ", "status")
}

// ok is what a command prints that must work.
func (e *exchange) ok(args ...string) string {
	e.t.Helper()

	code, stdout, stderr := call(e.t, e.environ, args...)
	require.Equal(e.t, service.ExitOK, code, stderr)

	return stdout
}

// refuses is what a command says that must not work.
func (e *exchange) refuses(exit int, args ...string) string {
	e.t.Helper()

	code, stdout, stderr := call(e.t, e.environ, args...)
	require.Equal(e.t, exit, code, stdout)
	require.Equal(e.t, 1, strings.Count(stderr, "\n"), "one line: %s", stderr)

	return stderr
}

func (e *exchange) run(what func(context.Context) error) {
	e.t.Helper()

	ctx, cancel := context.WithCancel(context.WithoutCancel(e.t.Context()))
	ended := make(chan error, 1)

	go func() { ended <- what(ctx) }()

	e.t.Cleanup(func() {
		cancel()
		require.NoError(e.t, <-ended)
	})
}

// until waits until a command prints something.
func (e *exchange) until(want string, args ...string) {
	e.t.Helper()

	for began := time.Now(); ; {
		code, stdout, stderr := call(e.t, e.environ, args...)
		if code == service.ExitOK && strings.Contains(stdout, want) {
			return
		}

		require.Less(e.t, time.Since(began), 40*time.Second, "%v never said %q but: %s%s", args, want, stdout, stderr)
	}
}

// pay runs payments with the key away.
func (e *exchange) pay() {
	e.t.Helper()

	settings := driver.Settings{Driver: "manual", Timeout: time.Second, Concurrency: 1}
	settings.Manual.PublicKey = base64.StdEncoding.EncodeToString(e.public.SPKI())

	key, err := settings.Open(e.t.Context(), e.party)
	require.NoError(e.t, err)

	log := slog.New(slog.DiscardHandler)
	worker, err := payout.New(payout.Config{Party: e.party, UserID: "ledger-api-user"}, payout.Parts{
		Node: e.node, Registries: custody.NewDirectory(e.db, nil, clock.System{}, log), Signer: key, DB: e.db,
		Clock: clock.System{}, Logger: log, Metrics: payout.NewMetrics(prometheus.NewRegistry()), Random: rand.Reader,
	})
	require.NoError(e.t, err)
	e.run(worker.Run)
}

func (e *exchange) request(id, value string, more ...string) []string {
	return slices.Concat([]string{"request-withdrawal", id, "alice", string(e.Amulet().Admin), e.Amulet().ID, value, string(e.shop)}, more)
}

func TestWithdrawalsAreRequestedListedAndCancelled(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	require.Equal(t, "none\n", e.ok("withdrawals"))

	require.Contains(t, e.ok(e.request("w-1", "30")...), "w-1 is requested: 30 ")
	require.Contains(t, e.ok(e.request("w-1", "30")...), "w-1 was requested before")
	require.Contains(t, e.ok(e.request("w 2", "5", "SHOP-77")...), `"w 2" is requested`)

	for _, c := range []struct {
		args []string
		want string
	}{
		{e.request("w-1", "31"), "conflict: A withdrawal with this id exists and says something else. Nothing was changed."},
		{e.request("w-3", "0.5"), "below_minimum: "},
		{e.request("w-3", "66"), "insufficient_funds: The account holds less than the amount."},
		{[]string{"cancel-withdrawal", "w-3"}, "unknown_withdrawal: "},
	} {
		require.Contains(t, e.refuses(service.ExitFailure, c.args...), c.want)
		require.Contains(t, e.refuses(service.ExitFailure, c.args...), "no money has moved")
	}

	require.Contains(t, e.refuses(service.ExitUsage, e.request("w-3", "much")...), "want a decimal number")

	list := squeezed(e.ok("withdrawals"))
	require.Contains(t, list, "\nw-1 requested - 30 Amulet "+string(e.shop)+" ")
	require.Contains(t, list, "\n\"w 2\" requested - 5 Amulet ")
	require.Regexp(t, `withdraws  2 requested, the oldest for \d+s`, e.ok("status"))

	shown := e.ok("withdrawal", "w 2")
	require.Contains(t, shown, `memo         "SHOP-77"`)
	require.Contains(t, shown, "state        requested: the money is set aside, nothing is reserved; it can be cancelled")

	for range 2 {
		require.Contains(t, e.ok("cancel-withdrawal", "w 2"), "the money is back")
	}

	require.Regexp(t, `^\S+ +\S+ +withdrawal.cancel +"w 2" .*\n\S+ +\S+ +withdrawal.request +"w 2" .*\n$`, e.ok("audit", "w 2"))
	require.NotContains(t, e.ok("withdrawals"), "w 2")
	require.Contains(t, squeezed(e.ok("withdrawals", "failed")), `"w 2" failed cancelled 5`)
	require.Contains(t, squeezed(e.ok("withdrawals", "all")), "w-1 requested")
	require.Equal(t, "none\n", e.ok("withdrawals", "waiting"))
	require.Contains(t, e.ok("withdrawal", "w 2"), "because      cancelled: Cancelled before anything was reserved.")
	require.Contains(t, e.refuses(service.ExitUsage, "withdrawals", "lost"), "want waiting, all, or one of requested, reserved")
	require.Contains(t, e.refuses(service.ExitFailure, "withdrawal", "w-9"), `withdrawal "w-9": not found`)
}

func TestFreezes(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	coin := []string{string(e.Amulet().Admin), e.Amulet().ID}

	require.Contains(t, e.ok(slices.Concat([]string{"freeze"}, coin, []string{"the auditors are here"})...), "nothing new is signed")
	require.Contains(t, e.ok(slices.Concat([]string{"freeze"}, coin, []string{"again"})...), "were frozen already")
	e.ok("freeze", "fire drill")

	status := e.ok("status")
	require.Contains(t, status, `frozen: "the auditors are here"`)
	require.Contains(t, status, `all withdrawals since`)
	require.Contains(t, status, "treasury unfreeze '"+coin[0]+"' 'Amulet'")

	e.ok(e.request("w-1", "30")...)
	e.pay()
	e.until("frozen", "withdrawals", "waiting")
	require.Contains(t, e.ok("withdrawal", "w-1"), "to do        find out why")

	require.Contains(t, e.ok("unfreeze"), "go on")
	require.Contains(t, e.ok("unfreeze"), "were not frozen by this")
	require.Contains(t, e.ok(append([]string{"unfreeze"}, coin...)...), "go on")
	e.until("awaits_signature", "withdrawals", "waiting")

	require.Contains(t, e.refuses(service.ExitUsage, "freeze", "admin::1220", "why"), "named by ADMIN and ID together")
	require.Contains(t, e.refuses(service.ExitFailure, "freeze", "admin::1220", "Token", "why"), "list it first")
}

// A payment is prepared here, signed where the key is, and paid when the signature has come back.
func TestAColdKey(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	dir := filepath.Join(t.TempDir(), "to sign")

	require.Contains(t, e.ok("signing", "export", dir), "nothing waits")

	e.pay()
	e.ok(e.request("w-1", "30", "SHOP-77")...)
	e.until("awaits_signature", "withdrawals", "waiting")

	shown := e.ok("withdrawal", "w-1")
	require.Contains(t, shown, "prepared, not signed")
	require.Contains(t, shown, "to do        `treasury signing export`")
	require.Contains(t, shown, "it may still be paid")

	exported := e.ok("signing", "export", dir)
	require.Contains(t, exported, "for withdrawal w-1, to be signed and brought back before ")
	require.Contains(t, exported, string(e.shop))
	require.Contains(t, exported, "30")
	e.ok("signing", "export", dir) // again, while it waits

	requests, err := filepath.Glob(filepath.Join(dir, "*"+requestSuffix))
	require.NoError(t, err)
	require.Len(t, requests, 1)

	// On the other machine, which has the key and nothing else.
	code, stdout, stderr := call(t, nil, "signing", "show", requests[0])
	require.Equal(t, service.ExitOK, code, stderr)
	require.Contains(t, stdout, "it does this, by what the transaction itself says:")
	require.Contains(t, stdout, string(e.shop))

	code, _, stderr = call(t, append(slices.Clone(e.cold), "CES_TREASURY_PARTY=other::1220"), "signing", "sign", requests[0])
	require.Equal(t, service.ExitUsage, code)
	require.Contains(t, stderr, "nothing was signed")

	_, stranger := keyIn(t)
	code, _, stderr = call(t, stranger, "signing", "sign", requests[0])
	require.Equal(t, service.ExitFailure, code, stderr)
	require.NotContains(t, stderr, "hunter")

	code, stdout, stderr = call(t, e.cold, "signing", "sign", requests[0])
	require.Equal(t, service.ExitOK, code, stderr)

	signed := strings.TrimSuffix(requests[0], requestSuffix) + signatureSuffix
	require.Contains(t, stdout, signed)

	e.onlyTheRightSignature(signed)
	require.Contains(t, e.ok("signing", "import", signed), "the signature of withdrawal w-1 is stored")
	e.until("w-1", "withdrawals", "completed")

	shown = e.ok("withdrawal", "w-1")
	require.Contains(t, shown, "committed, found in history")
	require.Contains(t, shown, "state        completed: paid")
	require.Contains(t, shown, "ended by     update ")
	require.Contains(t, e.refuses(service.ExitFailure, "signing", "import", signed), "no payment waits for this signature")

	list, err := e.Holdings(e.shop)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, "30", list[0].Amount.Short())
}

// onlyTheRightSignature tries what must not be stored.
func (e *exchange) onlyTheRightSignature(path string) {
	e.t.Helper()

	raw, err := os.ReadFile(path)
	require.NoError(e.t, err)

	i := bytes.Index(raw, []byte(`"signature":"`)) + len(`"signature":"`)
	require.Greater(e.t, i, len(`"signature":"`))

	forged := slices.Clone(raw)
	forged[i] ^= 'A' ^ 'B'

	for name, content := range map[string][]byte{"forged": forged, "no JSON": []byte("{"), "of another": []byte(`{"id":"x"}`)} {
		file := filepath.Join(e.t.TempDir(), "answer.json")
		require.NoError(e.t, os.WriteFile(file, content, 0o600))
		require.NotEmpty(e.t, e.refuses(service.ExitFailure, "signing", "import", file), name)
	}

	treasury, err := e.db.FindTreasury(e.t.Context(), e.party)
	require.NoError(e.t, err)

	waiting, err := e.db.ListUnsigned(e.t.Context(), treasury, 10)
	require.NoError(e.t, err)
	require.Len(e.t, waiting, 1, "nothing was stored")

	found, err := e.db.FindWithdrawal(e.t.Context(), treasury, "w-1")
	require.NoError(e.t, err)
	require.Equal(e.t, withdrawal.Reserved, found.State)
}

func TestSigningThatCannotBe(t *testing.T) {
	t.Parallel()

	_, cold := keyIn(t)
	private, err := keyfile.Generate(signing.KeyEd25519)
	require.NoError(t, err)

	manual := []string{"CES_SIGNER=manual", "CES_SIGNER_MANUAL_PUBLIC_KEY=" + base64.StdEncoding.EncodeToString(private.PublicKey().SPKI())}
	file := filepath.Join(t.TempDir(), "x.request.json")
	require.NoError(t, os.WriteFile(file, []byte(`{}`), 0o600))

	database := []string{"CES_DATABASE_URL=" + emptyDatabase(t), party}

	for name, c := range map[string]struct {
		environ []string
		args    []string
		want    string
	}{
		"one word":              {nil, []string{"signing"}, `no command "signing"`},
		"no file":               {cold, []string{"signing", "sign", "/no/such"}, "read what is to be signed"},
		"no request":            {cold, []string{"signing", "sign", file}, "malformed"},
		"signed where it's not": {manual, []string{"signing", "sign", file}, "run this where it is"},
		"no signer":             {nil, []string{"signing", "sign", file}, "CES_SIGNER is not set"},
		"a warm key":            {slices.Concat(database, cold), []string{"signing", "export", t.TempDir()}, "nothing waits for a cold key"},
		"no treasury":           {slices.Concat(database, manual), []string{"signing", "export", t.TempDir()}, "treasury::1220"},
	} {
		code, stdout, stderr := call(t, c.environ, c.args...)
		require.NotEqual(t, service.ExitOK, code, name)
		require.Empty(t, stdout, name)
		require.Contains(t, stderr, c.want, name)
	}
}

// Whoever asks what to do is told, for each reason to wait.
func TestAdviceForEveryReasonToWait(t *testing.T) {
	t.Parallel()

	for _, e := range withdrawal.Explanations() {
		require.Equal(t, e.Standing == withdrawal.Waits, advice(e.Reason) != "", e.Reason)
	}
}

func TestAfterARestoreNothingIsCancelled(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	e.ok(e.request("w-1", "30")...)
	require.Contains(t, e.ok("restored"), "nothing is paid, failed or cancelled until")
	require.Contains(t, e.refuses(service.ExitFailure, "cancel-withdrawal", "w-1"), "not_certain_yet: ")
}

// TestADifferenceOfMoneyFreezesWithdrawals: while it is not known how much there is, nothing leaves.
func TestADifferenceOfMoneyFreezesWithdrawals(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	e.environ = append(e.environ, "CES_LEDGER_URL="+e.address, "CES_LOG_LEVEL=warn")
	require.Contains(t, e.ok("reconcile"), "everything agrees")
	require.NotContains(t, e.ok("status"), "FROZEN")

	_, err := e.db.Pool().Exec(t.Context(), "UPDATE holdings SET amount = amount + 1")
	require.NoError(t, err)
	require.Contains(t, e.refuses(service.ExitFailure, "reconcile"), "differences")

	freezes, err := e.db.Freezes(t.Context(), 1)
	require.NoError(t, err)
	require.Len(t, freezes, 1)
	require.Equal(t, withdrawal.BooksDisagree, freezes[0].Reason)
	require.Equal(t, ident.Instrument{}, freezes[0].Instrument)

	// What was put right stays frozen until a person says so.
	_, err = e.db.Pool().Exec(t.Context(), "UPDATE holdings SET amount = amount - 1")
	require.NoError(t, err)
	require.Contains(t, e.ok("reconcile"), "everything agrees")
	e.ok("unfreeze")

	freezes, err = e.db.Freezes(t.Context(), 1)
	require.NoError(t, err)
	require.Empty(t, freezes)
}
