package scan

import (
	"fmt"
	"net/http"
	"strconv"

	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// What the network could have and the sandbox has not: transfer commands, which are switched off by default on
// current networks, names, and the development fund. Requests are checked as if it had; the answer is always that
// there is none.

func getCommandCounter(r *http.Request) (any, error) {
	party, err := offledger.PathParty(r, "party")
	if err != nil {
		return nil, err
	}

	return nil, offledger.Errorf(offledger.ErrUnknown, "No TransferCommandCounter found for party %s", party)
}

func getCommandStatus(r *http.Request) (any, error) {
	sender, nonce := r.URL.Query().Get("sender"), r.URL.Query().Get("nonce")

	if _, err := strconv.ParseInt(nonce, 10, 64); err != nil || sender == "" {
		return nil, fmt.Errorf("%w: want a sender and a nonce", offledger.ErrInvalid)
	}

	return nil, offledger.Errorf(offledger.ErrUnknown,
		"No TransferCommand found with sender %.255q and nonce %.20s", sender, nonce)
}

func listNames(r *http.Request) (any, error) {
	text := r.URL.Query().Get("page_size")
	if size, err := strconv.ParseInt(text, 10, 32); err != nil || size < 1 {
		return nil, fmt.Errorf("%w: page_size %.20q: want a number from 1", offledger.ErrInvalid, text)
	}

	return struct {
		Entries []struct{} `json:"entries"`
	}{[]struct{}{}}, nil
}

func getNameByParty(r *http.Request) (any, error) {
	party, err := offledger.PathParty(r, "party")
	if err != nil {
		return nil, err
	}

	return nil, offledger.Errorf(offledger.ErrUnknown, "No ans entry found for party %s", party)
}

func getName(r *http.Request) (any, error) {
	name, err := offledger.PathText(r, "name")
	if err != nil {
		return nil, err
	}

	return nil, offledger.Errorf(offledger.ErrUnknown, "No ans entry found for name %.255q", name)
}

func postNameRules(r *http.Request) (any, error) {
	var body struct {
		Contract string `json:"cached_ans_rules_contract_id"`
		Domain   string `json:"cached_ans_rules_domain_id"`
	}

	if err := offledger.Decode(r, &body); err != nil {
		return nil, err
	}

	return struct {
		Update cached `json:"ans_rules_update"`
	}{}, nil
}

func listCoupons(*http.Request) (any, error) {
	return struct {
		Coupons []withState `json:"unclaimed-development-fund-coupons"`
	}{[]withState{}}, nil
}
