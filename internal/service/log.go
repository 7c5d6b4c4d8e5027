package service

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"os"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/canton-exchange/suite/internal/memo"
)

// NewLogger logs JSON lines with times in UTC, or text where a person reads along.
func NewLogger(w io.Writer, level slog.Leveler, text bool) *slog.Logger {
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: utc}
	w = seen{w}

	if text {
		return slog.New(slog.NewTextHandler(w, options))
	}

	return slog.New(slog.NewJSONHandler(w, options))
}

// seen escapes what is not seen in a line of a log, as JSON does: slog's own handlers leave characters that turn the
// direction of writing, have no width, or are controls above ASCII. What a program reads from JSON stays the same.
type seen struct{ w io.Writer }

func (s seen) Write(line []byte) (int, error) {
	if !bytes.ContainsFunc(line, unseen) {
		return s.w.Write(line) //nolint:wrapcheck // as it came
	}

	escaped := make([]byte, 0, 2*len(line))

	for _, r := range string(line) {
		switch high, low := utf16.EncodeRune(r); {
		case !unseen(r):
			escaped = utf8.AppendRune(escaped, r)
		case high == unicode.ReplacementChar:
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		default:
			escaped = fmt.Appendf(escaped, `\u%04x\u%04x`, high, low)
		}
	}

	if _, err := s.w.Write(escaped); err != nil {
		return 0, err //nolint:wrapcheck // as it came
	}

	return len(line), nil
}

func unseen(r rune) bool { return r != '\n' && !memo.Seen(r) }

// utc makes the logs of machines in different places comparable.
func utc(groups []string, attr slog.Attr) slog.Attr {
	if len(groups) == 0 && attr.Key == slog.TimeKey && attr.Value.Kind() == slog.KindTime {
		attr.Value = slog.TimeValue(attr.Value.Time().UTC())
	}

	return attr
}

// isTerminal reports whether a person is likely to read what is written to w.
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}

	info, err := file.Stat()

	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
