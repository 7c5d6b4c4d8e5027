package machine_test

import (
	"os"
	"os/exec"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/machine"
)

func TestUsageIsThatOfTheProcess(t *testing.T) {
	t.Parallel()

	if runtime.GOOS != "linux" {
		t.Skip("only Linux has proc(5)")
	}

	own, err := machine.UsageOf(os.Getpid())
	require.NoError(t, err)
	require.Positive(t, own.Resident)
	require.GreaterOrEqual(t, own.Peak, own.Resident)

	ended := exec.CommandContext(t.Context(), "true")
	require.NoError(t, ended.Run())

	_, err = machine.UsageOf(ended.Process.Pid)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDescriptionNamesTheToolchain(t *testing.T) {
	t.Parallel()
	require.Contains(t, machine.Description(), runtime.Version())
}
