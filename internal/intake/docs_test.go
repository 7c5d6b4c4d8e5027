package intake_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/deposit"
)

const document = "../../docs/deposits.md"

// TestEveryReasonIsDocumented, and no other is.
func TestEveryReasonIsDocumented(t *testing.T) {
	t.Parallel()

	file, err := parser.ParseFile(token.NewFileSet(), "../deposit/verdict.go", nil, parser.SkipObjectResolution)
	require.NoError(t, err)

	var known []string

	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}

		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Reason" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)

			known = append(known, text)
		}

		return true
	})
	require.Contains(t, known, string(deposit.ScreeningRefuses))

	var told []string

	for _, row := range rows(t, `\| (?:(\(empty\))|.([a-z_]+).) \| (?:accept|hold|ignore|any) \|`) {
		told = append(told, row[2])
	}

	require.ElementsMatch(t, known, told)
}

// TestTheDocumentHasTheDefaults of a policy.
func TestTheDocumentHasTheDefaults(t *testing.T) {
	t.Parallel()

	p := deposit.DefaultPolicy()
	want := map[string]string{
		"accept_offers": strconv.FormatBool(p.AcceptOffers), "minimum_offer": p.MinimumOffer.Short(),
		"lead_seconds":   strconv.Itoa(int(p.Lead / time.Second)),
		"window_seconds": strconv.Itoa(int(p.Window / time.Second)),
		"max_tries":      strconv.Itoa(p.MaxTries), "screen": strconv.FormatBool(p.Screen),
		"credit_delay_seconds": strconv.Itoa(int(p.CreditDelay / time.Second)), "confirm_from": "none",
	}
	told := map[string]string{}

	require.Nil(t, p.ConfirmFrom)

	for _, row := range rows(t, "\\| `([a-z_]+)` \\| (true|false|none|[0-9]+) \\|") {
		told[row[1]] = row[2]
	}

	require.Equal(t, want, told)
}

func rows(t *testing.T, pattern string) [][]string {
	t.Helper()

	text, err := os.ReadFile(document)
	require.NoError(t, err)

	return regexp.MustCompile("(?m)^"+pattern).FindAllStringSubmatch(string(text), -1)
}
