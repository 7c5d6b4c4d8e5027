package driver

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"

	"github.com/canton-exchange/suite/internal/signer/endpoint"
)

// given names the variables of a part of the settings that are set. None of them has a default, which would look the
// same as a value that was set.
func given(part any) []string {
	var names []string

	structure := reflect.ValueOf(part).Elem()

	for i := range structure.NumField() {
		if !structure.Field(i).IsZero() {
			names = append(names, structure.Type().Field(i).Tag.Get("env"))
		}
	}

	return names
}

// need is something that a driver cannot do without.
type need struct {
	there bool
	name  string
}

func lacking(needs ...need) []string {
	var names []string

	for _, n := range needs {
		if !n.there {
			names = append(names, n.name)
		}
	}

	return names
}

// checkURL wants what package endpoint does.
func checkURL(name, text string, plain bool) error {
	if text == "" {
		return nil
	}

	client, err := endpoint.New(endpoint.Config{URL: text, PlainHTTP: plain})
	if err != nil {
		return worded(name, err)
	}

	client.Close()

	return nil
}

// checkPair wants both halves of a certificate or none.
func checkPair(prefix string, t endpoint.TLS) error {
	if (t.CertFile == "") != (t.KeyFile == "") {
		return fmt.Errorf("%s_TLS_CERT_FILE and %s_TLS_KEY_FILE belong together: set both or none", prefix, prefix)
	}

	return nil
}

// checkFiles reads the files that TLS will be done with, so that an error names their variable.
func checkFiles(prefix string, t endpoint.TLS) error {
	for _, part := range []struct {
		names string
		tls   endpoint.TLS
	}{
		{prefix + "_TLS_CA_FILE", endpoint.TLS{CAFile: t.CAFile}},
		{prefix + "_TLS_CERT_FILE, " + prefix + "_TLS_KEY_FILE", endpoint.TLS{CertFile: t.CertFile, KeyFile: t.KeyFile}},
	} {
		client, err := endpoint.New(endpoint.Config{URL: "https://localhost", TLS: part.tls})
		if err != nil {
			return worded(part.names, err)
		}

		client.Close()
	}

	return nil
}

// worded puts the variable's name before the cause, in place of the words of package endpoint, which know less.
func worded(name string, err error) error {
	if cause := errors.Unwrap(err); cause != nil {
		err = cause
	}

	return fmt.Errorf("%s: %w", name, err)
}

// shownURL is a URL without what should not be in it and could be secret.
func shownURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "(not a URL)"
	}

	return u.Scheme + "://" + u.Host + u.Path
}
