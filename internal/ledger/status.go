package ledger

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// errorInfoType is the detail of a status that carries Canton's error code (google/rpc/error_details.proto).
const errorInfoType = "type.googleapis.com/google.rpc.ErrorInfo"

// Numbers of the fields of google.rpc.ErrorInfo, and of an entry of a protobuf map.
const (
	fieldReason   = 1
	fieldMetadata = 3
	fieldKey      = 1
	fieldValue    = 2
)

// statusError is the error of a completion's status. Where the status has no details that can be read, its message
// begins with the same: CODE(category,correlation): text.
func statusError(s *ledgerapi.Status) *Error {
	e := &Error{Op: opExecute, Code: CodeRefused, Cause: bounded(s.Message), GRPC: int(s.Code), Stage: StageCompletion}

	if code, rest, ok := strings.Cut(s.Message, "("); ok && code != "" && plainCode(code) {
		e.Code = code

		if number, _, ok := strings.Cut(rest, ","); ok {
			e.setCategory(number)
		}
	}

	if s.Details == nil {
		return e
	}

	for _, d := range *s.Details {
		if d.TypeUrl != errorInfoType {
			continue
		}

		if reason, metadata, ok := errorInfo(d.Value); ok {
			if reason != "" && plainCode(reason) {
				e.Code = reason
			}

			e.Context = metadata
			e.setCategory(metadata["category"])
			e.Definite = definite(nil, metadata["definite_answer"])

			return e
		}
	}

	return e
}

func (e *Error) setCategory(text string) {
	if n, err := strconv.ParseInt(text, 10, 32); err == nil {
		e.Category = category(new(int32(n)))
	}
}

// errorInfo reads the reason and the metadata of a google.rpc.ErrorInfo, bounded; false for bytes that are none.
func errorInfo(raw []byte) (reason string, metadata map[string]string, ok bool) {
	metadata = map[string]string{}

	ok = eachField(raw, func(field protowire.Number, value []byte) bool {
		if field == fieldReason {
			reason = bounded(string(value))
		}

		return field != fieldMetadata || mapEntry(value, metadata)
	})

	return reason, metadata, ok
}

// mapEntry adds an entry of a protobuf map, as long as there is room. It reports whether it could be read.
func mapEntry(raw []byte, into map[string]string) bool {
	var key, value string

	whole := eachField(raw, func(field protowire.Number, part []byte) bool {
		if field == fieldKey {
			key = bounded(string(part))
		}

		if field == fieldValue {
			value = bounded(string(part))
		}

		return true
	})

	if whole && len(into) < maxErrorContext {
		into[key] = value
	}

	return whole
}

// eachField gives every field of a message that is made of bytes, and passes over others. It reports whether the
// message could be read to its end.
func eachField(raw []byte, yield func(protowire.Number, []byte) bool) bool {
	for len(raw) > 0 {
		field, kind, n := protowire.ConsumeTag(raw)
		if n < 0 {
			return false
		}

		raw = raw[n:]

		if kind != protowire.BytesType {
			if n = protowire.ConsumeFieldValue(field, kind, raw); n < 0 {
				return false
			}

			raw = raw[n:]

			continue
		}

		value, n := protowire.ConsumeBytes(raw)
		if n < 0 || !yield(field, value) {
			return false
		}

		raw = raw[n:]
	}

	return true
}
