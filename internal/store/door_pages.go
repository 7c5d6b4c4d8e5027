package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/memo"
)

// Window says which part of a list is wanted: at most so many rows after those that a cursor is of.
type Window struct {
	Cursor string
	Limit  int
}

// Page is a part of a list.
type Page[T any] struct {
	Items []T
	// Next is the cursor of the page after it; empty on the last one.
	Next string
}

// MostRows is how many rows a page may have.
const MostRows = 500

// Span is a time from Since on and before Until; either may be nil.
type Span struct{ Since, Until *time.Time }

// listing is a list of the door: views of schema api, read in the order of an index. All of it is constant text. What a
// caller says is only ever an argument.
type listing[T any] struct {
	name string
	// columns are what scan reads; the key's are among them.
	columns string
	// key orders the rows, and no two of a treasury have the same.
	key       []keyColumn
	ascending bool
	// grouped says that many rows have the same first column of the key. The planner guesses how many rows come after a
	// place from that column alone, and would sort them all.
	grouped bool
	// skewed has each page planned for what it asks for: one account may have ten rows and another one a million, and a
	// plan that is kept is made for the average.
	skewed bool
	// ask makes the statement of a page where that is not made of the branches.
	ask   func(after []any, rows int) (string, []any)
	scan  func(pgx.CollectableRow) (T, error)
	keyOf func(T) []any
}

type keyColumn struct {
	name string
	kind kind
}

// branch is one way to rows of a list. Where a filter has several, each has its index, and the rows of all are merged.
type branch struct {
	view  string
	where conditions
	// order are the key's columns where the branch reads them from another table, which has the index.
	order []string
}

// conditions are constant texts with a ? for each argument.
type conditions struct {
	texts     []string
	arguments []any
}

func (c *conditions) and(text string, arguments ...any) {
	c.texts = append(c.texts, text)
	c.arguments = append(c.arguments, arguments...)
}

// with is a copy with one condition more.
func (c *conditions) with(text string, arguments ...any) conditions {
	more := conditions{append([]string(nil), c.texts...), append([]any(nil), c.arguments...)}
	more.and(text, arguments...)

	return more
}

// texts that PostgreSQL cannot hold are nobody's: they are looked for with a mark in their place.
func (c *conditions) equals(column, value string) {
	if value != "" {
		c.and(column+" = ?", memo.Stored(value))
	}
}

// severalOf reports whether more than one of these filters is set.
func severalOf(filters ...bool) bool {
	n := 0

	for _, set := range filters {
		if set {
			n++
		}
	}

	return n > 1
}

func (c *conditions) within(column string, s Span) {
	if s.Since != nil {
		c.and(column+" >= ?", *s.Since)
	}

	if s.Until != nil {
		c.and(column+" < ?", *s.Until)
	}
}

// of are the conditions that every list of a treasury has.
func of(treasury TreasuryID) conditions {
	var c conditions

	c.and("treasury_no = ?", int32(treasury))

	return c
}

// ofToken adds a token to conditions, by its number. It reports false if the token was never met.
func (db *DB) ofToken(ctx context.Context, c *conditions, token *ident.Instrument) (bool, error) {
	if token == nil {
		return true, nil
	}

	const find = "SELECT instrument_no FROM api.instruments WHERE instrument_admin = $1 AND instrument_id = $2"

	number, ok := db.instruments.number(*token)
	if !ok {
		err := db.exec.QueryRow(ctx, find, memo.Stored(string(token.Admin)), memo.Stored(token.ID)).Scan(&number)
		if notThere(err) {
			return false, nil
		}

		if err != nil {
			return false, fmt.Errorf("find token: %w", err)
		}
	}

	c.and("instrument_no = ?", number)

	return true, nil
}

// read reads a page.
func (l *listing[T]) read(ctx context.Context, db *DB, w Window, branches ...branch) (Page[T], error) {
	list := listID(l.name, branches)

	after, err := decodeCursor(w.Cursor, list, l.kinds())
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %s: %w", l.name, err)
	}

	most := min(max(w.Limit, 1), MostRows)

	query, arguments := l.query(after, most, branches)
	if l.ask != nil {
		query, arguments = l.ask(after, step(most))
	}

	if l.skewed {
		arguments = append([]any{pgx.QueryExecModeCacheDescribe}, arguments...) // a statement without a name keeps no plan
	}

	rows, err := db.exec.Query(ctx, query, arguments...)
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %s: %w", l.name, err)
	}

	items, err := pgx.CollectRows(rows, l.scan)
	if err != nil {
		return Page[T]{}, fmt.Errorf("list %s: %w", l.name, err)
	}

	if len(items) <= most {
		return Page[T]{Items: items}, nil
	}

	items = items[:most]
	next, err := encodeCursor(list, l.keyOf(items[most-1]))

	return Page[T]{Items: items, Next: next}, err
}

