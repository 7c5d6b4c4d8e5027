package fault

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// maxText bounds a rule's text form; the longest that String writes is shorter.
const maxText = 1_000

const fields = "kind, p, after, times, path, party, every, delay, size"

// Parse reads the text form of a rule, such as
//
//	kind=reply-lost,p=50/1000,times=3,path=/v2/interactive-submission
func Parse(text string) (Rule, error) {
	var r Rule

	if len(text) > maxText {
		return r, fmt.Errorf("%w: the text is longer than %d characters", ErrInvalid, maxText)
	}

	seen := map[string]bool{}

	for field := range strings.SplitSeq(text, textSeparators) {
		name, value, ok := strings.Cut(field, "=")
		if !ok || value == "" {
			return Rule{}, fmt.Errorf("%w: %.80q: want name=value, separated by commas, of %s; known kinds: %s",
				ErrInvalid, field, fields, known())
		}

		if seen[name] {
			return Rule{}, fmt.Errorf("%w: %s is given twice", ErrInvalid, name)
		}

		seen[name] = true

		if err := assign(&r, name, value); err != nil {
			return Rule{}, err
		}
	}

	return r, r.Check()
}

// assign sets one member of a rule.
func assign(r *Rule, name, value string) error {
	var err error

	switch name {
	case "kind":
		r.Kind = Kind(value)
	case "p":
		err = r.Probability.UnmarshalText([]byte(value))
	case "after":
		r.After, err = number(value)
	case "times":
		r.Times, err = number(value)
	case "path":
		r.Match.Path = value
	case "party":
		r.Match.Party = value
	case "every":
		r.Every, err = duration(value)
	case "delay":
		r.Delay, err = duration(value)
	case "size":
		r.Size, err = number(value)
	default:
		return fmt.Errorf("%w: unknown field %.40q; known: %s", ErrInvalid, name, fields)
	}

	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}

	return nil
}

func number(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q: want a whole number", ErrInvalid, text)
	}

	return n, nil
}

func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%w: %.40q: want a duration such as 1.5s or 10m", ErrInvalid, text)
	}

	return d, nil
}

// String is the text form that Parse reads, without what says nothing.
func (r Rule) String() string {
	text := "kind=" + string(r.Kind)

	add := func(name, value string, present bool) {
		if present {
			text += textSeparators + name + "=" + value
		}
	}

	add("p", r.Probability.String(), r.Probability != Probability{})
	add("after", strconv.Itoa(r.After), r.After != 0)
	add("times", strconv.Itoa(r.Times), r.Times != 0)
	add("path", r.Match.Path, r.Match.Path != "")
	add("party", r.Match.Party, r.Match.Party != "")
	add("every", r.Every.String(), r.Every != 0)
	add("delay", r.Delay.String(), r.Delay != 0)
	add("size", strconv.Itoa(r.Size), r.Size != 0)

	return text
}

// String is n/m; certainty is 1/1.
func (p Probability) String() string {
	if p == (Probability{}) {
		return "1/1"
	}

	return strconv.Itoa(p.Hits) + "/" + strconv.Itoa(p.Of)
}

// MarshalText is String.
func (p Probability) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads n/m, or 0 for never and 1 for always.
func (p *Probability) UnmarshalText(raw []byte) error {
	above, below, ok := strings.Cut(string(raw), "/")
	if !ok {
		below = "1"
	}

	hits, errHits := strconv.Atoi(above)
	of, errOf := strconv.Atoi(below)

	if errHits != nil || errOf != nil || of == 0 {
		return fmt.Errorf("%w: probability %.40q: want n/m, such as 50/1000", ErrInvalid, raw)
	}

	*p = Probability{Hits: hits, Of: of}

	return p.check()
}
