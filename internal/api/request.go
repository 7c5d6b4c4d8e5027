package api

import (
	"context"
	"slices"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
)

// caller is who asks, after their key or token was found good.
type caller struct {
	// Actor is what the audit log says, and what four eyes are told apart by: the id of the first key of a line of
	// rotations, or issuer and subject of a token.
	Actor string
	// Key is the id of the key that was used; empty for a token.
	Key       string
	Scopes    []string
	PerSecond int
	// Treasuries are those that it may see; nil for all.
	Treasuries []ident.Party
}

// sees reports whether a treasury is among those that the caller may see.
func (c *caller) sees(treasury ident.Party) bool {
	return c.Treasuries == nil || slices.Contains(c.Treasuries, treasury)
}

// has reports whether the caller has a scope. None of them includes another.
func (c *caller) has(scope string) bool { return slices.Contains(c.Scopes, scope) }

type (
	callerKey   struct{}
	doorKey     struct{}
	drainingKey struct{}
)

// asking is who asks. Every operation has one: nothing is reached without.
func asking(ctx context.Context) *caller {
	c, ok := ctx.Value(callerKey{}).(*caller)
	if !ok {
		return &caller{Treasuries: []ident.Party{}} // sees nothing
	}

	return c
}

// door is the transaction of a request that changes something. Every POST has one, and no GET has.
func door(ctx context.Context) *store.Door {
	d, _ := ctx.Value(doorKey{}).(*store.Door)

	return d
}

// draining is closed when the service ends: who waits for something answers at once then.
func draining(ctx context.Context) <-chan struct{} {
	ending, _ := ctx.Value(drainingKey{}).(<-chan struct{})

	return ending
}
