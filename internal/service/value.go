package service

import (
	"encoding"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/caarlos0/env/v11"
)

const (
	maxShownValue    = 80 // bytes of a wrong value, or of a reason, in an error
	maxNameDistance  = 4  // single-character edits within which a name is taken for a known one mistyped
	hiddenURL        = "(a URL with credentials, not shown)"
	expectedURL      = "a URL such as https://host:8443, without credentials"
	expectedLogLevel = "debug, info, warn or error"
)

var (
	errURL         = errors.New("must have a scheme and a host, and no credentials")
	errDatabaseURL = errors.New("CES_DATABASE_URL is not a URL that starts with postgres:// (its value is not shown)")
)

// Invalid words a problem with one variable's value, for Validate methods. It shows the value: not for secrets.
func Invalid(name, value, expected string) error {
	return fmt.Errorf("%s=%s is not valid: expected %s", name, shown(value), expected)
}

// shown is a value fit for one line of an error.
func shown(value string) string {
	if parsed, err := url.Parse(value); strings.Contains(value, "@") && (err != nil || parsed.Host != "") {
		return hiddenURL
	}

	return fmt.Sprintf("%q", clip(value))
}

// clip bounds a text from outside, at a rune's edge.
func clip(text string) string {
	if len(text) <= maxShownValue {
		return text
	}

	end := maxShownValue
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}

	return text[:end] + "…"
}

// parsers are the conversions in which we are stricter than the library.
func parsers() map[reflect.Type]env.ParserFunc {
	return map[reflect.Type]env.ParserFunc{
		reflect.TypeFor[url.URL](): func(text string) (any, error) {
			parsed, err := url.Parse(text)
			if err != nil || parsed.Scheme == "" || parsed.Host == "" || parsed.User != nil {
				return nil, errURL // url.Parse's error quotes the value
			}

			return *parsed, nil
		},
	}
}

// expectation says what a value of a type looks like. For types that parse themselves it is their own error.
func expectation(t reflect.Type, err error) string {
	switch t {
	case reflect.TypeFor[time.Duration]():
		return "a duration such as 500ms, 30s or 5m"
	case reflect.TypeFor[slog.Level]():
		return expectedLogLevel
	case reflect.TypeFor[url.URL]():
		return expectedURL
	}

	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "something else: " + clip(reason(err))
	}

	switch t.Kind() { // the rest has no better words than the error's
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return fmt.Sprintf("a whole number of type %s", t.Kind())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("a whole number, not negative, of type %s", t.Kind())
	default:
		return "something else: " + clip(reason(err))
	}
}

// reason takes the library's wrapping off an error.
func reason(err error) string {
	if parse, ok := errors.AsType[env.ParseError](err); ok {
		return parse.Err.Error()
	}

	return err.Error()
}

// mistyped words a problem for every given variable that no field reads and whose name is close to one that a field
// reads. Any other is taken for a variable of another program.
func mistyped(given map[string]string, fields []field) []string {
	var known []string

	for _, f := range fields {
		known = append(known, f.Name)
		if f.Secret {
			known = append(known, f.Name+fileSuffix)
		}
	}

	var problems []string

	for name := range given {
		if slices.Contains(known, name) {
			continue
		}

		if near := nearest(name, known); near != "" {
			problems = append(problems, clip(name)+" is not a variable of this program: did you mean "+near+"?")
		}
	}

	slices.Sort(problems)

	return problems
}

// nearest is the known name with the fewest edits from name, or empty when all are far.
func nearest(name string, known []string) string {
	best, distance := "", maxNameDistance+1

	for _, candidate := range known {
		if d := editDistance(name, candidate); d < distance {
			best, distance = candidate, d
		}
	}

	return best
}

// editDistance counts the insertions, deletions and replacements of bytes between two names (Levenshtein). A difference
// in length alone that is too large is returned at once, which bounds the work for a hostile name.
func editDistance(a, b string) int {
	if difference := max(len(a), len(b)) - min(len(a), len(b)); difference > maxNameDistance {
		return difference
	}

	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}

	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1

		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}

			diagonal = row[j+1]
			row[j+1] = min(replace, diagonal+1, row[j]+1)
		}
	}

	return row[len(b)]
}
