// Package transit signs with a key in the transit engine of HashiCorp Vault or OpenBao.
//
// The key is of type ed25519 or ecdsa-p256, not derived, and need not be exportable. Of a rotated key the version with
// the expected fingerprint is used, so that a rotation does no harm as long as min_encryption_version and the minimum
// available version leave that one. The policy that the token needs, for a key named treasury:
//
//	path "transit/keys/treasury"   { capabilities = ["read"] }
//	path "transit/sign/treasury"   { capabilities = ["update"] }
//
// Source: the transit secrets engine's HTTP API of Vault 1.21 and OpenBao 2.7.
package transit
