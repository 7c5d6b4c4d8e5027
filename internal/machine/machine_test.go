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

func TestTheTimeOfAFamilyHasItsChildren(t *testing.T) {
	t.Parallel()

	if runtime.GOOS != "linux" {
		t.Skip("only Linux has proc(5)")
	}

	const loop = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"

	// One child that works and ends, and one that works and stays; the shell itself does nothing but wait.
	command := exec.CommandContext(t.Context(), "sh", "-c", "sh -c '"+loop+"'; sh -c '"+loop+"; echo; read end'; true")
	input, err := command.StdinPipe()
	require.NoError(t, err)
	output, err := command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, command.Start())

	_, err = output.Read(make([]byte, 1))
	require.NoError(t, err)

	family, err := machine.FamilyTime(command.Process.Pid)
	require.NoError(t, err)
	own, err := machine.UsageOf(command.Process.Pid)
	require.NoError(t, err)
	require.Greater(t, family, own.CPU)

	require.NoError(t, input.Close())
	require.NoError(t, command.Wait())

	_, err = machine.FamilyTime(command.Process.Pid)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDescriptionNamesTheToolchain(t *testing.T) {
	t.Parallel()
	require.Contains(t, machine.Description(), runtime.Version())
}
