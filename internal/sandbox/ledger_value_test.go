package sandbox

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// values are all that the writer knows, and what it leaves to the standard encoder.
func values() *rapid.Generator[any] {
	leaf := func(t *rapid.T) any {
		text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z0-9:"\\\n<>&é ]*`)).Draw(t, "text")
		id := ident.ContractID(text)

		return rapid.SampledFrom([]any{
			text, ident.Party(text), id, &id, (*ident.ContractID)(nil), amount.FromInt(rapid.Int64().Draw(t, "units")), nil,
			damlTime(time.UnixMicro(rapid.Int64Range(0, 1<<50).Draw(t, "time"))), json.RawMessage(`{"a":[1]}`), struct{}{},
			true, int64(7), 1.5, []string{text}, (*string)(nil), &text, lock{Holders: []ident.Party{"a"}},
			[]ident.ContractID(nil), []ident.ContractID{id, "b"}, []ident.Party{ident.Party(text)}, []obj{}, []obj{{"x": id}},
			[]variant{{Tag: text, Value: id}}, obj(nil), metadata{}, meta("k", text, text, "v"), optionalTime(time.Time{}),
		}).Draw(t, "leaf")
	}

	return rapid.Custom(func(t *rapid.T) any {
		labels := rapid.SliceOfN(rapid.String(), 0, 10).Draw(t, "labels")
		record := obj{}

		for _, label := range labels {
			record[label] = leaf(t)
		}

		return rapid.SampledFrom([]any{
			leaf(t), record, variant{Tag: "t", Value: record}, obj{"inner": record, "list": []obj{record, record}},
			extraArgs{Context: obj{"values": record}, Meta: meta("a", "b")},
			instructionResult{Output: variant{"o", record}, Change: []ident.ContractID{}, Meta: meta()},
		}).Draw(t, "value")
	})
}

// TestValuesAreWrittenAsTheStandardEncoderDoes: the writer is there for its speed alone.
func TestValuesAreWrittenAsTheStandardEncoderDoes(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		value := values().Draw(t, "value")

		var want bytes.Buffer

		enc := json.NewEncoder(&want)
		enc.SetEscapeHTML(false)
		require.NoError(t, enc.Encode(value))

		got, err := encodeValue(value)
		require.NoError(t, err)
		require.Equal(t, string(bytes.TrimSpace(want.Bytes())), string(got))
	})
}

func TestValueThatCannotBeWritten(t *testing.T) {
	t.Parallel()

	_, err := encodeValue(obj{"deep": []obj{{"bad": make(chan int)}}})
	require.Error(t, err)
}
