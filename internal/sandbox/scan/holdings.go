package scan

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// maxOwners bounds the work of one request; the document names no limit.
const maxOwners = 1000

// The published values of record_time_match.
const (
	matchExact  = "exact"
	matchBefore = "at_or_before"
)

// holdingsRequest is the published HoldingsSummaryRequest.
type holdingsRequest struct {
	Migration *int64   `json:"migration_id"`
	Time      string   `json:"record_time"`
	Match     string   `json:"record_time_match"`
	Owners    []string `json:"owner_party_ids"`
	Round     *int64   `json:"as_of_round"`
}

// checked is what the ledger is asked.
func (q holdingsRequest) checked() (owners []ident.Party, at time.Time, err error) {
	switch {
	case q.Migration == nil:
		return nil, at, fmt.Errorf("%w: migration_id is missing", offledger.ErrInvalid)
	case q.Match != "" && q.Match != matchExact && q.Match != matchBefore:
		return nil, at, fmt.Errorf("%w: record_time_match %.20q", offledger.ErrInvalid, q.Match)
	case len(q.Owners) == 0, len(q.Owners) > maxOwners:
		return nil, at, fmt.Errorf("%w: owner_party_ids: want 1 to %d parties", offledger.ErrInvalid, maxOwners)
	}

	if at, err = time.Parse(time.RFC3339Nano, q.Time); err != nil {
		return nil, at, fmt.Errorf("%w: record_time: %w", offledger.ErrInvalid, err)
	}

	for _, text := range q.Owners {
		owner, err := ident.ParseParty(text)
		if err != nil {
			return nil, at, fmt.Errorf("%w: owner_party_ids: %w", offledger.ErrInvalid, err)
		}

		owners = append(owners, owner)
	}

	slices.Sort(owners)

	return slices.Compact(owners), at, nil
}

// summary is the published HoldingsSummary. Holding fees are no longer charged, so they are zero in every round.
type summary struct {
	Owner        ident.Party   `json:"party_id"`
	Unlocked     amount.Amount `json:"total_unlocked_coin"`
	Locked       amount.Amount `json:"total_locked_coin"`
	Total        amount.Amount `json:"total_coin_holdings"`
	FeesUnlocked amount.Amount `json:"accumulated_holding_fees_unlocked"`
	FeesLocked   amount.Amount `json:"accumulated_holding_fees_locked"`
	FeesTotal    amount.Amount `json:"accumulated_holding_fees_total"`
	Available    amount.Amount `json:"total_available_coin"`
}

func summarize(o OwnerHoldings) (summary, error) {
	total, err := o.Unlocked.Add(o.Locked)
	if err != nil {
		return summary{}, fmt.Errorf("holdings of %s: %w", o.Owner, err)
	}

	return summary{
		Owner: o.Owner, Unlocked: o.Unlocked, Locked: o.Locked, Total: total, Available: o.Unlocked,
	}, nil
}

func (a *api) postHoldings(r *http.Request) (any, error) {
	var body holdingsRequest

	if err := offledger.Decode(r, &body); err != nil {
		return nil, err
	}

	owners, at, err := body.checked()
	if err != nil {
		return nil, err
	}

	if migration := a.ledger.Network().MigrationID; *body.Migration != migration {
		return nil, offledger.Errorf(offledger.ErrUnknown, "No holdings under migration id %d, only %d",
			*body.Migration, migration)
	}

	found, err := a.ledger.Holdings(owners, at, body.Match == matchBefore)
	if err != nil {
		return nil, fmt.Errorf("holdings at %s: %w", offledger.Stamp(at), err)
	}

	round := a.ledger.Rounds().Earliest
	if body.Round != nil {
		round = *body.Round
	}

	shown := make([]summary, 0, len(found.Owners))

	for _, o := range found.Owners {
		s, err := summarize(o)
		if err != nil {
			return nil, err
		}

		shown = append(shown, s)
	}

	return struct {
		Time      string    `json:"record_time"`
		Migration int64     `json:"migration_id"`
		Round     int64     `json:"computed_as_of_round"`
		Summaries []summary `json:"summaries"`
	}{offledger.Stamp(found.RecordTime), *body.Migration, round, shown}, nil
}
