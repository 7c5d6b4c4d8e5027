package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors; compare with errors.Is.
var (
	// ErrInvalid: the rule can never work.
	ErrInvalid = errors.New("invalid fault")
	// ErrUnknown: no rule has this id.
	ErrUnknown = errors.New("unknown fault")
	// ErrFull: there are MaxRules already.
	ErrFull = errors.New("too many faults")
)

// Bounds of a rule.
const (
	maxCount       = 1_000_000_000
	maxOf          = 1_000_000
	maxMatch       = 255 // the longest party id
	minEvery       = 10 * time.Millisecond
	maxEvery       = 365 * 24 * time.Hour
	maxDelay       = 24 * time.Hour
	maxClockJump   = 2 * maxEvery
	textSeparators = ","
)

// Probability is Hits in Of. The zero value is certainty, so that a rule which says nothing always fires; Hits 0 in 1
// is never.
type Probability struct{ Hits, Of int }

func (p Probability) check() error {
	if p == (Probability{}) {
		return nil
	}

	if p.Of < 1 || p.Of > maxOf || p.Hits < 0 || p.Hits > p.Of {
		return fmt.Errorf("%w: probability %d/%d: want n/m with 0 <= n <= m <= %d", ErrInvalid, p.Hits, p.Of, maxOf)
	}

	return nil
}

// Match narrows the chances that a rule looks at; both are prefixes, and an empty one matches everything.
type Match struct {
	// Path of the endpoint, such as /v2/interactive-submission.
	Path string
	// Party is a party's id, or name:: for the name under whatever key.
	Party string
}

func (m Match) matches(c Chance) bool {
	return strings.HasPrefix(c.Path, m.Path) && strings.HasPrefix(string(c.Party), m.Party)
}

func (m Match) check() error {
	if m.Path != "" && m.Path[0] != '/' {
		return fmt.Errorf("%w: path %.80q: want a prefix that begins with /", ErrInvalid, m.Path)
	}

	for _, text := range []string{m.Path, m.Party} {
		if len(text) > maxMatch || strings.ContainsFunc(text, unwritable) {
			return fmt.Errorf("%w: %.80q: want at most %d printable ASCII characters and no comma",
				ErrInvalid, text, maxMatch)
		}
	}

	return nil
}

// unwritable is what the text form of a rule cannot hold.
func unwritable(r rune) bool {
	return r <= ' ' || r > '~' || strings.ContainsRune(textSeparators, r)
}

// Rule is one way to fail and when. Only Kind is needed: such a rule strikes at every chance, or by time once.
type Rule struct {
	Kind        Kind
	Probability Probability
	// After is how many chances pass before the first that can strike.
	After int
	// Times is how often the rule strikes at most; 0 is without end.
	Times int
	// Match is for rules that strike by chance.
	Match Match
	// Every is for rules that strike by time.
	Every time.Duration
	// Delay and Size mean what the kind's catalogue entry says.
	Delay time.Duration
	Size  int
}

// Check says what is wrong with a rule, if anything.
func (r Rule) Check() error {
	entry, ok := r.Kind.entry()

	switch {
	case r.Kind == "":
		return fmt.Errorf("%w: kind is missing; known kinds: %s", ErrInvalid, known())
	case !ok:
		return fmt.Errorf("%w: unknown kind %.40q; known kinds: %s", ErrInvalid, r.Kind, known())
	}

	for _, err := range []error{
		r.Probability.check(), r.Match.check(), r.checkNumbers(), r.checkMembers(entry), r.checkTrigger(entry),
	} {
		if err != nil {
			return fmt.Errorf("%s: %w", r.Kind, err)
		}
	}

	return nil
}

func (r Rule) checkNumbers() error {
	for _, n := range []struct {
		name  string
		value int
	}{{"after", r.After}, {"times", r.Times}, {"size", r.Size}} {
		if n.value < 0 || n.value > maxCount {
			return fmt.Errorf("%w: %s %d: want 0 to %d", ErrInvalid, n.name, n.value, maxCount)
		}
	}

	if r.Every != 0 && (r.Every < minEvery || r.Every > maxEvery) {
		return fmt.Errorf("%w: every %v: want %v to %v", ErrInvalid, r.Every, minEvery, maxEvery)
	}

	lowest, highest := time.Duration(0), maxDelay
	if r.Kind == ClockJump {
		lowest, highest = -maxClockJump, maxClockJump
	}

	if r.Delay < lowest || r.Delay > highest {
		return fmt.Errorf("%w: delay %v: want %v to %v", ErrInvalid, r.Delay, lowest, highest)
	}

	return nil
}

// checkMembers refuses members that the kind has no use for: they would be a misunderstanding.
func (r Rule) checkMembers(entry Entry) error {
	if r.Delay != 0 && entry.Delay == "" {
		return fmt.Errorf("%w: delay means nothing here", ErrInvalid)
	}

	if r.Size != 0 && entry.Size == "" {
		return fmt.Errorf("%w: size means nothing here", ErrInvalid)
	}

	return nil
}

func (r Rule) checkTrigger(entry Entry) error {
	switch {
	case r.Every != 0 && entry.Strikes == ByChance:
		return fmt.Errorf("%w: it strikes by chance, every means nothing here", ErrInvalid)
	case !r.byTime(entry):
		return nil
	case r.Match != Match{}:
		return fmt.Errorf("%w: it strikes by time, path and party mean nothing here", ErrInvalid)
	case r.Every == 0 && (r.Times > 1 || r.After > 0):
		return fmt.Errorf("%w: it strikes by time: times and after need every", ErrInvalid)
	default:
		return nil
	}
}

func (r Rule) byTime(entry Entry) bool { return entry.Strikes == ByTime || r.Every != 0 }
