package screening

import (
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// Kind is what is asked about.
type Kind string

// The kinds.
const (
	// Offer is money that the treasury may accept.
	Offer Kind = "offer"
	// Deposit is money that is here, and an account may have it.
	Deposit Kind = "deposit"
)

// Question is an offer or a deposit, as it is told to the service.
type Question struct {
	Kind       Kind
	DepositID  uuid.UUID
	Treasury   ident.Party
	Instrument ident.Instrument
	Amount     amount.Amount
	// Sender is empty where the ledger does not show it.
	Sender ident.Party
	// Memo is a stranger's text; nil where there is none.
	Memo *string
	// Account is who is to have the money.
	Account string
	// ExecuteBefore is an offer's deadline.
	ExecuteBefore time.Time
	// Update and RecordTime are of a deposit's arrival.
	Update     ident.UpdateID
	RecordTime time.Time
	// Tries is how often it was asked about before.
	Tries int
}

// message is a question as it is sent. Its members are what docs/deposits.md promises.
type message struct {
	Kind            Kind           `json:"kind"`
	DepositID       uuid.UUID      `json:"depositId"`
	Treasury        ident.Party    `json:"treasury"`
	InstrumentAdmin ident.Party    `json:"instrumentAdmin"`
	InstrumentID    string         `json:"instrumentId"`
	Amount          string         `json:"amount"`
	Sender          *ident.Party   `json:"sender"`
	Memo            *string        `json:"memo"`
	Account         string         `json:"account"`
	ExecuteBefore   string         `json:"executeBefore,omitempty"`
	UpdateID        ident.UpdateID `json:"updateId,omitempty"`
	RecordTime      string         `json:"recordTime,omitempty"`
	Tries           int            `json:"tries"`
}

// instant is how times are written: as in the events of the database.
const instant = "2006-01-02T15:04:05.000000Z"

func (q Question) message() message {
	m := message{
		Kind: q.Kind, DepositID: q.DepositID, Treasury: q.Treasury, InstrumentAdmin: q.Instrument.Admin,
		InstrumentID: q.Instrument.ID, Amount: q.Amount.Short(), Memo: q.Memo, Account: q.Account, Tries: q.Tries,
	}

	if q.Sender != "" {
		m.Sender = &q.Sender
	}

	switch q.Kind {
	case Offer:
		m.ExecuteBefore = q.ExecuteBefore.UTC().Format(instant)
	case Deposit:
		m.UpdateID, m.RecordTime = q.Update, q.RecordTime.UTC().Format(instant)
	}

	return m
}
