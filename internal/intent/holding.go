package intent

import (
	"reflect"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// holding is what a contract is through the standard's Holding interface, read from its own record.
type holding struct {
	owner      ident.Party
	instrument ident.Instrument
	amount     amount.Amount
	lock       *lock // nil for a holding that is free
	// kept is what must be as in the holdings that are spent, since an instrument has one of it.
	kept []signing.Value
	// fresh is what must be the same in all holdings that one transaction makes and leaves.
	fresh []signing.Value
}

// lock is why a holding cannot be spent.
type lock struct {
	holders []ident.Party
	// timed says that the template's locks have an end; expires is nil where this one has none.
	timed   bool
	expires *signing.Timestamp
	// relative is a lock that ends some time after the contract was made. No offer has one.
	relative bool
}

// Templates whose records are not those of the standard's view. Compare without the package.
const (
	moduleAmulet  = "Splice.Amulet"
	moduleUtility = "Utility.Registry.Holding.V0.Holding"
)

// readHolding reads a contract as a holding. It is nil for what is none, and an error for what a template of holdings
// should not hold.
func readHolding(create signing.Create) (*holding, error) {
	r := &reader{}

	var h *holding

	switch t := create.Template; {
	case t.Module == moduleAmulet && t.Entity == "Amulet":
		h = r.amulet(create.Argument)
	case t.Module == moduleAmulet && t.Entity == "LockedAmulet":
		h = r.lockedAmulet(create.Argument)
	case t.Module == moduleUtility && t.Entity == "Holding":
		h = r.utility(create.Argument)
	default:
		if h = r.plain(create.Argument); r.err != nil {
			return nil, nil //nolint:nilnil,nilerr // any other template is no holding
		}
	}

	if r.err == nil && h.amount.Sign() <= 0 {
		r.failf("amount %s is not positive", h.amount)
	}

	if r.err != nil {
		return nil, r.err
	}

	return h, nil
}

// coin reports whether a template is one of the two that Canton Coin has, locked and free.
func coin(template ident.Name) bool { return template.Module == moduleAmulet }

// amulet is a Canton Coin.
func (r *reader) amulet(v signing.Value) *holding {
	r.only(v, []string{"dso", "owner", "amount"})

	value := at[signing.Record](r, v, "amount")
	r.only(value, []string{"initialAmount", "createdAt", "ratePerRound"})

	return &holding{
		owner: r.party(v, "owner"), instrument: ident.Instrument{Admin: r.party(v, "dso"), ID: "Amulet"},
		amount: r.amount(value, "initialAmount"),
		// The round and the rate decide when the coin may expire as dust.
		fresh: []signing.Value{at[signing.Record](r, value, "createdAt"), at[signing.Record](r, value, "ratePerRound")},
	}
}

func (r *reader) lockedAmulet(v signing.Value) *holding {
	r.only(v, []string{"amulet", "lock"})

	h := r.amulet(at[signing.Record](r, v, "amulet"))
	l := at[signing.Record](r, v, "lock")
	r.only(l, []string{"holders", "expiresAt"}, "optContext")

	h.lock = &lock{
		holders: r.parties(at[signing.List](r, l, "holders")), timed: true,
		expires: new(at[signing.Timestamp](r, l, "expiresAt")),
	}

	return h
}

// utility is a holding of the Utility registry. Its instrument is the registrar's, who is the standard's admin.
func (r *reader) utility(v signing.Value) *holding {
	r.only(v, []string{"operator", "provider", "registrar", "owner", "instrument", "label", "amount"}, "lock")

	instrument := at[signing.Record](r, v, "instrument")
	r.only(instrument, []string{"source", "id", "scheme"})

	admin := r.party(v, "registrar")
	if source := r.party(instrument, "source"); source != admin {
		r.failf("the instrument's source %s is not the registrar", shown(string(source), maxShown))
	}

	h := &holding{
		owner: r.party(v, "owner"), instrument: ident.Instrument{Admin: admin, ID: r.text(instrument, "id")},
		amount: r.amount(v, "amount"),
		kept: []signing.Value{
			at[signing.Party](r, v, "operator"), at[signing.Party](r, v, "provider"), instrument,
		},
	}

	if l, locked := optional[signing.Record](r, v, "lock"); locked {
		r.only(l, []string{"lockers", "context"}, "observers")

		h.lock = &lock{}
		for _, entry := range at[signing.GenMap](r, l, "lockers", "map") {
			h.lock.holders = append(h.lock.holders, r.party(entry.Key))
		}
	}

	return h
}

// plain is a template whose fields are those of the standard's view as they are, or begin with the instrument's admin
// and id instead of the instrument.
func (r *reader) plain(v signing.Value) *holding {
	h := &holding{owner: r.party(v, "owner"), amount: r.amount(v, "amount")}

	if record, ok := v.(signing.Record); ok {
		if instrument, nested := record.Get("instrumentId"); nested {
			r.only(v, []string{"owner", "instrumentId", "amount"}, "lock", "meta")
			h.instrument = r.instrument(instrument)
		} else {
			r.only(v, []string{"admin", "id", "owner", "amount"}, "lock", "meta")
			h.instrument = ident.Instrument{Admin: r.party(v, "admin"), ID: r.text(v, "id")}
		}
	}

	if l, locked := optional[signing.Record](r, v, "lock"); locked {
		r.only(l, []string{"holders"}, "expiresAt", "expiresAfter", "context")
		h.lock = &lock{holders: r.parties(at[signing.List](r, l, "holders")), timed: true}

		if expires, ends := optional[signing.Timestamp](r, l, "expiresAt"); ends {
			h.lock.expires = &expires
		}

		_, h.lock.relative = optional[signing.Record](r, l, "expiresAfter")
	}

	return h
}

// about is what the holding is worth, and whose it is.
func (h *holding) about() string {
	return h.amount.String() + " " + word(h.instrument.ID) + " of " + word(string(h.instrument.Admin)) +
		", owned by " + word(string(h.owner))
}

// free reports whether a holding can be spent: it has no lock, or one that has ended by now.
func (h *holding) free(now signing.Timestamp) bool {
	return h.lock == nil || h.lock.expires != nil && !h.lock.relative && *h.lock.expires <= now
}

func sameValues(a, b []signing.Value) bool { return reflect.DeepEqual(a, b) }
