package withdrawal

// Reason is a code for the exchange's program; Sentence is what its support can say.
type Reason string

// Standing says what a reason means for the withdrawal.
type Standing string

// The standings.
const (
	// Refusal is of a request: nothing was stored, no money has moved.
	Refusal Standing = "refused"
	// Waits is a withdrawal that goes on by itself, or when somebody has done what the sentence says.
	Waits Standing = "waits"
	// Ends is a withdrawal that has failed for good; the money is back where it was taken from: the
	// customer's account or, of a return, the money without an owner.
	Ends Standing = "final"
)

// Reasons of refused requests.
const (
	UnknownTreasury     Reason = "unknown_treasury"
	InvalidID           Reason = "invalid_id"
	InvalidAccount      Reason = "invalid_account"
	InvalidReceiver     Reason = "invalid_receiver"
	UnknownInstrument   Reason = "unknown_instrument"
	WithdrawalsDisabled Reason = "withdrawals_disabled"
	InvalidAmount       Reason = "invalid_amount"
	TooManyDecimals     Reason = "too_many_decimals"
	BelowMinimum        Reason = "below_minimum"
	AboveMaximum        Reason = "above_maximum"
	InvalidMemo         Reason = "invalid_memo"
	InsufficientFunds   Reason = "insufficient_funds"
	Conflict            Reason = "conflict"
	RequestedMeanwhile  Reason = "requested_meanwhile"
	UnknownWithdrawal   Reason = "unknown_withdrawal"
	TooLate             Reason = "too_late"
	NotCertainYet       Reason = "not_certain_yet"
	UnknownDestination  Reason = "unknown_destination"
	DestinationCoolsOff Reason = "destination_cools_off"
	LimitExceeded       Reason = "limit_exceeded"
	NothingToApprove    Reason = "nothing_to_approve"
	OwnRequest          Reason = "own_request"
	ScopeMissing        Reason = "scope_missing"
)

// Reasons for which a withdrawal waits.
const (
	Insufficient        Reason = "insufficient_holdings"
	HoldingsBusy        Reason = "holdings_busy"
	NeedsMerge          Reason = "needs_merge"
	Queued              Reason = "queued"
	Frozen              Reason = "frozen"
	IngestionBehind     Reason = "ingestion_behind"
	DatabaseRestored    Reason = "database_restored"
	ReturnedOtherwise   Reason = "returned_otherwise"
	ClockDiffers        Reason = "clock_differs"
	RegistryUnavailable Reason = "registry_unavailable"
	TokenPaused         Reason = "token_paused"
	NodeUnavailable     Reason = "node_unavailable"
	NodeRefuses         Reason = "node_refuses"
	NoTraffic           Reason = "no_traffic"
	SynchronizerPaused  Reason = "synchronizer_paused"
	SignerUnavailable   Reason = "signer_unavailable"
	AwaitsApproval      Reason = "awaits_approval"
	AwaitsSignature     Reason = "awaits_signature"
	AwaitsRecordTime    Reason = "awaits_record_time"
	RefusedToSign       Reason = "refused_to_sign"
	Refused             Reason = "prepare_refused"
	BooksDisagree       Reason = "books_disagree"
	Unexplained         Reason = "unexplained"
)

// Reasons for which a withdrawal has failed.
const (
	Cancelled         Reason = "cancelled"
	NotApproved       Reason = "not_approved"
	NoPreapproval     Reason = "no_preapproval"
	RefusedByRegistry Reason = "refused_by_registry"
	RefusedByToken    Reason = "refused_by_token"
	AttemptsExhausted Reason = "attempts_exhausted"
	Superseded        Reason = "superseded"

	// OfferRejected and the three below are what history says of an offer.
	OfferRejected  Reason = "rejected"
	OfferWithdrawn Reason = "withdrawn"
	OfferExpired   Reason = "expired"
	OfferFailed    Reason = "failed"
)

// Explanation is a reason with what it means.
type Explanation struct {
	Reason   Reason
	Standing Standing
	// Sentence is for the support desk of the exchange.
	Sentence string
}

