package sandbox

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// walletRoutes are the customers' wallets and the operator's levers, a language of the sandbox's own. When the
// node demands a token they do too.
func (v *Validator) walletRoutes(r chi.Router) {
	r.Use(v.authorizeWallet)

	r.Get("/parties", v.getParties)
	r.Post("/parties", v.postParty)
	r.Post("/wallets/{party}/tap", v.postTap)
	r.Post("/wallets/{party}/transfers", v.postTransfer)
	r.Get("/wallets/{party}/holdings", v.getHoldings)
	r.Get("/wallets/{party}/offers", v.getOffers)
	r.Post("/wallets/{party}/offers/{cid}/accept", v.postOffer(v.Accept))
	r.Post("/wallets/{party}/offers/{cid}/reject", v.postOffer(v.Reject))
	r.Post("/wallets/{party}/offers/{cid}/withdraw", v.postOffer(v.Withdraw))
	r.Post("/wallets/{party}/preapproval", v.onWallet(v.Preapprove))
	r.Delete("/wallets/{party}/preapproval", v.onWallet(v.CancelPreapproval))
	r.Post("/admin/prune", v.postPrune)
	r.Post("/admin/expire-offers", v.postExpire)
	v.leverRoutes(r)
	r.Route("/admin", v.plan.Routes)
}

// reply writes an answer of the wallets, which are never at fault.
func (v *Validator) reply(w http.ResponseWriter, r *http.Request, status int, value any) {
	v.write(w, r, status, value, func(raw []byte) []byte { return raw })
}

// refuse answers an error of the wallets.
func (v *Validator) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError

	switch {
	case errors.Is(err, ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, ErrForbidden), errors.Is(err, ErrUnauthorized):
		status = http.StatusForbidden
	case errors.Is(err, ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, ErrInactive), errors.Is(err, ErrConflict), errors.Is(err, ErrFunds), errors.Is(err, errElsewhere),
		errors.Is(err, ErrTooManyInputs), errors.Is(err, ErrExpired), errors.Is(err, ErrReplay):
		status = http.StatusConflict
	case errors.Is(err, ErrFull), errors.Is(err, ErrClosed):
		status = http.StatusServiceUnavailable
	}

	v.reply(w, r, status, obj{"error": err.Error()})
}

func (v *Validator) receipt(w http.ResponseWriter, r *http.Request, value any, err error) {
	if err != nil {
		v.refuse(w, r, err)

		return
	}

	v.reply(w, r, http.StatusOK, value)
}

// strict reads a body in which an unknown member is an error: a mistyped amount must not become a default. Nor is the
// last of two equal members the one that counts.
func strict(r *http.Request, into any) error {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxRequestBody+1))
	if err == nil && len(raw) > maxRequestBody {
		err = fmt.Errorf("more than %d bytes", maxRequestBody)
	}

	if err == nil {
		err = strictjson.DecodeKnown(raw, into)
	}

	if err != nil {
		return fmt.Errorf("%w: body: %w", ErrInvalid, err)
	}

	return nil
}

func pathParty(r *http.Request, name string) (string, error) {
	text, err := url.PathUnescape(chi.URLParam(r, name))
	if err != nil {
		return "", fmt.Errorf("%w: path: %w", ErrInvalid, err)
	}

	return text, nil
}

// wallet runs an action of the wallet named in the path.
func (v *Validator) wallet(
	w http.ResponseWriter, r *http.Request, body any, act func(ident.Party) (any, error),
) {
	name, err := pathParty(r, "party")
	if err == nil && body != nil {
		err = strict(r, body)
	}

	if err != nil {
		v.refuse(w, r, err)

		return
	}

	value, err := act(ident.Party(name))
	v.receipt(w, r, value, err)
}

func (v *Validator) onWallet(act func(ident.Party) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.wallet(w, r, nil, func(p ident.Party) (any, error) { return act(p) })
	}
}

func (v *Validator) postOffer(act func(ident.Party, ident.ContractID) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		v.wallet(w, r, nil, func(p ident.Party) (any, error) {
			cid, err := pathParty(r, "cid")
			if err != nil {
				return nil, err
			}

			return act(p, ident.ContractID(cid))
		})
	}
}

