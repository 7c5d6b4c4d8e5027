// Package manual is for keys that people keep away from the network: prepare now, sign later.
//
// A Signer of this package signs nothing and answers signer.ErrLater. The caller exports a Request to a file, somebody
// carries it to where the key is, where ReadRequest and Answer make a second file, and ImportSignature takes the
// signature out of that one. Nothing is stored here: the caller keeps the request until it is answered or has expired.
// Signing the same request twice is harmless.
//
// A request carries the whole transaction and not only its hash, so that the cold side computes the hash itself and can
// decode what it signs. The statement is what the caller says that the transaction does; it is for reading and is not
// covered by the signature. Canton executes a transaction up to 24 hours after it was prepared, so no request lives
// longer. Both files are JSON objects, read strictly:
//
//	{"format": "canton-exchange-suite/signing-request", "version": 1, "id": "…",
//	 "party": "treasury::1220…", "signed_by": "1220…", "kind": "prepared-transaction", "hash": "<hex>",
//	 "hashing_scheme": "HASHING_SCHEME_VERSION_V2", "prepared_transaction": "<base64>",
//	 "statement": "…", "created_at": "<RFC 3339>", "expires_at": "<RFC 3339>"}
//
//	{"format": "canton-exchange-suite/signature", "version": 1, "id": "…", "hash": "<hex>",
//	 "signed_by": "1220…", "signature_format": "SIGNATURE_FORMAT_CONCAT",
//	 "algorithm": "SIGNING_ALGORITHM_SPEC_ED25519", "signature": "<base64>"}
//
// A request of kind topology has topology_transactions, a list, in place of the transaction and its scheme.
package manual
