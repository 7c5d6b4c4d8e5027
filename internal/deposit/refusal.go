package deposit

// Refusal is why what a person decided about a deposit or a memo is not done: a code for programs, and what it means.
// Nothing was changed, no money has moved.
type Refusal struct {
	Code, Sentence string
}

// Refusals are all that the database makes.
func Refusals() []Refusal {
	return []Refusal{
		{"unknown_deposit", "No deposit with this id waits for a decision: it was credited when it arrived, or has not " +
			"arrived."},
		{"already_decided", "It is proposed, credited, on its way back or returned already; or it is an offer that has " +
			"ended, or about which a person has decided."},
		{"nothing_proposed", "There is nothing to confirm or to decline: nobody proposed anything, or it is done."},
		{"same_person", "Who proposed it cannot confirm it, under whatever name."},
		{"unknown_account", "No memo was ever given to this account, or, where a customer is to be shown one, none of its " +
			"memos takes deposits. Check it, or give it a memo first."},
		{"unlisted_instrument", "The exchange does not deal in this token: list it first, or return the deposit."},
		{"unknown_sender", "The ledger does not show who sent it, so it cannot be returned."},
		{"no_policy", "Nothing says how the token is paid out: set a withdrawal policy and its registry first. " +
			"`enabled=false` keeps customers from withdrawing it."},
		{"not_certain_yet", "The database was put back to an earlier state, and it is not certain yet that the deposit was not " +
			"sent back before. Try again later."},
		{"returned_before", "It was sent back before the database was put back to an earlier state. Returning it books that " +
			"payment and pays nothing."},
		{"conflict", "The ledger has a payment that may be this return already, or with its id and of something else. Somebody " +
			"must look."},
		{"never_screened", "The screening service was never asked about a deposit with this id."},
		{"already_passed", "The screening service has passed it already."},
		{"invalid_party", "A party id has the form name::fingerprint."},
		{"unknown_destination", "The party is not on the account's list of parties to withdraw to."},
		{"invalid_operator", "The name of who decides must have 1 to 200 characters, and no control characters."},
		{"invalid_note", "The note may have at most 1000 characters."},
		{"invalid_action", "A deposit is assigned to an account, or returned to its sender."},
		{"unknown_treasury", "No treasury with this party id is registered."},
		{"invalid_account", "The customer account must have 1 to 128 characters."},
		{"invalid_memo", "No transfer could match this memo: it needs 1 to 128 bytes of text."},
		{"memo_taken", "The memo, or one that differs only in case or outer white space, belongs to another account, for ever."},
		{"memo_disabled", "The memo belongs to this account and was disabled: enable it, or give the account another one."},
		{"too_many_memos", "The account has had 100 memos of ours already: use one of them, or register a text of your own."},
		{"unknown_memo", "This memo was never given to an account."},
	}
}
