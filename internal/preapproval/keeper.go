package preapproval

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/custody"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/store"
)

// Node is what the keeper needs of a validator node.
type Node interface {
	LedgerEnd(ctx context.Context) (ident.Offset, error)
	ConnectedSynchronizers(ctx context.Context, party ident.Party) ([]ledger.ConnectedSynchronizer, error)
	ActiveContracts(ctx context.Context, party ident.Party, at ident.Offset, yield func(ledger.ActiveContract) error) error
	ActiveContractsOf(
		ctx context.Context, party ident.Party, template ident.Name, at ident.Offset,
		yield func(ledger.ActiveContract) error,
	) error
	SubmitAndWait(ctx context.Context, r ledger.SubmitRequest) (ledger.Committed, error)
}

// Registries know what Canton Coin's own choices go by.
type Registries interface {
	AmuletContext(ctx context.Context, dso ident.Party) (registry.AmuletContext, error)
}

// Parts are what a keeper works with.
type Parts struct {
	Node       Node
	Registries Registries
	DB         *store.DB
	Clock      clock.Clock
	Logger     *slog.Logger
	Metrics    *Metrics
}

// Keeper keeps the preapproval of one treasury. Several may run at once on the same database.
type Keeper struct {
	Parts

	config   Config
	treasury store.TreasuryID
	told     custody.Told
	// said is what the log last said of how it stands.
	said saying
}

// New makes a keeper; Run runs it.
func New(config Config, parts Parts) (*Keeper, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}

	parts.Logger = parts.Logger.With(slog.String("treasury", string(config.Policy.Treasury)))

	return &Keeper{Parts: parts, config: config}, nil
}

// Run keeps the preapproval until ctx ends. Trouble with the database or the node is waited for; nothing ends it but
// ctx.
func (k *Keeper) Run(ctx context.Context) error {
	found := custody.Persist(ctx, func(ctx context.Context) error {
		id, err := k.DB.FindTreasury(ctx, k.config.Policy.Treasury)
		k.treasury = id

		return err
	}, func(err error) { k.trouble(ctx, "find the treasury", err) })

	for found {
		found = custody.Persist(ctx, k.timely, func(err error) { k.trouble(ctx, "look at the preapproval", err) }) &&
			custody.Sleep(ctx, custody.Jittered(k.config.Every))
	}

	return nil
}

// timely is a look that may not take for ever.
func (k *Keeper) timely(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, k.config.RoundTimeout)
	defer cancel()

	renewed, err := k.look(ctx)
	if err == nil && renewed { // to see what has become of it, and tell
		_, err = k.look(ctx)
	}

	return err
}

// look sees how it stands, tells it, and renews what is to be renewed. It reports whether there is now another
// preapproval to be seen.
func (k *Keeper) look(ctx context.Context) (bool, error) {
	standing, err := k.standing(ctx)
	if err != nil {
		return false, err
	}

	now := k.Clock.Now()

	renewed, err := k.DB.SeePreapprovals(ctx, k.treasury, standing, now)
	if err != nil {
		return false, err
	}

	k.sayRenewed(ctx, renewed)

	ledgerTime, err := k.ledgerTime(ctx, now)
	if err != nil {
		return false, err
	}

	known, err := k.DB.Preapprovals(ctx, k.treasury)
	if err != nil {
		return false, err
	}

	gone, tries := split(known)
	outlook := deposit.Foresee(standing, gone, tries, k.config.Policy, ledgerTime)

	if err := k.tell(ctx, outlook, now, ledgerTime); err != nil || outlook.WhyNot != deposit.RenewNow {
		return false, err
	}

	return k.renew(ctx, outlook, tried(known, outlook.Renew.Contract))
}

// ledgerTime is the later of our clock and the ingested record time. While ingestion stands still our clock will do,
// for days matter here; and a clock of ours that is behind must not make anything seem to last longer.
func (k *Keeper) ledgerTime(ctx context.Context, now time.Time) (time.Time, error) {
	clocks, err := k.DB.Clocks(ctx, k.treasury)
	if err != nil {
		return now, err
	}

	for _, c := range clocks {
		if c.RecordTime.After(now) {
			now = c.RecordTime
		}
	}

	return now, nil
}

// split are those that are on the ledger no more, and what was tried of all.
func split(known []store.WatchedPreapproval) ([]deposit.Preapproval, []deposit.RenewalTry) {
	var gone []deposit.Preapproval

	tries := make([]deposit.RenewalTry, len(known))

	for i, w := range known {
		tries[i] = deposit.RenewalTry{Contract: w.Contract, RefusedUnder: w.RefusedUnder, Again: w.Again}

		if !w.Gone.IsZero() {
			gone = append(gone, w.Preapproval)
		}
	}

	return gone, tries
}

// tried counts how often one was tried.
func tried(known []store.WatchedPreapproval, contract ident.ContractID) int {
	for _, w := range known {
		if w.Contract == contract {
			return w.Tries
		}
	}

	return 0
}

// tell writes down how it stands, and lets everybody know who should.
func (k *Keeper) tell(ctx context.Context, o deposit.Outlook, now, ledgerTime time.Time) error {
	err := k.DB.SetPreapprovalOutlook(ctx, k.treasury, store.PreapprovalOutlook{
		CheckedAt: now, LedgerTime: ledgerTime, State: o.State, Contract: o.Current.Contract, WhyNot: o.WhyNot,
	})
	if err != nil {
		return err
	}

	k.Metrics.stands(o)
	k.say(ctx, o, now)

	switch o.State {
	case deposit.PreapprovalExpiring:
		_, err = k.DB.TellPreapproval(ctx, k.treasury, o.Current.Contract, store.PreapprovalExpires, now)
	case deposit.PreapprovalLapsed:
		_, err = k.DB.TellPreapproval(ctx, k.treasury, o.Current.Contract, store.PreapprovalEnds, now)
	case deposit.NoPreapproval, deposit.PreapprovalFine:
	}

	if err != nil {
		return fmt.Errorf("tell how the preapproval stands: %w", err)
	}

	return nil
}

// trouble logs what will be tried again.
func (k *Keeper) trouble(ctx context.Context, what string, err error) {
	if ctx.Err() != nil {
		return
	}

	k.Metrics.trouble(what)

	if k.told.Repeats(what, k.Clock.Now()) {
		return
	}

	k.Logger.ErrorContext(ctx, "the treasury's preapproval cannot be watched now, which will be tried again; "+
		"deposits are not concerned", slog.String("what", what), slog.String("error", err.Error()))
}
