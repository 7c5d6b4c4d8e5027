package sandbox

import (
	"encoding/json"
	"slices"
	"strconv"

	"github.com/canton-exchange/suite/internal/ident"
)

// species is what the contracts of one template have in common.
type species struct {
	template    ident.Name
	packageName string
	interfaces  []ident.Name // that it implements, by name
}

// content is what a contract says. It never changes.
type content interface {
	// argument is the create argument.
	argument() json.RawMessage
	// view is the value of the view of one of the contract's interfaces.
	view(iface ident.Name) json.RawMessage
}

func (c *contract) argument() json.RawMessage {
	if c.content == nil { // a replay knows contracts of which it has no create
		return nil
	}

	return c.content.argument()
}

func (c *contract) view(iface ident.Name) json.RawMessage {
	if c.content == nil {
		return json.RawMessage("null")
	}

	return c.content.view(iface)
}

// written is a content that was written down when it entered the ledger.
type written struct {
	arg   json.RawMessage
	views []view
}

// view is an interface that a contract implements, with the view's value.
type view struct {
	iface ident.Name
	value json.RawMessage
}

func (w *written) argument() json.RawMessage { return w.arg }

func (w *written) view(iface ident.Name) json.RawMessage {
	i := slices.IndexFunc(w.views, func(v view) bool { return v.iface.Is(iface) })
	if i < 0 {
		return json.RawMessage("null")
	}

	return w.views[i].value
}

func (w *written) interfaces() []ident.Name {
	names := make([]ident.Name, 0, len(w.views))
	for _, v := range w.views {
		names = append(names, v.iface)
	}

	return names
}

// write writes down what a contract is to say.
func write(argument any, views map[ident.Name]any) (*written, error) {
	w := &written{}

	var err error
	if w.arg, err = encodeValue(argument); err != nil {
		return nil, err
	}

	for name, value := range views {
		raw, err := encodeValue(value)
		if err != nil {
			return nil, err
		}

		w.views = append(w.views, view{iface: name, value: raw})
	}

	slices.SortFunc(w.views, func(a, b view) int { return compareNames(a.iface, b.iface) })

	return w, nil
}

// holdings is the species of a template of unlocked holdings.
func (s *Sandbox) holdings(pkg, module, entity string) *species {
	key := ident.Name{Package: pkg, Module: module, Entity: entity}

	known := s.unlocked[key]
	if known == nil {
		known = s.speciesOf(templateName(pkg, module, entity), pkg, s.holdingInterfaces())
		s.unlocked[key] = known
	}

	return known
}

// speciesOf is the one of these contracts' species that the ledger has already, or else the one given.
func (s *Sandbox) speciesOf(template ident.Name, packageName string, interfaces []ident.Name) *species {
	known := s.species[template]
	if known != nil && known.packageName == packageName && slices.Equal(known.interfaces, interfaces) {
		return known
	}

	made := &species{template: template, packageName: packageName, interfaces: interfaces}
	if known == nil {
		s.species[template] = made
	}

	return made
}

// coin is the content of an unlocked Canton Coin. Holdings are what a network has most of, so theirs is written when
// it is asked for.
type coin struct {
	holding

	round int64
}

func (c *coin) argument() json.RawMessage {
	w := jsonWriter{}
	w.open().key("amount")
	c.appendAmount(&w)
	w.text("dso", string(c.instrument.Admin)).text("owner", string(c.owner)).end()

	return w.buf
}

func (c *coin) appendAmount(w *jsonWriter) {
	w.open().key("createdAt").open().text("number", strconv.FormatInt(c.round, 10)).end()
	w.text("initialAmount", c.amount.String())
	w.key("ratePerRound").open().text("rate", ratePerRound).end()
	w.end()
}

func (c *coin) view(iface ident.Name) json.RawMessage {
	return c.holdingView(iface, keyCreatedIn, strconv.FormatInt(c.round, 10), keyRate, rateShort)
}

// token is the content of an unlocked holding of a token of the second registry's software.
type token struct{ holding }

func (t *token) argument() json.RawMessage {
	w := jsonWriter{}
	w.open().text("admin", string(t.instrument.Admin)).text("amount", t.amount.String())
	w.text("id", t.instrument.ID).null("lock").text("owner", string(t.owner)).end()

	return w.buf
}

func (t *token) view(iface ident.Name) json.RawMessage { return t.holdingView(iface) }

// holdingView is the view of an unlocked holding, in either version of the standard's interface.
func (h *holding) holdingView(iface ident.Name, meta ...string) json.RawMessage {
	w := jsonWriter{}
	w.open()

	if iface.Is(ifaceHoldingV2()) {
		w.key("account").open().text("owner", string(h.owner)).null("provider").text("id", "").end()
	} else {
		w.text("owner", string(h.owner))
	}

	w.key("instrumentId").open().text("admin", string(h.instrument.Admin)).text("id", h.instrument.ID).end()
	w.text("amount", h.amount.String()).null("lock")
	w.key("meta").open().key("values").open()

	for i := 0; i+1 < len(meta); i += 2 {
		w.text(meta[i], meta[i+1])
	}

	w.end().end().end()

	return w.buf
}

// holdingInterfaces are those of every holding, by name.
func (s *Sandbox) holdingInterfaces() []ident.Name {
	if s.cfg.EventsV2 {
		return []ident.Name{ifaceHoldingV2(), ifaceHolding()}
	}

	return []ident.Name{ifaceHolding()}
}
