package sandbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
)

// walletRoutes are the customers' wallets and the operator's levers, a language of the sandbox's own. When the
// node demands a token they do too.
func (s *Sandbox) walletRoutes(r chi.Router) {
	r.Use(s.authorizeWallet)

	r.Get("/parties", s.getParties)
	r.Post("/parties", s.postParty)
	r.Post("/wallets/{party}/tap", s.postTap)
	r.Post("/wallets/{party}/transfers", s.postTransfer)
	r.Get("/wallets/{party}/holdings", s.getHoldings)
	r.Get("/wallets/{party}/offers", s.getOffers)
	r.Post("/wallets/{party}/offers/{cid}/accept", s.postOffer(s.Accept))
	r.Post("/wallets/{party}/offers/{cid}/reject", s.postOffer(s.Reject))
	r.Post("/wallets/{party}/offers/{cid}/withdraw", s.postOffer(s.Withdraw))
	r.Post("/wallets/{party}/preapproval", s.onWallet(s.Preapprove))
	r.Delete("/wallets/{party}/preapproval", s.onWallet(s.CancelPreapproval))
	r.Post("/admin/prune", s.postPrune)
	r.Post("/admin/expire-offers", s.postExpire)
	r.Post("/admin/faults", s.postFaults)
	r.Get("/admin/ledger", s.getLedger)
}

func (s *Sandbox) authorizeWallet(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.cfg.Token.IsZero() && !s.sameToken(bearer(r)) {
			s.reply(w, r, http.StatusUnauthorized, obj{"error": "send the sandbox's token as a bearer token"})

			return
		}

		next.ServeHTTP(w, r)
	})
}

// reply writes an answer of the wallets, which are never at fault.
func (s *Sandbox) reply(w http.ResponseWriter, r *http.Request, status int, value any) {
	s.write(w, r, status, value, func(raw []byte) []byte { return raw })
}

// refuse answers an error of the wallets.
func (s *Sandbox) refuse(w http.ResponseWriter, r *http.Request, err error) {
	status := http.StatusInternalServerError

	switch {
	case errors.Is(err, ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, ErrInactive), errors.Is(err, ErrConflict), errors.Is(err, ErrFunds),
		errors.Is(err, ErrTooManyInputs), errors.Is(err, ErrExpired), errors.Is(err, ErrReplay):
		status = http.StatusConflict
	case errors.Is(err, ErrFull), errors.Is(err, ErrClosed):
		status = http.StatusServiceUnavailable
	}

	s.reply(w, r, status, obj{"error": err.Error()})
}

func (s *Sandbox) receipt(w http.ResponseWriter, r *http.Request, value any, err error) {
	if err != nil {
		s.refuse(w, r, err)

		return
	}

	s.reply(w, r, http.StatusOK, value)
}

// strict reads a body in which an unknown member is an error: a mistyped amount must not become a default.
func strict(r *http.Request, into any) error {
	dec := json.NewDecoder(io.LimitReader(r.Body, maxRequestBody))
	dec.DisallowUnknownFields()

	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: body: %w", ErrInvalid, err)
	}

	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: body holds more than one JSON value", ErrInvalid)
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
func (s *Sandbox) wallet(
	w http.ResponseWriter, r *http.Request, body any, act func(ident.Party) (any, error),
) {
	name, err := pathParty(r, "party")
	if err == nil && body != nil {
		err = strict(r, body)
	}

	if err != nil {
		s.refuse(w, r, err)

		return
	}

	value, err := act(ident.Party(name))
	s.receipt(w, r, value, err)
}

func (s *Sandbox) onWallet(act func(ident.Party) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.wallet(w, r, nil, func(p ident.Party) (any, error) { return act(p) })
	}
}

func (s *Sandbox) postOffer(act func(ident.Party, ident.ContractID) (Receipt, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		s.wallet(w, r, nil, func(p ident.Party) (any, error) {
			cid, err := pathParty(r, "cid")
			if err != nil {
				return nil, err
			}

			return act(p, ident.ContractID(cid))
		})
	}
}

func (s *Sandbox) getParties(w http.ResponseWriter, r *http.Request) {
	s.reply(w, r, http.StatusOK, obj{"parties": s.Parties()})
}

func (s *Sandbox) postParty(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Hint string `json:"hint"`
	}

	if err := strict(r, &body); err != nil {
		s.refuse(w, r, err)

		return
	}

	party, err := s.AllocateParty(body.Hint)
	s.receipt(w, r, obj{"party": party}, err)
}

