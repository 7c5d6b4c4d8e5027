package main

import (
	"flag"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/secret"
)

// jwtFlags say which JWTs the node accepts; none are checked without a file.
type jwtFlags struct {
	file        string
	audience    string
	maxLifetime time.Duration
}

func (j *jwtFlags) register(set *flag.FlagSet) {
	set.StringVar(&j.file, "jwt-hs256-file", "", "`file` with the secret that users' JWTs must be signed with (HS256)")
	set.StringVar(&j.audience, "jwt-audience", "", "`audience` that a JWT must be for; without, it must be for "+
		"https://daml.com/jwt/aud/participant/<participant id>, or have the scope daml_ledger_api")
	set.DurationVar(&j.maxLifetime, "jwt-max-lifetime", 0,
		"longest that a JWT may still live; 0 for the release's own limit (5m from 3.4 on), negative for none")
}

// complete reports whether there is a secret if anything is said about JWTs.
func (j *jwtFlags) complete() bool { return j.file != "" || j.audience == "" && j.maxLifetime == 0 }

func (j *jwtFlags) auth() (admin.AuthConfig, error) {
	if j.file == "" {
		return admin.AuthConfig{}, nil
	}

	key, err := secret.FromFile(j.file)
	if err != nil {
		return admin.AuthConfig{}, fmt.Errorf("secret of JWTs: %w", err)
	}

	lifetime := j.maxLifetime
	if lifetime < 0 {
		lifetime = admin.Unlimited
	}

	return admin.AuthConfig{HS256: key, Audience: j.audience, MaxLifetime: lifetime}, nil
}
