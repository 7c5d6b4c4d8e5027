package signing

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzDecode demands of any bytes: no panic, no more memory than the bytes warrant, and that what is accepted is one
// transaction with one hash, however it is written.
func FuzzDecode(f *testing.F) {
	for _, raw := range samples() {
		f.Add(raw)
	}

	f.Add(onboarding(f))

	f.Fuzz(func(t *testing.T, raw []byte) {
		if topology, err := DecodeTopology(raw); err == nil {
			require.NotNil(t, topology.Mapping)
		}

		p, err := Decode(raw)
		if err != nil {
			return
		}

		again, err := Decode(Encode(p))
		require.NoError(t, err)
		require.Equal(t, p, again)

		for _, scheme := range []Scheme{V2, V3} {
			want, wantErr := p.Hash(scheme)
			got, gotErr := again.Hash(scheme)
			require.Equal(t, wantErr == nil, gotErr == nil)
			require.Equal(t, want, got)
		}

		_ = p.CheckInputs()
		_ = p.NotHashed(V2)
	})
}

// The worst messages that the bounds let through, or nearly.
func TestAllocationIsBounded(t *testing.T) { // Not parallel: measures what the process allocates
	const most = 256 << 20

	wide := func(item []byte) []byte {
		var list []byte
		for len(list) < MaxBytes-1000 {
			list = append(list, item...)
		}

		return list
	}

	worst := map[string][]byte{
		"units":   wide(message1(collectionItems, message1(valueUnit))),
		"records": wide(message1(collectionItems, message1(valueRecord))),
		"maps":    wide(message1(collectionItems, message1(valueGenMap))),
		"texts":   wide(message1(collectionItems, protoText(valueText, "x"))),
	}

	for name, list := range worst {
		var before, after runtime.MemStats

		runtime.ReadMemStats(&before)

		d := &decoder{}
		d.value(d.open("value", message1(valueList, list)), 0)
		require.ErrorIs(t, d.err, ErrTooLarge, name)

		runtime.ReadMemStats(&after)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(most), name)
	}
}

func BenchmarkDecodeAndHash(b *testing.B) {
	cases := map[string][]byte{"sample": Encode(sample())}

	for _, v := range conformance[[]preparedVector](b, "prepared-transactions.json") {
		if v.Name == "bitgo-transfer-raw-txn" || v.Name == "java-minimumComplianceTest" {
			cases[v.Name] = unbase64(b, v.Prepared)
		}
	}

	for name, raw := range cases {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(raw)))

			for b.Loop() {
				if _, err := HashBytes(raw, V2); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
