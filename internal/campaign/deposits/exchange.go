package deposits

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/canton-exchange/suite/internal/amount"
	"github.com/canton-exchange/suite/internal/campaign/chance"
	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/store"
	"github.com/canton-exchange/suite/internal/withdrawal"
)

// refusalState is the SQLSTATE of what the database refuses.
const refusalState = "CE001"

// keyOf is the memo as it is compared: without the white space around it, and without regard to the case of A–Z.
func keyOf(memo string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}

		return r
	}, strings.TrimSpace(memo))
}

// openBooks says what the exchange deals in, and whose memos are whose.
func (c *Campaign) openBooks(ctx context.Context) error {
	c.grounds = newGrounds()

	// How a token without a policy of its own is dealt with.
	for _, token := range c.tokens() {
		c.grounds.terms[token] = &timeline[terms]{{value: terms{accepts: true, lead: time.Minute}}}
	}

	for i := range accounts {
		if err := c.register(ctx, memoOf(i), accountOf(i)); err != nil {
			return err
		}
	}

	for i := range closing {
		if err := c.register(ctx, closingMemo(i), fmt.Sprintf("closing-account-%d", i)); err != nil {
			return err
		}
	}

	for i := range closed {
		if err := c.register(ctx, closedMemo(i), fmt.Sprintf("closed-account-%d", i)); err != nil {
			return err
		}

		if err := c.enable(ctx, closedMemo(i), false, 0); err != nil {
			return err
		}
	}

	if err := c.block(ctx, c.world.thief, true); err != nil {
		return err
	}

	return errors.Join(c.openTokens(ctx), c.openRegistries(ctx))
}

// openTokens lists what is dealt in from the start.
func (c *Campaign) openTokens(ctx context.Context) error {
	for _, token := range []ident.Instrument{c.stage.Ledger.Amulet(), c.stage.Ledger.AcmeToken()} {
		if err := c.list(ctx, token, amount.Zero()); err != nil {
			return err
		}

		if err := c.setPolicy(ctx, token, func(*terms) {}); err != nil {
			return err
		}

		if err := c.stage.DB.SetPolicy(ctx, token, c.payments(token)); err != nil {
			return err
		}
	}

	// Returns that nobody takes end while the campaign looks on: no operator may have them end as soon.
	if err := c.stage.Insist(ctx, "ALTER TABLE withdrawal_policies DROP CONSTRAINT withdrawal_policies_offer_seconds_check"); err != nil {
		return err
	}

	return c.stage.Insist(ctx, "UPDATE withdrawal_policies SET offer_seconds = 6")
}

// payments is how deposits are sent back. What is small is merged now and then, so that they can be.
func (c *Campaign) payments(token ident.Instrument) withdrawal.Policy {
	pick := chance.Source(c.cfg.Seed, "payments "+token.ID)
	p := withdrawal.DefaultPolicy()
	p.Window = time.Duration(2+pick.IntN(4)) * time.Second
	p.MaxAttempts = 3 + pick.IntN(4)
	p.MergeFrom = 20 + pick.IntN(30)
	p.SpendExpiredLocks = token == c.stage.Ledger.Amulet()

	return p
}

// tokens are all there are, dealt in or not.
func (c *Campaign) tokens() []ident.Instrument {
	coin, acme := c.stage.Ledger.Amulet(), c.stage.Ledger.AcmeToken()

	return []ident.Instrument{
		coin, acme, c.world.newToken, c.world.strangeToken, {Admin: c.world.forger, ID: coin.ID}, {Admin: c.world.forger, ID: acme.ID},
	}
}

// openRegistries names every token's registry, of those too that are not dealt in.
func (c *Campaign) openRegistries(ctx context.Context) error {
	for _, token := range c.tokens() {
		place := store.RegistryPlace{Admin: token.Admin, URL: "http://" + c.stage.SignNet.Addr() + "/api/token-standard/v0/registrars/{admin}"}
		places := []store.RegistryPlace{place}

		if token == c.stage.Ledger.Amulet() && chance.Source(c.cfg.Seed, "registry").IntN(2) == 0 {
			scan := store.RegistryPlace{Admin: token.Admin, URL: "http://" + c.stage.SignNet.Addr() + "/api/validator/v0/scan-proxy", NodeCredentials: true}
			places = []store.RegistryPlace{scan, place}
		}

		if err := c.stage.DB.SetRegistry(ctx, token.Admin, places); err != nil {
			return err
		}
	}

	return nil
}

// operate has the operator's tool do something until it is certain that it is done, or that it cannot be.
func (c *Campaign) operate(ctx context.Context, arguments ...string) (bool, error) {
	return c.operateAs(ctx, "", arguments...)
}

// operateAs is operate for one of several people.
func (c *Campaign) operateAs(ctx context.Context, operator string, arguments ...string) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, settling)
	defer cancel()

	var last error

	for {
		out, err := c.stage.OperateAs(ctx, operator, arguments...)
		if err == nil {
			return true, nil
		}

		if strings.Contains(strings.ToLower(out), "nothing was changed") {
			return false, nil
		}

		if ctx.Err() != nil {
			return false, errors.Join(err, last)
		}

		last = err

		pause(ctx, 50*time.Millisecond)
	}
}

func (c *Campaign) register(ctx context.Context, memo, account string) error {
	done := change(c, c.grounds.memos, keyOf(memo), memoState{account, true})
	said, err := c.operate(ctx, "add-memo", account, memo)
	done(said)

	return err
}

