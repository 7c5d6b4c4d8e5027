package sandbox

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// completion is the end of one submission, as the node that made it tells it. A rejection has an offset of its own.
type completion struct {
	offset       ident.Offset
	userID       string
	commandID    string
	submissionID string
	actAs        []ident.Party
	dedup        any
	err          *cantonerr.Error // nil on success
	updateID     ident.UpdateID
	hash         *[32]byte
	recordTime   time.Time
	home         *synchronizer
	traceparent  string
	cost         int64
	update       *update // on success
}

// complete ends a submission that is on the ledger.
func (v *Validator) complete(sub *submission, u *update) {
	// A node that hosts none of those concerned has no such update, but it has its completion.
	offset := u.offsets[v.index]
	if offset == unseen {
		offset = v.nextOffset()
	}

	v.traffic += u.trafficCost

	if !v.changes.add(sub.change, succeeded{submissionID: sub.submissionID, offset: offset}, u.recordTime) {
		v.cfg.Logger.Warn("more changes than the node deduplicates: it forgets some that are younger than it promises")
	}

	v.conclude(sub, &completion{
		offset: offset, updateID: u.id, recordTime: u.recordTime, traceparent: u.traceparent,
		cost: u.trafficCost, update: u,
	})
}

// reject ends a submission that changed nothing.
func (v *Validator) reject(sub *submission, err *cantonerr.Error) {
	err.Context["definite_answer"] = "true"
	v.conclude(sub, &completion{offset: v.nextOffset(), err: err, recordTime: sub.tx.home.last})
}

func (v *Validator) conclude(sub *submission, c *completion) {
	c.userID, c.commandID, c.submissionID = sub.userID, sub.change.command, sub.submissionID
	c.actAs, c.dedup, c.hash, c.home = sub.actAs, sub.dedup, sub.hash, sub.tx.home

	delete(v.inFlight, sub.change)

	for used := range sub.tx.consumed {
		if v.locked[used] == sub {
			delete(v.locked, used)
		}
	}

	v.completions = append(v.completions, c)
	sub.outcome = c
	close(sub.done)
	v.publish()
}

// completedAfter is the index of the first completion past offset.
func (v *Validator) completedAfter(offset ident.Offset) int {
	return sort.Search(len(v.completions), func(i int) bool { return v.completions[i].offset > offset })
}

// forgetCompletions drops what was pruned. What was paid stays known as paid: see committedChanges.
func (v *Validator) forgetCompletions() {
	v.completions = slices.Clone(v.completions[v.completedAfter(v.prunedTo):])
}

// The completion in JSON.
type (
	completionItem struct {
		Response completionOneOf `json:"completionResponse"`
	}
	completionOneOf struct {
		Completion *wrapped[completionJSON] `json:"Completion,omitempty"`
		Checkpoint *wrapped[checkpointJSON] `json:"OffsetCheckpoint,omitempty"`
	}
	completionJSON struct {
		CommandID    string               `json:"commandId"`
		Status       statusDetailsJSON    `json:"status"`
		UpdateID     ident.UpdateID       `json:"updateId"`
		UserID       string               `json:"userId"`
		ActAs        []ident.Party        `json:"actAs"`
		SubmissionID string               `json:"submissionId"`
		Dedup        any                  `json:"deduplicationPeriod"`
		Trace        *traceJSON           `json:"traceContext"`
		Offset       ident.Offset         `json:"offset"`
		Time         synchronizerTimeJSON `json:"synchronizerTime"`
		Cost         *int64               `json:"paidTrafficCost,omitempty"` // 3.4.12+
		Hash         []byte               `json:"transactionHash,omitempty"` // 3.6+
	}
	// statusDetailsJSON is a google.rpc.Status.
	statusDetailsJSON struct {
		Code    int       `json:"code"`
		Message string    `json:"message"`
		Details []anyJSON `json:"details"`
		// Unknown is there in 3.3 only.
		Unknown *unknownFields `json:"unknownFields,omitempty"`
	}
	// anyJSON is a google.protobuf.Any.
	anyJSON struct {
		TypeURL string        `json:"typeUrl"`
		Value   []byte        `json:"value"`
		Unknown unknownFields `json:"unknownFields"`
		Decoded *string       `json:"valueDecoded,omitempty"` // 3.4+
	}
	unknownFields struct {
		Fields struct{} `json:"fields"`
	}
)

const errorInfoType = "type.googleapis.com/google.rpc.ErrorInfo"

// completionJSON writes a completion for those parties among its own who ask.
func (v *Validator) completionJSON(c *completion, parties []ident.Party) completionItem {
	out := completionJSON{
		CommandID: c.commandID, UserID: c.userID, ActAs: parties, SubmissionID: c.submissionID, Dedup: c.dedup,
		Offset: c.offset, UpdateID: c.updateID, Time: synchronizerTimeJSON{c.home.id, instant(c.recordTime)},
		Status: statusDetailsJSON{Details: []anyJSON{}},
	}

	if c.err != nil {
		out.Status = v.statusOf(c.err)
	}

	if !v.cfg.Version.atLeast(V34) {
		out.Status.Unknown = &unknownFields{}
	}

	if c.traceparent != "" {
		out.Trace = &traceJSON{Parent: c.traceparent}
	}

	if v.cfg.Version.atLeast(V34) {
		out.Cost = &c.cost
	}

	if v.cfg.Version.atLeast(V36) && c.hash != nil {
		out.Hash = c.hash[:]
	}

	return completionItem{Response: completionOneOf{Completion: &wrapped[completionJSON]{out}}}
}

func (v *Validator) statusOf(err *cantonerr.Error) statusDetailsJSON {
	detail := anyJSON{TypeURL: errorInfoType, Value: errorInfo(err)}

	if v.cfg.Version.atLeast(V34) {
		detail.Decoded = new(fmt.Sprintf("reason: %q, metadata: %v", err.Code, err.Context))
	}

	return statusDetailsJSON{
		Code:    *err.GRPCCode,
		Message: fmt.Sprintf("%s(%d,0): %s", err.Code, err.Category, err.Cause),
		Details: []anyJSON{detail},
	}
}

// errorInfo is a google.rpc.ErrorInfo: reason = 1, domain = 2, metadata = 3.
func errorInfo(err *cantonerr.Error) []byte {
	const reason, metadata, key, value = 1, 3, 1, 2

	buf := protowire.AppendTag(nil, reason, protowire.BytesType)
	buf = protowire.AppendString(buf, err.Code)

	names := make([]string, 0, len(err.Context))
	for name := range err.Context {
		names = append(names, name)
	}

	slices.Sort(names)

	for _, name := range names {
		entry := protowire.AppendTag(nil, key, protowire.BytesType)
		entry = protowire.AppendString(entry, name)
		entry = protowire.AppendTag(entry, value, protowire.BytesType)
		entry = protowire.AppendString(entry, err.Context[name])

		buf = protowire.AppendTag(buf, metadata, protowire.BytesType)
		buf = protowire.AppendBytes(buf, entry)
	}

	return buf
}

// instantText is a time stamp as messages write it.
func instantText(at time.Time) string {
	text, err := instant(at).MarshalText()
	if err != nil {
		return strings.TrimSpace(at.String())
	}

	return string(text)
}
