package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// leverRoutes are what a network needs besides payments to be played in all its settings.
func (v *Validator) leverRoutes(r chi.Router) {
	r.Get("/admin/ledger", v.getLedger)
	r.Post("/wallets/{party}/batch", v.postBatch)
	r.Post("/wallets/{party}/merge", v.postAmount(v.Merge))
	r.Post("/wallets/{party}/burn", v.postAmount(v.Burn))
	r.Post("/admin/reassign", v.onContract(v.Reassign))
	r.Post("/admin/expire-dust", v.onContract(v.ExpireDust))
	r.Post("/admin/workflows/{cid}/complete", v.onWorkflowOf(v.CompleteWorkflow))
	r.Post("/admin/workflows/{cid}/fail", v.onWorkflowOf(v.FailWorkflow))
	r.Put("/admin/permissions/{party}", v.onWallet(func(p ident.Party) (Receipt, error) { return v.Permit(p, true) }))
	r.Delete("/admin/permissions/{party}", v.onWallet(func(p ident.Party) (Receipt, error) { return v.Permit(p, false) }))
	r.Post("/admin/look-alikes", v.postLookAlike)
	r.Post("/admin/preapprovals", v.postPreapproval)
}

func (v *Validator) postPreapproval(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Receiver ident.Party `json:"receiver"`
		Provider ident.Party `json:"provider"`
		Seconds  int64       `json:"seconds"`
	}

	if err := strict(r, &body); err != nil {
		v.refuse(w, r, err)

		return
	}

	// Beyond the bound the product would be another number.
	life := time.Duration(min(body.Seconds, int64(maxPreapprovalLife/time.Second)+1)) * time.Second
	made, err := v.PreapproveWith(PreapprovalRequest{Receiver: body.Receiver, Provider: body.Provider, Life: life})
	v.receipt(w, r, made, err)
}

func (v *Validator) postBatch(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Transfers []transferBody `json:"transfers"`
	}

	v.wallet(w, r, &body, func(p ident.Party) (any, error) {
		requests := make([]TransferRequest, 0, len(body.Transfers))

		for _, each := range body.Transfers {
			req, err := v.transferOf(p, each)
			if err != nil {
				return nil, err
			}

			requests = append(requests, req)
		}

		return v.Batch(requests)
	})
}

// postAmount is an action of a wallet on so much of an instrument.
func (v *Validator) postAmount(
	act func(ident.Party, ident.Instrument, amount.Amount) (Receipt, error),
) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Instrument instrumentName `json:"instrument"`
			Amount     amount.Amount  `json:"amount"`
		}

		v.wallet(w, r, &body, func(p ident.Party) (any, error) {
			instrument, err := v.instrumentNamed(body.Instrument)
			if err != nil {
				return nil, err
			}

			return act(p, instrument, body.Amount)
		})
	}
}

// onContract is an action of the network on one contract.
func (v *Validator) onContract(act func(ident.ContractID) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Contract ident.ContractID `json:"contractId"`
		}

		if err := strict(r, &body); err != nil {
			v.refuse(w, r, err)

			return
		}

		made, err := act(body.Contract)
		v.receipt(w, r, made, err)
	}
}

// onWorkflowOf is a registrar's decision on an accepted offer.
func (v *Validator) onWorkflowOf(act func(ident.ContractID) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		cid, err := pathParty(r, "cid")
		if err != nil {
			v.refuse(w, r, err)

			return
		}

		made, err := act(ident.ContractID(cid))
		v.receipt(w, r, made, err)
	}
}

func (v *Validator) postLookAlike(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Issuer     ident.Party    `json:"issuer"`
		Owner      ident.Party    `json:"owner"`
		Instrument instrumentName `json:"instrument"`
		Amount     *amount.Amount `json:"amount"`
	}

	err := strict(r, &body)
	if err == nil && body.Amount == nil {
		err = fmt.Errorf("%w: amount is missing", ErrInvalid)
	}

	var instrument ident.Instrument
	if err == nil {
		instrument, err = v.instrumentNamed(body.Instrument)
	}

	if err != nil {
		v.refuse(w, r, err)

		return
	}

	made, err := v.RawBareHolding(BareHolding{
		Issuer: body.Issuer, Owner: body.Owner, Instrument: instrument, Amount: *body.Amount,
	})
	v.receipt(w, r, made, err)
}

func (v *Validator) getLedger(w http.ResponseWriter, r *http.Request) {
	page, err := oraclePage(r.URL.Query())
	if err != nil {
		v.refuse(w, r, err)

		return
	}

	oracle, err := v.OraclePage(page)
	v.receipt(w, r, oracle, err)
}

func oraclePage(query url.Values) (OraclePage, error) {
	page := OraclePage{Party: ident.Party(query.Get("party")), Limit: defaultOraclePage}

	if text := query.Get("after"); text != "" {
		after, err := strconv.ParseInt(text, 10, 64)
		if err != nil || after < 0 {
			return page, fmt.Errorf("%w: after %.40q: want an offset", ErrInvalid, text)
		}

		page.After = ident.Offset(after)
	}

	if text := query.Get("limit"); text != "" {
		limit, err := strconv.Atoi(text)
		if err != nil || limit < 1 || limit > maxOraclePage {
			return page, fmt.Errorf("%w: limit %.40q: want 1 to %d", ErrInvalid, text, maxOraclePage)
		}

		page.Limit = limit
	}

	return page, nil
}
