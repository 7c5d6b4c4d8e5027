//go:build !cgo

package pkcs11_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/pkcs11"
)

func TestOpenSaysWhatIsMissing(t *testing.T) {
	t.Parallel()

	_, err := pkcs11.Open(t.Context(), pkcs11.Config{
		Library: "/usr/lib/softhsm/libsofthsm2.so", TokenLabel: "t", KeyLabel: "k", PIN: secret.New("1"),
	}, signer.Config{})
	require.ErrorContains(t, err, "CGO_ENABLED=1")
	require.False(t, signer.IsTemporary(err))
}
