package topology

import "errors"

// Errors of this package. Every error wraps one of them, and beside it the error of internal/signing if that is where
// it arose.
var (
	// ErrInvalid is a request, or a set of topology transactions, that no signature could make good. A node answers
	// INVALID_ARGUMENT.
	ErrInvalid = errors.New("invalid onboarding")
	// ErrUnauthorized is an onboarding whose signatures do not authorize it: one that does not hold, one of a key that
	// has no say, or none where one must be.
	ErrUnauthorized = errors.New("onboarding is not authorized")
	// ErrExternalSignature is a submission without enough signatures of the party's registered keys. A node answers
	// INVALID_EXTERNAL_SIGNATURE.
	ErrExternalSignature = errors.New("invalid external signature")
)
