package token_test

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/token"
)

const (
	instrument = `"instrumentId":{"admin":"DSO::1220bb","id":"Amulet"}`
	times      = `"requestedAt":"2026-08-22T10:00:00Z","executeBefore":"2026-08-23T10:00:00.000001Z"`
	transfer   = `{"sender":"bob::1220cc","receiver":"treasury::1220aa","amount":"70.0000000000",` + instrument + `,` +
		`` + times +
		`,"inputHoldingCids":["00lock"],"meta":{"values":{"splice.lfdecentralizedtrust.org/reason":"ACC-1"}}}`
	transferV2 = `{"sender":{"owner":"bob::1220cc","provider":null,"id":""},"receiver":{"owner":"treasury::1220aa",` +
		`"id":"7"},` +
		`"amount":"70",` + instrument + `,` + times + `,"inputHoldingCids":[],"meta":{"values":{}}}`
)

func TestNamesForFilters(t *testing.T) {
	t.Parallel()

	for suffix, name := range map[string]ident.Name{
		"holding-v1:HoldingV1:Holding":                                            token.HoldingV1,
		"holding-v2:HoldingV2:Holding":                                            token.HoldingV2,
		"transfer-instruction-v1:TransferInstructionV1:TransferFactory":           token.TransferFactoryV1,
		"transfer-instruction-v2:TransferInstructionV2:TransferFactory":           token.TransferFactoryV2,
		"transfer-instruction-v1:TransferInstructionV1:TransferInstruction":       token.TransferInstructionV1,
		"transfer-instruction-v2:TransferInstructionV2:TransferInstruction":       token.TransferInstructionV2,
		"allocation-v1:AllocationV1:Allocation":                                   token.AllocationV1,
		"allocation-v2:AllocationV2:Allocation":                                   token.AllocationV2,
		"allocation-instruction-v1:AllocationInstructionV1:AllocationFactory":     token.AllocationFactoryV1,
		"allocation-instruction-v2:AllocationInstructionV2:AllocationFactory":     token.AllocationFactoryV2,
		"allocation-instruction-v1:AllocationInstructionV1:AllocationInstruction": token.AllocationInstructionV1,
		"allocation-instruction-v2:AllocationInstructionV2:AllocationInstruction": token.AllocationInstructionV2,
		"burn-mint-v1:BurnMintV1:BurnMintFactory":                                 token.BurnMintFactoryV1,
		"transfer-events-v2:TransferEventsV2:EventLog":                            token.EventLogV2,
	} {
		want := "#splice-api-token-" + strings.Replace(suffix, ":", ":Splice.Api.Token.", 1)
		require.Equal(t, want, name.String())

		parsed, err := ident.ParseName(want)
		require.NoError(t, err)
		require.Equal(t, name, parsed)
	}

	hashed := token.HoldingV2
	hashed.Package = "4b7ecfc3"
	require.True(t, token.IsHolding(hashed), "answers carry hashes")
	require.False(t, token.IsHolding(token.TransferFactoryV1))
	require.True(t, token.IsTransferFactory(token.TransferFactoryV2))
	require.False(t, token.IsTransferFactory(token.TransferInstructionV2))
	require.True(t, token.IsTransferInstruction(token.TransferInstructionV1))
	require.False(t, token.IsTransferInstruction(token.HoldingV1))
}

