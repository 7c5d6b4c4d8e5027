// Package topology is what a validator node does at the onboarding of an external party: it writes the topology
// transactions that the party's key is asked to sign (Generate), checks what a client hands in as signed (Verify), and
// checks the signatures of later submissions against the keys that the party registered (CheckSubmission).
//
// The package is pure and knows nothing of the sandbox's ledger: whether a party exists already, which node asks and
// who may ask is decided by its caller. How a topology transaction is decoded and hashed is the business of
// internal/signing, which the product's own services use too; the writing of one is a node's work and stands here.
//
// Protocol facts are those of Canton 3.3 to 3.5: the published OpenAPI documents for the requests and answers, and
// topology.proto and crypto.proto for the transactions.
package topology