// postTap mints: Canton Coin unless another instrument is named.
func (s *Sandbox) postTap(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Amount     amount.Amount  `json:"amount"`
		Instrument instrumentName `json:"instrument"`
	}

	s.wallet(w, r, &body, func(p ident.Party) (any, error) {
		if body.Instrument == (instrumentName{}) {
			return s.Tap(p, body.Amount)
		}

		instrument, err := s.instrumentNamed(body.Instrument)
		if err != nil {
			return nil, err
		}

		if instrument == s.Amulet() {
			return s.Tap(p, body.Amount)
		}

		return s.Mint(p, instrument, body.Amount)
	})
}

// instrumentName is "Amulet", "AcmeToken" or {"admin": …, "id": …}.
type instrumentName struct {
	short string
	full  ident.Instrument
}

// UnmarshalJSON reads either form.
func (n *instrumentName) UnmarshalJSON(raw []byte) error {
	if err := json.Unmarshal(raw, &n.short); err == nil {
		return nil
	}

	var full map[string]string
	if err := json.Unmarshal(raw, &full); err != nil || len(full) != 2 {
		return fmt.Errorf("%w: instrument: want a name or {admin, id}", ErrInvalid)
	}

	parsed, err := ident.ParseInstrument(full["admin"], full["id"])
	n.full = parsed

	return err
}

func (s *Sandbox) instrumentNamed(n instrumentName) (ident.Instrument, error) {
	switch n.short {
	case "":
		if n.full.ID == "" {
			return n.full, fmt.Errorf("%w: instrument is missing", ErrInvalid)
		}

		return n.full, nil
	case s.Amulet().ID:
		return s.Amulet(), nil
	case s.AcmeToken().ID:
		return s.AcmeToken(), nil
	default:
		return ident.Instrument{}, fmt.Errorf("instrument %.80q: %w", n.short, ErrUnknown)
	}
}

func (s *Sandbox) postTransfer(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Receiver      ident.Party    `json:"receiver"`
		Amount        amount.Amount  `json:"amount"`
		Instrument    instrumentName `json:"instrument"`
		Memo          *string        `json:"memo"`
		ExecuteBefore time.Time      `json:"executeBefore"`
	}

	s.wallet(w, r, &body, func(p ident.Party) (any, error) {
		instrument, err := s.instrumentNamed(body.Instrument)
		if err != nil {
			return nil, err
		}

		return s.Transfer(TransferRequest{
			Sender: p, Receiver: body.Receiver, Instrument: instrument, Amount: body.Amount, Memo: body.Memo,
			ExecuteBefore: body.ExecuteBefore,
		})
	})
}

func (s *Sandbox) getHoldings(w http.ResponseWriter, r *http.Request) {
	s.wallet(w, r, nil, func(p ident.Party) (any, error) {
		list, err := s.Holdings(p)

		return obj{"holdings": list}, err
	})
}

func (s *Sandbox) getOffers(w http.ResponseWriter, r *http.Request) {
	s.wallet(w, r, nil, func(p ident.Party) (any, error) {
		list, err := s.Offers(p)

		return obj{"offers": list}, err
	})
}

func (s *Sandbox) postPrune(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Offset ident.Offset `json:"offset"`
	}

	err := strict(r, &body)
	if err == nil {
		err = s.Prune(body.Offset)
	}

	s.receipt(w, r, obj{"offset": body.Offset}, err)
}

func (s *Sandbox) postExpire(w http.ResponseWriter, r *http.Request) {
	made, err := s.ExpireOffers()
	s.receipt(w, r, obj{"updates": made}, err)
}

// postFaults makes the node fail as asked. What lasts (down, rejectTokens) lasts until it is set to false; a
// member that is left out changes nothing.
func (s *Sandbox) postFaults(w http.ResponseWriter, r *http.Request) {
	var body struct {
		CutStreams   bool  `json:"cutStreams"`
		GarbleNext   bool  `json:"garbleNext"`
		Down         *bool `json:"down"`
		RejectTokens *bool `json:"rejectTokens"`
	}

	if err := strict(r, &body); err != nil {
		s.refuse(w, r, err)

		return
	}

	if body.Down != nil {
		s.SetDown(*body.Down)
	}

	if body.RejectTokens != nil {
		s.RejectTokens(*body.RejectTokens)
	}

	if body.CutStreams {
		s.CutStreams()
	}

	if body.GarbleNext {
		s.GarbleNext()
	}

	s.reply(w, r, http.StatusOK, obj{"openStreams": s.OpenStreams()})
}

func (s *Sandbox) getLedger(w http.ResponseWriter, r *http.Request) {
	oracle, err := s.Oracle()
	s.receipt(w, r, oracle, err)
}
