// Package registry is the client of token registries: the off-ledger half of the token standard, which says what a
// token is and which contracts a choice on it needs.
//
// A registry is a stranger. What it answers is bounded, read strictly and checked against what was asked, and even then
// nothing is true because a registry says so: the ledger checks the factory's admin, and the prepared transaction is
// checked before it is signed. A wrong answer costs a failed attempt. So does a missing one, and therefore an admin may
// have several endpoints, which are asked in turn. A refusal counts only when no endpoint says otherwise.
//
// A choice context is good for the one choice that it was asked for. Only metadata is ever remembered.
//
// Source of the protocol: the published documents token-metadata-v1 and transfer-instruction-v1; pause and its reason
// come from the later version of the former. Scan serves Canton Coin's registry below /api/scan, a validator's
// scan-proxy below /api/validator/v0/scan-proxy, Digital Asset's utility registry below
// /api/token-standard/v0/registrars/{admin}.
package registry
