// Package endpoint is how drivers call a keeper of keys over HTTP: one JSON request, one JSON answer, both bounded.
//
// Redirects are not followed and nothing is sent in the clear to another machine, unless that is asked for: requests
// carry tokens, and whoever can ask for signatures can spend.
package endpoint