// enable opens and closes a memo's account.
func (c *Campaign) enable(ctx context.Context, memo string, enabled bool, long time.Duration) error {
	state := latest(c, c.grounds.memos, keyOf(memo))
	state.enabled = enabled

	query := "SELECT api.disable_memo($1, $2, 'operator', 'the campaign says so')"
	if enabled {
		query = "SELECT api.enable_memo($1, $2, 'operator', 'the campaign says so')"
	}

	done := change(c, c.grounds.memos, keyOf(memo), state)
	err := c.speak(ctx, long, query, string(c.stage.Party), memo)
	done(err == nil)

	return err
}

// speak has the exchange's own system say something, in a transaction that has other things to do until it ends. It
// repeats what it is not certain of.
func (c *Campaign) speak(ctx context.Context, long time.Duration, query string, arguments ...any) error {
	for ctx.Err() == nil {
		err := pgx.BeginFunc(ctx, c.stage.DB.Pool(), func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, query, arguments...); err != nil {
				return fmt.Errorf("%s: %w", query, err)
			}

			pause(ctx, long)

			return nil
		})
		if err == nil {
			return nil
		}

		if said, ok := errors.AsType[*pgconn.PgError](err); ok && said.Code == refusalState {
			return fmt.Errorf("the exchange says something: %w", err)
		}

		pause(ctx, 15*time.Millisecond)
	}

	return errors.Join(ctx.Err())
}

func (c *Campaign) block(ctx context.Context, sender ident.Party, blocked bool) error {
	done := change(c, c.grounds.blocked, sender, blocked)

	command := "unblock-sender"
	if blocked {
		command = "block-sender"
	}

	said, err := c.operate(ctx, command, string(sender), "operator", "the campaign says so")
	done(said)

	return err
}

// list lists a token, or changes the least deposit of one that is.
func (c *Campaign) list(ctx context.Context, token ident.Instrument, minimum amount.Amount) error {
	next := latest(c, c.grounds.terms, token)

	next.listed, next.minimumDeposit = true, minimum

	done := change(c, c.grounds.terms, token, next)
	said, err := c.operate(ctx, "list-token", string(token.Admin), token.ID, minimum.String())
	done(said)

	return err
}

// setPolicy changes how offers of a token are dealt with. Times are short, so that answers get lost and offers end while
// the campaign looks on.
func (c *Campaign) setPolicy(ctx context.Context, token ident.Instrument, differ func(*terms)) error {
	next := latest(c, c.grounds.terms, token)

	next = terms{listed: next.listed, minimumDeposit: next.minimumDeposit, accepts: true}
	differ(&next)

	pick := chance.Source(c.cfg.Seed, "policy "+token.ID)
	done := change(c, c.grounds.terms, token, next)
	said, err := c.operate(ctx, "set-deposit-policy", string(token.Admin), token.ID,
		fmt.Sprintf("accept_offers=%t", next.accepts), "minimum_offer="+next.minimumOffer.String(),
		fmt.Sprintf("lead_seconds=%d", int(next.lead.Seconds())), fmt.Sprintf("screen=%t", next.screens),
		fmt.Sprintf("credit_delay_seconds=%d", int(next.delay.Seconds())), "confirm_from="+cmp.Or(next.confirmFrom, "none"),
		fmt.Sprintf("window_seconds=%d", 2+pick.IntN(4)), fmt.Sprintf("max_tries=%d", 2+pick.IntN(6)))
	done(said)

	return err
}

// registerLate registers a memo that customers have used already.
func (c *Campaign) registerLate(ctx context.Context, rng *rand.Rand) error {
	c.world.mu.Lock()

	var memo string
	if n := len(c.world.late); n > 3 {
		memo, c.world.late = c.world.late[0], c.world.late[1:]
	}
	c.world.mu.Unlock()

	if memo == "" {
		return nil
	}

	c.did("memos registered late")

	if rng.IntN(2) == 0 {
		return c.register(ctx, memo, "account-of-"+memo)
	}

	done := change(c, c.grounds.memos, keyOf(memo), memoState{"account-of-" + memo, true})
	err := c.speak(ctx, chance.Millis(rng, 0, 400), "SELECT api.register_memo($1, $2, $3)", string(c.stage.Party), "account-of-"+memo, memo)
	done(err == nil)

	return err
}

func (c *Campaign) toggleMemo(ctx context.Context, rng *rand.Rand) error {
	c.did("accounts closed or opened")

	return c.enable(ctx, closingMemo(rng.IntN(closing)), rng.IntN(2) == 0, chance.Millis(rng, 0, 300))
}

func (c *Campaign) toggleSender(ctx context.Context, rng *rand.Rand) error {
	c.did("senders blocked or unblocked")

	return c.block(ctx, c.world.suspects[rng.IntN(len(c.world.suspects))], rng.IntN(2) == 0)
}

// changeTerms changes how a token is dealt with; the new token is listed in the middle of the campaign.
func (c *Campaign) changeTerms(ctx context.Context, rng *rand.Rand) error {
	tokens := []ident.Instrument{c.stage.Ledger.Amulet(), c.stage.Ledger.AcmeToken()}
	if c.made.Load() > int64(c.cfg.Deposits)/3 {
		tokens = append(tokens, c.world.newToken)
	}

	token := tokens[rng.IntN(len(tokens))]

	c.did("terms changed")

	if !latest(c, c.grounds.terms, token).listed || rng.IntN(4) == 0 {
		return c.list(ctx, token, amount.FromInt(int64(2*rng.IntN(2))))
	}

	return c.setPolicy(ctx, token, func(t *terms) {
		if rng.IntN(3) == 0 {
			t.confirmFrom = "20"
		}

		switch rng.IntN(8) {
		case 0:
			t.accepts = false
		case 1:
			t.minimumOffer = amount.FromInt(3)
		case 2:
			t.lead = time.Second
		case 3, 5:
			t.screens = true
		case 4:
			t.delay = time.Duration(1+rng.IntN(3)) * time.Second
		}
	})
}
