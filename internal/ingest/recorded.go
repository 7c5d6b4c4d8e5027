package ingest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/update"
)

// maxRecording bounds a recorded file.
const maxRecording = 1 << 30

// Recorded is a node made of a recorded file: an array of stream elements as a node sent them. It ends where the
// recording ends.
type Recorded struct {
	id       ident.ParticipantID
	elements [][]byte
	offsets  []ident.Offset
	seen     map[ident.Party]int // events per witness
}

// OpenRecorded reads a recorded file. Recordings may begin at offset 0, which no live node does, because a stream
// begins after an offset: then every offset is shifted by one.
func OpenRecorded(path string) (*Recorded, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open recording: %w", err)
	}
	defer func() { _ = file.Close() }()

	raw, err := io.ReadAll(io.LimitReader(file, maxRecording+1))
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}

	if len(raw) > maxRecording {
		return nil, fmt.Errorf("read recording: larger than %d bytes", maxRecording)
	}

	recorded, err := parseRecording(raw)
	if err != nil {
		return nil, fmt.Errorf("read recording %s: %w", path, err)
	}

	return recorded, nil
}

func parseRecording(raw []byte) (*Recorded, error) {
	var elements []strictjson.Raw
	if err := strictjson.Decode(raw, &elements); err != nil {
		return nil, err
	}

	if len(elements) == 0 {
		return nil, errors.New("the recording holds no update")
	}

	n := &Recorded{id: "recording::file", seen: map[ident.Party]int{}}
	shift := ident.Offset(0)

	for i, element := range elements {
		u, err := update.Decode(element)
		if err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}

		if i == 0 && u.Offset == ident.Begin {
			shift = 1
		}

		body := []byte(element)
		if shift != 0 {
			if body, err = shifted(element, u.Offset+shift); err != nil {
				return nil, fmt.Errorf("element %d: %w", i, err)
			}
		}

		n.countWitnesses(u)
		n.elements, n.offsets = append(n.elements, body), append(n.offsets, u.Offset+shift)
	}

	return n, nil
}

// shifted rewrites the offset of an element; its events' own offsets are not read by anybody.
func shifted(element []byte, to ident.Offset) ([]byte, error) {
	var item struct {
		Update map[string]struct {
			Value map[string]strictjson.Raw `json:"value"`
		} `json:"update"`
	}
	if err := strictjson.Decode(element, &item); err != nil {
		return nil, err
	}

	for _, box := range item.Update {
		box.Value["offset"] = strictjson.Raw(strconv.FormatInt(int64(to), 10))
	}

	return strictjson.Encode(item)
}

func (n *Recorded) countWitnesses(u update.Update) {
	for _, e := range u.Events {
		switch {
		case e.Created != nil:
			n.count(e.Created.Witnesses)
		case e.Exercised != nil:
			n.count(e.Exercised.Witnesses)
		}
	}

	for _, m := range u.Moves {
		if m.Assigned != nil {
			n.count(m.Assigned.Witnesses)
		}
	}
}

func (n *Recorded) count(witnesses []ident.Party) {
	for _, party := range witnesses {
		n.seen[party]++
	}
}

// Witnessed is how many events of the recording a party saw.
func (n *Recorded) Witnessed(party ident.Party) int { return n.seen[party] }

// Witnesses lists the parties that saw most events of the recording, at most limit of them.
func (n *Recorded) Witnesses(limit int) []ident.Party {
	parties := slices.SortedFunc(maps.Keys(n.seen), func(a, b ident.Party) int {
		return cmp.Or(cmp.Compare(n.seen[b], n.seen[a]), cmp.Compare(a, b))
	})

	return parties[:min(limit, len(parties))]
}

// End is the offset of the last element.
func (n *Recorded) End() ident.Offset { return n.offsets[len(n.offsets)-1] }

// ParticipantID names every recording alike.
func (n *Recorded) ParticipantID(context.Context) (ident.ParticipantID, error) { return n.id, nil }

// LedgerEnd is the end of the recording.
func (n *Recorded) LedgerEnd(context.Context) (ident.Offset, error) { return n.End(), nil }

// PrunedOffsets says that nothing is pruned.
func (n *Recorded) PrunedOffsets(context.Context) (ledger.PrunedOffsets, error) {
	return ledger.PrunedOffsets{}, nil
}

// UpdateByOffset finds an element. An offset that the recording does not have is answered as a node would, so that a
// database which followed something else is recognised.
func (n *Recorded) UpdateByOffset(_ context.Context, _ ident.Party, offset ident.Offset) ([]byte, error) {
	for i, o := range n.offsets {
		if o == offset {
			return n.elements[i], nil
		}
	}

	return nil, &ledger.Error{
		Op: "read update by offset", HTTPStatus: http.StatusNotFound, Code: "UPDATE_NOT_FOUND",
		Cause: fmt.Sprintf("the recording has no update at offset %d", offset),
	}
}

// ActiveContracts is not in a recording.
func (*Recorded) ActiveContracts(context.Context, ident.Party, ident.Offset, func(ledger.ActiveContract) error) error {
	return errors.New("a recording has no active contracts: start from genesis")
}

// OpenUpdates plays the recording from an offset.
func (n *Recorded) OpenUpdates(_ context.Context, _ ident.Party, begin ident.Offset) (ledger.Stream, error) {
	next := 0
	for next < len(n.offsets) && n.offsets[next] <= begin {
		next++
	}

	return &playback{node: n, next: next, closed: make(chan struct{})}, nil
}

type playback struct {
	node   *Recorded
	next   int
	closed chan struct{}
	once   sync.Once
}

// Next gives the next element; at the end of the recording it waits, as a quiet node would.
func (p *playback) Next(ctx context.Context) ([]byte, error) {
	if p.next < len(p.node.elements) {
		p.next++

		return p.node.elements[p.next-1], nil
	}

	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("read recording: %w", ctx.Err())
	case <-p.closed:
		return nil, ledger.ErrStreamClosed
	}
}

// Close ends the playback.
func (p *playback) Close() error {
	p.once.Do(func() { close(p.closed) })

	return nil
}

// Transport names the source.
func (p *playback) Transport() string { return "recording" }
