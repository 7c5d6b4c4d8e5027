package txhistory_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/txhistory"
	"github.com/canton-exchange/suite/internal/update"
)

// stage is one update with what is known before it.
type stage struct {
	raw   []byte
	tx    update.Update
	known *ledger
}

func stages(b *testing.B, party ident.Party, items []json.RawMessage) []stage {
	b.Helper()

	var list []stage

	l := newLedger()

	for _, item := range items {
		var compact bytes.Buffer

		require.NoError(b, json.Compact(&compact, item))

		before := newLedger()
		maps.Copy(before.holdings, l.holdings)
		maps.Copy(before.instructions, l.instructions)

		tx := decoded(b, compact.Bytes())
		list = append(list, stage{compact.Bytes(), tx, before})

		e, err := txhistory.Parse(party, tx, l, txhistory.Options{})
		require.NoError(b, err)
		l.apply(e)
	}

	return list
}

func BenchmarkParse(b *testing.B) {
	const party = "treasury::normalized"

	b.Run("recorded", func(b *testing.B) {
		list := stages(b, party, recorded(b, "java-splice-test-cases"))
		b.ReportAllocs()

		i := 0
		for b.Loop() {
			s := &list[i%len(list)]
			s.known.asked = s.known.asked[:0]

			if _, err := txhistory.Parse(party, s.tx, s.known, txhistory.Options{}); err != nil {
				b.Fatal(err)
			}

			i++
		}
	})

	b.Run("recorded with Decode", func(b *testing.B) {
		list := stages(b, party, recorded(b, "java-splice-test-cases"))
		b.ReportAllocs()

		size := 0
		for _, s := range list {
			size += len(s.raw)
		}

		b.SetBytes(int64(size / len(list)))

		i := 0
		for b.Loop() {
			s := &list[i%len(list)]
			s.known.asked = s.known.asked[:0]

			tx, err := update.Decode(s.raw)
			if err != nil {
				b.Fatal(err)
			}

			txhistory.References(party, tx)

			if _, err := txhistory.Parse(party, tx, s.known, txhistory.Options{}); err != nil {
				b.Fatal(err)
			}

			i++
		}
	})

	b.Run("synthetic deposit", func(b *testing.B) {
		tx := transaction(b, deposit("TransferPreapproval_SendV2", sendOf(bob, "ACC-1"),
			archive("bobs"), hold("00h", treasury, "25"), hold("00b", bob, "3")))
		l := newLedger()

		b.ReportAllocs()

		for b.Loop() {
			l.asked = l.asked[:0]

			if _, err := txhistory.Parse(treasury, tx, l, txhistory.Options{}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
