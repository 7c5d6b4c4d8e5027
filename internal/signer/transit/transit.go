package transit

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	driver       = "transit"
	defaultMount = "transit"

	headerToken     = "X-Vault-Token" //nolint:gosec // a header's name
	headerNamespace = "X-Vault-Namespace"
	// headerRequest is wanted by agents and proxies of Vault as a defence against forged requests.
	headerRequest = "X-Vault-Request"

	typeEd25519 = "ed25519"
	typeP256    = "ecdsa-p256"
)

// Config says which key of which server. Exactly one of Token and AppRole is given.
type Config struct {
	// URL is the server's address, without /v1.
	URL       string
	PlainHTTP bool
	TLS       endpoint.TLS
	// Namespace is the one that the mount is in; empty for none.
	Namespace string
	// Mount is the engine's path, "transit" if empty.
	Mount string
	// Key is the key's name.
	Key string
	// Token gives the token. It must be renewed by whoever issues it.
	Token   endpoint.Token
	AppRole *AppRole
}

// Open finds the expected key. ctx bounds the calls that this takes.
func Open(ctx context.Context, cfg Config, key signer.Config) (*signer.Key, error) {
	k, err := newKeeper(cfg)
	if err != nil {
		return nil, err
	}

	return signer.New(ctx, k, key)
}

type keeper struct {
	client    *endpoint.Client
	namespace string
	mount     string
	name      string
	login     login
	// Set by PublicKey.
	kind    string
	version int
}

var _ signer.Keeper = (*keeper)(nil)

func newKeeper(cfg Config) (*keeper, error) {
	if cfg.Mount == "" {
		cfg.Mount = defaultMount
	}

	mount, err := cleanPath(cfg.Mount)
	if err != nil {
		return nil, fmt.Errorf("signer: %s: mount: %w", driver, err)
	}

	name, err := cleanPath(cfg.Key)
	if err != nil || strings.Contains(name, "/") {
		return nil, fmt.Errorf("signer: %s: key name %.80q: want letters, digits, '.', '-' and '_'", driver, cfg.Key)
	}

	client, err := endpoint.New(endpoint.Config{
		Driver: driver, URL: cfg.URL, PlainHTTP: cfg.PlainHTTP, TLS: cfg.TLS,
	})
	if err != nil {
		return nil, err
	}

	k := &keeper{client: client, namespace: cfg.Namespace, mount: mount, name: name}

	switch {
	case (cfg.Token == nil) == (cfg.AppRole == nil):
		return nil, fmt.Errorf("signer: %s: give a token or an AppRole, and not both", driver)
	case cfg.Token != nil:
		k.login = givenToken(cfg.Token)
	default:
		if k.login, err = newAppRole(client, cfg.Namespace, *cfg.AppRole); err != nil {
			return nil, err
		}
	}

	return k, nil
}

// cleanPath keeps to what needs no escaping and cannot lead elsewhere.
func cleanPath(text string) (string, error) {
	text = strings.Trim(text, "/")

	for part := range strings.SplitSeq(text, "/") {
		if strings.Trim(part, ".") == "" || strings.ContainsFunc(part, notInName) {
			return "", fmt.Errorf("%.80q: want letters, digits, '.', '-' and '_'", text)
		}
	}

	return text, nil
}

func notInName(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.", r)
}

// call sends a request, and once more with a new login if the server does not accept the first.
func (k *keeper) call(ctx context.Context, r endpoint.Request, out any) error {
	for again := true; ; again = false {
		token, err := k.login.token(ctx)
		if err != nil {
			return err
		}

		r.Header = headers(k.namespace)
		r.Secrets = map[string]secret.String{headerToken: token}

		a, err := k.client.Do(ctx, r)

		switch {
		case err != nil:
			return err
		case a.Status == http.StatusForbidden && again && k.login.renewable(ctx, token):
			continue
		case a.Status != http.StatusOK:
			refused := k.client.Refused(r, a, k.advice(a.Status))
			refused.Temporary = refused.Temporary || a.Status == http.StatusPreconditionFailed

			return refused
		default:
			return k.client.Decode(r, a, out)
		}
	}
}

func headers(namespace string) map[string]string {
	out := map[string]string{headerRequest: "true"}
	if namespace != "" {
		out[headerNamespace] = namespace
	}

	return out
}

func (k *keeper) advice(status int) string {
	switch status {
	case http.StatusForbidden:
		return "the token has expired, or its policy does not allow " + k.mount + "/keys/" + k.name + " (read) and " +
			k.mount + "/sign/" + k.name + " (update)"
	case http.StatusNotFound:
		return "no such key: see mount, key name and namespace"
	case http.StatusBadRequest:
		return "see the key's type, versions and settings"
	case http.StatusServiceUnavailable:
		return "the server is sealed or in maintenance"
	case http.StatusPreconditionFailed:
		return "the server's node lags behind"
	case http.StatusTooManyRequests:
		return "a rate limit quota of the server is exhausted"
	default:
		return "see the server's log"
	}
}

