// Package signing reads what a node asks us to sign, computes what our signature would cover, and signs it.
//
// A validator node that prepares a transaction answers with a protobuf message and a hash. Whoever signs the hash
// signs the transaction, so the node's hash is worth nothing: Decode reads the message, Hash computes the hash from
// what was read, and only then can a caller compare the content with what was asked for. The rule of this package is
// that no byte may pass unseen. A field that we do not know, a field that no supported scheme hashes, a node that hangs
// nowhere, bytes that two readers could read differently: all are refused with an error, never skipped.
//
// The same goes for the topology transactions of a party's onboarding (DecodeTopology, TopologyMultiHash).
//
// The package is pure: values in, values out. Randomness and keys are handed in, and no key is kept.
//
// Protocol facts are those of Canton 3.3 to 3.5. Field numbers come from the published .proto files of the Ledger API
// (com.daml.ledger.api.v2.interactive and com.daml.ledger.api.v2) and of Canton (com.digitalasset.canton.protocol.v30
// and crypto.v30); the hashing schemes V2 and V3 from Canton's documentation ("External signing hashing algorithm")
// and its own test vectors.
package signing
