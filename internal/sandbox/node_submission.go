package sandbox

import (
	"net/http"
	"time"
)

func (v *Validator) postExecute(w http.ResponseWriter, r *http.Request) {
	v.executed(w, r, func(*executeRequest, *submission) {
		v.answer(w, r, http.StatusOK, obj{})
	}, false)
}

func (v *Validator) postExecuteAndWait(w http.ResponseWriter, r *http.Request) {
	v.executed(w, r, func(_ *executeRequest, sub *submission) {
		v.answer(w, r, http.StatusOK, obj{
			"updateId": sub.outcome.updateID, "completionOffset": sub.outcome.offset,
		})
	}, true)
}

func (v *Validator) postExecuteForTransaction(w http.ResponseWriter, r *http.Request) {
	v.executed(w, r, func(req *executeRequest, sub *submission) {
		v.answerSubmitted(w, r, sub, req.format())
	}, true)
}

// executed runs an execute call and, if asked, waits for its outcome.
func (v *Validator) executed(
	w http.ResponseWriter, r *http.Request, answer func(*executeRequest, *submission), wait bool,
) {
	var req executeRequest
	if !v.read(w, r, &req) {
		return
	}

	sub, err := v.execute(r, &req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	if !wait || v.awaited(w, r, sub) {
		answer(&req, sub)
	}
}

// awaited waits for the outcome of a submission. It answers for itself when there is none in time, or a rejection.
func (v *Validator) awaited(w http.ResponseWriter, r *http.Request, sub *submission) bool {
	timer := time.NewTimer(requestTimeout)
	defer timer.Stop()

	restart := v.faults.restarts.signal()

	select {
	case <-sub.done:
	case <-r.Context().Done():
		return false
	case <-v.closed:
		v.fail(w, r, shuttingDown())

		return false
	case <-restart:
		v.fail(w, r, shuttingDown())

		return false
	case <-timer.C:
		http.Error(w, "The server was not able to produce a timely response to your request.",
			http.StatusServiceUnavailable)

		return false
	}

	if sub.outcome.err != nil {
		v.fail(w, r, sub.outcome.err)

		return false
	}

	return true
}

// answerSubmitted answers the transaction that a submission became; by default the changes of its parties' contracts.
func (v *Validator) answerSubmitted(
	w http.ResponseWriter, r *http.Request, sub *submission, format *transactionFormatJSON,
) {
	asked := &askedTransaction{Format: format}
	if format == nil {
		asked.Parties = sub.actAs
	}

	// Whether the sender may see it was checked before the submission; its own parties' part it always may.
	f, err := v.askedFormat(asked)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	u := sub.outcome.update

	shown := v.transactionOf(u, f)
	if shown == nil { // it changed nothing that the parties have, or nothing that they asked for
		shown = &transactionJSON{transactionHead: v.headOf(u, f.transactions), Events: []eventJSON{}}
	}

	v.answer(w, r, http.StatusOK, obj{"transaction": shown})
}
