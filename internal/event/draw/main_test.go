package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/docpart"
)

// The document follows the code: whoever changes the catalogue generates it again.
func TestDocumentIsUpToDate(t *testing.T) {
	t.Parallel()

	have, err := os.ReadFile("../../../docs/event-catalogue.md")
	require.NoError(t, err)

	want, err := docpart.Fill(have, command, parts()...)
	require.NoError(t, err)
	require.Equal(t, string(want), string(have), "run go generate ./...")
}

func TestWrongUse(t *testing.T) {
	t.Parallel()

	require.ErrorContains(t, run(nil), "usage")
	require.ErrorContains(t, run([]string{"/no/such"}), "read document")
}
