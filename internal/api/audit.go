package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
)

const defaultPage = 100

// ListAudit implements server.StrictServerInterface.
func (s *Service) ListAudit(
	ctx context.Context, r server.ListAuditRequestObject,
) (server.ListAuditResponseObject, error) {
	filter := store.ActFilter{Treasuries: asking(ctx).Treasuries, Most: defaultPage}

	if r.Params.Limit != nil {
		filter.Most = *r.Params.Limit
	}

	if r.Params.Subject != nil {
		filter.Subject = *r.Params.Subject
	}

	if r.Params.Actor != nil {
		filter.Actor = *r.Params.Actor
	}

	if r.Params.Cursor != nil {
		before, err := strconv.ParseInt(*r.Params.Cursor, 10, 64)
		if err != nil || before <= 0 {
			return nil, invalid("query: cursor: is none that a page before had as next. Nothing was done.")
		}

		filter.Before = before
	}

	acts, err := s.DB.SealedActs(ctx, filter)
	if err != nil {
		return nil, err
	}

	page := server.AuditPage{Items: make([]server.AuditRow, len(acts))}

	for i, act := range acts {
		if page.Items[i], err = auditRowOf(act); err != nil {
			return nil, err
		}
	}

	if len(acts) == filter.Most {
		next := strconv.FormatInt(acts[len(acts)-1].No, 10)
		page.Next = &next
	}

	return server.ListAudit200JSONResponse(page), nil
}

func auditRowOf(act store.SealedAct) (server.AuditRow, error) {
	row := server.AuditRow{
		AuditNo: act.No, At: act.At.UTC(), Actor: act.Actor, DatabaseUser: act.DatabaseUser, Action: act.Action,
		Subject: act.Subject, Hash: hexText(act.Hash),
	}

	// Numbers stay as they were written.
	decoder := json.NewDecoder(bytes.NewReader(act.Detail))
	decoder.UseNumber()

	if err := decoder.Decode(&row.Detail); err != nil {
		return server.AuditRow{}, fmt.Errorf("read row %d of the audit log: %w", act.No, err)
	}

	return row, nil
}

// hexText is nil for nothing.
func hexText(hash []byte) *string {
	if len(hash) == 0 {
		return nil
	}

	text := hex.EncodeToString(hash)

	return &text
}

// VerifyAudit implements server.StrictServerInterface.
func (s *Service) VerifyAudit(
	ctx context.Context, _ server.VerifyAuditRequestObject,
) (server.VerifyAuditResponseObject, error) {
	if asking(ctx).Treasuries != nil {
		return nil, problem(http.StatusForbidden, "treasury_not_allowed",
			"The audit log is one for all treasuries: a key for some of them cannot verify it.")
	}

	found, err := s.DB.VerifyAudit(ctx)
	if err != nil {
		return nil, err
	}

	verified := server.AuditVerification{
		Whole: found.BrokenAt == 0, Rows: found.Rows, Unsealed: found.Unsealed, Late: found.Late(s.Clock.Now()),
		Head: hexText(found.Head),
	}
	if !found.UnsealedSince.IsZero() {
		since := found.UnsealedSince.UTC()
		verified.UnsealedSince = &since
	}

	if found.BrokenAt != 0 {
		verified.BrokenAt = &found.BrokenAt
	}

	return server.VerifyAudit200JSONResponse(verified), nil
}
