//go:generate go run ./draw ../../docs/withdrawals.md

// Package withdrawal is the life of a withdrawal: its states and who moves it from one to the next, the reasons for
// which it waits or fails, the policy by which a token is paid out, and what to do with an attempt at any moment. It is
// pure: values in, values out. The database row is the state; package payout does what is decided here.
//
// What may never happen is that a withdrawal is paid twice. So its end comes from ingested history alone: an attempt is
// dead only when history has passed its target record time without showing it, and nothing else releases what it may
// spend.
package withdrawal

// State is how far a withdrawal has come. The text is what the database stores.
type State string

// The states.
const (
	// Requested has the customer's funds set aside, and no holdings yet.
	Requested State = "requested"
	// Reserved has its holdings and its target record time. Nothing was submitted: they can be given up.
	Reserved State = "reserved"
	// Submitted may be on its way to the ledger. Its holdings stay reserved until history decides.
	Submitted State = "submitted"
	// Offered is on the ledger and waits for the receiver, or for the token's registry.
	Offered State = "offered"
	// Completed is paid. Final.
	Completed State = "completed"
	// Failed is not paid and never will be; the money is back on the account it came from. Final.
	Failed State = "failed"
)

// States are all of them, in the order in which they are lived through.
func States() []State { return []State{Requested, Reserved, Submitted, Offered, Completed, Failed} }

// Final reports whether a withdrawal in this state will never change again.
func (s State) Final() bool { return s == Completed || s == Failed }

// Mover is who moves a withdrawal from one state to another.
type Mover string

// The movers.
const (
	// Worker is Withdrawal Automation.
	Worker Mover = "worker"
	// History is ingestion, in the database transaction that stores the update.
	History Mover = "history"
	// Customer stands for the exchange, which requests and cancels.
	Customer Mover = "exchange"
)

// Transition is one step that is allowed.
type Transition struct {
	From, To State
	By       Mover
	// When says what has happened.
	When string
}

// Transitions are all steps that are allowed. The database refuses any other.
func Transitions() []Transition {
	return []Transition{
		{Requested, Reserved, Worker, "holdings are there and a policy allows it"},
		{Requested, Failed, Customer, "cancelled"},
		{Requested, Failed, Worker, "can never be paid"},
		{Reserved, Requested, Worker, "could not be prepared now: holdings released, tried later"},
		{Reserved, Submitted, Worker, "prepared, checked, signed and written down"},
		{Reserved, Failed, Worker, "can never be paid"},
		{Submitted, Requested, Worker, "attempt dead: its record time has passed and history does not have it"},
		{Submitted, Failed, Worker, "the last attempt allowed is dead"},
		{Submitted, Offered, History, "the offer is on the ledger"},
		{Submitted, Completed, History, "the payment is on the ledger"},
		{Offered, Completed, History, "accepted"},
		{Offered, Failed, History, "rejected, withdrawn, expired or failed"},
		{Submitted, Failed, History, "failed on the ledger"},
		// A database that was put back to an earlier state meets payments that it does not know it made.
		{Requested, Offered, History, "found on the ledger after a restore"},
		{Requested, Completed, History, "found on the ledger after a restore"},
		{Reserved, Offered, History, "found on the ledger after a restore"},
		{Reserved, Completed, History, "found on the ledger after a restore"},
		{Reserved, Failed, History, "found on the ledger after a restore"},
		{Requested, Failed, History, "found on the ledger after a restore"},
	}
}

// Allowed reports whether a withdrawal may go from one state to another.
func Allowed(from, to State) bool {
	for _, t := range Transitions() {
		if t.From == from && t.To == to {
			return true
		}
	}

	return false
}

// Kind is whose withdrawal it is. The text is what the database stores.
type Kind string

// The kinds.
const (
	// ForCustomer pays somebody.
	ForCustomer Kind = "customer"
	// Return carries a deposit back to its sender.
	Return Kind = "return"
	// Internal is a transfer of the treasury to itself that merges or splits its holdings.
	Internal Kind = "internal"
)

// InternalPrefix begins the ids of internal withdrawals. No id of the exchange's may begin with it.
const InternalPrefix = "internal:"
