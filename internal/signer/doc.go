// Package signer holds the keys that sign for the treasury, or rather the ways to those who hold them.
//
// A Key signs the hash of a prepared transaction or of an onboarding's topology (signing.Signable), and nothing else.
// Where the key is kept is a Keeper's business, one package each:
//
//	keyfile   a file encrypted with a passphrase
//	pkcs11    a hardware security module, through its PKCS#11 library; needs cgo
//	transit   HashiCorp Vault or OpenBao, the transit engine
//	awskms    AWS Key Management Service
//	remote    anything that speaks our small HTTP protocol
//	manual    people with a cold key: a request is exported now, the signature imported later
//
// What all of them have in common is here, so that no driver can forget it. The key must be the expected one, by its
// fingerprint, before anything is signed. Every signature is checked before it is handed out, so that a keeper with a
// wrong key or scheme, or one that lies, costs an error and not a submission. Every call is bounded in time, and their
// number is bounded too. Errors say what happened and what to do, and whether trying again may help; nothing is tried
// again here, except that an expired login is renewed once. To sign the same hash twice is harmless.
//
// Whoever calls Sign must have decoded what the hash stands for and compared it with what was asked for.
package signer
