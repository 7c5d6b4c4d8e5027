//go:generate go run ./draw ../../docs/event-catalogue.md

package event

import "slices"

// Type is a kind of event.
type Type struct {
	Name string
	// When says when it is told, Subject what its subject is.
	When, Subject string
	Fields        []Field
}

// Field is a member of an event's data.
type Field struct {
	Name     string
	Kind     Kind
	Optional bool
	Says     string
}

// Kind is what a field holds.
type Kind string

// Kinds of fields.
const (
	Text     Kind = "text"
	Amount   Kind = "amount"
	Time     Kind = "time"
	UUID     Kind = "uuid"
	Number   Kind = "number"
	Truth    Kind = "truth"
	Evidence Kind = "evidence"
	Holdings Kind = "holdings"
)

func required(name string, kind Kind, says string) Field {
	return Field{Name: name, Kind: kind, Says: says}
}

func optional(name string, kind Kind, says string) Field {
	return Field{Name: name, Kind: kind, Optional: true, Says: says}
}

func tokenFields() []Field {
	return []Field{
		required("instrumentAdmin", Text, "Party that issues the token. Only with it is instrumentId a name."),
		required("instrumentId", Text, "The token's id with its admin."),
	}
}

func depositFields() []Field {
	return slices.Concat([]Field{
		required("depositId", UUID, "The deposit. Whoever books does so once per depositId."),
		required("state", Text, "What the deposit is now."),
		optional("reason", Text, "Why, as a code."),
		optional("account", Text, "Customer account."),
	}, tokenFields(), []Field{
		required("amount", Amount, "What arrived, or would."),
		optional("sender", Text, "Party that sent it. Withheld with counterparty."),
		optional("memo", Text, "The sender's text: escape it. Withheld with memo."),
		optional("correlationId", Text, "First contract of a transfer of several steps."),
		optional("evidence", Evidence, "Where it is on the ledger."),
	})
}

func caseFields() []Field {
	return append(depositFields(),
		optional("action", Text, "What was decided: assign, return or release."),
		optional("withdrawalId", Text, "The withdrawal by which it goes back."))
}

func offerFields() []Field {
	return slices.Concat([]Field{
		required("depositId", UUID, "The deposit that the offer would become."),
		required("verdict", Text, "accept, hold, ignore or reject."),
		optional("reason", Text, "Why, as a code."),
		required("work", Text, "How far the answer is."),
		optional("account", Text, "Customer account that its memo leads to."),
	}, tokenFields(), []Field{
		required("amount", Amount, "What is offered."),
		optional("sender", Text, "Party that offers. Withheld with counterparty."),
		optional("memo", Text, "The sender's text: escape it. Withheld with memo."),
		optional("correlationId", Text, "The offer's first contract."),
	})
}

func withdrawalFields() []Field {
	return slices.Concat([]Field{
		required("withdrawalId", Text, "The exchange's own id of it."),
		required("kind", Text, "customer, return or internal."),
		required("origin", Text, "requested, recovered from history, or adopted: requested after history had it."),
		required("state", Text, "What the withdrawal is now."),
		optional("reason", Text, "Why, as a code."),
		optional("waiting", Text, "What it waits for, as a code: awaits_approval, where somebody must approve it."),
		optional("account", Text, "Customer account."),
	}, tokenFields(), []Field{
		required("amount", Amount, "What is paid."),
		optional("receiver", Text, "Party that is paid. Withheld with counterparty."),
		optional("memo", Text, "The text that travels with it. Withheld with memo."),
		optional("correlationId", Text, "First contract of a transfer of several steps."),
		optional("evidence", Evidence, "Where it is on the ledger."),
	})
}

func preapprovalFields() []Field {
	return []Field{
		required("contractId", Text, "The preapproval's contract."),
		optional("provider", Text, "Party that provides it. Withheld with counterparty."),
		optional("expiresAt", Time, "Until when it is in force."),
		optional("detail", Text, "In words. Withheld with memo or counterparty."),
		optional("successor", Text, "The contract that takes its place."),
		optional("renewedUntil", Time, "Until when that is in force."),
		optional("byUs", Truth, "Whether the suite renewed it."),
	}
}

const (
	ofDeposit     = "depositId"
	ofWithdrawal  = "withdrawalId"
	ofPreapproval = "contractId"
)

// Catalogue is every type of event there is.
func Catalogue() []Type {
	return slices.Concat(depositTypes(), offerTypes(), withdrawalTypes(), otherTypes())
}

func depositTypes() []Type {
	return []Type{
		{"deposit.offered", "An offer to the treasury was seen.", ofDeposit, depositFields()},
		{"deposit.credited", "The money is here, and is the account's.", ofDeposit, caseFields()},
		{"deposit.held", "The money is here and waits: for its time or for the screening.", ofDeposit, caseFields()},
		{
			"deposit.unattributed", "The money is here and nobody knows whose it is: it waits for a person.",
			ofDeposit, caseFields(),
		},
		{
			"deposit.proposed", "A person has proposed what becomes of it; another one must confirm.",
			ofDeposit, caseFields(),
		},
		{"deposit.returning", "It is being sent back to its sender.", ofDeposit, caseFields()},
		{"deposit.returned", "Its sender has it back.", ofDeposit, caseFields()},
		{"deposit.rejected", "The offer was rejected: no money came.", ofDeposit, depositFields()},
		{"deposit.withdrawn", "The sender withdrew the offer.", ofDeposit, depositFields()},
		{"deposit.expired", "The offer's time was over.", ofDeposit, depositFields()},
		{"deposit.failed", "The offer came to nothing.", ofDeposit, depositFields()},
		{
			"deposit.screened", "The screening service has said another thing than before, or cannot be reached for it.",
			ofDeposit, append(depositFields(),
				required("result", Text, "What it said."),
				optional("detail", Text, "In words. Withheld with memo or counterparty."),
				required("tries", Number, "How often it was asked."))},
	}
}

