package main

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/service"
)

// TestMistakesAreNamed: what an operator wrote wrong is found before anything is reached, and named.
func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()

	good := map[string]string{
		"CES_DATABASE_URL": "postgres://ces@localhost/ces", "CES_TREASURY_PARTY": "treasury::1220aa",
		"CES_LEDGER_URL": "https://validator.example/api/json-api",
	}

	load := func(change map[string]string) error {
		var environ []string

		for name, value := range good {
			if _, changed := change[name]; !changed {
				environ = append(environ, name+"="+value)
			}
		}

		for name, value := range change {
			environ = append(environ, name+"="+value)
		}

		var c config

		return service.Load(&c, environ)
	}

	require.NoError(t, load(nil))

	for name, value := range map[string]string{
		"CES_DATABASE_URL": "", "CES_TREASURY_PARTY": "treasury", "CES_DEPOSIT_WORKERS": "0", "CES_DEPOSIT_PER_MINUTE": "-1",
		"CES_DEPOSIT_BURST": "-1", "CES_DEPOSIT_RECHECK": "0s", "CES_DEPOSIT_MAX_LAG": "-1m", "CES_SIGNER": "pocket",
		"CES_DEPOSIT_RECHEK": "5s", "CES_SCREENING_URL": "http://screening.example", "CES_SCREENING_WORKERS": "65",
		"CES_SCREENING_TIMEOUT": "1m", "CES_PREAPPROVAL_PROVIDER": "treasury::1220aa", "CES_PREAPPROVAL_WARN": "721h",
		"CES_PREAPPROVAL_RENEW": "-1h", "CES_PREAPPROVAL_EXTEND": "1m", "CES_PREAPPROVAL_MAX_COST": "-1",
		"CES_PREAPPROVAL_EVERY": "0s",
	} {
		require.ErrorContains(t, load(map[string]string{name: value}), name)
	}
}
