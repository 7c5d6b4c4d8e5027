// Package openapi has the document of the REST API, which its server, its client and its reference page are made from.
package openapi

import _ "embed"

// Exchange is the document, YAML.
//
//go:embed exchange.yaml
var Exchange []byte
