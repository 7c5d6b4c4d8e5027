package main

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// template is a recorded update cut at everything that must differ each time it is sent.
type template struct {
	pieces []piece
}

// piece is literal text, and then what comes after it.
type piece struct {
	text string
	slot slot
	// contract numbers the contract of a contractSlot within the recording.
	contract int
}

type slot int

const (
	noSlot slot = iota
	offsetSlot
	updateSlot
	contractSlot
	timeSlot
)

// recording is a history that can be played for ever: each round is the same history with contracts, update ids,
// offsets and record times of its own, so that every round's holdings are created and spent anew.
type recording struct {
	templates []template
	party     string
}

// loadRecording reads a file of recorded updates. Short ids of a normalised recording are replaced by ids of the
// length that a real network gives (138 characters for a contract, 68 for an update and for a party's fingerprint),
// because their length is part of the work.
func loadRecording(path, party string) (*recording, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}

	var updates []map[string]any

	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()

	if err := decoder.Decode(&updates); err != nil {
		return nil, fmt.Errorf("read recording: %w", err)
	}

	if len(updates) == 0 {
		return nil, errors.New("read recording: it is empty")
	}

	c := cutter{contracts: map[string]int{}}
	for _, u := range updates {
		c.collect(u)
	}

	r := &recording{party: realistic(party)}

	for _, u := range updates {
		t, err := c.cut(u)
		if err != nil {
			return nil, err
		}

		r.templates = append(r.templates, t)
	}

	return r, nil
}

// cutter turns updates into templates.
type cutter struct{ contracts map[string]int }

// collect numbers the contracts that the events name.
func (c cutter) collect(v any) {
	switch v := v.(type) {
	case map[string]any:
		for key, child := range v {
			if id, ok := child.(string); ok && key == "contractId" {
				if _, known := c.contracts[id]; !known {
					c.contracts[id] = len(c.contracts)
				}
			}

			c.collect(child)
		}
	case []any:
		for _, child := range v {
			c.collect(child)
		}
	}
}

const mark = "\x01" // never in JSON text

// cut marks what varies, prints the update, and splits the text at the marks.
func (c cutter) cut(update map[string]any) (template, error) {
	raw, err := json.Marshal(c.marked("", update))
	if err != nil {
		return template{}, fmt.Errorf("print update: %w", err)
	}

	// json.Marshal escapes the mark; offsets were marked as strings and become numbers again.
	text := strings.ReplaceAll(string(raw), `\u0001`, mark)
	text = strings.ReplaceAll(text, `"`+mark+`O`+mark+`"`, mark+"O"+mark)

	var t template

	for {
		before, rest, found := strings.Cut(text, mark)
		if !found {
			t.pieces = append(t.pieces, piece{text: text})

			return t, nil
		}

		name, after, _ := strings.Cut(rest, mark)
		p := piece{text: before}

		switch name[0] {
		case 'O':
			p.slot = offsetSlot
		case 'U':
			p.slot = updateSlot
		case 'T':
			p.slot = timeSlot
		default:
			p.slot = contractSlot

			if p.contract, err = strconv.Atoi(name[1:]); err != nil {
				return template{}, fmt.Errorf("mark %q: %w", name, err)
			}
		}

		t.pieces = append(t.pieces, p)
		text = after
	}
}

func (c cutter) marked(key string, v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			v[k] = c.marked(k, child)
		}

		return v
	case []any:
		for i, child := range v {
			v[i] = c.marked(key, child)
		}

		return v
	case json.Number:
		if key == "offset" {
			return mark + "O" + mark
		}

		return v
	case string:
		return c.markedText(key, v)
	default:
		return v
	}
}

func (c cutter) markedText(key, text string) string {
	switch {
	case key == "updateId":
		return mark + "U" + mark
	case key == "recordTime" || key == "effectiveAt":
		return mark + "T" + mark
	case key == "number" || key == "reason":
		return text
	}

	if contract, ok := c.contracts[text]; ok {
		return mark + "C" + strconv.Itoa(contract) + mark
	}

	return realistic(text)
}

// realistic gives normalised parties a fingerprint.
func realistic(text string) string {
	return strings.ReplaceAll(text, "::normalized", "::1220"+strings.Repeat("ab12cd34", 8))
}

// Hex digits after the prefix of an id: "1220" for an update, "00" for a contract.
const (
	updateDigits   = 64
	contractDigits = 136
)

// render writes the n-th update of the endless history, counted from 0.
func (r *recording) render(buf []byte, n int64, recordTime time.Time) []byte {
	round := n / int64(len(r.templates))

	for _, p := range r.templates[n%int64(len(r.templates))].pieces {
		buf = append(buf, p.text...)

		switch p.slot {
		case noSlot:
		case offsetSlot:
			buf = strconv.AppendInt(buf, n+1, 10)
		case updateSlot:
			buf = appendID(append(buf, "1220"...), updateDigits, uint64(n), 0) //nolint:gosec // counted from 0
		case contractSlot:
			//nolint:gosec // both are counted from 0
			buf = appendID(append(buf, "00"...), contractDigits, uint64(round), uint64(p.contract))
		case timeSlot:
			buf = recordTime.AppendFormat(buf, "2006-01-02T15:04:05.000000Z")
		}
	}

	return buf
}

// Constants of SplitMix64 (Sebastiano Vigna, 2015, public domain).
const (
	splitMixStep   = 0x9e3779b97f4a7c15 // 2^64 divided by the golden ratio
	splitMixFirst  = 0xbf58476d1ce4e5b9
	splitMixSecond = 0x94d049bb133111eb

	splitMixShift1 = 30
	splitMixShift2 = 27
	splitMixShift3 = 31
)

// otherSpread keeps the second number of a pair apart from the first: any odd number with its bits well spread.
const otherSpread = 0xc2b2ae3d27d4eb4f

// appendID writes length hex digits that are different for every pair, and spread like a hash.
func appendID(buf []byte, length int, a, b uint64) []byte {
	var block [8]byte

	state := a*splitMixStep ^ b*otherSpread

	for written := 0; written < length; written += hex.EncodedLen(len(block)) {
		state += splitMixStep
		z := state
		z = (z ^ z>>splitMixShift1) * splitMixFirst
		z = (z ^ z>>splitMixShift2) * splitMixSecond
		z ^= z >> splitMixShift3

		binary.LittleEndian.PutUint64(block[:], z)

		digits := hex.AppendEncode(nil, block[:])
		buf = append(buf, digits[:min(len(digits), length-written)]...)
	}

	return buf
}