func TestDecodeHolding(t *testing.T) {
	t.Parallel()

	until := time.Date(2026, 9, 1, 0, 0, 0, 0, time.UTC)
	day := 24 * time.Hour

	h, err := token.DecodeHolding(token.HoldingV1, []byte(`{"owner":"treasury::1220aa",`+instrument+`,`+
		`"amount":"12.5000000000",
		"lock":{"holders":["DSO::1220bb"],"expiresAt":"2026-09-01T00:00:00Z","expiresAfter":{"microseconds":"86400000000"},
		"context":"transfer"},"meta":{"values":{"k":"v"}},"newer":[1]}`))
	require.NoError(t, err)
	require.Equal(t, ident.Party("treasury::1220aa"), h.Owner)
	require.Equal(t, ident.Instrument{Admin: "DSO::1220bb", ID: "Amulet"}, h.Instrument)
	require.Equal(t, "12.5", h.Amount.Short())
	require.Equal(t, &token.Lock{
		Holders: []ident.Party{"DSO::1220bb"}, ExpiresAt: &until, ExpiresAfter: &day, Context: "transfer",
	}, h.Lock)
	require.Equal(t, token.Metadata{"k": "v"}, h.Meta)

	h, err = token.DecodeHolding(token.HoldingV1, []byte(`{"owner":"treasury::1220aa",`+instrument+`,"amount":"0"}`))
	require.NoError(t, err, "trailing optionals are omitted")
	require.Nil(t, h.Lock)
	require.Nil(t, h.Meta)
	require.True(t, h.Amount.IsZero())

	h, err = token.DecodeHolding(token.HoldingV2, []byte(`{"account":{"owner":"treasury::1220aa","provider":"p::1",`+
		`"id":"7"},`+
		instrument+`,"amount":"1","lock":{"holders":[]},"meta":null}`))
	require.NoError(t, err)
	require.Equal(t, ident.Party("treasury::1220aa"), h.Owner)
	require.NotNil(t, h.Lock)

	h, err = token.DecodeHolding(token.HoldingV2, []byte(`{"account":{"id":"cip-112/mint"},`+instrument+`,"amount":"1"}`))
	require.NoError(t, err)
	require.Empty(t, h.Owner, "special accounts belong to nobody")
}

func TestLocksOfAnyLength(t *testing.T) {
	t.Parallel()

	for micros, want := range map[string]time.Duration{
		`"0"`: 0, `1`: time.Microsecond, `"-5"`: -5 * time.Microsecond,
		fmt.Sprintf(`"%d"`, int64(math.MaxInt64)): math.MaxInt64 / 1000 * 1000,
		fmt.Sprintf(`"%d"`, int64(math.MinInt64)): -(math.MaxInt64 / 1000 * 1000),
	} {
		h, err := token.DecodeHolding(token.HoldingV1, []byte(`{"owner":"a::1",`+instrument+
			`,"amount":"1","lock":{"holders":[],"expiresAfter":{"microseconds":`+micros+`}}}`))
		require.NoError(t, err)
		require.Equal(t, want, *h.Lock.ExpiresAfter)
	}
}

func TestDecodeHoldingRefuses(t *testing.T) {
	t.Parallel()

	for name, view := range map[string]string{
		"nothing": ``, "null": `null`, "a list": `[]`, "empty": `{}`,
		"no owner":          `{` + instrument + `,"amount":"1"}`,
		"a bad owner":       `{"owner":"me",` + instrument + `,"amount":"1"}`,
		"an account":        `{"account":{"owner":"a::1"},` + instrument + `,"amount":"1"}`,
		"no amount":         `{"owner":"a::1",` + instrument + `}`,
		"a null amount":     `{"owner":"a::1",` + instrument + `,"amount":null}`,
		"a number":          `{"owner":"a::1",` + instrument + `,"amount":1}`,
		"an exponent":       `{"owner":"a::1",` + instrument + `,"amount":"1e3"}`,
		"a negative amount": `{"owner":"a::1",` + instrument + `,"amount":"-0.0000000001"}`,
		"too large":         `{"owner":"a::1",` + instrument + `,"amount":"10000000000000000000000000000"}`,
		"an amount twice":   `{"owner":"a::1",` + instrument + `,"amount":"1","amount":"1"}`,
		"a bad lock":        `{"owner":"a::1",` + instrument + `,"amount":"1","lock":7}`,
		"a bad holder":      `{"owner":"a::1",` + instrument + `,"amount":"1","lock":{"holders":["x"]}}`,
		"many holders": `{"owner":"a::1",` + instrument + `,"amount":"1","lock":{"holders":["a::1"` +
			strings.Repeat(`,"a::1"`, 1000) + `]}}`,
		"a bad time":     `{"owner":"a::1",` + instrument + `,"amount":"1","lock":{"holders":[],"expiresAt":"soon"}}`,
		"a bad duration": `{"owner":"a::1",` + instrument + `,"amount":"1","lock":{"holders":[],"expiresAfter":{}}}`,
		"bad metadata":   `{"owner":"a::1",` + instrument + `,"amount":"1","meta":{"values":{"k":1}}}`,
	} {
		_, err := token.DecodeHolding(token.HoldingV1, []byte(view))
		require.ErrorIs(t, err, token.ErrDecode, name)
		require.NotErrorIs(t, err, token.ErrInstrument, name)
		require.Less(t, len(err.Error()), 500, name)
	}

	for _, id := range []string{``, `a\u0000b`, `a\nb`, strings.Repeat("x", 256)} {
		_, err := token.DecodeHolding(token.HoldingV1,
			[]byte(`{"owner":"a::1","instrumentId":{"admin":"a::1","id":"`+id+`"},"amount":"1"}`))
		require.ErrorIs(t, err, token.ErrInstrument)
		require.ErrorIs(t, err, token.ErrDecode)
	}

	_, err := token.DecodeHolding(token.HoldingV2, []byte(`{"owner":"a::1",`+instrument+`,"amount":"1"}`))
	require.ErrorIs(t, err, token.ErrDecode, "version 2 has an account")

	_, err = token.DecodeHolding(token.EventLogV2, []byte(`{"owner":"a::1",`+instrument+`,"amount":"1"}`))
	require.ErrorIs(t, err, token.ErrDecode)
}

