// Package awskms signs with an asymmetric key of AWS Key Management Service.
//
// The key has usage SIGN_VERIFY and spec ECC_NIST_EDWARDS25519 or ECC_NIST_P256, and the identity may kms:GetPublicKey
// and kms:Sign with it. Ed25519 is asked for as ED25519_SHA_512 with the message itself (RAW): ED25519_PH_SHA_512 with
// the same key is another scheme, which Canton does not know. ECDSA is asked for as ECDSA_SHA_256 with the digest.
//
// Credentials come from where AWS's own programs find them: environment, shared files, web identity, the instance.
package awskms
