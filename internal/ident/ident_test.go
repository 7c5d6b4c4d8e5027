package ident_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
)

func TestParseParty(t *testing.T) {
	t.Parallel()

	for _, good := range []string{"treasury::1220ab", "a::b", "DSO::1220b1431ef2", "x-y_z:1::1220"} {
		got, err := ident.ParseParty(good)
		require.NoError(t, err)
		require.Equal(t, ident.Party(good), got)
	}

	long := strings.Repeat("a", 260) + "::b"
	for _, bad := range []string{"", "treasury", "::1220", "treasury::", "a b::c", "a::b\n", "é::1", long} {
		_, err := ident.ParseParty(bad)
		require.ErrorIs(t, err, ident.ErrInvalid, bad)
	}
}

func TestNamesAreComparedWithoutTheirPackage(t *testing.T) {
	t.Parallel()

	byName, err := ident.ParseName("#splice-api-token-holding-v1:Splice.Api.Token.HoldingV1:Holding")
	require.NoError(t, err)
	byHash, err := ident.ParseName(
		"718a0f77e505a8de22f188bd4c87fe74101274e9d4cb1bfac7d09aec7158d35b:Splice.Api.Token.HoldingV1:Holding")
	require.NoError(t, err)
	other, err := ident.ParseName("#evil:Splice.Api.Token.HoldingV1:Holdings")
	require.NoError(t, err)

	require.True(t, byName.Is(byHash))
	require.False(t, byName.Is(other))
	require.NotEqual(t, byName, byHash)
}

func TestParseNameRefuses(t *testing.T) {
	t.Parallel()

	long := "a:b:" + strings.Repeat("x", 1000)
	for _, bad := range []string{"", "a", "a:b", "a:b:", ":b:c", "a:b:c:d", "a:b c:d", long} {
		_, err := ident.ParseName(bad)
		require.ErrorIs(t, err, ident.ErrInvalid, bad)
	}
}

func TestParseInstrument(t *testing.T) {
	t.Parallel()

	got, err := ident.ParseInstrument("DSO::1220", "Amulet")
	require.NoError(t, err)
	require.Equal(t, "Amulet@DSO::1220", got.String())

	for _, bad := range [][2]string{
		{"DSO", "Amulet"}, {"DSO::1", ""}, {"DSO::1", "Am\x00ulet"},
		{"DSO::1", strings.Repeat("x", 256)}, {"DSO::1", "a\u2028b"},
	} {
		_, err := ident.ParseInstrument(bad[0], bad[1])
		require.ErrorIs(t, err, ident.ErrInvalid, bad)
	}
}
