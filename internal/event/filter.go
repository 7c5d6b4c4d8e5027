package event

import (
	"slices"
	"strings"
)

// MaxFilter bounds each list of a filter.
const MaxFilter = 100

// About is what filters look at.
type About struct {
	Type, Subject string
	// Account is empty where the event concerns none, InstrumentNo 0.
	Account      string
	InstrumentNo int32
}

// Filter chooses events. An empty list leaves all through.
type Filter struct {
	// Types are types, or beginnings that end with a dot and a star, such as deposit.*
	Types         []string
	Accounts      []string
	Subjects      []string
	InstrumentNos []int32
}

// Matches reports whether an event is chosen.
func (f Filter) Matches(e About) bool {
	ofType := func(pattern string) bool { return matchesType(pattern, e.Type) }

	return (len(f.Types) == 0 || slices.ContainsFunc(f.Types, ofType)) &&
		(len(f.Accounts) == 0 || slices.Contains(f.Accounts, e.Account)) &&
		(len(f.Subjects) == 0 || slices.Contains(f.Subjects, e.Subject)) &&
		(len(f.InstrumentNos) == 0 || slices.Contains(f.InstrumentNos, e.InstrumentNo))
}

// TestType is of events that are for one subscription alone, which is their subject.
const TestType = "subscription.test"

// Meant reports whether a subscription with this filter is told of an event.
func (f Filter) Meant(e About, subscription string) bool {
	if e.Type == TestType {
		return e.Subject == subscription
	}

	return f.Matches(e)
}

func matchesType(pattern, kind string) bool {
	if stem, ok := strings.CutSuffix(pattern, "*"); ok {
		return strings.HasPrefix(kind, stem)
	}

	return pattern == kind
}

// KnownType reports whether a pattern chooses any type of the catalogue: one that does not is a slip of the pen.
func KnownType(pattern string) bool {
	stem, star := strings.CutSuffix(pattern, "*")
	if star && !strings.HasSuffix(stem, ".") {
		return false
	}

	return slices.ContainsFunc(Catalogue(), func(t Type) bool { return matchesType(pattern, t.Name) })
}
