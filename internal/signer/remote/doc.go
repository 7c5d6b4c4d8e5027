// Package remote signs with whatever speaks this protocol: a signing service of the exchange's own, a custodian's
// gateway, a machine with a key that nothing else may touch. Two calls below one URL, JSON in UTF-8, a bearer token, a
// client certificate, or both:
//
//	GET {url}/v1/keys/{fingerprint}
//	200 {"key_spec": "SIGNING_KEY_SPEC_EC_CURVE25519", "public_key": "<base64, DER of SubjectPublicKeyInfo>"}
//
//	POST {url}/v1/keys/{fingerprint}/sign
//	    {"kind": "prepared-transaction", "content": "<base64>", "algorithm": "SIGNING_ALGORITHM_SPEC_ED25519"}
//	200 {"signed_by": "{fingerprint}", "signature": "<base64>"}
//
// The fingerprint is Canton's: 1220 and 64 hexadecimal digits. kind is prepared-transaction (content: the 32 bytes of
// its hash) or topology (content: the 34 bytes of a multi-hash). With SIGNING_ALGORITHM_SPEC_ED25519 the content itself
// is signed (RFC 8032) and the signature has 64 bytes; with SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256 the SHA-256 of the
// content is signed and the signature is the DER of r and s. Base64 is the standard one, with padding. Members that are
// not listed are ignored.
//
// Any other status is a refusal; of its body, {"error": "<text>"} is shown to the operator. 408, 425, 429 and 5xx (but
// 501 and 505) mean that the same request may succeed later: to sign twice is harmless. A request may come again.
//
// What the remote side cannot see is what the hash stands for. It must trust who asks, by token or certificate.
package remote
