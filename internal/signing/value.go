package signing

import (
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Value is a Daml value: one of the types of this file, by value.
type Value interface {
	encode(e *encoding)
	write(w *writer)
}

// The values without parts.
type (
	// Unit is the value that says nothing.
	Unit struct{}
	// Bool is true or false.
	Bool bool
	// Int64 is Daml's Int.
	Int64 int64
	// Numeric is a decimal exactly as the node wrote it; the text is what is hashed.
	Numeric string
	// Timestamp is microseconds since 1970, UTC; negative before.
	Timestamp int64
	// Date is days since 1970-01-01; negative before.
	Date int32
	// Party is a party inside a contract.
	Party ident.Party
	// Text is any Unicode text.
	Text string
	// ContractID is a contract id inside a contract, in lower-case hexadecimal.
	ContractID ident.ContractID
)

// The values with parts.
type (
	// Optional holds a value, or nil for none.
	Optional struct{ Value Value }
	// List holds its elements in order.
	List []Value
	// TextMap holds entries with different keys, in the order of the message, which is the order of the hash.
	TextMap []TextEntry
	// TextEntry is an entry of a TextMap.
	TextEntry struct {
		Key   string
		Value Value
	}
	// GenMap holds entries with different keys, in the order of the message, which is the order of the hash.
	GenMap []GenEntry
	// GenEntry is an entry of a GenMap.
	GenEntry struct{ Key, Value Value }
	// Record holds fields whose labels differ, save that a node may leave all labels out. Its ID is zero if left out.
	Record struct {
		ID     ident.Name
		Fields []Field
	}
	// Field is a field of a Record.
	Field struct {
		Label string
		Value Value
	}
	// Variant is one constructor of a sum type, with its value. Its ID is zero if left out.
	Variant struct {
		ID          ident.Name
		Constructor string
		Value       Value
	}
	// Enum is one constructor of an enumeration. Its ID is zero if left out.
	Enum struct {
		ID          ident.Name
		Constructor string
	}
)

// ErrNotThere is returned by At when the value has no such field, or one of another type.
var ErrNotThere = errors.New("value is not as expected")

// At is the value found by following labels through records, which must be of type T: At[Numeric](argument,
// "transfer", "amount"). Anything else than exactly that is an error.
func At[T Value](v Value, labels ...string) (T, error) {
	var zero T

	for i, label := range labels {
		record, ok := v.(Record)
		if !ok {
			return zero, fmt.Errorf("%w: %T at %v where a record was expected", ErrNotThere, v, labels[:i])
		}

		if v, ok = record.Get(label); !ok {
			return zero, fmt.Errorf("%w: no field %v", ErrNotThere, labels[:i+1])
		}
	}

	found, ok := v.(T)
	if !ok {
		return zero, fmt.Errorf("%w: %T at %v where %T was expected", ErrNotThere, v, labels, zero)
	}

	return found, nil
}

// Get is the field with this label. A record whose labels were left out has none.
func (r Record) Get(label string) (Value, bool) {
	for _, f := range r.Fields {
		if f.Label == label && label != "" {
			return f.Value, true
		}
	}

	return nil, false
}

// Get is the value of this key.
func (t TextMap) Get(key string) (Value, bool) {
	for _, entry := range t {
		if entry.Key == key {
			return entry.Value, true
		}
	}

	return nil, false
}

// Amount reads the number as an amount; it is an error if it has more than ten decimals or does not fit.
func (n Numeric) Amount() (amount.Amount, error) {
	a, err := amount.Parse(string(n))
	if err != nil {
		return amount.Amount{}, fmt.Errorf("numeric of a transaction: %w", err)
	}

	return a, nil
}

// Time is the instant, in UTC.
func (t Timestamp) Time() time.Time { return time.UnixMicro(int64(t)).UTC() }

// TimestampOf is the instant in the ledger's resolution, rounded down to the microsecond.
func TimestampOf(t time.Time) Timestamp { return Timestamp(t.UnixMicro()) }