func TestDecodeTransferArgument(t *testing.T) {
	t.Parallel()

	for name, raw := range map[string]string{"1": transfer, "2": transferV2} {
		got, err := token.DecodeTransferArgument([]byte(`{"expectedAdmin":"DSO::1220bb","transfer":` + raw + `,` +
			`"extraArgs":{}}`))
		require.NoError(t, err, name)
		require.Equal(t, ident.Party("bob::1220cc"), got.Sender)
		require.Equal(t, ident.Party("treasury::1220aa"), got.Receiver)
		require.Equal(t, "70", got.Amount.Short())
		require.Equal(t, time.Date(2026, 8, 23, 10, 0, 0, 1000, time.UTC), got.ExecuteBefore)
	}

	got, err := token.DecodeTransferArgument([]byte(`{"transfer":` + transfer + `}`))
	require.NoError(t, err)
	require.Equal(t, []ident.ContractID{"00lock"}, got.Inputs)
	require.Equal(t, "ACC-1", *got.Meta.Memo())

	for name, raw := range map[string]string{
		"nothing": `{}`, "null": `{"transfer":null}`,
		"zero":      `{"transfer":` + strings.Replace(transfer, `70.0000000000`, `0`, 1) + `}`,
		"negative":  `{"transfer":` + strings.Replace(transfer, `70.0000000000`, `-1`, 1) + `}`,
		"no sender": `{"transfer":` + strings.Replace(transfer, `"sender":"bob::1220cc",`, ``, 1) + `}`,
		"no party":  `{"transfer":` + strings.Replace(transfer, `bob::1220cc`, `bob`, 1) + `}`,
		"no account": `{"transfer":` + strings.Replace(transferV2, `{"owner":"bob::1220cc","provider":null,"id":""}`,
			`{"owner":7}`, 1) + `}`,
		"a bad provider": `{"transfer":` + strings.Replace(transferV2, `"provider":null`, `"provider":"x"`, 1) + `}`,
		"no deadline":    `{"transfer":` + strings.Replace(transfer, `executeBefore`, `before`, 1) + `}`,
		"a bad input":    `{"transfer":` + strings.Replace(transfer, `00lock`, ``, 1) + `}`,
		"many inputs": `{"transfer":` + strings.Replace(transfer, `"00lock"`, `"00lock"`+strings.Repeat(`,"0"`, 10_000), 1) +
			`}`,
	} {
		_, err := token.DecodeTransferArgument([]byte(raw))
		require.ErrorIs(t, err, token.ErrDecode, name)
	}
}

