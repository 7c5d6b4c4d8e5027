package sandbox

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
)

// olderRoutes are what 3.6 has no more: the older shapes of transactions, and their look-ups.
func (v *Validator) olderRoutes(r chi.Router) {
	r.Post("/v2/updates/flats", v.postUpdates(channelFlats))
	r.Post("/v2/updates/trees", v.postUpdates(channelTrees))
	r.Post("/v2/updates/transaction-by-id", v.postTransactionByID)
	r.Post("/v2/updates/transaction-by-offset", v.postTransactionByOffset)
	r.Get("/v2/updates/transaction-tree-by-id/{update-id}", v.getTreeByID)
	r.Get("/v2/updates/transaction-tree-by-offset/{offset}", v.getTreeByOffset)
}

// askedTransaction is how the older look-ups say what they want to see: parties alone, who see the changes of their
// active contracts, or a format.
type askedTransaction struct {
	Parties []ident.Party          `json:"requestingParties"`
	Format  *transactionFormatJSON `json:"transactionFormat"`
}

type transactionByIDRequest struct {
	askedTransaction

	ID ident.UpdateID `json:"updateId"`
}

type transactionByOffsetRequest struct {
	askedTransaction

	Offset ident.Offset `json:"offset"`
}

func (v *Validator) askedFormat(asked *askedTransaction) (*updateFormat, error) {
	f := &updateFormat{}

	switch {
	case asked.Format != nil && len(asked.Parties) > 0:
		return nil, errArgument("Both transactionFormat and requestingParties are set")
	case asked.Format != nil:
		return f, v.resolveTransactions(asked.Format, f)
	case len(asked.Parties) == 0:
		return nil, errArgument("Either transactionFormat or requestingParties is required")
	}

	var err error
	f.transactions, err = v.formatFor(asked.Parties)

	return f, err
}

func (v *Validator) postTransactionByID(w http.ResponseWriter, r *http.Request) {
	var req transactionByIDRequest
	if v.read(w, r, &req) {
		v.answerTransaction(w, r, &req.askedTransaction, v.byID(req.ID))
	}
}

func (v *Validator) postTransactionByOffset(w http.ResponseWriter, r *http.Request) {
	var req transactionByOffsetRequest
	if !v.read(w, r, &req) {
		return
	}

	if err := checkPosition(req.Offset); err != nil {
		v.fail(w, r, err)

		return
	}

	v.answerTransaction(w, r, &req.askedTransaction, v.byOffset(req.Offset))
}

func (v *Validator) answerTransaction(w http.ResponseWriter, r *http.Request, asked *askedTransaction, get lookup) {
	f, err := v.askedFormat(asked)
	if err == nil {
		err = v.mayRead(r.Context(), f.transactions)
	}

	if err != nil {
		v.fail(w, r, err)

		return
	}

	if u := v.find(f, get); u != nil {
		if tx := v.writeTransaction(u, f); tx != nil {
			v.answer(w, r, http.StatusOK, obj{"transaction": tx})

			return
		}
	}

	v.fail(w, r, errNoUpdate())
}

func (v *Validator) getTreeByID(w http.ResponseWriter, r *http.Request) {
	id, err := url.PathUnescape(chi.URLParam(r, "update-id"))
	if err != nil {
		http.Error(w, "Invalid value for: path parameter update-id", http.StatusBadRequest)

		return
	}

	v.answerTree(w, r, v.byID(ident.UpdateID(id)))
}

func (v *Validator) getTreeByOffset(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.ParseInt(chi.URLParam(r, "offset"), 10, 64)
	if err != nil {
		http.Error(w, "Invalid value for: path parameter offset", http.StatusBadRequest)

		return
	}

	if err := checkPosition(ident.Offset(n)); err != nil {
		v.fail(w, r, err)

		return
	}

	v.answerTree(w, r, v.byOffset(ident.Offset(n)))
}

// answerTree answers everything that the parties in the query see of a transaction.
func (v *Validator) answerTree(w http.ResponseWriter, r *http.Request, get lookup) {
	var parties []ident.Party
	for _, party := range r.URL.Query()["parties"] {
		parties = append(parties, ident.Party(party))
	}

	events, err := v.formatFor(parties)
	if err == nil {
		err = v.mayRead(r.Context(), events)
	}

	if err != nil {
		v.fail(w, r, err)

		return
	}

	f := &updateFormat{transactions: events, effects: true, trees: true}

	if u := v.find(f, get); u != nil {
		if tree := v.writeTree(u, f); tree != nil {
			v.answer(w, r, http.StatusOK, obj{"transaction": tree})

			return
		}
	}

	v.fail(w, r, errNoUpdate())
}
