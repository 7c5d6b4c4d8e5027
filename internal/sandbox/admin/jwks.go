package admin

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
)

// Algorithms of a node's JWKS (RFC 7518).
const (
	algRS256 = "RS256"
	algES256 = "ES256"
	algES512 = "ES512"
)

// Bounds on a key set: on its keys, and on RSA keys, which are slow when long.
const (
	maxKeys    = 100
	minRSABits = 2048
	maxRSABits = 8192
)

// webKey is a public key with the one algorithm that it is used for.
type webKey struct {
	id        string
	algorithm string
	public    crypto.PublicKey
}

// jsonKey is a key as RFC 7517 writes it.
type jsonKey struct {
	Type      string `json:"kty"`
	ID        string `json:"kid"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	Modulus   string `json:"n"`
	Exponent  string `json:"e"`
	Curve     string `json:"crv"`
	X         string `json:"x"`
	Y         string `json:"y"`
}

// parseKeySet reads the RSA and elliptic keys of a JWKS that are for signatures, and ignores others. A set without any
// usable key is an error.
func parseKeySet(raw []byte) ([]webKey, error) {
	var set struct {
		Keys []jsonKey `json:"keys"`
	}

	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, fmt.Errorf("decode key set: %w", err)
	}

	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys, more than %d", len(set.Keys), maxKeys)
	}

	var keys []webKey

	for i, given := range set.Keys {
		key, err := given.parse()
		if err != nil {
			return nil, fmt.Errorf("key %d: %w", i, err)
		}

		unusable := key.public == nil || (given.Use != "" && given.Use != "sig") ||
			(given.Algorithm != "" && given.Algorithm != key.algorithm)
		if !unusable {
			keys = append(keys, key)
		}
	}

	if len(keys) == 0 {
		return nil, errors.New("no key for RS256, ES256 or ES512")
	}

	return keys, nil
}

// parse returns a key without public half for what is not used here.
func (k jsonKey) parse() (webKey, error) {
	switch {
	case k.Type == "RSA":
		public, err := k.rsa()

		return webKey{id: k.ID, algorithm: algRS256, public: public}, err
	case k.Type == "EC" && k.Curve == "P-256":
		public, err := k.elliptic(elliptic.P256())

		return webKey{id: k.ID, algorithm: algES256, public: public}, err
	case k.Type == "EC" && k.Curve == "P-521":
		public, err := k.elliptic(elliptic.P521())

		return webKey{id: k.ID, algorithm: algES512, public: public}, err
	default:
		return webKey{}, nil
	}
}

func (k jsonKey) rsa() (*rsa.PublicKey, error) {
	modulus, err := number(k.Modulus)
	if err != nil {
		return nil, fmt.Errorf("modulus: %w", err)
	}

	exponent, err := number(k.Exponent)
	if err != nil {
		return nil, fmt.Errorf("exponent: %w", err)
	}

	const maxExponent = 1<<31 - 1

	if modulus.BitLen() < minRSABits || modulus.BitLen() > maxRSABits {
		return nil, fmt.Errorf("RSA key of %d bits", modulus.BitLen())
	}

	if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Int64() > maxExponent || exponent.Bit(0) == 0 {
		return nil, errors.New("unusable RSA exponent")
	}

	return &rsa.PublicKey{N: modulus, E: int(exponent.Int64())}, nil
}

func (k jsonKey) elliptic(curve elliptic.Curve) (*ecdsa.PublicKey, error) {
	size := (curve.Params().BitSize + 7) / 8 //nolint:mnd // bits to bytes, rounded up
	point := []byte{4}                       // an uncompressed point (SEC 1)

	for _, text := range []string{k.X, k.Y} {
		coordinate, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(coordinate) != size {
			return nil, fmt.Errorf("coordinate %.10q: want %d bytes in base64url", text, size)
		}

		point = append(point, coordinate...)
	}

	public, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil, fmt.Errorf("point: %w", err)
	}

	return public, nil
}

func number(text string) (*big.Int, error) {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("decode base64url: %w", err)
	}

	return new(big.Int).SetBytes(raw), nil
}
