// Package secret holds values that must not be printed.
package secret

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
)

const redacted = "[redacted]"

// String is a secret text. However it is printed, logged or marshalled, it shows "[redacted]".
type String struct{ value string }

// New wraps a secret.
func New(value string) String { return String{value: value} }

// FromFile reads a secret from a file, without surrounding white space. An empty file is an error.
func FromFile(path string) (String, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return String{}, fmt.Errorf("read secret: %w", err)
	}

	value := strings.TrimSpace(string(raw))
	if value == "" {
		return String{}, fmt.Errorf("read secret: file %s is empty", path)
	}

	return New(value), nil
}

// Reveal returns the secret itself, for the one call that needs it.
func (s String) Reveal() string { return s.value }

// IsZero reports whether there is no secret.
func (s String) IsZero() bool { return s.value == "" }

// String implements fmt.Stringer.
func (String) String() string { return redacted }

// GoString covers %#v, which would otherwise print the field.
func (String) GoString() string { return redacted }

// Format covers every other verb.
func (String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer.
func (String) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText covers JSON and YAML.
func (String) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// UnmarshalText lets configuration loaders fill a secret.
func (s *String) UnmarshalText(raw []byte) error {
	s.value = string(raw)

	return nil
}
