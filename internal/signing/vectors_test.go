package signing

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type valueVectors struct {
	Vectors []struct {
		Name     string    `json:"name"`
		Value    jsonValue `json:"valueJson"`
		Proto    string    `json:"valueProtoBase64"`
		Encoding string    `json:"encodingHex"`
		Expected string    `json:"expectedHashHex"`
		Within   struct {
			Scheme   string `json:"scheme"`
			Prepared string `json:"preparedTransactionBase64"`
			Expected string `json:"expectedHashHex"`
		} `json:"inPreparedTransaction"`
	} `json:"vectors"`
}

func TestPublishedValues(t *testing.T) {
	t.Parallel()

	vectors := conformance[valueVectors](t, "value-encodings.json").Vectors
	require.NotEmpty(t, vectors)

	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()

			raw := unbase64(t, v.Proto)

			d := &decoder{}
			decoded := d.value(d.open("value", raw), 0)
			require.NoError(t, d.err)
			require.Equal(t, v.Value.value(t), decoded)

			e := encoding{scheme: V2}
			e.value(decoded)
			require.NoError(t, e.err)
			require.Equal(t, v.Encoding, hex.EncodeToString(e.buf))

			hash, err := e.sum()
			require.NoError(t, err)
			require.Equal(t, v.Expected, hash.String())

			var w writer

			decoded.write(&w)
			require.Equal(t, raw, w.buf)

			hash, err = HashBytes(unbase64(t, v.Within.Prepared), mustScheme(t, v.Within.Scheme))
			require.NoError(t, err)
			require.Equal(t, v.Within.Expected, hash.String())

			p, err := Decode(unbase64(t, v.Within.Prepared))
			require.NoError(t, err)

			creates := p.Transaction.Creates()
			require.Len(t, creates, 1)
			require.Equal(t, decoded, creates[0].Argument)
		})
	}
}

type nodeVectors struct {
	Vectors []struct {
		Name     string        `json:"name"`
		Scheme   string        `json:"scheme"`
		Node     *jsonNode     `json:"nodeJson"`
		Metadata *jsonMetadata `json:"metadataJson"`
		Seed     *string       `json:"nodeSeedHex"`
		Children []string      `json:"children"`
		Encoding string        `json:"encodingHex"`
		Expected string        `json:"expectedHashHex"`
	} `json:"vectors"`
}

// Canton's full transactions, whose parts the vectors of encodings are.
func golden(tb testing.TB, scheme string) Prepared {
	tb.Helper()

	for _, v := range conformance[[]preparedVector](tb, "prepared-transactions.json") {
		if v.Scheme == scheme && strings.HasPrefix(v.Name, "canton-golden-") {
			p, _, err := decodeGraph(unbase64(tb, v.Prepared))
			require.NoError(tb, err)

			return p
		}
	}

	require.Fail(tb, "no full transaction", scheme)

	return Prepared{}
}

func TestPublishedNodesAndMetadata(t *testing.T) {
	t.Parallel()

	vectors := conformance[nodeVectors](t, "node-and-metadata-encodings.json").Vectors
	require.NotEmpty(t, vectors)

	for _, v := range vectors {
		t.Run(v.Name, func(t *testing.T) {
			t.Parallel()

			if v.Scheme == "V4" {
				_, err := ParseScheme("HASHING_SCHEME_VERSION_V4")
				require.ErrorIs(t, err, ErrUnsupported)

				return
			}

			scheme := mustScheme(t, v.Scheme)
			e := encoding{scheme: scheme}

			switch {
			case v.Metadata != nil:
				e.metadata(v.Metadata.metadata(t))
			case v.Node != nil:
				publishedNode(t, &e, v.Node, v.Seed, v.Children)
			case v.Name == "v2-transaction", v.Name == "v3-transaction":
				e.transaction(golden(t, v.Scheme).Transaction)
			default:
				require.Contains(t, []string{"v2-full-transaction", "v3-full-transaction"}, v.Name)

				hash, err := golden(t, v.Scheme).Hash(scheme)
				require.NoError(t, err)
				require.Equal(t, v.Expected, hash.String())

				return
			}

			require.NoError(t, e.err)
			require.Equal(t, v.Encoding, hex.EncodeToString(e.buf))
			require.Equal(t, v.Expected, hex.EncodeToString(sum(e.buf)))
		})
	}
}

// publishedNode encodes a node given as JSON. Its children are given as hashes, which come last in the encoding.
func publishedNode(tb testing.TB, e *encoding, node *jsonNode, seedHex *string, children []string) {
	tb.Helper()

	var seed *Seed
	if seedHex != nil {
		seed = new(Seed(unhex(tb, *seedHex)))
	}

	action := node.action(tb)

	var w writer

	action.write(&w)

	if create, ok := action.(Create); ok && node.Create == nil {
		e.create(create, seed)
	} else {
		d := &decoder{}
		decoded, _ := d.action(d.open("node", w.buf))
		require.NoError(tb, d.err)
		require.Equal(tb, action, decoded)
		e.node(&Node{Seed: seed, Action: decoded}, 0)
	}

	if len(children) > 0 {
		e.buf = e.buf[:len(e.buf)-4] // the number of children: none
		e.length(len(children))
	}

	for _, child := range children {
		e.buf = append(e.buf, unhex(tb, child)...)
	}
}

func sum(raw []byte) []byte {
	h := sha256.Sum256(raw)

	return h[:]
}

// What V4 hashes beyond V3 is refused, since neither V2 nor V3 covers it.
func TestExternalCallResultsAreRefused(t *testing.T) {
	t.Parallel()

	for _, v := range conformance[nodeVectors](t, "node-and-metadata-encodings.json").Vectors {
		if v.Node == nil || v.Node.Exercise == nil || len(v.Node.Exercise.ExternalCalls) == 0 {
			continue
		}

		var inner, w writer

		inner.exercise(v.Node.Exercise.exercise(t))
		inner.message(exerciseExternalCallResults, func() {})
		w.bytes(kindExercise, inner.buf)

		d := &decoder{}
		d.action(d.open("node", w.buf))
		require.ErrorIs(t, d.err, ErrUnhashedField)

		return
	}

	require.Fail(t, "no vector with external calls")
}

// A real node's V2 transaction with a maximum record time must be known to be only half covered.
func TestNotHashed(t *testing.T) {
	t.Parallel()

	p := sample()
	require.Equal(t, []string{"metadata.max_record_time", "metadata.input_contracts[0].event_blob"}, p.NotHashed(V2))
	require.Equal(t, []string{"metadata.input_contracts[0].event_blob"}, p.NotHashed(V3))

	p.Metadata.MaxRecordTime = nil
	p.Metadata.InputContracts[0].EventBlob = nil
	require.Empty(t, p.NotHashed(V2))
}
