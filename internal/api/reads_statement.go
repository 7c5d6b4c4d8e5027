package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/canton-exchange/suite/internal/api/server"
	"github.com/canton-exchange/suite/internal/store"
)

// GetStatement implements server.StrictServerInterface. As CSV it is the whole of it, unless a limit is set.
func (s *Service) GetStatement(
	ctx context.Context, r server.GetStatementRequestObject,
) (server.GetStatementResponseObject, error) {
	treasury, err := s.treasury(ctx, r.Treasury)
	if err != nil {
		return nil, err
	}

	w, within, asCSV := window(r.Params.Limit, r.Params.Cursor), span(r.Params.Since, r.Params.Until), wantsCSV(ctx)
	if asCSV && r.Params.Limit == nil {
		return statementFile(func(out http.ResponseWriter) error {
			ctx, cancel := context.WithTimeout(ctx, fileTimeout)
			defer cancel()
			defer cutOff(ctx, out)()

			return told(s.DB.WholeStatement(ctx, treasury, r.Account, within, w.Cursor, linesTo(out)))
		}), nil
	}

	page, err := s.DB.Statement(ctx, treasury, r.Account, within, w)
	if err != nil {
		return nil, told(err)
	}

	if asCSV {
		return statementFile(func(out http.ResponseWriter) error { return linesTo(out)(page.Items) }), nil
	}

	return server.GetStatement200JSONResponse{Items: items(page.Items, lineOf), Next: present(page.Next)}, nil
}

func lineOf(l store.StatementLine) server.StatementLine {
	return server.StatementLine{
		At: l.At.UTC(), What: l.What, Reference: l.Reference, InstrumentAdmin: string(l.Admin), InstrumentId: l.InstrumentID,
		Amount: l.Amount, UpdateId: l.UpdateID,
	}
}

// fileTimeout is how long a file may take, with the connection to the database that it holds.
const fileTimeout = time.Minute

// cutOff has an answer fail when ctx ends, although nobody reads it: what is not written by then must not look whole,
// and what it holds is somebody else's. What it gives ends that.
func cutOff(ctx context.Context, w http.ResponseWriter) (end func()) {
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)

		_ = http.NewResponseController(w).SetWriteDeadline(time.Unix(1, 0)) // long past
	})

	return func() {
		if !stop() {
			<-done // an answer must not be touched after its end
		}
	}
}

// statementFile is a statement as CSV (RFC 4180).
type statementFile func(w http.ResponseWriter) error

// VisitGetStatementResponse implements server.GetStatementResponseObject.
func (f statementFile) VisitGetStatementResponse(w http.ResponseWriter) error { return f(w) }

// linesTo writes page by page: however long a statement is, one page is in memory. An error of the first one has a
// status of its own.
func linesTo(w http.ResponseWriter) func([]store.StatementLine) error {
	head := true

	return func(lines []store.StatementLine) error {
		raw, err := statementCSV(lines, head)
		if err != nil {
			return err
		}

		if head {
			w.Header().Set("Content-Type", "text/csv; charset=utf-8; header=present")
			w.Header().Set("Content-Disposition", `attachment; filename="statement.csv"`)
			w.WriteHeader(http.StatusOK)
		}

		head = false

		if _, err := w.Write(raw); err != nil {
			return fmt.Errorf("write statement: %w", err)
		}

		return nil
	}
}

func statementCSV(lines []store.StatementLine, head bool) ([]byte, error) {
	var b bytes.Buffer

	out := csv.NewWriter(&b)
	out.UseCRLF = true

	if head {
		columns := []string{"at", "what", "reference", "instrumentAdmin", "instrumentId", "amount", "updateId"}
		if err := out.Write(columns); err != nil {
			return nil, fmt.Errorf("write statement: %w", err)
		}
	}

	for _, l := range lines {
		update := ""
		if l.UpdateID != nil {
			update = *l.UpdateID
		}

		if err := out.Write([]string{
			l.At.UTC().Format(time.RFC3339Nano), l.What, cell(l.Reference), cell(string(l.Admin)), cell(l.InstrumentID),
			l.Amount.String(), cell(update), // an amount is a number to every reader, its minus too
		}); err != nil {
			return nil, fmt.Errorf("write statement: %w", err)
		}
	}

	out.Flush()

	return b.Bytes(), out.Error()
}

// cell is a text that no spreadsheet takes for a formula: it has an apostrophe before it where it begins like one.
func cell(text string) string {
	const formulas = "=+-@＝＋－＠"

	if text == "" {
		return text
	}

	begins, _ := utf8.DecodeRuneInString(text)
	if begins <= ' ' || (begins >= 0x7f && begins <= 0xa0) || strings.ContainsRune(formulas, begins) {
		return "'" + text
	}

	return text
}

type csvKey struct{}

// wantsCSV reports whether the caller asked for CSV.
func wantsCSV(ctx context.Context) bool {
	wants, _ := ctx.Value(csvKey{}).(bool)

	return wants
}

// negotiated hands on to the statement what the caller accepts, which the generated server does not.
func negotiated(next server.StrictHandlerFunc, operation string) server.StrictHandlerFunc {
	if operation != "GetStatement" {
		return next
	}

	return func(ctx context.Context, w http.ResponseWriter, r *http.Request, request any) (any, error) {
		return next(context.WithValue(ctx, csvKey{}, prefersCSV(strings.Join(r.Header.Values("Accept"), ","))), w, r, request)
	}
}

// prefersCSV reports whether an Accept header likes text/csv better than JSON.
func prefersCSV(accept string) bool {
	var asCSV, asJSON int

	for each := range strings.SplitSeq(accept, ",") {
		kind, parameters, err := mime.ParseMediaType(each)
		if err != nil {
			continue
		}

		switch kind {
		case "text/csv":
			asCSV = max(asCSV, liking(parameters["q"]))
		case "application/json", "application/*", "*/*":
			asJSON = max(asJSON, liking(parameters["q"]))
		}
	}

	return asCSV > 0 && asCSV >= asJSON
}

// liking is a quality value in thousandths.
func liking(q string) int {
	const thousand = 1000

	if q == "" {
		return thousand
	}

	whole, fraction, _ := strings.Cut(q, ".")
	digits := (fraction + "000")[:3]

	n, err := strconv.Atoi(whole + digits)
	if err != nil {
		return 0
	}

	return min(max(n, 0), thousand)
}
