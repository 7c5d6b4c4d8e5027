// Package pkcs11 signs with a key that a hardware security module keeps, through the module's PKCS#11 library.
//
// The token has a private key that may sign and its public key, found by label, id or both. Ed25519 keys are used with
// CKM_EDDSA, without parameters; keys on P-256 with CKM_ECDSA over the digest. Sessions are few and kept open. When the
// token has been restarted, or somebody logged us out, the session is opened again and the call repeated, once. A PIN
// that was refused is not tried again: tokens lock after a few wrong ones.
//
// A call into the library cannot be interrupted. When a caller's time is up the call goes on in the background, and
// holds its session until the library returns. Close waits for that. The library belongs to the whole process: it is
// neither finalized nor unloaded, since other signers may use it.
//
// The library is loaded by the system's loader, so the program must be built with cgo and linked dynamically:
//
//	CGO_ENABLED=1 go build ./cmd/...
//
// and run where the library and a C library are. The static image of deploy/Dockerfile is built without cgo and has
// neither; there Open says so. To use a module from a container, build the same with CGO_ENABLED=1 and put it on an
// image that the module's vendor supports.
//
// Source: PKCS #11 Cryptographic Token Interface, versions 2.40 and 3.0. Tested with SoftHSM 2.6.
package pkcs11
