package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// draft is a policy while it is written: its hours may be half there.
type draft struct {
	withdrawal.Policy

	from, until *int
}

func draftOf(p withdrawal.Policy) *draft {
	d := &draft{Policy: p}
	if p.Hours != nil {
		d.from, d.until = &p.Hours.From, &p.Hours.Until
	}

	return d
}

var errHalfHours = errors.New("shape_from and shape_until: set both, or neither")

func (d *draft) finished() (withdrawal.Policy, error) {
	if (d.from == nil) != (d.until == nil) {
		return withdrawal.Policy{}, errHalfHours
	}

	d.Hours = nil
	if d.from != nil {
		d.Hours = &withdrawal.Hours{From: *d.from, Until: *d.until}
	}

	return d.Policy, d.Validate()
}

// settings are all columns, in the order of a payment's life.
func settings() []setting[draft] {
	return []setting[draft]{
		flagged("enabled", "whether requests are taken", func(d *draft) *bool { return &d.Enabled }),
		{
			"decimals", "most fractional digits of a request",
			func(d *draft) string { return strconv.Itoa(int(d.Decimals)) },
			func(d *draft, text string) error {
				n, err := strconv.ParseInt(text, 10, 32)
				d.Decimals = int32(n)

				return wanted(err, "a whole number")
			},
		},
		money("minimum", "least amount of a request", func(d *draft) *amount.Amount { return &d.Minimum }),
		money("maximum", "largest amount of a request", func(d *draft) *amount.Amount { return &d.Maximum }),
		{
			"delivery", "any, or direct_only: nobody who has not agreed beforehand",
			func(d *draft) string { return string(d.Delivery) },
			func(d *draft, text string) error {
				d.Delivery = withdrawal.Delivery(text)

				return nil
			},
		},
		span("offer_seconds", "how long an offer stands", func(d *draft) *time.Duration { return &d.OfferLifetime }),
		flagged("reclaim", "whether we take back what nobody accepted", func(d *draft) *bool { return &d.Reclaim }),
		span("attempt_seconds", "how far ahead an attempt's last record time is", func(d *draft) *time.Duration {
			return &d.Window
		}),
		count("max_attempts", "dead attempts after which it fails", func(d *draft) *int { return &d.MaxAttempts }),
		count("max_inputs", "most holdings of one payment", func(d *draft) *int { return &d.MaxInputs }),
		flagged("spend_expired_locks", "Canton Coin alone: true", func(d *draft) *bool { return &d.SpendExpiredLocks }),
		count("sweep", "holdings below dust that a payment takes along", func(d *draft) *int { return &d.Sweep }),
		money("dust", "what is small", func(d *draft) *amount.Amount { return &d.Dust }),
		money("tiny", "what is merged however little there is", func(d *draft) *amount.Amount { return &d.Tiny }),
		count("merge_from", "so many below dust are merged; 0 never", func(d *draft) *int { return &d.MergeFrom }),
		count("pool_target", "holdings of pool_large to have; 0 for no shaping", func(d *draft) *int {
			return &d.PoolTarget
		}),
		money("pool_large", "what is large", func(d *draft) *amount.Amount { return &d.PoolLarge }),
		minute("shape_from", "time of day (UTC) from which the pool is shaped", func(d *draft) **int { return &d.from }),
		minute("shape_until", "and until when", func(d *draft) **int { return &d.until }),
		count("max_overtaken", "how many may pass one that cannot be paid yet", func(d *draft) *int {
			return &d.MaxOvertaken
		}),
		span("max_wait_seconds", "and for how long", func(d *draft) *time.Duration { return &d.MaxWait }),
		optionalMoney("approve_from", "amount from which somebody else than who requested it must approve",
			func(d *draft) **amount.Amount { return &d.ApproveFrom }),
		flagged("destinations_only", "whether customers withdraw only to parties of their list", func(d *draft) *bool {
			return &d.DestinationsOnly
		}),
		span("cooling_seconds", "how long after it was added a party of a list cannot be withdrawn to",
			func(d *draft) *time.Duration { return &d.Cooling }),
	}
}

const minutesPerHour = 60

// minute is a time of day, written as 02:30 or as the column has it, minutes since midnight.
func minute(name, meaning string, at func(*draft) **int) setting[draft] {
	return setting[draft]{
		name, meaning,
		func(d *draft) string {
			m := *at(d)
			if m == nil {
				return none
			}

			return fmt.Sprintf("%02d:%02d", *m/minutesPerHour, *m%minutesPerHour)
		},
		func(d *draft, text string) error {
			if text == none {
				*at(d) = nil

				return nil
			}

			if n, err := strconv.Atoi(text); err == nil {
				*at(d) = &n

				return nil
			}

			clock, err := time.Parse("15:04", text)
			if err != nil {
				return errors.New("want a time of day such as 02:30, or none")
			}

			*at(d) = new(clock.Hour()*minutesPerHour + clock.Minute())

			return nil
		},
	}
}

func setPolicy(ctx context.Context, t *tool, arguments []string) error {
	instrument, err := ident.ParseInstrument(arguments[0], arguments[1])
	if err != nil {
		return service.UsageError(err)
	}

	policies, err := t.db.Policies(ctx)
	if err != nil {
		return err
	}

	policy, known := policies[instrument]
	assignments := arguments[2:]

	if len(assignments) == 0 && !known {
		t.printf("%s has no policy: it is not paid out, and requests are refused with unknown_instrument\n",
			named(instrument))

		return nil
	}

	if !known {
		policy = withdrawal.DefaultPolicy()
	}

	if len(assignments) > 0 {
		d := draftOf(policy)
		if err := assign(d, settings(), assignments); err != nil {
			return service.UsageError(err)
		}

		if policy, err = d.finished(); err != nil {
			return service.UsageError(err)
		}

		if err := t.db.SetPolicy(ctx, instrument, policy); err != nil {
			return unlisted(err)
		}
	}

	t.printf("%s is paid out like this:\n", named(instrument))

	return printSettings(t, draftOf(policy), settings())
}

// unlisted tells what to do about a token that the database does not know.
func unlisted(err error) error {
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%w: list it first with `treasury list-token`; nothing was changed", err)
	}

	return err
}
