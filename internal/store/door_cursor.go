package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// ErrBadCursor means that a cursor is not one that this list gave, with the same filters.
var ErrBadCursor = errors.New("the cursor is not of this list")

// kind is what a column of a list's key holds, and what a cursor may therefore say of it.
type kind int

const (
	aTime kind = iota
	aText
	aNumber
	aSmallNumber
	anID
	anAmount
)

// cursor is the key of a page's last row, and of which list that is. A caller can make one up: it names a place in the
// order and nothing else, so that nothing more is seen with it.
type cursor struct {
	List string   `json:"l"`
	Key  []string `json:"k"`
}

// listID tells lists apart by their name and by all that is filtered by.
func listID(name string, branches []branch) string {
	var b strings.Builder

	b.WriteString(name)

	for _, one := range branches {
		fmt.Fprintf(&b, "\n%s\n%s\n%q", one.view, strings.Join(one.where.texts, "\n"), fmt.Sprint(one.where.arguments...))
	}

	const enough = 8 // bytes

	hash := sha256.Sum256([]byte(b.String()))

	return hex.EncodeToString(hash[:enough])
}

func encodeCursor(list string, key []any) (string, error) {
	c := cursor{List: list, Key: make([]string, len(key))}

	for i, value := range key {
		if at, ok := value.(time.Time); ok {
			value = at.UTC().Format(time.RFC3339Nano)
		}

		c.Key[i] = fmt.Sprint(value)
	}

	raw, err := strictjson.Encode(c)
	if err != nil {
		return "", fmt.Errorf("encode cursor: %w", err)
	}

	return base64.RawURLEncoding.EncodeToString(raw), nil
}

// decodeCursor reads the key of the row after which the page begins, and nil for the first page.
func decodeCursor(text, list string, kinds []kind) ([]any, error) {
	if text == "" {
		return nil, nil
	}

	var c cursor

	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || strictjson.Decode(raw, &c) != nil || c.List != list || len(c.Key) != len(kinds) {
		return nil, ErrBadCursor
	}

	key := make([]any, len(kinds))

	for i, want := range kinds {
		if key[i], err = want.read(c.Key[i]); err != nil {
			return nil, ErrBadCursor
		}
	}

	return key, nil
}

func (k kind) read(text string) (value any, err error) {
	const base, long, short = 10, 64, 32

	switch k {
	case aTime:
		value, err = time.Parse(time.RFC3339Nano, text)
	case aText:
		value = text
		if memo.Stored(text) != text {
			err = ErrBadCursor
		}
	case aNumber:
		value, err = strconv.ParseInt(text, base, long)
	case aSmallNumber:
		value, err = strconv.ParseInt(text, base, short)
	case anID:
		value, err = uuid.Parse(text)
	case anAmount:
		value, err = amount.Parse(text)
	}

	return value, wrap("read a cursor", err)
}