func offerTypes() []Type {
	return []Type{
		{"offer.accept", "The offer is to be accepted.", ofDeposit, offerFields()},
		{"offer.hold", "Somebody must speak before the offer is answered.", ofDeposit, offerFields()},
		{"offer.ignore", "The offer is not answered.", ofDeposit, offerFields()},
		{"offer.reject", "A person has decided that the offer is rejected.", ofDeposit, offerFields()},
		{"offer.submitted", "An answer to the offer may be under way.", ofDeposit, offerFields()},
		{"offer.given_up", "The answer was tried as often as the policy allows.", ofDeposit, offerFields()},
	}
}

func withdrawalTypes() []Type {
	return []Type{
		{
			"withdrawal.requested", "It was requested, and its money is off the account.",
			ofWithdrawal, withdrawalFields(),
		},
		{
			"withdrawal.approved", "Somebody else than who requested it has approved it: it is to be paid.",
			ofWithdrawal, withdrawalFields(),
		},
		{"withdrawal.submitted", "A payment may be under way.", ofWithdrawal, withdrawalFields()},
		{
			"withdrawal.waiting", "That payment never came to the ledger, and cannot any more: it waits for another one.",
			ofWithdrawal, withdrawalFields(),
		},
		{"withdrawal.offered", "The receiver was offered the money and must accept it.", ofWithdrawal, withdrawalFields()},
		{"withdrawal.completed", "The receiver has the money.", ofWithdrawal, withdrawalFields()},
		{
			"withdrawal.failed", "It was not paid. A customer's money is back on the account.",
			ofWithdrawal, withdrawalFields(),
		},
		{
			"withdrawal.alarm", "Payments were stopped because something happened that cannot: a person must look.",
			"reason", []Field{
				required("reason", Text, "Why, as a code."),
				optional("detail", Text, "In words. Withheld with memo or counterparty."),
				optional("instrumentAdmin", Text, "The token that is frozen; all are if absent."),
				optional("instrumentId", Text, "The token that is frozen; all are if absent."),
			}},
	}
}

func otherTypes() []Type {
	return []Type{
		{"holdings.changed", "An update of the ledger changed what the treasury owns.", "updateId", []Field{
			required("created", Holdings, "The holdings that are new, at most 100."),
			required("archived", Holdings, "Those that are no more, at most 100."),
			required("createdCount", Number, "How many are new."), required("archivedCount", Number, "How many are no more."),
			required("evidence", Evidence, "The update."),
		}},
		{
			"ledger.unrecognized", "The ledger shows something that nothing explains. It is kept in balance.",
			"updateId/nodeId", []Field{
				required("problem", Text, "What kind of thing, as a code."),
				optional("detail", Text, "In words. Withheld with memo or counterparty."),
				required("evidence", Evidence, "Where it is on the ledger."),
			}},
		{"preapproval.expiring", "The treasury's preapproval will soon end.", ofPreapproval, preapprovalFields()},
		{"preapproval.lapsed", "It has ended: deposits of Canton Coin come as offers.", ofPreapproval, preapprovalFields()},
		{"preapproval.renewed", "Another one has taken its place.", ofPreapproval, preapprovalFields()},
		{"preapproval.refused", "It cannot be renewed.", ofPreapproval, preapprovalFields()},
		{
			"ingestion.lagging", "The database is behind the ledger by more than CES_EVENTS_MAX_LAG.",
			"synchronizer", lagFields(),
		},
		{"ingestion.caught_up", "It is not any more.", "synchronizer", lagFields()},
		{
			"reconciliation.clean", "The database was compared with the node: nothing differs.",
			"offset", reconciliationFields(),
		},
		{
			"reconciliation.broken", "The database and the node differ: a person must look.",
			"offset", reconciliationFields(),
		},
		{
			"subscription.backlog", "A subscription is further behind than it wants to be.",
			"subscriptionId", subscriptionFields(),
		},
		{"subscription.disabled", "A subscription is told nothing any more.", "subscriptionId", subscriptionFields()},
		{
			TestType, "Its owner wants to see it arrive. Of webhooks, that subscription's alone is told, whatever it chooses.",
			"subscriptionId", []Field{required("subscriptionId", Text, "Which.")},
		},
	}
}

func lagFields() []Field {
	return []Field{
		required("synchronizer", Text, "Which synchronizer's history."),
		required("recordTime", Time, "The ledger's time up to which history is in the database."),
		required("lagSeconds", Number, "How far that is behind."),
	}
}

func reconciliationFields() []Field {
	return []Field{
		required("offset", Number, "The node's offset at which it was compared."),
		required("holdings", Number, "How many holdings were compared."),
		required("differences", Number, "How many things differ."),
	}
}

func subscriptionFields() []Field {
	return []Field{
		required("subscriptionId", Text, "Which."),
		required("reason", Text, "Why, as a code."),
		required("backlog", Number, "How many events it was not told."),
	}
}
