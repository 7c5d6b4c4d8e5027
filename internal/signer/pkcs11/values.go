//go:build cgo

package pkcs11

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"

	"github.com/miekg/pkcs11"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// Numbers of PKCS#11 3.0 that the wrapping library does not know.
const (
	ckmEdDSA     = 0x1057
	ckkECEdwards = 0x40
)

const (
	p256PointBytes  = 65
	p256NumberBytes = 32
)

// p256Params is the DER of the curve's object identifier, 1.2.840.10045.3.1.7.
func p256Params() []byte { return []byte{0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07} }

// nativeNumber reads a CK_ULONG, which has the machine's size and order.
func nativeNumber(raw []byte) uint64 {
	var out [8]byte

	if len(raw) > len(out) {
		return 0
	}

	if binary.NativeEndian.Uint16([]byte{1, 0}) == 1 {
		copy(out[:], raw)

		return binary.LittleEndian.Uint64(out[:])
	}

	copy(out[len(out)-len(raw):], raw)

	return binary.BigEndian.Uint64(out[:])
}

// parsePublicKey reads a key's attributes. The point is the DER of an octet string; some modules give its content
// alone.
func parsePublicKey(kind uint64, params, point []byte) (signing.PublicKey, error) {
	bare := point
	// By length first: a bare point may look like DER.
	if len(point) != ed25519.PublicKeySize && len(point) != p256PointBytes {
		if rest, err := asn1.Unmarshal(point, &bare); err != nil || len(rest) != 0 {
			bare = nil
		}
	}

	switch {
	case kind == ckkECEdwards && len(bare) == ed25519.PublicKeySize:
		return signing.ParsePublicKey(signing.KeyEd25519, signing.KeyFormatRaw, bare)
	case kind == pkcs11.CKK_EC && bytes.Equal(params, p256Params()) && len(bare) == p256PointBytes:
		key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), bare)
		if err != nil {
			return signing.PublicKey{}, fmt.Errorf("%w: %w", signing.ErrInvalidKey, err)
		}

		return signing.NewPublicKey(key)
	default:
		return signing.PublicKey{}, &signer.Error{
			Driver: driver, Op: "read the public key",
			Cause:  fmt.Sprintf("a key of type 0x%x with parameters %.40x and a point of %d bytes", kind, params, len(point)),
			Advice: "want an Ed25519 key, or one on P-256 with its point not compressed",
		}
	}
}

// derOfConcat turns r and s, big-endian and of the same length, into DER.
func derOfConcat(raw []byte) ([]byte, error) {
	if len(raw) != 2*p256NumberBytes {
		return nil, &signer.Error{
			Driver: driver, Op: "sign", Cause: fmt.Sprintf("a signature of %d bytes instead of %d", len(raw), 2*p256NumberBytes),
			Advice: "the module does not do what CKM_ECDSA says",
		}
	}

	der, err := asn1.Marshal(struct{ R, S *big.Int }{
		new(big.Int).SetBytes(raw[:p256NumberBytes]), new(big.Int).SetBytes(raw[p256NumberBytes:]),
	})
	if err != nil {
		return nil, fmt.Errorf("signer: %s: encode signature: %w", driver, err)
	}

	return der, nil
}

// lost says that the session is not what it was, and a new one may do.
func lost(err error) bool {
	code, _ := errors.AsType[pkcs11.Error](err)
	switch code {
	case pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED, pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_DEVICE_REMOVED,
		pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID,
		pkcs11.CKR_SLOT_ID_INVALID, pkcs11.CKR_OPERATION_ACTIVE, pkcs11.CKR_OPERATION_NOT_INITIALIZED:
		return true
	default:
		return false
	}
}

// failure words what the library says.
func failure(op string, err error) error {
	if _, ok := errors.AsType[*signer.Error](err); ok {
		return err
	}

	e := &signer.Error{Driver: driver, Op: op, Cause: err.Error(), Advice: "see the module's log and state"}

	code, ok := errors.AsType[pkcs11.Error](err)

	switch {
	case !ok:
	case lost(err):
		e.Temporary, e.Advice = true, "see whether the module is there and its token inserted"
	case code == pkcs11.CKR_GENERAL_ERROR, code == pkcs11.CKR_FUNCTION_FAILED, code == pkcs11.CKR_HOST_MEMORY,
		code == pkcs11.CKR_DEVICE_MEMORY, code == pkcs11.CKR_SESSION_COUNT:
		e.Temporary = true
	case code == pkcs11.CKR_MECHANISM_INVALID:
		e.Advice = "the module does not sign with this kind of key: it must know CKM_EDDSA or CKM_ECDSA"
	case code == pkcs11.CKR_KEY_FUNCTION_NOT_PERMITTED:
		e.Advice = "the key may not be used to sign (CKA_SIGN)"
	}

	return e.Because(err)
}
