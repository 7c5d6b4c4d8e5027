package sandbox

import (
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// lie is what a node that lies makes of one prepared transaction. The zero value tells the truth.
type lie struct{}

func (v *Validator) lieFor(ident.Party) lie { return lie{} }

func (lie) command(c command) command { return c }

func (lie) transaction(*signing.Prepared) {}

func (lie) hash(h signing.Hash) []byte { return h[:] }
