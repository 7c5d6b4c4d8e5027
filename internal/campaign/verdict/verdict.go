// Package verdict holds a database against what really happened, for the campaigns. Two things are the same when their
// lines of text are. Nothing that customers run imports it.
package verdict

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"
)

// Violation is a promise that the database breaks.
type Violation struct {
	// Promise is what should hold.
	Promise string
	// Detail is what is there instead.
	Detail string
}

// String is one line for people.
func (v Violation) String() string { return v.Promise + ": " + v.Detail }

// Summary sorts violations and cuts a long list.
func Summary(found []Violation, most int) []string {
	slices.SortStableFunc(found, func(a, b Violation) int { return cmp.Compare(a.Promise, b.Promise) })

	lines := make([]string, 0, most+1)
	for _, v := range found[:min(len(found), most)] {
		lines = append(lines, v.String())
	}

	if len(found) > most {
		lines = append(lines, fmt.Sprintf("… and %d more", len(found)-most))
	}

	return lines
}

// Tally counts lines of text.
type Tally map[string]int

// Counted counts a list.
func Counted(list []string) Tally {
	t := Tally{}
	for _, line := range list {
		t[line]++
	}

	return t
}

// Checker reads a treasury's rows and notes what is wrong with them.
type Checker struct {
	Tx pgx.Tx
	// Treasury is $1 of every query.
	Treasury int32
	// Found are the broken promises.
	Found []Violation
}

// Reportf notes a broken promise.
func (k *Checker) Reportf(promise, format string, args ...any) {
	k.Found = append(k.Found, Violation{promise, fmt.Sprintf(format, args...)})
}

// Compare reports every line that is there too often or too rarely.
func (k *Checker) Compare(promise string, want, have Tally) {
	for _, line := range slices.Sorted(maps.Keys(want)) {
		switch {
		case have[line] < want[line]:
			k.Reportf(promise, "%d instead of %d: %s", have[line], want[line], line)
		case have[line] > want[line]:
			k.Reportf(promise, "%d instead of %d (doubled): %s", have[line], want[line], line)
		}
	}

	for _, line := range slices.Sorted(maps.Keys(have)) {
		if want[line] == 0 {
			k.Reportf(promise, "%d that should not be there: %s", have[line], line)
		}
	}
}

// Lines runs a query that gives one text per row.
func (k *Checker) Lines(ctx context.Context, query string) ([]string, error) {
	rows, err := k.Tx.Query(ctx, query, k.Treasury)
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}

	list, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("check: %w", err)
	}

	return list, nil
}

// Tally counts the lines of a query.
func (k *Checker) Tally(ctx context.Context, query string) (Tally, error) {
	list, err := k.Lines(ctx, query)

	return Counted(list), err
}

// None reports every row of a query that should have none.
func (k *Checker) None(ctx context.Context, promise, query string) error {
	list, err := k.Lines(ctx, query)
	for _, line := range list {
		k.Reportf(promise, "%s", line)
	}

	return err
}
