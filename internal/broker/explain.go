package broker

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
)

// Explain says with an error what it means, where that is known.
func Explain(err error, means string) error {
	if err == nil || means == "" {
		return err
	}

	return fmt.Errorf("%w (%s)", err, means)
}

// ExplainTLS gives what an error of TLS means to operators; nothing where it is none. ca and cert are the settings that
// name the files.
func ExplainTLS(err error, ca, cert string) string {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		heard     *net.OpError
	)

	switch {
	case errors.As(err, &authority):
		return "the broker's certificate is of no authority that is trusted here; " + ca + " names the file with those"
	case errors.As(err, &name):
		return "the broker's certificate is for another address than the one that is set"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the broker's certificate has run out, or the clock here is wrong"
	case errors.As(err, &heard) && heard.Op == "remote error":
		return "the broker does not take our certificate, or wants one and there is none: see " + cert
	default:
		return ""
	}
}
