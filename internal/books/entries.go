package books

import (
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// Entries is what one update adds to the books.
type Entries struct {
	Deposits    []Deposit
	Settlements []Settlement
	Recovered   []Recovered
	Advances    []Advance
	Postings    []Posting
	Events      []Event
}

// DepositKind is the way a deposit came.
type DepositKind string

// The kinds of deposit. Their text is what the database stores.
const (
	OneStep DepositKind = "one_step"
	ByOffer DepositKind = "offer"
)

// DepositState is how far a deposit has come.
type DepositState string

// The states of a deposit. Their text is what the database stores.
const (
	Offered  DepositState = "offered"
	Credited DepositState = "credited"
	// Held is here, its account known; its policy wants a time or a screening before it is credited.
	Held         DepositState = "held"
	Unattributed DepositState = "unattributed"
	Rejected     DepositState = "rejected"
	Withdrawn    DepositState = "withdrawn"
	Expired      DepositState = "expired"
	Failed       DepositState = "failed"
)

// Attribution says whose a deposit is, or why that is not known.
type Attribution struct {
	State DepositState
	// Reason is empty unless State is Unattributed or Held.
	Reason string
	// Account is the account that the memo names; may be set although the deposit is not credited.
	Account string
}

// Deposit is a new row of deposits.
type Deposit struct {
	ID          uuid.UUID
	Kind        DepositKind
	Attribution Attribution
	Instrument  ident.Instrument
	Amount      amount.Amount
	Sender      ident.Party
	Memo        *string
	Correlation ident.ContractID
	// Place is set for money that has arrived.
	Place         *Place
	Offered       bool
	ExecuteBefore *time.Time
}

// Place is a transfer's position in its update.
type Place struct {
	Node ident.NodeID
	Leg  int
}

// Settlement ends an offered deposit.
type Settlement struct {
	Correlation ident.ContractID
	Attribution Attribution
	Amount      amount.Amount
	Sender      ident.Party
	Place       Place
}

// Origin says how a withdrawal came into the database.
type Origin string

// The origins of a withdrawal. Their text is what the database stores.
const (
	FromRequest Origin = "requested"
	FromHistory Origin = "recovered"
	// Adopted was found in history, and requested again later under the same id.
	Adopted Origin = "adopted"
)

// Recovered is a withdrawal found in history without a request.
type Recovered struct {
	ID          string
	State       withdrawal.State
	Reason      withdrawal.Reason
	Instrument  ident.Instrument
	Amount      amount.Amount
	Receiver    ident.Party
	Correlation ident.ContractID
}

// Advance is what history says about a known withdrawal: that it is offered, completed or failed.
type Advance struct {
	ID          string
	State       withdrawal.State
	Reason      withdrawal.Reason
	Correlation ident.ContractID
	// ExecuteBefore is when an offer ends by itself; nil unless State is Offered.
	ExecuteBefore *time.Time
	// Origin is how the withdrawal had come into the database when this was decided. If it is another one when this is
	// stored, somebody has adopted it meanwhile, and all must be decided anew.
	Origin Origin
}

// AccountKind is a class of accounts in the double-entry books.
type AccountKind string

// The kinds of account; `COMMENT ON COLUMN postings.account_kind` tells what each means.
const (
	Network             AccountKind = "network"
	Customer            AccountKind = "customer"
	HeldMoney           AccountKind = "held"
	UnattributedMoney   AccountKind = "unattributed"
	WithdrawalsUnderWay AccountKind = "withdrawals"
	RecoveredPayments   AccountKind = "recovered"
	Fees                AccountKind = "fees"
	Income              AccountKind = "income"
	Losses              AccountKind = "losses"
	UnrecognizedMoney   AccountKind = "unrecognized"
	Opening             AccountKind = "opening"
)

// PostingOrigin is what caused a movement.
type PostingOrigin string

// The origins of the movements that an update causes. Their text is what the database stores.
const (
	// ByLedger is money that the update moved on the ledger.
	ByLedger PostingOrigin = "ledger"
	// ByRefund is money that goes back to its customer because the update ended a withdrawal without paying it.
	ByRefund PostingOrigin = "refund"
)

// Posting is one line of a movement. The lines of a movement sum to zero per instrument. Movements are numbered within
// their update, whatever their origin.
type Posting struct {
	Origin     PostingOrigin
	Movement   int
	Line       int
	Kind       AccountKind
	Account    string
	Instrument ident.Instrument
	Amount     amount.Amount
}

// Event is one row of the outbox.
type Event struct {
	ID      uuid.UUID
	Type    string
	Subject string
	Payload strictjson.Raw
}
