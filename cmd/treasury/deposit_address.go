package main

import (
	"context"
	"strings"

	"github.com/canton-exchange/suite/internal/memo"
)

// depositAddress prints what a customer must be shown, so that support can read it out.
func depositAddress(ctx context.Context, t *tool, arguments []string) error {
	shown, err := t.db.DepositInstructions(ctx, t.party, arguments[0])
	if err != nil {
		return refusal(err)
	}

	t.printf("account   %s\nsend to   %s\n", plain(arguments[0]), shown.Party)
	t.printf("compare   it begins with %s and ends with %s\n", plain(beginning(string(shown.Party))),
		plain(ending(string(shown.Party))))
	t.printf("memo      %s\n", memo.Shown(shown.Memo))

	if spoken := spelled(shown.Memo); spoken != "" {
		t.printf("spelled   %s\n", spoken)
	}

	t.printf("          upper and lower case are the same, and blanks before and after do not matter; nothing else is " +
		"forgiven\n")

	for _, one := range shown.Tokens {
		t.printf("\ntoken     %s\nleast     %s\n", named(one.Instrument), one.Minimum.Short())

		if one.OffersAccepted {
			t.printf("as offer  at least %s, which must have %s left when we see it\n", one.MinimumOffer.Short(),
				short(one.OfferLead))
		} else {
			t.printf("as offer  not accepted\n")
		}

		t.printf("credited  usually within %s%s\n", short(one.Expected), screenedToo(one.Screened))
		t.printf("say       %s\n", said(one.Sentence))
	}

	if len(shown.Tokens) == 0 {
		t.printf("\nno token is listed yet: treasury list-token\n")
	}

	return nil
}

func screenedToo(screened bool) string {
	if screened {
		return ", or when the screening has passed it"
	}

	return ""
}

// compared is how many characters of an address people compare at either end of its fingerprint.
const compared = 8

// beginning is the name of a party and the first characters of its fingerprint that differ: all begin with 1220.
func beginning(party string) string {
	const (
		separator = "::"
		hashKind  = 4
	)

	name, _, _ := strings.Cut(party, separator)

	return party[:min(len(party), len(name)+len(separator)+hashKind+compared)]
}

func ending(party string) string { return party[max(0, len(party)-compared):] }

// spelled is a memo to be read out, three characters at a time. It is empty for one that is not made of letters and
// digits of ASCII, which nobody can read out so that it is typed alike.
func spelled(text string) string {
	const (
		group   = 3
		longest = 24
	)

	if len(text) > longest {
		return ""
	}

	var b strings.Builder

	for i, r := range text {
		if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') {
			return ""
		}

		switch {
		case i == 0:
		case i%group == 0:
			b.WriteString(" - ")
		default:
			b.WriteByte(' ')
		}

		b.WriteRune(r)
	}

	return b.String()
}
