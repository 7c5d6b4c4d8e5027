package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/amount/amounttest"
	"github.com/canton-exchange/suite/internal/deposit"
	"github.com/canton-exchange/suite/internal/memo/memotest"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/store"
)

// TestScreeningsAreSeenAndAskedAgain: who waits, since when, what the service said; and a person has it asked again.
func TestScreeningsAreSeenAndAskedAgain(t *testing.T) {
	t.Parallel()

	e := newExchange(t)
	require.Equal(t, "none\n", e.ok("screenings"))

	acme := []string{string(e.AcmeToken().Admin), e.AcmeToken().ID}
	e.ok(append([]string{"list-token"}, acme...)...)
	e.ok(append(append([]string{"set-deposit-policy"}, acme...), "screen=true")...)

	giver, err := e.AllocateParty("giver")
	require.NoError(t, err)
	_, err = e.Mint(giver, e.AcmeToken(), amounttest.Of("70"))
	require.NoError(t, err)
	_, err = e.Transfer(sandbox.TransferRequest{
		Sender: giver, Receiver: e.party, Instrument: e.AcmeToken(), Amount: amounttest.Of("70"), Memo: new("ACC-1"),
	})
	require.NoError(t, err)
	e.until("undecided", "offers")

	treasury := e.decided()
	require.Contains(t, squeezed(e.ok("offers", "hold")), "hold awaits_screening none 70 ")

	// Nobody is there to be asked: it is seen all the same.
	list := e.ok("screenings")
	require.Contains(t, squeezed(list), " nothing 0 ")
	require.Contains(t, squeezed(list), " - offered 70 AcmeToken \"ACC-1\" "+string(giver)+" -")

	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	require.Contains(t, e.refuses(service.ExitFailure, "rescreen", id, "ann", "ticket 1"), "never asked")

	// The service wants a person to look, and cannot draw on the terminal.
	answer := func(a store.ScreeningAnswer) {
		now := time.Now()
		_, err := e.db.EnrollScreenings(t.Context(), treasury, now, 10)
		require.NoError(t, err)
		jobs, err := e.db.ClaimScreenings(t.Context(), treasury, now.Add(4*time.Hour), now.Add(5*time.Hour), 10)
		require.NoError(t, err)
		require.Len(t, jobs, 1)
		require.NoError(t, e.db.AnswerScreening(t.Context(), treasury, jobs[0], a, now))
		e.decided()
	}
	answer(store.ScreeningAnswer{Result: deposit.Unavailable, Detail: "screening: HTTP 503", Again: time.Now().Add(3*time.Hour - time.Second)})
	require.Contains(t, squeezed(e.ok("screenings")), " unavailable 1 ")
	require.Contains(t, squeezed(e.ok("screenings")), " in 2h59m offered 70 AcmeToken \"ACC-1\" "+string(giver)+` "screening: HTTP 503"`)
	answer(store.ScreeningAnswer{Result: deposit.Doubtful, Detail: "\x1b[2J\u202ecase 17"})

	list = e.ok("screenings", "doubtful")
	require.False(t, memotest.Hides(strings.ReplaceAll(list, "\n", "")))
	require.Contains(t, squeezed(list), " doubtful 2 ")
	require.Contains(t, list, `"\x1b[2J\u202ecase 17"`)
	require.Equal(t, list, e.ok("screenings"))
	require.Equal(t, "none\n", e.ok("screenings", "passed"))

	require.Contains(t, e.ok("rescreen", id, "ann", "ticket 1"), "is asked again")
	require.Contains(t, e.ok("rescreen", id, "ann", "ticket 1"), "is asked again")
	require.Equal(t, 1, strings.Count(e.ok("audit", id), "deposit.rescreen"), "said twice, done once")
	require.Contains(t, e.ok("audit", id), "doubtful")
	e.decided()
	require.Contains(t, squeezed(e.ok("screenings")), " nothing 2 ")

	answer(store.ScreeningAnswer{Result: deposit.Passed})
	require.Equal(t, "none\n", e.ok("screenings"))
	require.Contains(t, squeezed(e.ok("screenings", "passed")), " passed 3 ")
	require.Contains(t, e.refuses(service.ExitFailure, "rescreen", id, "ann", "ticket 1"), "passed it already")

	require.Contains(t, e.refuses(service.ExitUsage, "screenings", "good"), "want passed, doubtful, refused or unavailable")
	require.Contains(t, e.refuses(service.ExitUsage, "rescreen", "17", "ann", "x"), "17")
	require.Contains(t, e.refuses(service.ExitFailure, "rescreen", uuid.NewString(), "ann", "x"), "never asked")
}
