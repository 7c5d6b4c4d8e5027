package sandbox

import (
	"context"
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// authorize lets in who has a valid token, where tokens are demanded.
func (v *Validator) authorize(next http.Handler) http.Handler {
	return v.unlessRejecting(v.admin.RequireToken(next))
}

// refuseInvalid lets in who has a valid token or none: for what is public, and for websockets, which tell a missing
// token in their first message.
func (v *Validator) refuseInvalid(next http.Handler) http.Handler {
	return v.unlessRejecting(v.admin.RefuseInvalidToken(next))
}

// unlessRejecting refuses every request while a fault makes the node refuse every token.
func (v *Validator) unlessRejecting(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v.rejects(r) {
			v.fail(w, r, errUnauthenticated())

			return
		}

		next.ServeHTTP(w, r)
	})
}

// authorizeWallet demands the administrator's token for the customers' wallets and the operator's levers, where the
// node demands tokens.
func (v *Validator) authorizeWallet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if claims, err := v.admin.Authenticate(r); err != nil || !claims.Admin() {
			v.reply(w, r, http.StatusUnauthorized, obj{"error": "send an administrator's token as a bearer token"})

			return
		}

		next.ServeHTTP(w, r)
	})
}

// operatesNode lets in who administers the node, or acts as its operator: what the validator's administration does, it
// does as the operator.
func (v *Validator) operatesNode(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := admin.ClaimsOf(r.Context())
		if !claims.Admin() && !claims.ActAs(v.amulet.provider) {
			v.reply(w, r, http.StatusForbidden, obj{"error": "only for administrators of the node and its operator"})

			return
		}

		next.ServeHTTP(w, r)
	})
}

// mayRead reports whether the sender of a request may see what a format shows.
func (v *Validator) mayRead(ctx context.Context, formats ...*format) error {
	claims := admin.ClaimsOf(ctx)

	for _, f := range formats {
		if f == nil {
			continue
		}

		if f.any != nil && !claims.ReadAsAny() {
			return cantonerr.PermissionDenied()
		}

		for party := range f.byParty {
			if !claims.ReadAs(party) {
				return cantonerr.PermissionDenied()
			}
		}
	}

	return nil
}

// administersParties lets in who administers the parties of the identity provider that is asked for.
func (v *Validator) administersParties(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims := admin.ClaimsOf(r.Context())
		if !claims.Admin() && !claims.ProviderAdmin(r.URL.Query().Get("identity-provider-id")) {
			v.fail(w, r, cantonerr.PermissionDenied())

			return
		}

		next.ServeHTTP(w, r)
	})
}

// mayOperate reports whether the sender of a request may do anything as a party, or administers the node.
func mayOperate(ctx context.Context, party ident.Party) bool {
	claims := admin.ClaimsOf(ctx)

	return claims.Admin() || claims.ReadAs(party) || claims.ExecuteAs(party)
}
