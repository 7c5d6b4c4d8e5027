package daml_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/sandbox/daml"
)

// transferArgument has the shape of a transfer's choice argument, which is the bulk of what a node reads.
func transferArgument() *daml.Type {
	meta := daml.Record(named("Metadata"), field("values", daml.TextMap(daml.Text())))
	transfer := daml.Record(
		named("Transfer"), field("sender", daml.Party()), field("receiver", daml.Party()),
		field("amount", daml.Numeric()), field("instrumentId", daml.Record(
			named("InstrumentId"), field("admin", daml.Party()), field("id", daml.Text()),
		)),
		field("requestedAt", daml.Timestamp()), field("executeBefore", daml.Timestamp()),
		field("inputHoldingCids", daml.List(daml.ContractID())), field("meta", meta),
	)
	extraArgs := daml.Record(
		named("ExtraArgs"), field("context", daml.Record(named("Context"), field("values", daml.TextMap(anyValue())))),
		field("meta", meta),
	)

	return daml.Record(named("TransferFactory_Transfer"), field("expectedAdmin", daml.Party()),
		field("transfer", transfer), field("extraArgs", extraArgs))
}

func transferJSON() []byte {
	fingerprint := strings.Repeat("12", 34)
	contract := `"00` + strings.Repeat("ab", 68) + `"`

	return []byte(`{"expectedAdmin":"DSO::` + fingerprint + `","transfer":{"sender":"alice::` + fingerprint +
		`","receiver":"bob::` + fingerprint + `","amount":"100.0000000000","instrumentId":{"admin":"DSO::` + fingerprint +
		`","id":"Amulet"},"requestedAt":"2026-08-22T10:00:00.123456Z","executeBefore":"2026-08-23T10:00:00Z",` +
		`"inputHoldingCids":[` + contract + `,` + contract + `],"meta":{"values":{"splice.lfdecentralizedtrust.org/reason":` +
		`"ACC-1001"}}},"extraArgs":{"context":{"values":{"external-party-config-state":{"tag":"AV_Text","value":` +
		contract + `},"transfer-preapproval":{"tag":"AV_Text","value":` + contract + `}}},"meta":{"values":{}}}}`)
}

func BenchmarkDecode(b *testing.B) {
	kind, raw := transferArgument(), transferJSON()

	b.SetBytes(int64(len(raw)))
	b.ReportAllocs()

	for b.Loop() {
		if _, err := kind.Decode(raw); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppendJSON(b *testing.B) {
	value, err := transferArgument().Decode(transferJSON())
	require.NoError(b, err)

	var buf []byte

	b.ReportAllocs()

	for b.Loop() {
		if buf, err = daml.AppendJSON(buf[:0], value); err != nil {
			b.Fatal(err)
		}
	}

	b.SetBytes(int64(len(buf)))
}