func (l *listing[T]) kinds() []kind {
	kinds := make([]kind, len(l.key))
	for i, column := range l.key {
		kinds[i] = column.kind
	}

	return kinds
}

// step is how many rows are read: one more than are wanted, so that it is known whether there is a next page. There are
// only a few different numbers, because each is a statement of its own, whose plan is kept.
func step(most int) int {
	for _, size := range []int{10, 100} {
		if most <= size {
			return size + 1
		}
	}

	return MostRows + 1
}

// query is the statement of a page.
func (l *listing[T]) query(after []any, most int, branches []branch) (string, []any) {
	var (
		parts     []string
		arguments []any
	)

	limit := " LIMIT " + strconv.Itoa(step(most))

	for _, b := range branches {
		order := b.order
		if order == nil {
			order = l.names()
		}

		for _, where := range l.after(b.where, order, after) {
			text := "SELECT " + l.columnsFrom(order) + " FROM " + b.view + " WHERE " +
				numbered(strings.Join(where.texts, " AND "), len(arguments)) + l.ordered(order) + limit
			parts = append(parts, text)
			arguments = append(arguments, where.arguments...)
		}
	}

	if len(parts) == 1 {
		return parts[0], arguments
	}

	return "SELECT " + l.columns + " FROM ((" + strings.Join(parts, ") UNION ALL (") + ")) AS parts" +
		l.ordered(l.names()) + limit, arguments
}

// after are the conditions of what comes after a key: of the rest of its group and of the groups after it, where there
// are groups.
func (l *listing[T]) after(c conditions, order []string, key []any) []conditions {
	if key == nil {
		return []conditions{c}
	}

	sign := " < "
	if l.ascending {
		sign = " > "
	}

	if !l.grouped {
		return []conditions{c.with(tuple(order)+sign+marks(len(order)), key...)}
	}

	rest := c.with(order[0]+" = ?", key[0])

	return []conditions{
		rest.with(tuple(order[1:])+sign+marks(len(order)-1), key[1:]...),
		c.with(order[0]+sign+"?", key[0]),
	}
}

func (l *listing[T]) names() []string {
	names := make([]string, len(l.key))
	for i, column := range l.key {
		names[i] = column.name
	}

	return names
}

// columnsFrom are the columns with the key's from where a branch has them in order. Of what is in the order that is
// wanted, no more rows are read than are needed; otherwise all of the branch's are, to be sorted.
func (l *listing[T]) columnsFrom(order []string) string {
	columns := strings.Fields(strings.ReplaceAll(l.columns, ",", " "))

	for i, column := range l.key {
		if at := slices.Index(columns, column.name); at >= 0 && order[i] != column.name {
			columns[at] = order[i] + " AS " + column.name
		}
	}

	return strings.Join(columns, ", ")
}

func (l *listing[T]) ordered(names []string) string {
	direction := " DESC"
	if l.ascending {
		direction = ""
	}

	return " ORDER BY " + strings.Join(names, direction+", ") + direction
}

func tuple(names []string) string { return "(" + strings.Join(names, ", ") + ")" }

func marks(n int) string { return "(" + strings.TrimSuffix(strings.Repeat("?, ", n), ", ") + ")" }

// numbered gives the arguments of a text their numbers, after so many before it.
func numbered(text string, before int) string {
	var b strings.Builder

	for i, part := range strings.Split(text, "?") {
		if i > 0 {
			b.WriteString("$" + strconv.Itoa(before+i))
		}

		b.WriteString(part)
	}

	return b.String()
}

// one reads a single row; ErrNotFound if there is none.
func one[T any](
	ctx context.Context, db *DB, what, query string, scan func(pgx.CollectableRow) (T, error), arguments ...any,
) (T, error) {
	rows, err := db.exec.Query(ctx, query, arguments...)
	if err == nil {
		var item T
		if item, err = pgx.CollectOneRow(rows, scan); err == nil {
			return item, nil
		}
	}

	var none T

	if notThere(err) {
		err = ErrNotFound
	}

	return none, fmt.Errorf("read %s: %w", what, err)
}

// all reads a few rows.
func all[T any](
	ctx context.Context, db *DB, what, query string, scan func(pgx.CollectableRow) (T, error), arguments ...any,
) ([]T, error) {
	rows, err := db.exec.Query(ctx, query, arguments...)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", what, err)
	}

	items, err := pgx.CollectRows(rows, scan)

	return items, wrap("read "+what, err)
}
