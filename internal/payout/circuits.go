package payout

import "github.com/canton-exchange/suite/internal/ident"

// The circuits of the breaker.

// theNode is the circuit of a node that does not answer.
const theNode = "node"

func registryOf(admin ident.Party) string { return "registry of " + string(admin) }

// preparing is the circuit of a node that refuses to prepare transfers of one token, whose packages it may lack.
func preparing(instrument ident.Instrument) string { return "preparing " + instrument.String() }

func shaping(instrument ident.Instrument) string { return "shaping " + instrument.String() }