func (v *Validator) getParties(w http.ResponseWriter, r *http.Request) {
	v.reply(w, r, http.StatusOK, obj{"parties": v.Parties()})
}

func (v *Validator) postParty(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Hint string `json:"hint"`
	}

	if err := strict(r, &body); err != nil {
		v.refuse(w, r, err)

		return
	}

	party, err := v.AllocateParty(body.Hint)
	v.receipt(w, r, obj{"party": party}, err)
}

// postTap mints: Canton Coin unless another instrument is named.
func (v *Validator) postTap(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Amount     amount.Amount  `json:"amount"`
		Instrument instrumentName `json:"instrument"`
	}

	v.wallet(w, r, &body, func(p ident.Party) (any, error) {
		if body.Instrument == (instrumentName{}) {
			return v.Tap(p, body.Amount)
		}

		instrument, err := v.instrumentNamed(body.Instrument)
		if err != nil {
			return nil, err
		}

		if instrument == v.Amulet() {
			return v.Tap(p, body.Amount)
		}

		return v.Mint(p, instrument, body.Amount)
	})
}

// instrumentName is "Amulet", "AcmeToken" or {"admin": …, "id": …}.
type instrumentName struct {
	short string
	full  ident.Instrument
}

// UnmarshalJSON reads either form.
func (n *instrumentName) UnmarshalJSON(raw []byte) error {
	if err := strictjson.Decode(raw, &n.short); err == nil {
		return nil
	}

	var full map[string]string
	if err := strictjson.Decode(raw, &full); err != nil || len(full) != 2 {
		return fmt.Errorf("%w: instrument: want a name or {admin, id}", ErrInvalid)
	}

	parsed, err := ident.ParseInstrument(full["admin"], full["id"])
	n.full = parsed

	return err
}

func (v *Validator) instrumentNamed(n instrumentName) (ident.Instrument, error) {
	switch n.short {
	case "":
		if n.full.ID == "" {
			return n.full, fmt.Errorf("%w: instrument is missing", ErrInvalid)
		}

		return n.full, nil
	case v.Amulet().ID:
		return v.Amulet(), nil
	case v.AcmeToken().ID:
		return v.AcmeToken(), nil
	default:
		return ident.Instrument{}, fmt.Errorf("instrument %.80q: %w", n.short, ErrUnknown)
	}
}

// transferBody is a transfer as a wallet is asked for it.
type transferBody struct {
	Receiver      ident.Party    `json:"receiver"`
	Amount        amount.Amount  `json:"amount"`
	Instrument    instrumentName `json:"instrument"`
	Memo          *string        `json:"memo"`
	ExecuteBefore time.Time      `json:"executeBefore"`
}

func (v *Validator) transferOf(sender ident.Party, body transferBody) (TransferRequest, error) {
	instrument, err := v.instrumentNamed(body.Instrument)

	return TransferRequest{
		Sender: sender, Receiver: body.Receiver, Instrument: instrument, Amount: body.Amount, Memo: body.Memo,
		ExecuteBefore: body.ExecuteBefore,
	}, err
}

func (v *Validator) postTransfer(w http.ResponseWriter, r *http.Request) {
	var body transferBody

	v.wallet(w, r, &body, func(p ident.Party) (any, error) {
		req, err := v.transferOf(p, body)
		if err != nil {
			return nil, err
		}

		return v.Transfer(req)
	})
}

func (v *Validator) getHoldings(w http.ResponseWriter, r *http.Request) {
	v.wallet(w, r, nil, func(p ident.Party) (any, error) {
		list, err := v.Holdings(p)

		return obj{"holdings": list}, err
	})
}

func (v *Validator) getOffers(w http.ResponseWriter, r *http.Request) {
	v.wallet(w, r, nil, func(p ident.Party) (any, error) {
		list, err := v.Offers(p)

		return obj{"offers": list}, err
	})
}

func (v *Validator) postPrune(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Offset ident.Offset `json:"offset"`
	}

	err := strict(r, &body)
	if err == nil {
		err = v.Prune(body.Offset)
	}

	v.receipt(w, r, obj{"offset": body.Offset}, err)
}

func (v *Validator) postExpire(w http.ResponseWriter, r *http.Request) {
	made, err := v.ExpireOffers()
	v.receipt(w, r, obj{"updates": made}, err)
}