func TestDecodeInstruction(t *testing.T) {
	t.Parallel()

	const me = `"treasury::1220aa"`

	for name, c := range map[string]struct {
		iface  ident.Name
		view   string
		awaits bool
	}{
		"waits for the receiver": {token.TransferInstructionV1, `"status":{"tag":"TransferPendingReceiverAcceptance",` +
			`"value":{}}`, true},
		"waits for the registry": {
			token.TransferInstructionV1,
			`"status":{"tag":"TransferPendingInternalWorkflow","value":{"pendingActions":[["a::1","approve"]]}}`, false,
		},
		"no actions":        {token.TransferInstructionV2, `"availableActions":[]`, false},
		"actions not there": {token.TransferInstructionV2, `"expiresAt":null`, false},
		"accept": {
			token.TransferInstructionV2,
			`"availableActions":[[{"tag":"TIA_Withdraw","value":{}},[["bob::1220cc"]]],[{"tag":"TIA_Accept","value":{}},` +
				`[["x::1","y::1"],[` + me + `]]]]`,
			true,
		},
		"accept as an enum": {token.TransferInstructionV2, `"availableActions":[["TIA_Accept",[[` + me + `]]]]`, true},
		"accept together": {token.TransferInstructionV2, `"availableActions":[["TIA_Accept",[[` + me + `,` +
			`"p::1"]]]]`, false},
		"accept by another": {token.TransferInstructionV2, `"availableActions":[["TIA_Accept",[["p::1"]]]]`, false},
		"the draft's way round": {
			token.TransferInstructionV2, `"availableActions":[[[` + me + `],[{"tag":"TIA_Reject","value":{}},` +
				`{"tag":"TIA_Accept","value":{}}]]]`, true,
		},
		"odd keys": {token.TransferInstructionV2, `"availableActions":[[7,{}],[{"tag":1},[]],[[],[]]]`, false},
	} {
		i, err := token.DecodeInstruction(c.iface, []byte(`{"originalInstructionCid":"00t0","transfer":`+transfer+`,`+
			`"meta":null,`+c.view+`}`))
		require.NoError(t, err, name)
		require.Equal(t, c.awaits, i.AwaitsReceiver, name)
		require.Equal(t, ident.ContractID("00t0"), i.Correlation("00own"))
	}

	i, err := token.DecodeInstruction(token.TransferInstructionV2, []byte(`{"transfer":`+transferV2+`}`))
	require.NoError(t, err)
	require.Equal(t, ident.ContractID("00own"), i.Correlation("00own"))

	for name, c := range map[string]struct {
		iface ident.Name
		view  string
	}{
		"no status":      {token.TransferInstructionV1, `{"transfer":` + transfer + `}`},
		"another status": {token.TransferInstructionV1, `{"transfer":` + transfer + `,"status":{"tag":"Done","value":{}}}`},
		"no transfer":    {token.TransferInstructionV1, `{"status":{"tag":"TransferPendingReceiverAcceptance"}}`},
		"a bad original": {token.TransferInstructionV1, `{"originalInstructionCid":"","transfer":` + transfer + `}`},
		"bad actions":    {token.TransferInstructionV2, `{"transfer":` + transfer + `,"availableActions":{}}`},
		"no pairs":       {token.TransferInstructionV2, `{"transfer":` + transfer + `,"availableActions":[[1]]}`},
		"another's view": {token.HoldingV1, `{"transfer":` + transfer + `}`},
		"too many": {token.TransferInstructionV2, `{"transfer":` + transfer + `,` +
			`"availableActions":[[]` + strings.Repeat(`,[]`, 1000) + `]}`},
		"garbage":        {token.TransferInstructionV1, `7`},
		"nothing at all": {token.TransferInstructionV1, ``},
	} {
		_, err := token.DecodeInstruction(c.iface, []byte(c.view))
		require.ErrorIs(t, err, token.ErrDecode, name)
	}
}

