package sandbox

import (
	"encoding/json"

	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// commandsRequest is JsCommands: what a party for which the node signs submits.
type commandsRequest struct {
	submissionHead

	WorkflowID   string          `json:"workflowId"`
	SubmissionID string          `json:"submissionId"`
	Dedup        json.RawMessage `json:"deduplicationPeriod"`
	MinAbsolute  *time.Time      `json:"minLedgerTimeAbs"`
	MinRelative  *durationJSON   `json:"minLedgerTimeRel"`
}

// wrappedCommands is the request of the forms that answer a transaction.
type wrappedCommands struct {
	Commands commandsRequest        `json:"commands"`
	Format   *transactionFormatJSON `json:"transactionFormat"`
}

// commandRoutes are the endpoints of submission and its completions.
func (v *Validator) commandRoutes(r chi.Router) {
	r.Post("/v2/commands/submit-and-wait", v.postSubmitAndWait)
	r.Post("/v2/commands/submit-and-wait-for-transaction", v.postSubmitForTransaction)
	r.Post("/v2/commands/async/submit", v.postSubmit)
	r.Post("/v2/commands/submit-and-wait-for-reassignment", v.postReassignment)
	r.Post("/v2/commands/async/submit-reassignment", v.postReassignment)
	r.Post("/v2/interactive-submission/prepare", v.postPrepare)
	r.Post("/v2/interactive-submission/execute", v.postExecute)

	if v.cfg.Version.atLeast(V34) {
		r.Post("/v2/interactive-submission/executeAndWait", v.postExecuteAndWait)
		r.Post("/v2/interactive-submission/executeAndWaitForTransaction", v.postExecuteForTransaction)
	}

	r.Post("/v2/commands/submit-and-wait-for-transaction-tree", v.postSubmitForTree)
	r.Post("/v2/commands/completions", v.postCompletions(true))

	if v.cfg.Version.atLeast(V35) {
		r.Post("/v2/commands/command-completions", v.postCompletions(false))
	}

	if v.cfg.Version.atLeast(V36) {
		r.Post("/v2/commands/completion-by-hash", v.postCompletionByHash)
	}
}

// submit takes in commands of local parties.
func (v *Validator) submit(r *http.Request, req *commandsRequest) (*submission, error) {
	claims := admin.ClaimsOf(r.Context())
	if err := req.check(claims); err != nil {
		return nil, err
	}

	for _, party := range req.ActAs {
		if !claims.ActAs(party) {
			return nil, cantonerr.PermissionDenied()
		}
	}

	for _, party := range req.ReadAs {
		if !claims.ReadAs(party) {
			return nil, cantonerr.PermissionDenied()
		}
	}

	commands, err := v.commands(req.Commands)
	if err != nil {
		return nil, err
	}

	dedup, err := v.dedupOf(req.Dedup)
	if err != nil {
		return nil, err
	}

	if err := v.strikeSubmission(r, req.ActAs[0]); err != nil {
		return nil, err
	}

	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.ready(); err != nil {
		return nil, rejection(err)
	}

	sub := &submission{
		node: v, userID: req.UserID, submissionID: req.SubmissionID, workflowID: req.WorkflowID, actAs: req.ActAs,
		dedup: dedup, change: changeOf(req.UserID, req.CommandID, req.ActAs), uuid: v.newUUID(),
	}

	if sub.submissionID == "" {
		sub.submissionID = v.newUUID()
	}

	if err := v.admits(sub); err != nil {
		return nil, err
	}

	if err := v.build(sub, req, commands); err != nil {
		return nil, rejection(err)
	}

	return sub, v.accept(sub)
}

// build interprets the commands of a local submission.
func (v *Validator) build(sub *submission, req *commandsRequest, commands []command) error {
	for _, party := range req.ActAs {
		// The DSO is a party of many nodes, none of which may submit for it alone.
		if party == v.amulet.dso {
			return cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION",
				"No valid synchronizer for submission found: this participant may not submit for %s", party)
		}

		if !v.hosts(party) {
			return cantonerr.NotFound("UNKNOWN_SUBMITTERS", "Submitters are unknown on this participant: %s", party)
		}

		if v.parties[party].permission[v.index] != permissionSubmission {
			return cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION",
				"No valid synchronizer for submission found: this participant may not submit for %s", party)
		}
	}

	asked := &minLedgerTime{}

	switch {
	case req.MinAbsolute != nil:
		asked.Time.Absolute = &wrapped[time.Time]{*req.MinAbsolute}
	case req.MinRelative != nil:
		asked.Time.Relative = &wrapped[durationJSON]{*req.MinRelative}
	}

	var err error
	if sub.at, err = v.preparationTime(asked); err != nil {
		return err
	}

	sub.latest = sub.at.Add(ledgerTimeTolerance)
	sub.tx, err = v.attempt(&req.submissionHead, sub.at, commands...)

	return err
}

func (v *Validator) postSubmitAndWait(w http.ResponseWriter, r *http.Request) {
	var req commandsRequest
	if !v.read(w, r, &req) {
		return
	}

	v.submitted(w, r, &req, func(sub *submission) {
		v.answer(w, r, http.StatusOK, obj{"updateId": sub.outcome.updateID, "completionOffset": sub.outcome.offset})
	})
}

func (v *Validator) postSubmitForTransaction(w http.ResponseWriter, r *http.Request) {
	var req wrappedCommands
	if !v.read(w, r, &req) {
		return
	}

	if err := v.checkFormat(r, req.Format); err != nil {
		v.fail(w, r, err)

		return
	}

	v.submitted(w, r, &req.Commands, func(sub *submission) { v.answerSubmitted(w, r, sub, req.Format) })
}

// postSubmitForTree answers the older shape, everything that the submitters see.
func (v *Validator) postSubmitForTree(w http.ResponseWriter, r *http.Request) {
	var req commandsRequest
	if !v.read(w, r, &req) {
		return
	}

	v.submitted(w, r, &req, func(sub *submission) {
		events, err := v.formatFor(sub.actAs)
		if err != nil {
			v.fail(w, r, err)

			return
		}

		tree := v.treeOf(sub.outcome.update, &updateFormat{transactions: events, effects: true, trees: true})
		v.answer(w, r, http.StatusOK, obj{"transactionTree": tree})
	})
}

func (v *Validator) postSubmit(w http.ResponseWriter, r *http.Request) {
	var req commandsRequest
	if !v.read(w, r, &req) {
		return
	}

	if _, err := v.submit(r, &req); err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, obj{})
}

// postReassignment refuses: on the sandbox contracts move by its own API, as its tests say when.
func (v *Validator) postReassignment(w http.ResponseWriter, r *http.Request) {
	v.fail(w, r, cantonerr.New(http.StatusNotImplemented, cantonerr.GRPCUnimplemented, cantonerr.CategoryUnsupported,
		"UNIMPLEMENTED", "The sandbox reassigns contracts by POST /sandbox/v1/admin/reassign only"))
}

// submitted runs a submission, waits for its outcome, and lets answer tell it.
func (v *Validator) submitted(
	w http.ResponseWriter, r *http.Request, req *commandsRequest, answer func(*submission),
) {
	sub, err := v.submit(r, req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	if v.awaited(w, r, sub) {
		answer(sub)
	}
}
