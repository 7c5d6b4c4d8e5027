package fault

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// MaxRules bounds the rules of a plan.
const MaxRules = 100

// ID names a rule of a plan: its kind, and how manyeth of its kind it is.
type ID string

// Chance is a moment at which something could fail.
type Chance struct {
	Path  string
	Party ident.Party
}

// Tally is a rule and what became of it.
type Tally struct {
	ID   ID
	Rule Rule
	// Chances are those that matched, while the rule was not used up; Fired is how often it struck.
	Chances, Fired int
}

// Plan decides what fails. It is safe for concurrent use; which of two callers at once has the earlier chance is then
// all that is left to luck.
type Plan struct {
	// Rules that are not used up, so that a plan with nothing to do costs a look at a number.
	chances, timers atomic.Int64

	mu    sync.Mutex
	seed  uint64
	rules []*rule
	named map[Kind]int
	seen  func(Strike) // see Follow
	timed func()
}

// rule is a rule at work.
type rule struct {
	Tally

	timed bool
	next  time.Time // by time: when it is due; zero until the first look
	rng   *rand.Rand
}

// New is a plan without rules.
func New(seed uint64) *Plan { return &Plan{seed: seed, named: make(map[Kind]int)} }

// Take asks whether this chance goes wrong, and how. Rules are asked in the order in which they were added; the first
// that strikes is the answer, and the chance never reaches those after it.
func (p *Plan) Take(kind Kind, chance Chance) (Rule, bool) {
	if p.chances.Load() == 0 {
		return Rule{}, false
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	for _, r := range p.rules {
		if r.timed || r.Rule.Kind != kind || r.spent() || !r.Rule.Match.matches(chance) {
			continue
		}

		if p.strikes(r, chance) {
			return r.Rule, true
		}
	}

	return Rule{}, false
}

// Due tells what strikes by time now. A rule's time begins with the first look after it was added, so look often. A
// look that comes late finds a rule due once, however often it would have been. Looks must follow a clock that
// ClockJump does not move; one that goes back all the same begins the time of a rule anew.
func (p *Plan) Due(now time.Time) []Rule {
	if p.timers.Load() == 0 {
		return nil
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	var due []Rule

	for _, r := range p.rules {
		if r.timed && !r.spent() && r.due(now) && p.strikes(r, Chance{}) {
			due = append(due, r.Rule)
		}
	}

	return due
}

// strikes gives a rule a chance. The draw is made whether it counts or not, so that After skips without shifting.
func (p *Plan) strikes(r *rule, chance Chance) bool {
	hit := r.Rule.Probability == Probability{} || r.rng.IntN(r.Rule.Probability.Of) < r.Rule.Probability.Hits
	r.Chances++

	if hit = hit && r.Chances > r.Rule.After; hit {
		r.Fired++
	}

	if r.spent() {
		p.count()
	}

	if hit && p.seen != nil {
		p.seen(Strike{ID: r.ID, Rule: r.Rule, Chance: chance})
	}

	return hit
}

// due moves a rule's next time on its own grid, so that late looks do not make it drift.
func (r *rule) due(now time.Time) bool {
	every := r.Rule.Every

	switch {
	case every == 0:
		return true
	case r.next.IsZero(), r.next.Sub(now) > every:
		r.next = now.Add(every)

		return false
	case now.Before(r.next):
		return false
	default:
		r.next = now.Add(every - now.Sub(r.next)%every)

		return true
	}
}

// spent rules never strike again.
func (r *rule) spent() bool {
	once := r.timed && r.Rule.Every == 0

	return r.Rule.Times > 0 && r.Fired >= r.Rule.Times || once && r.Chances > 0
}

// Add appends a rule and names it. Its draws follow from the plan's seed and that name.
func (p *Plan) Add(r Rule) (ID, error) {
	if err := r.Check(); err != nil {
		return "", err
	}

	p.mu.Lock()
	defer p.mu.Unlock()

	if len(p.rules) >= MaxRules {
		return "", full()
	}

	defer p.count()

	return p.append(r), nil
}

// Replace drops all rules and takes these; a wrong one among them changes nothing. Names are given anew, so that the
// same rules replaced again do the same again.
func (p *Plan) Replace(rules []Rule) ([]ID, error) {
	if len(rules) > MaxRules {
		return nil, full()
	}

	for i, r := range rules {
		if err := r.Check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i+1, err)
		}
	}

	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.count()

	p.rules, p.named = nil, make(map[Kind]int)
	ids := make([]ID, 0, len(rules))

	for _, r := range rules {
		ids = append(ids, p.append(r))
	}

	return ids, nil
}

func full() error { return fmt.Errorf("%w: a plan holds at most %d", ErrFull, MaxRules) }

// append adds a rule that was checked.
func (p *Plan) append(r Rule) ID {
	entry, _ := r.Kind.entry()
	if r.Delay == 0 {
		r.Delay = entry.DefaultDelay
	}

	p.named[r.Kind]++
	id := ID(string(r.Kind) + "-" + strconv.Itoa(p.named[r.Kind]))

	p.rules = append(p.rules, &rule{
		Tally: Tally{ID: id, Rule: r}, timed: r.byTime(entry), rng: draws(p.seed, id),
	})

	return id
}

// draws is a rule's own source: nothing but the seed and its name goes in.
func draws(seed uint64, id ID) *rand.Rand {
	key := sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, seed), id...))

	return rand.New(rand.NewChaCha8(key)) //nolint:gosec // a reproducible simulation, no secrets
}

// Remove drops one rule. Its name is not given again.
func (p *Plan) Remove(id ID) error {
	p.mu.Lock()
	defer p.mu.Unlock()

	at := slices.IndexFunc(p.rules, func(r *rule) bool { return r.ID == id })
	if at < 0 {
		return fmt.Errorf("%w: %.80q", ErrUnknown, id)
	}

	p.rules = slices.Delete(p.rules, at, at+1)
	p.count()

	return nil
}

// Clear drops all rules; names begin anew.
func (p *Plan) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.rules, p.named = nil, make(map[Kind]int)
	p.count()
}

// Reseed begins every rule anew under another seed: its draws, its counts and its time.
func (p *Plan) Reseed(seed uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.seed = seed

	for _, r := range p.rules {
		r.Chances, r.Fired, r.next, r.rng = 0, 0, time.Time{}, draws(seed, r.ID)
	}

	p.count()
}

// Standing is the seed, and every rule with what became of it.
func (p *Plan) Standing() (seed uint64, rules []Tally) {
	p.mu.Lock()
	defer p.mu.Unlock()

	for _, r := range p.rules {
		rules = append(rules, r.Tally)
	}

	return p.seed, rules
}

func (p *Plan) count() {
	var chances, timers int64

	for _, r := range p.rules {
		switch {
		case r.spent():
		case r.timed:
			timers++
		default:
			chances++
		}
	}

	p.chances.Store(chances)
	p.timers.Store(timers)

	if timers > 0 && p.timed != nil {
		p.timed()
	}
}