func TestDecodeResult(t *testing.T) {
	t.Parallel()

	r, err := token.DecodeResult([]byte(`{"output":{"tag":"TransferInstructionResult_Completed",` +
		`"value":{"receiverHoldingCids":["00r1"]}},
		"senderChangeCids":["00c1"],"meta":{"values":{"k":"v"}}}`))
	require.NoError(t, err)
	require.Equal(t, token.Result{
		Outcome: token.OutcomeCompleted, ReceiverHoldings: []ident.ContractID{"00r1"},
		SenderChange: []ident.ContractID{"00c1"}, Meta: token.Metadata{"k": "v"},
	}, r)

	r, err = token.DecodeResult([]byte(`{"output":{"tag":"TransferInstructionResult_Pending",` +
		`"value":{"transferInstructionCid":"00t1"}}}`))
	require.NoError(t, err)
	require.Equal(t, token.OutcomePending, r.Outcome)
	require.Equal(t, ident.ContractID("00t1"), r.Next)

	r, err = token.DecodeResult([]byte(`{"output":{"tag":"TransferInstructionResult_Failed","value":{}},"meta":null}`))
	require.NoError(t, err)
	require.Equal(t, token.OutcomeFailed, r.Outcome)

	for _, raw := range []string{
		``, `null`, `{}`, `{"output":null}`, `{"output":{"tag":"X","value":{}}}`,
		`{"output":"TransferInstructionResult_Failed"}`,
		`{"output":{"tag":"TransferInstructionResult_Pending","value":{}}}`,
		`{"output":{"tag":"TransferInstructionResult_Pending","value":{"transferInstructionCid":""}}}`,
		`{"output":{"tag":"TransferInstructionResult_Completed","value":{"receiverHoldingCids":[" "]}}}`,
		`{"output":{"tag":"TransferInstructionResult_Failed","value":{}},"senderChangeCids":[""]}`,
	} {
		_, err := token.DecodeResult([]byte(raw))
		require.ErrorIs(t, err, token.ErrDecode, raw)
	}
}

func TestDecodeResultMetaNeverFails(t *testing.T) {
	t.Parallel()

	const key = "splice.lfdecentralizedtrust.org/"

	meta := token.DecodeResultMeta([]byte(`{"result":{"meta":null},"meta":{"values":{"` + key + `tx-kind":"transfer",` +
		`"` + key +
		`sender":"bob::1220cc","` + key + `reason":"ACC-1"}}}`))
	require.Equal(t, token.KindTransfer, meta.TxKind())
	require.Equal(t, ident.Party("bob::1220cc"), meta.Sender())
	require.Equal(t, "ACC-1", *meta.Memo())

	for _, raw := range []string{
		``, `null`, `7`, `"x"`, `[]`, `{}`, `{"meta":null}`, `{"meta":7}`, `{"meta":{}}`, `{"meta":{"values":null}}`,
		`{"meta":{"values":[]}}`, `{"meta":{"values":{"k":1}}}`, `{"meta":{"values":{"k":"v","k":"w"}}}`,
	} {
		meta := token.DecodeResultMeta([]byte(raw))
		require.Nil(t, meta, raw)
		require.Nil(t, meta.Memo())
		require.Empty(t, meta.TxKind())
		require.Empty(t, meta.Sender())
	}

	require.Empty(t, token.Metadata{token.KeySender: "no party"}.Sender())
}

func TestMetadataIsBounded(t *testing.T) {
	t.Parallel()

	decode := func(values string) token.Metadata {
		return token.DecodeResultMeta([]byte(`{"meta":{"values":{` + values + `}}}`))
	}
	reason := `"` + token.KeyReason + `":"` + strings.Repeat("x", token.MaxMetaValue)

	require.Len(t, *decode(reason + `"`).Memo(), token.MaxMetaValue)
	require.Nil(t, decode(reason+`x"`).Memo())
	require.Empty(t, decode(`"`+strings.Repeat("k", 318)+`":"v"`))

	many := func(prefix string) string {
		var b strings.Builder
		for i := range token.MaxMetaEntries + 1 {
			fmt.Fprintf(&b, `"%s%d":"v",`, prefix, i)
		}

		return b.String()
	}

	require.Equal(t, token.Metadata{token.KeyReason: "m"}, decode(many("k")+`"`+token.KeyReason+`":"m"`))
	require.Equal(t, token.Metadata{token.KeyReason: "m"},
		decode(many("splice.lfdecentralizedtrust.org/x")+`"`+token.KeyReason+`":"m"`))
	require.Empty(t, decode(many("k")+`"k":"v"`))
}

