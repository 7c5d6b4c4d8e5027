package preapproval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/token"
)

// Names of Canton Coin's contracts.
const (
	packageAmulet = "#splice-amulet"
	moduleRules   = "Splice.AmuletRules"
	moduleAmulet  = "Splice.Amulet"
)

func preapprovalTemplate() ident.Name {
	return ident.Name{Package: packageAmulet, Module: moduleRules, Entity: "TransferPreapproval"}
}

// maxStanding is how many preapprovals a treasury may have. It signs each; a node that tells of more is wrong.
const maxStanding = 1000

// standing reads the treasury's preapprovals from the node.
func (k *Keeper) standing(ctx context.Context) ([]deposit.Preapproval, error) {
	treasury := k.config.Policy.Treasury

	end, err := k.Node.LedgerEnd(ctx)
	if err != nil {
		return nil, err
	}

	var list []deposit.Preapproval

	err = k.Node.ActiveContractsOf(ctx, treasury, preapprovalTemplate(), end, func(c ledger.ActiveContract) error {
		one, receiver, err := preapprovalOf(c)

		switch {
		case err != nil:
			return fmt.Errorf("preapproval %s: %w", c.Created.Contract, err)
		case receiver != treasury: // one that the treasury provides to somebody else
			return nil
		case len(list) == maxStanding:
			return fmt.Errorf("the node tells of more than %d preapprovals", maxStanding)
		}

		list = append(list, one)

		return nil
	})
	if err == nil && len(list) == 0 {
		err = k.hosted(ctx)
	}

	return list, err
}

// hosted makes sure that nothing is all there is: a node that does not have the treasury tells of nothing too, and what
// stands must not be taken for lapsed because of that. A user who may not ask has to be believed.
func (k *Keeper) hosted(ctx context.Context) error {
	connected, err := k.Node.ConnectedSynchronizers(ctx, k.config.Policy.Treasury)

	switch {
	case ledger.IsForbidden(err):
		return nil
	case err != nil:
		return err
	case len(connected) == 0:
		return errors.New("the node does not host the treasury, or is not ready")
	default:
		return nil
	}
}

func preapprovalOf(c ledger.ActiveContract) (deposit.Preapproval, ident.Party, error) {
	argument, err := c.Argument()
	if err != nil {
		return deposit.Preapproval{}, "", err
	}

	var w struct {
		DSO       string     `json:"dso"`
		Receiver  string     `json:"receiver"`
		Provider  string     `json:"provider"`
		ExpiresAt *time.Time `json:"expiresAt"`
	}
	if err := strictjson.Decode(argument, &w); err != nil {
		return deposit.Preapproval{}, "", fmt.Errorf("read its argument: %w", err)
	}

	var parties [3]ident.Party

	for i, text := range []string{w.DSO, w.Receiver, w.Provider} {
		if parties[i], err = ident.ParseParty(text); err != nil {
			return deposit.Preapproval{}, "", err
		}

		if !slices.Contains(c.Created.Signatories, parties[i]) {
			return deposit.Preapproval{}, "", fmt.Errorf("%s has not signed it", parties[i])
		}
	}

	if w.ExpiresAt == nil {
		return deposit.Preapproval{}, "", errors.New("it has no end")
	}

	return deposit.Preapproval{
		Contract: c.Created.Contract, DSO: parties[0], Provider: parties[2], ExpiresAt: w.ExpiresAt.UTC(),
	}, parties[1], nil
}

const (
	// maxCoins is how many a renewal is handed.
	maxCoins = 10
	// maxConsidered bounds what is kept in memory of a provider with very many coins.
	maxConsidered = 1000
)

type coin struct {
	contract ident.ContractID
	worth    amount.Amount
}

// coins are some of the provider's that are together worth no more than a renewal may cost. So it cannot cost more,
// whatever the network charges and whoever says so. The largest are taken first: most that can be paid, with fewest.
func (k *Keeper) coins(ctx context.Context, p deposit.Preapproval) ([]ident.ContractID, error) {
	most := k.config.Policy.MaxCost
	if most.IsZero() {
		return nil, nil
	}

	// Anew: whoever has a refused renewal tried again may have seen to the coins a moment ago.
	end, err := k.Node.LedgerEnd(ctx)
	if err != nil {
		return nil, err
	}

	var free []coin

	err = k.Node.ActiveContracts(ctx, p.Provider, end, func(c ledger.ActiveContract) error {
		worth, ok := freeCoin(c, p)
		if !ok || worth.Cmp(most) > 0 {
			return nil
		}

		if free = append(free, coin{c.Created.Contract, worth}); len(free) > 2*maxConsidered {
			free = largest(free)[:maxConsidered]
		}

		return nil
	})
	if err != nil {
		return nil, err
	}

	return within(largest(free), most)
}

// freeCoin is what an unlocked coin of the provider is worth; false for any other contract.
func freeCoin(c ledger.ActiveContract, p deposit.Preapproval) (amount.Amount, bool) {
	genuine := c.Created.Template.Module == moduleAmulet && c.Created.Template.Entity == "Amulet" &&
		slices.Contains(c.Created.Signatories, p.DSO)
	if !genuine || c.InFlight != ledger.Settled {
		return amount.Zero(), false
	}

	for _, v := range c.Created.Views {
		if v.Status != 0 || !token.IsHolding(v.Interface) {
			continue
		}

		h, err := token.DecodeHolding(v.Interface, v.Value)
		if err == nil && h.Owner == p.Provider && h.Lock == nil && h.Instrument.Admin == p.DSO {
			return h.Amount, true
		}
	}

	return amount.Zero(), false
}

func largest(coins []coin) []coin {
	slices.SortFunc(coins, func(a, b coin) int {
		if by := b.worth.Cmp(a.worth); by != 0 {
			return by
		}

		return cmp.Compare(a.contract, b.contract)
	})

	return coins
}

// within takes each coin that still fits.
func within(coins []coin, most amount.Amount) ([]ident.ContractID, error) {
	var (
		taken []ident.ContractID
		total = amount.Zero()
	)

	for _, c := range coins {
		sum, err := total.Add(c.worth)
		if err != nil {
			return nil, fmt.Errorf("add up coins: %w", err)
		}

		if sum.Cmp(most) > 0 || c.worth.IsZero() {
			continue
		}

		if taken, total = append(taken, c.contract), sum; len(taken) == maxCoins {
			break
		}
	}

	return taken, nil
}