// Explanations are all reasons, in the order of a withdrawal's life.
func Explanations() []Explanation {
	return []Explanation{
		{UnknownTreasury, Refusal, "No treasury with this party id is registered."},
		{InvalidID, Refusal, "The withdrawal's id must have 1 to 255 bytes, no control characters, and not begin with internal:, return: or recovered:."},
		{InvalidAccount, Refusal, "The customer account must have 1 to 128 characters."},
		{InvalidReceiver, Refusal, "The receiver must be the party id of somebody else, name::fingerprint."},
		{UnknownInstrument, Refusal, "The exchange does not pay out this token: it is the admin together with the id that names it."},
		{WithdrawalsDisabled, Refusal, "Withdrawals of this token are switched off."},
		{InvalidAmount, Refusal, "The amount must be above zero and have at most 28 digits before the point."},
		{TooManyDecimals, Refusal, "The amount has more decimals than the token's policy allows."},
		{BelowMinimum, Refusal, "The amount is below the least that is paid out."},
		{AboveMaximum, Refusal, "The amount is above the largest that is paid out at once."},
		{InvalidMemo, Refusal, "A memo has 1 to 255 bytes and no control characters; leave it out if the receiver wants none."},
		{InsufficientFunds, Refusal, "The customer's account holds less than the amount."},
		{Conflict, Refusal, "A withdrawal with this id exists and says something else. Nothing was changed."},
		{RequestedMeanwhile, Refusal, "A withdrawal with this id was requested at the same moment. The same request again is answered."},
		{UnknownWithdrawal, Refusal, "There is no withdrawal with this id."},
		{TooLate, Refusal, "The withdrawal can no longer be cancelled: a payment is being made, or it has ended."},

		{NotCertainYet, Refusal, "The database was put back to an earlier state, and it is not certain yet that the withdrawal is unpaid. Try again later."},

		{UnknownDestination, Refusal, "The token is withdrawn only to parties of the account's list, and the receiver is not on it."},
		{DestinationCoolsOff, Refusal, "The receiver was added to the account's list too short a time ago."},
		{LimitExceeded, Refusal, "The account would withdraw more of the token within a limit's time than it may."},
		{NothingToApprove, Refusal, "The withdrawal waits for no approval: none was needed, or it was decided already."},
		{OwnRequest, Refusal, "Who requested a withdrawal cannot approve it."},
		{ScopeMissing, Refusal, "The withdrawal carries a deposit back to its sender. Only who may decide about deposits, with the scope approvals, may cancel it."},

		{AwaitsApproval, Waits, "Its amount wants somebody else than who requested it to approve it."},
		{Insufficient, Waits, "The treasury holds less of the token than is to be paid. Send it tokens, or cancel."},
		{HoldingsBusy, Waits, "The treasury's holdings are reserved by other payments or locked. It goes on when they are free."},
		{NeedsMerge, Waits, "The amount is there, in too many small holdings. A merge is under way."},
		{Queued, Waits, "An earlier withdrawal is served first."},
		{Frozen, Waits, "Payments are frozen after an alarm. An operator must look and run `treasury unfreeze`."},
		{IngestionBehind, Waits, "The database is behind the ledger. Nothing is paid until it has caught up."},
		{DatabaseRestored, Waits, "The database was put back to an earlier state. Nothing is paid or cancelled until ingestion has passed that moment."},
		{ReturnedOtherwise, Waits, "The deposit was sent back by another payment, before the database was put back to an earlier state. Cancel this one, then return the deposit again: that books the other and pays nothing."},
		{ClockDiffers, Waits, "Clocks differ too much: of this machine, the database and the ledger. Nothing is paid until they agree."},
		{RegistryUnavailable, Waits, "The token's registry does not answer. It is asked again."},
		{TokenPaused, Waits, "The token's registry has paused the token."},
		{NodeUnavailable, Waits, "The validator node does not answer, or asks to wait. It is asked again."},
		{NodeRefuses, Waits, "The validator node refuses to prepare payments: rights, packages or configuration. An operator must look."},
		{NoTraffic, Waits, "The validator node has no traffic credit. Buy some; the payment goes on by itself."},
		{SynchronizerPaused, Waits, "The synchronizer is being upgraded. The payment goes on by itself."},
		{SignerUnavailable, Waits, "The signer does not answer. It is asked again."},
		{AwaitsSignature, Waits, "A person must sign with the cold key: `treasury signing export`, then `treasury signing import`."},
		{AwaitsRecordTime, Waits, "It is not known whether the attempt is on the ledger. That is certain once its record time has passed."},
		{RefusedToSign, Waits, "The validator node prepared something else than was asked for. Nothing was signed; an operator must look."},
		{Refused, Waits, "The payment was refused when it was prepared. It is tried again a few times."},
		{Unexplained, Waits, "A payment that the ledger should have is not in the ingested history. The token is frozen until an operator has looked."},
		{BooksDisagree, Waits, "The database and the ledger do not agree. Everything is frozen until an operator has looked."},

		{Cancelled, Ends, "Cancelled before anything was reserved."},
		{NotApproved, Ends, "Somebody who was to approve it refused it."},
		{NoPreapproval, Ends, "The receiver has not agreed to receive this token directly, and the policy is direct_only."},
		{RefusedByRegistry, Ends, "The token's registry refuses this transfer. Ask its issuer whether the receiver may hold the token."},
		{RefusedByToken, Ends, "The token's rules on the ledger refuse this transfer."},
		{AttemptsExhausted, Ends, "Every attempt that the policy allows has passed its time without reaching the ledger."},
		{Superseded, Ends, "A transfer of the treasury to itself that came to nothing; the next plan makes another."},
		{OfferRejected, Ends, "The receiver rejected the offer."},
		{OfferWithdrawn, Ends, "The offer was withdrawn by us, because nobody accepted it in time."},
		{OfferExpired, Ends, "The offer's deadline passed before it was accepted."},
		{OfferFailed, Ends, "The token's registry ended the transfer without paying it."},
	}
}

// Explain finds a reason.
func Explain(r Reason) (Explanation, bool) {
	for _, e := range Explanations() {
		if e.Reason == r {
			return e, true
		}
	}

	return Explanation{}, false
}
