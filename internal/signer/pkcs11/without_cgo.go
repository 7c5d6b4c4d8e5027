//go:build !cgo

package pkcs11

import "github.com/canton-exchange/suite/internal/signer"

func newKeeper(Config) (signer.Keeper, error) {
	return nil, &signer.Error{
		Driver: driver, Op: "load library", Cause: "this program was built without cgo and cannot load libraries",
		Advice: "build it with CGO_ENABLED=1 for a system that has the library",
	}
}
