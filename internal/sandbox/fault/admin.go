package fault

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/strictjson"
)

// maxBody has room for MaxRules rules with the longest members.
const maxBody = 1 << 18

// Routes are the plan's levers over HTTP. They ask for no credentials: whoever mounts them guards them.
func (p *Plan) Routes(r chi.Router) {
	r.Get("/faults", p.getFaults)
	r.Post("/faults", p.postFault)
	r.Put("/faults", p.putFaults)
	r.Delete("/faults", p.deleteFaults)
	r.Delete("/faults/{id}", p.deleteFault)
	r.Post("/faults/seed", p.postSeed)
}

// ruleJSON is a rule in JSON; its members are called as in the text form.
type ruleJSON struct {
	Kind  Kind        `json:"kind"`
	P     Probability `json:"p,omitzero"`
	After int         `json:"after,omitzero"`
	Times int         `json:"times,omitzero"`
	Path  string      `json:"path,omitzero"`
	Party string      `json:"party,omitzero"`
	Every span        `json:"every,omitzero"`
	Delay span        `json:"delay,omitzero"`
	Size  int         `json:"size,omitzero"`
}

func toJSON(r Rule) ruleJSON {
	return ruleJSON{
		Kind: r.Kind, P: r.Probability, After: r.After, Times: r.Times, Path: r.Match.Path, Party: r.Match.Party,
		Every: span(r.Every), Delay: span(r.Delay), Size: r.Size,
	}
}

func (r ruleJSON) rule() Rule {
	return Rule{
		Kind: r.Kind, Probability: r.P, After: r.After, Times: r.Times, Match: Match{Path: r.Path, Party: r.Party},
		Every: time.Duration(r.Every), Delay: time.Duration(r.Delay), Size: r.Size,
	}
}

// span is a duration that JSON holds as text, such as "1m30s".
type span time.Duration

// MarshalText is the duration's usual text.
func (s span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// UnmarshalText reads a duration.
func (s *span) UnmarshalText(raw []byte) error {
	d, err := duration(string(raw))
	*s = span(d)

	return err
}

type tallyJSON struct {
	ID      ID       `json:"id"`
	Rule    ruleJSON `json:"rule"`
	Text    string   `json:"text"`
	Chances int      `json:"chances"`
	Fired   int      `json:"fired"`
}

type entryJSON struct {
	Kind         Kind    `json:"kind"`
	Does         string  `json:"does"`
	Strikes      Trigger `json:"strikes"`
	Delay        string  `json:"delay,omitzero"`
	DefaultDelay span    `json:"defaultDelay,omitzero"`
	Size         string  `json:"size,omitzero"`
}

// getFaults tells everything: rules in the order in which they are asked, and the kinds that there are.
func (p *Plan) getFaults(w http.ResponseWriter, _ *http.Request) {
	seed, rules := p.Standing()
	body := struct {
		Seed  uint64      `json:"seed"`
		Rules []tallyJSON `json:"rules"`
		Kinds []entryJSON `json:"kinds"`
	}{Seed: seed}

	for _, t := range rules {
		body.Rules = append(body.Rules, tallyJSON{
			ID: t.ID, Rule: toJSON(t.Rule), Text: t.Rule.String(), Chances: t.Chances, Fired: t.Fired,
		})
	}

	for _, e := range Catalogue() {
		body.Kinds = append(body.Kinds, entryJSON{
			Kind: e.Kind, Does: e.Does, Strikes: e.Strikes, Delay: e.Delay, DefaultDelay: span(e.DefaultDelay),
			Size: e.Size,
		})
	}

	answer(w, http.StatusOK, body)
}

func (p *Plan) postFault(w http.ResponseWriter, r *http.Request) {
	var body ruleJSON
	if !read(w, r, &body) {
		return
	}

	id, err := p.Add(body.rule())
	if err != nil {
		refuse(w, err)

		return
	}

	answer(w, http.StatusCreated, map[string]ID{"id": id})
}

// putFaults replaces all rules. The member must be there: a forgotten one is not an empty plan.
func (p *Plan) putFaults(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Rules []ruleJSON `json:"rules"`
	}

	if !read(w, r, &body) {
		return
	}

	if body.Rules == nil {
		refuse(w, fmt.Errorf("%w: rules are missing", ErrInvalid))

		return
	}

	rules := make([]Rule, 0, len(body.Rules))
	for _, rule := range body.Rules {
		rules = append(rules, rule.rule())
	}

	ids, err := p.Replace(rules)
	if err != nil {
		refuse(w, err)

		return
	}

	answer(w, http.StatusOK, map[string][]ID{"ids": ids})
}

func (p *Plan) deleteFaults(w http.ResponseWriter, _ *http.Request) {
	p.Clear()
	w.WriteHeader(http.StatusNoContent)
}

func (p *Plan) deleteFault(w http.ResponseWriter, r *http.Request) {
	if err := p.Remove(ID(chi.URLParam(r, "id"))); err != nil {
		refuse(w, err)

		return
	}

	w.WriteHeader(http.StatusNoContent)
}

func (p *Plan) postSeed(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Seed *uint64 `json:"seed"`
	}

	if !read(w, r, &body) {
		return
	}

	if body.Seed == nil {
		refuse(w, fmt.Errorf("%w: seed is missing", ErrInvalid))

		return
	}

	p.Reseed(*body.Seed)
	answer(w, http.StatusOK, map[string]uint64{"seed": *body.Seed})
}

// read decodes a body strictly: a mistyped member must not become a fault that never comes.
func read(w http.ResponseWriter, r *http.Request, into any) bool {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		refuse(w, fmt.Errorf("read body: %w", err))

		return false
	}

	if err := strictjson.DecodeKnown(raw, into); err != nil {
		refuse(w, fmt.Errorf("%w: body: %w", ErrInvalid, err))

		return false
	}

	return true
}

func refuse(w http.ResponseWriter, err error) {
	var large *http.MaxBytesError

	status := http.StatusBadRequest

	switch {
	case errors.As(err, &large):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, ErrUnknown):
		status = http.StatusNotFound
	case errors.Is(err, ErrFull):
		status = http.StatusConflict
	}

	answer(w, status, map[string]string{"error": err.Error()})
}

func answer(w http.ResponseWriter, status int, body any) {
	raw, err := strictjson.Encode(body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)

		return
	}

	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	_, _ = w.Write(raw) // a client that is gone misses nothing that it cannot ask for again
}