// keyAnswer is what reading a key answers. Each version of an asymmetric key is an object.
type keyAnswer struct {
	Data struct {
		Type            string `json:"type"`
		Derived         bool   `json:"derived"`
		SupportsSigning bool   `json:"supports_signing"`
		LatestVersion   int    `json:"latest_version"`
		Keys            map[string]struct {
			PublicKey string `json:"public_key"`
		} `json:"keys"`
	} `json:"data"`
}

// PublicKey is the version with this fingerprint, or else the latest one.
func (k *keeper) PublicKey(ctx context.Context, want signing.Fingerprint) (signing.PublicKey, error) {
	r := endpoint.Request{Op: "read key " + k.name, Method: http.MethodGet, Path: "/v1/" + k.mount + "/keys/" + k.name}

	var a keyAnswer
	if err := k.call(ctx, r, &a); err != nil {
		return signing.PublicKey{}, err
	}

	if (a.Data.Type != typeEd25519 && a.Data.Type != typeP256) || a.Data.Derived {
		return signing.PublicKey{}, k.client.Malformed(r,
			fmt.Sprintf("a key of type %.40q, derived %t; want %s or %s, not derived",
				a.Data.Type, a.Data.Derived, typeEd25519, typeP256))
	}

	var latest signing.PublicKey

	for text, version := range a.Data.Keys {
		number, err := strconv.Atoi(text)
		if err != nil {
			return signing.PublicKey{}, k.client.Malformed(r, fmt.Sprintf("a key version %.40q", text))
		}

		public, err := parseKey(a.Data.Type, version.PublicKey)
		if err != nil {
			return signing.PublicKey{}, k.client.Malformed(r, fmt.Sprintf("public key of version %d", number)).Because(err)
		}

		if public.Fingerprint() == want {
			k.kind, k.version = a.Data.Type, number

			return public, nil
		}

		if number == a.Data.LatestVersion {
			latest = public
		}
	}

	if latest.Spec() == "" {
		return signing.PublicKey{}, k.client.Malformed(r, "the key has no latest version")
	}

	return latest, nil
}

func parseKey(kind, text string) (signing.PublicKey, error) {
	if kind == typeEd25519 {
		raw, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return signing.PublicKey{}, fmt.Errorf("want base64: %w", err)
		}

		return signing.ParsePublicKey(signing.KeyEd25519, signing.KeyFormatRaw, raw)
	}

	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return signing.PublicKey{}, errors.New("want PEM")
	}

	return signing.ParsePublicKey(signing.KeyP256, signing.KeyFormatSPKI, block.Bytes)
}

// signRequest asks for a signature over the input as it is, or over the digest that it is.
type signRequest struct {
	Input         string `json:"input"`
	KeyVersion    int    `json:"key_version"`
	Prehashed     bool   `json:"prehashed,omitempty"`
	HashAlgorithm string `json:"hash_algorithm,omitempty"`
	Marshaling    string `json:"marshaling_algorithm,omitempty"`
}

// Sign asks for a signature by the version that was found.
func (k *keeper) Sign(ctx context.Context, m signer.Message) ([]byte, error) {
	body := signRequest{Input: base64.StdEncoding.EncodeToString(m.Content()), KeyVersion: k.version}

	if k.kind == typeP256 {
		body.Input = base64.StdEncoding.EncodeToString(m.Digest())
		body.Prehashed, body.HashAlgorithm, body.Marshaling = true, "sha2-256", "asn1"
	}

	r := endpoint.Request{
		Op: "sign with " + k.name, Method: http.MethodPost, Path: "/v1/" + k.mount + "/sign/" + k.name, Body: body,
	}

	var a struct {
		Data struct {
			Signature string `json:"signature"`
		} `json:"data"`
	}
	if err := k.call(ctx, r, &a); err != nil {
		return nil, err
	}

	encoded, ok := strings.CutPrefix(a.Data.Signature, fmt.Sprintf("vault:v%d:", k.version))
	if !ok {
		return nil, k.client.Malformed(r, fmt.Sprintf("no signature by version %d of the key", k.version))
	}

	raw, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, k.client.Malformed(r, "a signature that is not base64").Because(err)
	}

	return raw, nil
}

// Close ends idle connections. A token of an AppRole lives on until it expires.
func (k *keeper) Close() error {
	k.client.Close()

	return nil
}
