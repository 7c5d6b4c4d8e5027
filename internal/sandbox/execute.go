package sandbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

type executeRequest struct {
	Transaction []byte `json:"preparedTransaction"`
	Signatures  struct {
		Parties []struct {
			Party      ident.Party          `json:"party"`
			Signatures []topology.Signature `json:"signatures"`
		} `json:"signatures"`
	} `json:"partySignatures"`
	Dedup         json.RawMessage `json:"deduplicationPeriod"`
	SubmissionID  string          `json:"submissionId"`
	UserID        string          `json:"userId"`
	Scheme        string          `json:"hashingSchemeVersion"`
	MinLedgerTime *minLedgerTime  `json:"minLedgerTime"`
	Format        *struct {
		Events eventFormatJSON `json:"eventFormat"`
		Shape  string          `json:"transactionShape"`
	} `json:"transactionFormat"`
}

// execute takes in a signed transaction. It answers errors that are certain at once; the rest ends in a completion.
func (v *Validator) execute(r *http.Request, req *executeRequest) (*submission, error) {
	claims := admin.ClaimsOf(r.Context())
	if err := userOf(&req.UserID, claims); err != nil {
		return nil, err
	}

	if len(req.SubmissionID) > maxCommandID {
		return nil, cantonerr.Field("submission_id is longer than %d characters", maxCommandID)
	}

	prepared, err := signing.Decode(req.Transaction)
	if err != nil {
		return nil, cantonerr.Invalid("FAILED_TO_EXECUTE_TRANSACTION", "The prepared transaction cannot be read: %s", err)
	}

	for _, party := range prepared.Metadata.ActAs {
		if !claims.ExecuteAs(party) {
			return nil, cantonerr.PermissionDenied()
		}
	}

	scheme, err := v.scheme(req.Scheme)
	if err != nil {
		return nil, err
	}

	hash, err := prepared.Hash(scheme)
	if err != nil {
		return nil, cantonerr.Invalid("FAILED_TO_EXECUTE_TRANSACTION", "%s", err)
	}

	dedup, err := dedupOf(req.Dedup)
	if err != nil {
		return nil, err
	}

	if err := v.strikeSubmission(r, prepared.Metadata.ActAs[0]); err != nil {
		return nil, err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.checkSignatures(req, prepared, hash); err != nil {
		return nil, err
	}

	sub := &submission{
		node: v, userID: req.UserID, submissionID: req.SubmissionID, actAs: prepared.Metadata.ActAs, dedup: dedup,
		change: changeOf(req.UserID, prepared.Metadata.CommandID, prepared.Metadata.ActAs),
		uuid:   prepared.Metadata.TransactionUUID, hash: (*[32]byte)(&hash),
		prepared: prepared.Metadata.PreparationTime.Time(),
	}

	if sub.submissionID == "" {
		sub.submissionID = v.newUUID()
	}

	return sub, v.enterLedger(sub, prepared)
}

// checkSignatures checks that every party that acts has signed, with as many of its keys as it takes.
func (v *Validator) checkSignatures(req *executeRequest, p signing.Prepared, hash signing.Hash) error {
	given := make(map[ident.Party][]topology.Signature, len(req.Signatures.Parties))
	for _, s := range req.Signatures.Parties {
		given[s.Party] = append(given[s.Party], s.Signatures...)
	}

	for _, party := range p.Metadata.ActAs {
		state, ok := v.parties[party]
		if !ok || len(state.keys.Keys) == 0 {
			return cantonerr.NotFound("UNKNOWN_SUBMITTERS", "Submitters are unknown or not external parties: %s", party)
		}

		signatures := topology.Signatures(given[party])
		if v.cfg.Version.atLeast(V35) && len(signatures) > len(state.keys.Keys) {
			return cantonerr.Invalid("INVALID_EXTERNAL_SIGNATURE",
				"%d signatures of %s, which has %d keys", len(signatures), party, len(state.keys.Keys))
		}

		if err := topology.CheckSubmission(hash, state.keys, signatures); err != nil {
			return cantonerr.Invalid("INVALID_EXTERNAL_SIGNATURE", "Signatures of %s: %s", party, err)
		}
	}

	return nil
}

// enterLedger rebuilds a signed transaction and sends it on its way.
func (v *Validator) enterLedger(sub *submission, p signing.Prepared) error {
	if err := v.ready(); err != nil {
		return rejection(err)
	}

	if err := v.admits(sub); err != nil {
		return err
	}

	window := bounds{}
	if p.Metadata.MinLedgerTime != nil {
		window.from = p.Metadata.MinLedgerTime.Time()
	}

	if p.Metadata.MaxLedgerTime != nil {
		window.last = p.Metadata.MaxLedgerTime.Time()
	}

	now := v.ledgerTime()

	sub.at = window.clamp(now)
	if now.Sub(sub.at).Abs() > ledgerTimeTolerance {
		return cantonerr.Invalid("LEDGER_TIME_OUTSIDE_BOUNDS",
			"The ledger time %s is outside the bounds of the prepared transaction", instantText(now))
	}

	sub.latest = sub.at.Add(ledgerTimeTolerance)
	if m := p.Metadata.MaxRecordTime; m != nil && m.Time().Before(sub.latest) {
		sub.latest = m.Time()
	}

	t, err := v.rebuild(p)

	switch {
	case errors.Is(err, errConformance):
		return cantonerr.Invalid("INVALID_EXTERNAL_TRANSACTION", "%s", err)
	case err != nil:
		return v.refuseLate(sub, p, err)
	}

	sub.tx = t

	return v.accept(sub)
}

// refuseLate is the end of a transaction that could be prepared and can no longer be executed: most often because what
// it would spend is spent. The network says so in its verdict, not the node at once.
func (v *Validator) refuseLate(sub *submission, p signing.Prepared, reason error) error {
	if !errors.Is(reason, ErrInactive) {
		return rejection(reason)
	}

	home, ok := v.synchronizerOf(p.Metadata.SynchronizerID)
	if !ok {
		return cantonerr.Invalid("INVALID_EXTERNAL_TRANSACTION", "unknown synchronizer %s", p.Metadata.SynchronizerID)
	}

	sub.tx = v.beginAt(home, sub.at, seed{}, sub.actAs)
	sub.done = make(chan struct{})
	v.nextRecordTime(home)
	v.reject(sub, cantonerr.NotFound("LOCAL_VERDICT_INACTIVE_CONTRACTS",
		"Rejected transaction is referring to inactive contracts: %s", reason))

	return nil
}

// dedupOf is the deduplication period as the completion repeats it. The node deduplicates for its maximum whatever is
// asked for, which is never less.
func dedupOf(raw json.RawMessage) (any, error) {
	var in struct {
		Duration *wrapped[durationJSON] `json:"DeduplicationDuration"`
		Offset   *wrapped[ident.Offset] `json:"DeduplicationOffset"`
	}

	if len(raw) > 0 {
		if err := json.Unmarshal(raw, &in); err != nil {
			return nil, cantonerr.Field("deduplication_period: %s", err)
		}
	}

	switch {
	case in.Offset != nil:
		return obj{"DeduplicationOffset": in.Offset}, nil
	case in.Duration != nil:
		if d := in.Duration.Value.duration(); d < 0 || d > maxDeduplication {
			return nil, cantonerr.State("INVALID_DEDUPLICATION_PERIOD",
				"The given deduplication duration of %s exceeds the maximum deduplication duration of %s", d, maxDeduplication)
		}

		return obj{"DeduplicationDuration": in.Duration}, nil
	default:
		longest := durationJSON{Seconds: int64(maxDeduplication / time.Second)}

		return obj{"DeduplicationDuration": wrapped[durationJSON]{longest}}, nil
	}
}

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
		var format *transactionFormatJSON
		if req.Format != nil {
			format = &transactionFormatJSON{Events: req.Format.Events, Shape: req.Format.Shape}
		}

		v.answerSubmitted(w, r, sub, format)
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

	select {
	case <-sub.done:
	case <-r.Context().Done():
		return false
	case <-v.closed:
		v.fail(w, r, cantonerr.New(http.StatusServiceUnavailable, cantonerr.GRPCUnavailable, cantonerr.CategoryTransient,
			"ABORTED_DUE_TO_SHUTDOWN", "Aborted the request due to shutdown"))

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

	f, err := v.askedFormat(asked)
	if err == nil {
		err = v.mayRead(r.Context(), f.transactions)
	}

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
