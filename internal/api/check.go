package api

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const (
	maxBody = 64 << 10
	// maxPath bounds path and query, which hold party ids and cursors.
	maxPath = 8 << 10
)

// readBody takes in all of a request's body, or none of it.
func readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))

	switch _, large := errors.AsType[*http.MaxBytesError](err); {
	case large:
		return nil, problem(http.StatusRequestEntityTooLarge, "too_large",
			"The body is larger than 64 KiB. Nothing was done.")
	case err != nil:
		return nil, invalid("The body did not arrive whole. Nothing was done.")
	}

	return body, nil
}

// check refuses a request that is not as the document says, before anything is done. What it lets through has a body
// that two readers read alike.
func (o *operation) check(ctx context.Context, r *http.Request, inPath map[string]string, body []byte) error {
	if len(r.URL.RawPath)+len(r.URL.RawQuery) > maxPath {
		return problem(http.StatusRequestURITooLong, "too_long",
			"The path with its parameters is too long. Nothing was done.")
	}

	query, err := o.checkQuery(r.URL.RawQuery)
	if err != nil {
		return err
	}

	for name, value := range inPath {
		if !storable(value) {
			return invalid("path: " + name + ": holds what no text holds. Nothing was done.")
		}
	}

	if err := o.checkBody(r, body); err != nil {
		return err
	}

	if len(r.Header.Values("Idempotency-Key")) > 1 {
		return invalid("Idempotency-Key: was sent more than once. Nothing was done.")
	}

	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))

	err = openapi3filter.ValidateRequest(ctx, &openapi3filter.RequestValidationInput{
		Request: r, PathParams: inPath, QueryParams: query, Route: &o.route,
		Options: &openapi3filter.Options{
			AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true,
		},
	})
	if err != nil {
		return mismatch(err)
	}

	r.Body = io.NopCloser(bytes.NewReader(body))

	return o.checkTimes(query, body)
}

// checkQuery refuses parameters that would do nothing, such as one mistyped, and those of which it is not clear which
// one counts.
func (o *operation) checkQuery(raw string) (url.Values, error) {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return nil, invalid("query: not well escaped. Nothing was done.")
	}

	for name, values := range query {
		switch {
		case !slices.Contains(o.query, name):
			return nil, invalid("query: there is no parameter " + quoted(name) + " here. Nothing was done.")
		case len(values) > 1:
			return nil, invalid("query: " + name + ": was given more than once. Nothing was done.")
		case !storable(values[0]):
			return nil, invalid("query: " + name + ": holds what no text holds. Nothing was done.")
		}
	}

	return query, nil
}

// storable reports whether PostgreSQL can hold a text.
func storable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

const maxQuoted = 80

// quoted is a text of the caller's in a sentence of ours.
func quoted(text string) string { return strconv.QuoteToASCII(clipped(text)) }

func clipped(text string) string { return strings.ToValidUTF8(text[:min(len(text), maxQuoted)], "") }

// unsupported is how the validator words a member that it does not know.
var unsupported = regexp.MustCompile(`^property (".*) is unsupported$`)

func (o *operation) checkBody(r *http.Request, body []byte) error {
	if !o.takesBody {
		if text := strings.TrimSpace(string(body)); text != "" && text != "{}" {
			return invalid("body: this operation takes none. Nothing was done.")
		}

		return nil
	}

	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" || !utf8Charset(parameters) {
		return problem(http.StatusUnsupportedMediaType, "unsupported_media_type",
			"The body must be JSON, with Content-Type: application/json. Nothing was done.")
	}

	// The validator matches types by their whole text.
	r.Header.Set("Content-Type", "application/json")

	var value any
	if err := strictjson.Decode(body, &value); err != nil {
		return invalid("body: not JSON that everybody reads alike: it must be one value, without a member twice, " +
			"in UTF-8. Nothing was done.")
	}

	if !storableAll(value) {
		return invalid("body: a text holds a character NUL, which no text holds. Nothing was done.")
	}

	return nil
}

func utf8Charset(parameters map[string]string) bool {
	charset, ok := parameters["charset"]

	return !ok || strings.EqualFold(charset, "utf-8")
}

func storableAll(value any) bool {
	switch v := value.(type) {
	case string:
		return storable(v)
	case []any:
		return !slices.ContainsFunc(v, func(element any) bool { return !storableAll(element) })
	case map[string]any:
		for name, member := range v {
			if !storable(name) || !storableAll(member) {
				return false
			}
		}
	}

	return true
}

// mismatch words what the validator found: which member it is, and what would do. The value is never shown.
func mismatch(err error) error {
	where, what := "request", "is not as the document says"

	if wrong, ok := errors.AsType[*openapi3filter.RequestError](err); ok {
		switch {
		case wrong.Parameter != nil:
			where = wrong.Parameter.In + ": " + wrong.Parameter.Name
		case wrong.RequestBody != nil:
			where = "body"
		}

		switch {
		case errors.Is(wrong.Err, openapi3filter.ErrInvalidRequired):
			what = "is missing"
		case errors.Is(wrong.Err, openapi3filter.ErrInvalidEmptyValue):
			what = "must not be empty"
		}
	}

	if schema, ok := errors.AsType[*openapi3.SchemaError](err); ok {
		if member := strings.Join(schema.JSONPointer(), "."); member != "" {
			where += ": " + quoted(member)
		}

		what = expected(schema)
	}

	return invalid(where + ": " + what + ". Nothing was done.")
}

// expected says what a schema wants.
func expected(e *openapi3.SchemaError) string {
	schema := e.Schema

	switch e.SchemaField {
	case "required":
		return "is missing"
	case "properties":
		return "there is no such member in the document: " + unsupported.ReplaceAllString(clipped(e.Reason), "$1")
	case "pattern":
		return "must match " + schema.Pattern
	case "enum":
		allowed, err := strictjson.Encode(schema.Enum)
		if err == nil {
			return "must be one of " + string(allowed)
		}
	case "minLength", "maxLength":
		return "must have " + between(schema.MinLength, schema.MaxLength) + " characters"
	case "minItems", "maxItems":
		return "must have " + between(schema.MinItems, schema.MaxItems) + " elements"
	case "minimum", "maximum":
		return "must be from " + bound(schema.Min) + " to " + bound(schema.Max)
	case "type":
		if schema.Type != nil {
			return "must be of type " + strings.Join(schema.Type.Slice(), " or ")
		}
	case "format":
		return "must be a " + schema.Format
	}

	return "is not as the document says"
}

func between(least uint64, most *uint64) string {
	if most == nil {
		return "at least " + strconv.FormatUint(least, 10)
	}

	return strconv.FormatUint(least, 10) + " to " + strconv.FormatUint(*most, 10)
}

func bound(limit *float64) string {
	if limit == nil {
		return "any"
	}

	return strconv.FormatFloat(*limit, 'f', -1, 64)
}

// unbound words what the generated server could not read of a parameter that the validator let through, such as a day
// that no month has.
func unbound(err error) error {
	name := "a parameter"

	if wrong, ok := errors.AsType[*server.InvalidParamFormatError](err); ok {
		name = wrong.ParamName
	}

	return invalid(name + ": is not as the document says. Nothing was done.")
}
