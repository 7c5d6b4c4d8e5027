// Package published checks answers against the published OpenAPI and AsyncAPI documents: status, content type and
// schema, where every object is closed, so that a member which the document does not know is an error too. It is for
// tests.
//
// It checks what is published: the JSON Ledger API with its websockets and health, the registries of tokens, and the
// scan-proxy. No document is published for the validator's administration (/api/validator/v0/admin, validator-user),
// for scan itself (/api/scan/v0) and for the 3.6 release beyond what 3.5 has: of these, what is checked is in the tests
// of packages scan and sandbox.
//
// The documents lie beside the project, in ../shared/specs. Where they are not, nothing is checked, and one test of
// every test binary says so in its log. With DEMAND_PUBLISHED set, as in CI where ../shared is there, that is an error.
package published
