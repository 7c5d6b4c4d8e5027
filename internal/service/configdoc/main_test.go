package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// The document follows the code: whoever changes a configuration generates it again.
func TestDocumentIsUpToDate(t *testing.T) {
	t.Parallel()

	root, err := moduleRoot()
	require.NoError(t, err)

	want, err := render(t.Context(), root)
	require.NoError(t, err)

	have, err := os.ReadFile(filepath.Join(root, document))
	require.NoError(t, err)
	require.Equal(t, string(want), string(have), "run go generate ./...")
}
