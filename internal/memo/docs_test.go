package memo_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/memo"
)

// TestTheDocumentsMemosAreRight: wallets are built by the examples, and customers are shown them.
func TestTheDocumentsMemosAreRight(t *testing.T) {
	t.Parallel()

	var text string

	for _, document := range []string{"wallets", "deposits"} {
		raw, err := os.ReadFile("../../docs/" + document + ".md")
		require.NoError(t, err)

		text += string(raw)
	}

	examples := map[string]bool{}

	for _, found := range regexp.MustCompile("[`'\" ]([0-9A-HJKMNP-TV-Z]{9})[`'\"]").FindAllStringSubmatch(text, -1) {
		_, wrong := memo.Check(found[1])
		examples[found[1]] = wrong == nil
	}

	require.Equal(t, map[string]bool{"7KQ2M9X46": true, "000000000": true, "10000000D": true, "100000001": false, "7KQ2M9X64": false}, examples)
}
