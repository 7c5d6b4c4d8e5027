// Package published checks answers against the published OpenAPI and AsyncAPI documents: status, content type and
// schema, where every object is closed, so that a member which the document does not know is an error too. It is for
// tests. Where the documents are not on the machine, everything passes.
package published
