package registry

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// TransferKind is how a transfer will reach its receiver. It may differ from one attempt to the next.
type TransferKind string

// Kinds of a transfer, as the published document names them.
const (
	// KindSelf is a transfer to oneself.
	KindSelf TransferKind = "self"
	// KindDirect pays in one step a receiver who has agreed beforehand.
	KindDirect TransferKind = "direct"
	// KindOffer waits for the receiver.
	KindOffer TransferKind = "offer"
)

// TransferFactory is the contract to exercise TransferFactory_Transfer on, for the one transfer that it was asked for.
type TransferFactory struct {
	ID      ident.ContractID
	Kind    TransferKind
	Context Context
}

// Context is what one exercise of one choice needs beside its own arguments.
type Context struct {
	// Data is the ChoiceContext, {"values": …}, to be passed on as it is: nobody but the token's own contracts knows
	// what is in it.
	Data strictjson.Raw
	// Disclosed are the contracts that the choice refers to and that our node may not have, each once.
	Disclosed []DisclosedContract
}

// DisclosedContract is a contract as it is disclosed to a node, without the fields that a registry adds for people to
// read.
type DisclosedContract struct {
	Template ident.Name
	Contract ident.ContractID
	// Blob is the created event blob, in base64. The node checks it against the contract id.
	Blob string
	// Synchronizer is empty where the registry does not say; then it is the one that is submitted to.
	Synchronizer ident.SynchronizerID
}

// maxDepth bounds how deep an answer is nested: the deepest context known is below 10.
const maxDepth = 64

// wireContext is the published ChoiceContext. Members beginning with debug are not read.
type wireContext struct {
	Data      strictjson.Raw   `json:"choiceContextData"`
	Disclosed *[]wireDisclosed `json:"disclosedContracts"`
}

type wireDisclosed struct {
	Template     strictjson.Raw `json:"templateId"`
	Contract     string         `json:"contractId"`
	Blob         string         `json:"createdEventBlob"`
	Synchronizer *string        `json:"synchronizerId"`
}

// decodeFactory reads the answer to a transfer. To oneself says whether sender and receiver are the same.
func decodeFactory(raw []byte, most int, toOneself bool) (TransferFactory, error) {
	var w struct {
		ID      string       `json:"factoryId"`
		Kind    TransferKind `json:"transferKind"`
		Context *wireContext `json:"choiceContext"`
	}
	if err := decode(raw, &w); err != nil {
		return TransferFactory{}, err
	}

	id, err := ident.ParseContractID(w.ID)
	if err != nil {
		return TransferFactory{}, fmt.Errorf("factory: %w", err)
	}

	switch {
	case w.Kind != KindSelf && w.Kind != KindDirect && w.Kind != KindOffer:
		return TransferFactory{}, fmt.Errorf("unknown transfer kind %.40q", string(w.Kind))
	case w.Kind == KindSelf && !toOneself:
		return TransferFactory{}, errors.New("a transfer to somebody else is told to be one to oneself")
	case w.Context == nil:
		return TransferFactory{}, errors.New("the factory has no choice context")
	}

	context, err := w.Context.context(most)
	if err != nil {
		return TransferFactory{}, err
	}

	return TransferFactory{ID: id, Kind: w.Kind, Context: context}, nil
}

// decodeContext reads the answer to a choice on an instruction.
func decodeContext(raw []byte, most int) (Context, error) {
	var w wireContext
	if err := decode(raw, &w); err != nil {
		return Context{}, err
	}

	return w.context(most)
}

func (w wireContext) context(most int) (Context, error) {
	switch {
	case w.Data.Kind() != '{':
		return Context{}, errors.New("choiceContextData is not an object")
	case w.Disclosed == nil:
		return Context{}, errors.New("disclosedContracts is missing")
	case len(*w.Disclosed) > most:
		return Context{}, fmt.Errorf("%d disclosed contracts, at most %d are taken", len(*w.Disclosed), most)
	}

	out := Context{Data: w.Data, Disclosed: make([]DisclosedContract, 0, len(*w.Disclosed))}
	known := make(map[ident.ContractID]DisclosedContract, len(*w.Disclosed))

	for i, each := range *w.Disclosed {
		c, err := each.contract()
		if err != nil {
			return Context{}, fmt.Errorf("disclosed contract %d: %w", i, err)
		}

		before, twice := known[c.Contract]

		switch {
		case !twice:
			known[c.Contract] = c
			out.Disclosed = append(out.Disclosed, c)
		case before != c:
			return Context{}, fmt.Errorf("disclosed contract %d contradicts another with its id", i)
		}
	}

	return out, nil
}

func (w wireDisclosed) contract() (DisclosedContract, error) {
	template, err := templateName(w.Template)
	if err != nil {
		return DisclosedContract{}, err
	}

	id, err := ident.ParseContractID(w.Contract)
	if err != nil {
		return DisclosedContract{}, err
	}

	c := DisclosedContract{Template: template, Contract: id, Blob: w.Blob}

	// The decoder would skip line breaks.
	blob, err := base64.StdEncoding.Strict().DecodeString(w.Blob)
	if err != nil || len(blob) == 0 || strings.ContainsAny(w.Blob, "\r\n") {
		return DisclosedContract{}, errors.New("createdEventBlob is not base64, or empty")
	}

	if w.Synchronizer != nil && *w.Synchronizer != "" {
		if c.Synchronizer, err = ident.ParseSynchronizerID(*w.Synchronizer); err != nil {
			return DisclosedContract{}, err
		}
	}

	return c, nil
}

// templateName reads the published text, and the object that some registries write instead.
func templateName(raw strictjson.Raw) (ident.Name, error) {
	var text string

	switch raw.Kind() {
	case '"':
		if err := strictjson.Decode(raw, &text); err != nil {
			return ident.Name{}, err
		}
	case '{':
		var w struct {
			Package string `json:"packageId"`
			Module  string `json:"moduleName"`
			Entity  string `json:"entityName"`
		}
		if err := strictjson.Decode(raw, &w); err != nil {
			return ident.Name{}, err
		}

		text = w.Package + ":" + w.Module + ":" + w.Entity
	default:
		return ident.Name{}, errors.New("templateId is neither a text nor an object")
	}

	return ident.ParseName(text)
}

// decode reads an answer that is one object, not nested too deeply.
func decode(raw []byte, v any) error {
	if tooDeep(raw) {
		return fmt.Errorf("nested more than %d levels deep", maxDepth)
	}

	if strictjson.Raw(raw).Kind() != '{' {
		return errors.New("not a JSON object")
	}

	return strictjson.Decode(raw, v)
}

// tooDeep counts brackets outside texts. What is not JSON may be counted wrongly; it is refused anyway.
func tooDeep(raw []byte) bool {
	depth, inText, skip := 0, false, false

	for _, c := range raw {
		switch {
		case skip:
			skip = false
		case inText:
			inText, skip = c != '"', c == '\\'
		case c == '"':
			inText = true
		case c == '{' || c == '[':
			depth++
			if depth > maxDepth {
				return true
			}
		case c == '}' || c == ']':
			depth--
		}
	}

	return false
}

// errorText is what a registry says about a refusal: {"error": text}. It reports whether the body is a registry's at
// all, which is to say a JSON object; some have other members.
func errorText(body []byte) (string, bool) {
	var w map[string]strictjson.Raw
	if decode(body, &w) != nil {
		return string(body), false
	}

	var text string
	if strictjson.Decode(w["error"], &text) != nil {
		return string(body), true
	}

	return text, true
}