func TestDecodeHoldingsChange(t *testing.T) {
	t.Parallel()

	const change = `{"admin":"DSO::1220bb","account":{"owner":"treasury::1220aa","provider":null,"id":""},` +
		`"inputHoldingCids":["00a"],
		"transferLegSides":[{"transferLegId":"leg0","side":"ReceiverSide","otherside":{"owner":null,"id":"cip-112/mint"},
		"amount":"25.0","instrumentId":"Amulet","meta":{"values":{"splice.lfdecentralizedtrust.org/reason":"ACC-1"}}},
		{"transferLegId":"leg1","side":{"tag":"SenderSide","value":{}},"otherside":{"owner":"bob::1","id":"7"},` +
		`"amount":"1","instrumentId":"USD"}],
		"outputHoldingCids":["00b","00c"],"observers":[],"extraArgs":{}}`

	c, err := token.DecodeHoldingsChange([]byte(change))
	require.NoError(t, err)
	require.Equal(t, ident.Party("DSO::1220bb"), c.Admin)
	require.Equal(t, token.Account{Owner: "treasury::1220aa"}, c.Account)
	require.Equal(t, []ident.ContractID{"00a"}, c.Inputs)
	require.Equal(t, []ident.ContractID{"00b", "00c"}, c.Outputs)
	require.Len(t, c.Legs, 2)
	require.Equal(t, token.ReceiverSide, c.Legs[0].Side)
	require.Equal(t, token.Account{ID: token.AccountMint}, c.Legs[0].Other)
	require.Equal(t, ident.Instrument{Admin: "DSO::1220bb", ID: "Amulet"}, c.Legs[0].Instrument, "the leg names no admin")
	require.Equal(t, "ACC-1", *c.Legs[0].Meta.Memo())
	require.Equal(t, token.SenderSide, c.Legs[1].Side)

	for name, edit := range map[string][2]string{
		"no admin": {`DSO::1220bb`, `x`}, "a bad contract": {`"00a"`, `""`}, "a bad output": {`"00b"`, `""`},
		"a bad side": {`"ReceiverSide"`, `"Middle"`}, "no side": {`"side":"ReceiverSide",` +
			``, ``}, "a zero leg": {`"25.0"`, `"0"`},
		"no amount": {`"amount":"1",`, ``}, "no other side": {`"otherside":{"owner":"bob::1","id":"7"},`, ``},
		"no instrument":      {`"instrumentId":"USD"`, `"z":1`},
		"legs that are none": {`"transferLegSides":[`, `"transferLegSides":[7,`},
	} {
		c, err := token.DecodeHoldingsChange([]byte(strings.Replace(change, edit[0], edit[1], 1)))
		require.ErrorIs(t, err, token.ErrDecode, name)
		require.Equal(t, ident.Party("treasury::1220aa"), c.Account.Owner, "%s: whom it is about is told all the same", name)
	}

	for _, raw := range []string{``, `7`, `{}`, `{"account":7}`, `{"account":{"owner":"x"}}`} {
		c, err := token.DecodeHoldingsChange([]byte(raw))
		require.ErrorIs(t, err, token.ErrDecode)
		require.Empty(t, c.Account.Owner)
	}

	_, err = token.DecodeHoldingsChange([]byte(`{"admin":"a::1","account":{},` +
		`"transferLegSides":[{}` + strings.Repeat(`,{}`, 10_000) + `]}`))
	require.ErrorContains(t, err, "at most")
}
