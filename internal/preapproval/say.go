package preapproval

import (
	"context"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
)

// saying is what the log said last.
type saying struct {
	state    deposit.PreapprovalState
	contract ident.ContractID
	why      deposit.WhyNot
	at       time.Time
}

// sayAgain is after what time the log says once more that a person should look.
const sayAgain = 6 * time.Hour

// What the log says means for customers' deposits.
const (
	meansOffers = "deposits of Canton Coin come as offers and are accepted by this service"
	meansDirect = "deposits of Canton Coin arrive in one step"
	meansSoon   = "until its end " + meansDirect + ", after it they come as offers and are accepted by this service"
)

// say lets the log know how it stands, when that has changed or nobody has looked for long.
func (k *Keeper) say(ctx context.Context, o deposit.Outlook, now time.Time) {
	alarm := o.State == deposit.PreapprovalExpiring || o.State == deposit.PreapprovalLapsed
	next := saying{state: o.State, contract: o.Current.Contract, why: o.WhyNot, at: k.said.at}

	if next == k.said && (!alarm || now.Sub(k.said.at) < sayAgain) {
		return
	}

	k.said = next
	k.said.at = now

	log := k.Logger.With(slog.String("state", string(o.State)))
	if o.State != deposit.NoPreapproval {
		log = log.With(slog.String("preapproval", string(o.Current.Contract)),
			slog.String("provider", string(o.Current.Provider)), slog.Time("ends", o.Current.ExpiresAt),
			slog.String("why_not_renewed", string(o.WhyNot)))
	}

	switch o.State {
	case deposit.NoPreapproval:
		log.InfoContext(ctx, "the treasury has no preapproval: "+meansOffers)
	case deposit.PreapprovalFine:
		log.InfoContext(ctx, "the treasury's preapproval stands: "+meansDirect)
	case deposit.PreapprovalExpiring:
		log.ErrorContext(ctx, "the treasury's preapproval ends soon and has not been renewed; "+meansSoon,
			slog.String("what_to_do", advice(o.WhyNot)))
	case deposit.PreapprovalLapsed:
		log.ErrorContext(ctx, "the treasury's preapproval has ended: "+meansOffers+
			"; no money is lost. A new one must be proposed to its provider")
	}
}

// advice is what a person can do about one that was not renewed in time.
func advice(why deposit.WhyNot) string {
	switch why {
	case deposit.ProviderIsTreasury:
		return "the treasury provides it itself, and its coins are reserved for withdrawals: have another party provide one"
	case deposit.ProviderIsOther:
		return "its provider alone can renew it: ask them"
	case deposit.RefusedBefore:
		return "its renewal was refused: see `treasury preapproval`"
	case deposit.RenewNow, deposit.TriedBefore, deposit.NothingToRenew, deposit.RenewalTooLate, deposit.RenewalNotDue:
		return "its renewal is being tried: see `treasury preapproval`"
	default:
		return "see `treasury preapproval`"
	}
}
