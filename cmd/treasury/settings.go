package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
)

// none is how a value that there need not be is left out.
const none = "none"

// setting is one column of a table of policies, as people write and read it.
type setting[D any] struct {
	name    string
	meaning string
	show    func(d *D) string
	set     func(d *D, text string) error
}

// wanted says what would do instead of what was given.
func wanted(err error, what string) error {
	if err == nil {
		return nil
	}

	return fmt.Errorf("want %s", what)
}

func flagged[D any](name, meaning string, at func(*D) *bool) setting[D] {
	return setting[D]{
		name, meaning,
		func(d *D) string { return strconv.FormatBool(*at(d)) },
		func(d *D, text string) (err error) {
			*at(d), err = strconv.ParseBool(text)

			return wanted(err, "true or false")
		},
	}
}

func count[D any](name, meaning string, at func(*D) *int) setting[D] {
	return setting[D]{
		name, meaning,
		func(d *D) string { return strconv.Itoa(*at(d)) },
		func(d *D, text string) (err error) {
			*at(d), err = strconv.Atoi(text)

			return wanted(err, "a whole number")
		},
	}
}

func money[D any](name, meaning string, at func(*D) *amount.Amount) setting[D] {
	return setting[D]{
		name, meaning,
		func(d *D) string {
			if name == "maximum" && at(d).IsZero() {
				return none
			}

			return at(d).Short()
		},
		func(d *D, text string) (err error) {
			if text == none {
				*at(d) = amount.Zero()

				return nil
			}

			*at(d), err = amount.Parse(text)

			return wanted(err, "a decimal number")
		},
	}
}

// optionalMoney is a column that may be null.
func optionalMoney[D any](name, meaning string, at func(*D) **amount.Amount) setting[D] {
	return setting[D]{
		name, meaning,
		func(d *D) string {
			if *at(d) == nil {
				return none
			}

			return (*at(d)).Short()
		},
		func(d *D, text string) error {
			if text == none {
				*at(d) = nil

				return nil
			}

			value, err := amount.Parse(text)
			*at(d) = &value

			return wanted(err, "a decimal number, or none")
		},
	}
}

// span is a column of seconds, written as such or as a duration.
func span[D any](name, meaning string, at func(*D) *time.Duration) setting[D] {
	return setting[D]{
		name, meaning,
		func(d *D) string { return at(d).String() },
		func(d *D, text string) error {
			if n, err := strconv.Atoi(text); err == nil {
				*at(d) = time.Duration(n) * time.Second

				return nil
			}

			length, err := time.ParseDuration(text)
			if err != nil || length%time.Second != 0 {
				return errors.New("want whole seconds, or a duration such as 24h")
			}

			*at(d) = length

			return nil
		},
	}
}

// assign changes a policy by what the command line says.
func assign[D any](d *D, all []setting[D], assignments []string) error {
	for _, a := range assignments {
		name, value, ok := strings.Cut(a, "=")
		i := slices.IndexFunc(all, func(s setting[D]) bool { return s.name == name })

		if !ok || i < 0 {
			names := make([]string, len(all))
			for i, s := range all {
				names[i] = s.name
			}

			return fmt.Errorf("%q: want NAME=VALUE, where NAME is one of %s", a, strings.Join(names, ", "))
		}

		if err := all[i].set(d, value); err != nil {
			return fmt.Errorf("%s: value %q: %w", name, value, err)
		}
	}

	return nil
}

func printSettings[D any](t *tool, d *D, all []setting[D]) error {
	w := tabwriter.NewWriter(t.Stdout, 0, 0, 2, ' ', 0)

	for _, s := range all {
		_, _ = fmt.Fprintf(w, "  %s\t%s\t%s\n", s.name, s.show(d), s.meaning)
	}

	if err := w.Flush(); err != nil {
		return fmt.Errorf("print policy: %w", err)
	}

	return nil
}
