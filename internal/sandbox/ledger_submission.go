package sandbox

import (
	"fmt"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Windows of time in which a submission can commit; the network's defaults.
const (
	// ledgerTimeTolerance is ledgerTimeRecordTimeTolerance: how far ledger time and record time may be apart.
	ledgerTimeTolerance = time.Minute
	// preparationTolerance is preparationTimeRecordTimeTolerance, 24 hours on the Global Synchronizer.
	preparationTolerance = 24 * time.Hour
	// uuidMemory is how long the mediator remembers the transactions it saw: twice the preparation tolerance.
	uuidMemory = 2 * preparationTolerance
	// maxDeduplication is the node's max-deduplication-duration.
	maxDeduplication = 7 * 24 * time.Hour
	// completionsPerUpdate is how many completions a node keeps for each update that its history may hold: a rejection
	// is a completion without an update.
	completionsPerUpdate = 2
	// maxInFlight is how many submissions a node tracks at once.
	maxInFlight = 256
)

// submission is a transaction on its way to the ledger, and what was said of it when it was handed in.
type submission struct {
	node   *Validator
	userID string
	change changeID
	// submissionID tells tries of one change apart.
	submissionID string
	workflowID   string
	actAs        []ident.Party
	dedup        any // as the completion repeats it

	tx       *transaction
	at       time.Time // ledger effective time
	latest   time.Time // the last record time at which it may be sequenced
	prepared time.Time // when it was prepared; zero for a local party's
	uuid     string    // what the mediator knows it by
	hash     *[32]byte // what external parties signed

	done    chan struct{} // closed when outcome is there
	outcome *completion
}

// changeID is what commands are deduplicated by.
type changeID struct{ user, command, actAs string }

func changeOf(user, command string, actAs []ident.Party) changeID {
	texts := make([]string, 0, len(actAs))
	for _, party := range union(actAs) {
		texts = append(texts, string(party))
	}

	return changeID{user: user, command: command, actAs: strings.Join(texts, ",")}
}

// accept takes a submission in, or refuses it at once. What it takes in ends in a completion.
func (v *Validator) accept(sub *submission) error {
	if err := v.room(1); err != nil {
		return rejection(err)
	}

	if err := v.admits(sub); err != nil {
		return err
	}

	sub.done = make(chan struct{})
	v.inFlight[sub.change] = sub

	for c := range sub.tx.inputs {
		if v.locked[c] != nil {
			v.reject(sub, cantonerr.Contention("LOCAL_VERDICT_LOCKED_CONTRACTS",
				"Rejected transaction is referring to locked contracts %s", c.id).On("CONTRACT_ID", string(c.id)))

			return nil
		}
	}

	for c := range sub.tx.consumed {
		v.locked[c] = sub
	}

	v.dispatch(sub)

	return nil
}

// admits checks what a node checks of a submission before it sends anything.
func (v *Validator) admits(sub *submission) error {
	if earlier := v.inFlight[sub.change]; earlier != nil {
		return cantonerr.Contention("SUBMISSION_ALREADY_IN_FLIGHT",
			"The submission is already in flight: the change id is used by submission %s", earlier.submissionID)
	}

	if earlier, ok := v.changes.find(sub.change, v.ledgerTime()); ok {
		return cantonerr.Exists("DUPLICATE_COMMAND",
			"A command with the given command id has already been successfully processed").
			With("existing_submission_id", earlier.submissionID).
			With("completion_offset", fmt.Sprint(earlier.offset))
	}

	v.makeRoom(0)

	if v.fullOfCompletions() {
		return rejection(fmt.Errorf("%d completions, prune first: %w", len(v.completions), ErrFull))
	}

	if len(v.inFlight) >= maxInFlight {
		return cantonerr.Contention("PARTICIPANT_BACKPRESSURE", "The participant is overloaded: %d submissions in flight",
			len(v.inFlight)).RetryIn("1 second")
	}

	return nil
}

// sequence gives a submission its place on the ledger, or its rejection.
func (s *Sandbox) sequence(sub *submission) {
	home := sub.tx.home

	recordTime := s.nextRecordTime(home)
	s.expireLost()

	if recordTime.After(sub.latest) {
		sub.node.reject(sub, notSequenced(sub))

		return
	}

	if err := s.verdict(sub, recordTime); err != nil {
		sub.node.reject(sub, err)

		return
	}

	u := &update{
		effectiveAt: sub.at, commandID: sub.change.command, workflowID: sub.workflowID, recordTime: recordTime,
		submitter: sub.node,
	}
	if sub.hash != nil {
		u.signed, u.externalHash = true, *sub.hash
	}

	for _, c := range sub.tx.created {
		c.createdAt = sub.at
	}

	done, err := sub.tx.commitAs(u)
	if err != nil {
		sub.node.reject(sub, rejection(err))

		return
	}

	s.sequenced.add(sub.uuid, recordTime)

	sub.node.complete(sub, done)

	s.automateInTurn()
}

// verdict is what the confirming nodes and the mediator say when a submission is sequenced.
func (s *Sandbox) verdict(sub *submission, recordTime time.Time) *cantonerr.Error {
	apart := recordTime.Sub(sub.at).Abs()

	switch {
	case apart > ledgerTimeTolerance:
		return cantonerr.Contention("LOCAL_VERDICT_LEDGER_TIME_OUT_OF_BOUND",
			"Rejected transaction as delta of the ledger time and the record time is %s", apart)
	case !sub.prepared.IsZero() && recordTime.Sub(sub.prepared).Abs() > preparationTolerance:
		return cantonerr.Contention("LOCAL_VERDICT_PREPARATION_TIME_OUT_OF_BOUND",
			"Rejected transaction as delta of the preparation time and the record time exceeds %s", preparationTolerance)
	}

	if s.sequenced.has(sub.uuid, recordTime) {
		// The code under which a mediator refuses a transaction it saw is in no public source.
		return cantonerr.Contention("MEDIATOR_SAYS_DUPLICATE_UUID", "The request uuid %s has been used before", sub.uuid)
	}

	if made := s.madeBefore(sub.tx); made != nil {
		return cantonerr.Exists("LOCAL_VERDICT_CREATES_EXISTING_CONTRACTS",
			"Rejected transaction would create contracts that already exist %s", made.id).On("CONTRACT_ID", string(made.id))
	}

	for c := range sub.tx.inputs {
		if !c.active() {
			return cantonerr.NotFound("LOCAL_VERDICT_INACTIVE_CONTRACTS",
				"Rejected transaction is referring to inactive contracts %s", c.id).On("CONTRACT_ID", string(c.id))
		}

		if c.home != sub.tx.home && !c.anywhere {
			return cantonerr.NotFound("LOCAL_VERDICT_INACTIVE_CONTRACTS",
				"Rejected transaction is referring to contracts of another synchronizer %s", c.id).On("CONTRACT_ID", string(c.id))
		}
	}

	return nil
}

func notSequenced(sub *submission) *cantonerr.Error {
	return cantonerr.Contention("NOT_SEQUENCED_TIMEOUT",
		"Transaction was not sequenced within the pre-defined max sequencing time %s and has therefore timed out",
		instantText(sub.latest))
}

// expireLost ends the submissions that never reached the sequencer, once their time is over.
func (s *Sandbox) expireLost() {
	kept := s.lost[:0]

	for _, sub := range s.lost {
		if sub.tx.home.last.After(sub.latest) {
			sub.node.reject(sub, notSequenced(sub))
		} else {
			kept = append(kept, sub)
		}
	}

	clear(s.lost[len(kept):])
	s.lost = kept
}
