package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

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

	given, err := v.handed.read(req.Transaction)
	if err != nil {
		return nil, cantonerr.Invalid("FAILED_TO_EXECUTE_TRANSACTION", "The prepared transaction cannot be read: %s", err)
	}

	prepared := given.prepared
	if err := checkMetadata(prepared.Metadata); err != nil {
		return nil, err
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

	hash, err := given.hashed(scheme)
	if err != nil {
		return nil, cantonerr.Invalid("FAILED_TO_EXECUTE_TRANSACTION", "%s", err)
	}

	dedup, err := v.dedupOf(req.Dedup)
	if err != nil {
		return nil, err
	}

	if err := v.checkFormat(r, req.format()); err != nil {
		return nil, err
	}

	if err := v.strikeSubmission(r, prepared.Metadata.ActAs[0]); err != nil {
		return nil, err
	}

	if err := v.checkSignatures(req, prepared, hash); err != nil {
		return nil, err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	sub := &submission{
		node: v, userID: req.UserID, submissionID: req.SubmissionID, actAs: prepared.Metadata.ActAs, dedup: dedup,
		change: changeOf(req.UserID, prepared.Metadata.CommandID, prepared.Metadata.ActAs),
		uuid:   prepared.Metadata.TransactionUUID, hash: (*[32]byte)(&hash),
		prepared: prepared.Metadata.PreparationTime.Time(),
	}

	if sub.submissionID == "" {
		sub.submissionID = v.newUUID()
	}

	return sub, v.enterLedger(sub, req, prepared)
}

// format is what executeAndWaitForTransaction is to answer; nil for what the parties have by default.
func (req *executeRequest) format() *transactionFormatJSON {
	if req.Format == nil {
		return nil
	}

	return &transactionFormatJSON{Events: req.Format.Events, Shape: req.Format.Shape}
}

// checkFormat checks before anything is submitted what the answer is to show, and that its sender may see it.
func (v *Validator) checkFormat(r *http.Request, format *transactionFormatJSON) error {
	if format == nil {
		return nil
	}

	f, err := v.askedFormat(&askedTransaction{Format: format})
	if err != nil {
		return err
	}

	return v.mayRead(r.Context(), f.transactions)
}

// keysOf is what external parties sign with.
func (v *Validator) keysOf(parties []ident.Party) ([]topology.KeySet, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	keys := make([]topology.KeySet, 0, len(parties))

	for _, party := range parties {
		state, ok := v.parties[party]
		if !ok || len(state.keys.Keys) == 0 {
			return nil, cantonerr.NotFound("UNKNOWN_SUBMITTERS", "Submitters are unknown or not external parties: %s", party)
		}

		keys = append(keys, state.keys)
	}

	return keys, nil
}

// checkSignatures checks that every party that acts has signed, with as many of its keys as it takes. That takes long,
// and does not hold the ledger meanwhile.
func (v *Validator) checkSignatures(req *executeRequest, p signing.Prepared, hash signing.Hash) error {
	given := make(map[ident.Party][]topology.Signature, len(req.Signatures.Parties))
	for _, s := range req.Signatures.Parties {
		given[s.Party] = append(given[s.Party], s.Signatures...)
	}

	keys, err := v.keysOf(p.Metadata.ActAs)
	if err != nil {
		return err
	}

	for i, party := range p.Metadata.ActAs {
		signatures := topology.Signatures(given[party])
		if v.cfg.Version.atLeast(V35) && len(signatures) > len(keys[i].Keys) {
			return cantonerr.Invalid("INVALID_EXTERNAL_SIGNATURE",
				"%d signatures of %s, which has %d keys", len(signatures), party, len(keys[i].Keys))
		}

		if err := topology.CheckSubmission(hash, keys[i], signatures); err != nil {
			return cantonerr.Invalid("INVALID_EXTERNAL_SIGNATURE", "Signatures of %s: %s", party, err)
		}
	}

	return nil
}

// enterLedger rebuilds a signed transaction and sends it on its way.
func (v *Validator) enterLedger(sub *submission, req *executeRequest, p signing.Prepared) error {
	if err := v.ready(); err != nil {
		return rejection(err)
	}

	if err := v.admits(sub); err != nil {
		return err
	}

	if err := v.checkUpgraded(p.Metadata); err != nil {
		return err
	}

	if err := v.timing(sub, req.MinLedgerTime, p.Metadata); err != nil {
		return err
	}

	if spent := v.spentInput(p.Metadata); spent != nil {
		return v.refuseLate(sub, p, fmt.Errorf("contract %s: %w", spent.id, ErrInactive))
	}

	t, err := v.rebuild(p, req.Transaction)

	switch {
	case errors.Is(err, errConformance):
		return cantonerr.Invalid("INVALID_EXTERNAL_TRANSACTION", "%s", err)
	case err != nil:
		return v.refuseLate(sub, p, err)
	}

	sub.tx = t

	return v.accept(sub)
}

// timing chooses the ledger time of a prepared transaction, and with it the last record time that it may get.
func (v *Validator) timing(sub *submission, earliest *minLedgerTime, m signing.Metadata) error {
	window := bounds{}
	if m.MinLedgerTime != nil {
		window.from = m.MinLedgerTime.Time()
	}

	if m.MaxLedgerTime != nil {
		window.last = m.MaxLedgerTime.Time()
	}

	at, err := v.preparationTime(earliest)
	if err != nil {
		return err
	}

	now := v.ledgerTime()

	// It may go back to the last moment that the bounds allow, but not behind what the client asks for.
	sub.at = window.clamp(at)
	if (at.After(now) && sub.at.Before(at)) || now.Sub(sub.at).Abs() > ledgerTimeTolerance {
		return cantonerr.Invalid("LEDGER_TIME_OUTSIDE_BOUNDS",
			"The ledger time %s is outside the bounds of the prepared transaction", instantText(at))
	}

	sub.latest = sub.at.Add(ledgerTimeTolerance)
	if m.MaxRecordTime != nil && m.MaxRecordTime.Time().Before(sub.latest) {
		sub.latest = m.MaxRecordTime.Time()
	}

	return nil
}

// spentInput is an input of a prepared transaction that is archived by now; nil when all are there.
func (v *Validator) spentInput(m signing.Metadata) *contract {
	for _, input := range m.InputContracts {
		if c := v.contracts[input.Create.ContractID]; c != nil && !c.active() {
			return c
		}
	}

	return nil
}

// refuseLate is the end of a transaction that could be prepared and can no longer be executed: most often because what
// it would spend is spent. The network says so in its verdict, not the node at once.
func (v *Validator) refuseLate(sub *submission, p signing.Prepared, reason error) error {
	if !errors.Is(reason, ErrInactive) && !errors.Is(reason, errElsewhere) {
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
