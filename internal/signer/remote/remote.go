package remote

import (
	"context"
	"fmt"
	"net/http"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

const driver = "remote signer"

// Config says where the remote signer is. Give a token, a client certificate in TLS, or both.
type Config struct {
	// URL is what comes before /v1.
	URL       string
	PlainHTTP bool
	TLS       endpoint.TLS
	// Token gives the bearer token; nil sends none.
	Token endpoint.Token
}

// Open asks for the public key. ctx bounds the call.
func Open(ctx context.Context, cfg Config, key signer.Config) (*signer.Key, error) {
	if cfg.Token == nil && cfg.TLS.CertFile == "" {
		return nil, fmt.Errorf("signer: %s: give a bearer token or a client certificate: "+
			"nobody may get signatures without", driver)
	}

	client, err := endpoint.New(endpoint.Config{
		Driver: driver, URL: cfg.URL, PlainHTTP: cfg.PlainHTTP, TLS: cfg.TLS,
	})
	if err != nil {
		return nil, err
	}

	return signer.New(ctx, &keeper{client: client, token: cfg.Token}, key)
}

type keeper struct {
	client *endpoint.Client
	token  endpoint.Token
	// public is set by PublicKey.
	public signing.PublicKey
}

var _ signer.Keeper = (*keeper)(nil)

func (k *keeper) call(ctx context.Context, r endpoint.Request, out any) error {
	if k.token != nil {
		token, err := k.token()
		if err != nil {
			return (&signer.Error{
				Driver: driver, Op: r.Op, Cause: signer.Excerpt(err.Error()), Advice: "see the token file",
			}).Because(err)
		}

		r.Bearer = token
	}

	a, err := k.client.Do(ctx, r)
	if err != nil {
		return err
	}

	if a.Status != http.StatusOK {
		var refusal struct {
			Error string `json:"error"`
		}
		if strictjson.Decode(a.Body, &refusal) == nil && refusal.Error != "" {
			a.Body = []byte(refusal.Error)
		}

		return k.client.Refused(r, a, advice(a.Status))
	}

	return k.client.Decode(r, a, out)
}

func advice(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "see the token or the client certificate, and what the signer lets us do"
	case http.StatusNotFound:
		return "the signer has no key with this fingerprint, or the URL is wrong"
	default:
		return "see the signer's log"
	}
}

// PublicKey asks for the key by its fingerprint.
func (k *keeper) PublicKey(ctx context.Context, want signing.Fingerprint) (signing.PublicKey, error) {
	r := endpoint.Request{Op: "read public key", Method: http.MethodGet, Path: "/v1/keys/" + string(want)}

	var a struct {
		KeySpec   signing.KeySpec `json:"key_spec"`
		PublicKey []byte          `json:"public_key"`
	}
	if err := k.call(ctx, r, &a); err != nil {
		return signing.PublicKey{}, err
	}

	public, err := signing.ParsePublicKey(a.KeySpec, signing.KeyFormatSPKI, a.PublicKey)
	if err != nil {
		return signing.PublicKey{}, k.client.Malformed(r, "the answer holds no public key that we know").Because(err)
	}

	k.public = public

	return public, nil
}

type signRequest struct {
	Kind      signer.Kind       `json:"kind"`
	Content   []byte            `json:"content"`
	Algorithm signing.Algorithm `json:"algorithm"`
}

// Sign asks for one signature.
func (k *keeper) Sign(ctx context.Context, m signer.Message) ([]byte, error) {
	body := signRequest{Kind: m.Kind(), Content: m.Content(), Algorithm: signing.AlgorithmEd25519}
	if k.public.Spec() == signing.KeyP256 {
		body.Algorithm = signing.AlgorithmECDSASHA256
	}

	r := endpoint.Request{
		Op: "sign", Method: http.MethodPost, Path: "/v1/keys/" + string(k.public.Fingerprint()) + "/sign", Body: body,
	}

	var a struct {
		SignedBy  signing.Fingerprint `json:"signed_by"`
		Signature []byte              `json:"signature"`
	}
	if err := k.call(ctx, r, &a); err != nil {
		return nil, err
	}

	if a.SignedBy != k.public.Fingerprint() {
		return nil, k.client.Malformed(r, fmt.Sprintf("signed by %.80q, another key", a.SignedBy)).
			Because(signing.ErrWrongKey)
	}

	return a.Signature, nil
}

// Close ends idle connections.
func (k *keeper) Close() error {
	k.client.Close()

	return nil
}
