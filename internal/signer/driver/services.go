package driver

import (
	"context"
	"errors"

	"github.com/canton-exchange/suite/internal/signer"
	awskmsdriver "github.com/canton-exchange/suite/internal/signer/awskms"
	"github.com/canton-exchange/suite/internal/signer/endpoint"
	remotedriver "github.com/canton-exchange/suite/internal/signer/remote"
	transitdriver "github.com/canton-exchange/suite/internal/signer/transit"
)

const (
	transitPrefix = "CES_SIGNER_TRANSIT"
	remotePrefix  = "CES_SIGNER_REMOTE"
)

// Transit is a key in the transit engine of Vault or OpenBao. Token and secret id are files, which can be renewed.
type Transit struct {
	URL          string `env:"CES_SIGNER_TRANSIT_URL" help:"For CES_SIGNER=transit: address of Vault or OpenBao, what comes before /v1."`
	PlainHTTP    bool   `env:"CES_SIGNER_TRANSIT_PLAIN_HTTP" help:"Allow http to another machine: only where something else encrypts, such as a service mesh."`
	CAFile       string `env:"CES_SIGNER_TRANSIT_TLS_CA_FILE" help:"PEM file of the certificates that alone are trusted for the server; the system's if not set."`
	CertFile     string `env:"CES_SIGNER_TRANSIT_TLS_CERT_FILE" help:"PEM file of our certificate for mutual TLS; read again at every handshake."`
	KeyFile      string `env:"CES_SIGNER_TRANSIT_TLS_KEY_FILE" help:"PEM file of that certificate's key."`
	ServerName   string `env:"CES_SIGNER_TRANSIT_TLS_SERVER_NAME" help:"Name to expect in the server's certificate, if it is not the URL's host."`
	Namespace    string `env:"CES_SIGNER_TRANSIT_NAMESPACE" help:"Namespace that the engine is in; none if not set."`
	Mount        string `env:"CES_SIGNER_TRANSIT_MOUNT" help:"Path of the engine; transit if not set."`
	KeyName      string `env:"CES_SIGNER_TRANSIT_KEY_NAME" help:"Name of the key, of type ed25519 or ecdsa-p256."`
	TokenFile    string `env:"CES_SIGNER_TRANSIT_TOKEN_FILE" help:"File with the token, such as an agent's sink; read again for every request. This, or an AppRole."`
	RoleID       string `env:"CES_SIGNER_TRANSIT_ROLE_ID" help:"Role id of an AppRole, in place of a token."`
	SecretIDFile string `env:"CES_SIGNER_TRANSIT_SECRET_ID_FILE" help:"File with the AppRole's secret id; read again for every login."`
	AppRoleMount string `env:"CES_SIGNER_TRANSIT_APPROLE_MOUNT" help:"Path of the AppRole method below auth/; approle if not set."`
}

func (t *Transit) tls() endpoint.TLS {
	return endpoint.TLS{CAFile: t.CAFile, CertFile: t.CertFile, KeyFile: t.KeyFile, ServerName: t.ServerName}
}

func (t *Transit) validate() error {
	if err := checkURL("CES_SIGNER_TRANSIT_URL", t.URL, t.PlainHTTP); err != nil {
		return err
	}

	appRole := t.RoleID != "" || t.SecretIDFile != "" || t.AppRoleMount != ""

	switch {
	case appRole && t.TokenFile != "":
		return errors.New("CES_SIGNER_TRANSIT_TOKEN_FILE and an AppRole (CES_SIGNER_TRANSIT_ROLE_ID, " +
			"CES_SIGNER_TRANSIT_SECRET_ID_FILE, CES_SIGNER_TRANSIT_APPROLE_MOUNT) are two ways to log in: set one")
	case appRole && (t.RoleID == "" || t.SecretIDFile == ""):
		return errors.New("an AppRole needs CES_SIGNER_TRANSIT_ROLE_ID and CES_SIGNER_TRANSIT_SECRET_ID_FILE")
	default:
		return checkPair(transitPrefix, t.tls())
	}
}

func (t *Transit) missing() []string {
	return lacking(
		need{t.URL != "", "CES_SIGNER_TRANSIT_URL"},
		need{t.KeyName != "", "CES_SIGNER_TRANSIT_KEY_NAME"},
		need{
			t.TokenFile != "" || t.RoleID != "",
			"CES_SIGNER_TRANSIT_TOKEN_FILE or CES_SIGNER_TRANSIT_ROLE_ID with CES_SIGNER_TRANSIT_SECRET_ID_FILE",
		},
	)
}

func (t *Transit) describe() string { return "transit key " + t.KeyName + " at " + shownURL(t.URL) }

func (t *Transit) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	if err := checkFiles(transitPrefix, t.tls()); err != nil {
		return nil, err
	}

	cfg := transitdriver.Config{
		URL: t.URL, PlainHTTP: t.PlainHTTP, TLS: t.tls(), Namespace: t.Namespace, Mount: t.Mount, Key: t.KeyName,
	}

	if t.TokenFile != "" {
		cfg.Token = endpoint.FileToken(t.TokenFile)
	} else {
		cfg.AppRole = &transitdriver.AppRole{
			Mount: t.AppRoleMount, RoleID: t.RoleID, SecretID: endpoint.FileToken(t.SecretIDFile),
		}
	}

	return transitdriver.Open(ctx, cfg, key)
}

// AWSKMS is a key in AWS Key Management Service. Credentials come from AWS's own variables and files.
type AWSKMS struct {
	KeyID    string `env:"CES_SIGNER_AWSKMS_KEY_ID" help:"For CES_SIGNER=awskms: id, ARN or alias of the key. Credentials come from where AWS's own programs find them."`
	Region   string `env:"CES_SIGNER_AWSKMS_REGION" help:"Region of the key, where AWS's own variables and files do not say."`
	Endpoint string `env:"CES_SIGNER_AWSKMS_ENDPOINT" help:"Address in place of the service's own, for a VPC endpoint."`
}

func (a *AWSKMS) validate() error {
	return checkURL("CES_SIGNER_AWSKMS_ENDPOINT", a.Endpoint, false)
}

func (a *AWSKMS) missing() []string {
	return lacking(need{a.KeyID != "", "CES_SIGNER_AWSKMS_KEY_ID"})
}

func (a *AWSKMS) describe() string { return "AWS KMS key " + a.KeyID }

func (a *AWSKMS) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	return awskmsdriver.Open(ctx, awskmsdriver.Config{KeyID: a.KeyID, Region: a.Region, Endpoint: a.Endpoint}, key)
}

// Remote is a key behind the small HTTP protocol of package remote. The token is a file, which can be renewed.
type Remote struct {
	URL        string `env:"CES_SIGNER_REMOTE_URL" help:"For CES_SIGNER=remote: address of the signing service, what comes before /v1."`
	PlainHTTP  bool   `env:"CES_SIGNER_REMOTE_PLAIN_HTTP" help:"Allow http to another machine: only where something else encrypts, such as a service mesh."`
	CAFile     string `env:"CES_SIGNER_REMOTE_TLS_CA_FILE" help:"PEM file of the certificates that alone are trusted for the service; the system's if not set."`
	CertFile   string `env:"CES_SIGNER_REMOTE_TLS_CERT_FILE" help:"PEM file of our certificate for mutual TLS; read again at every handshake."`
	KeyFile    string `env:"CES_SIGNER_REMOTE_TLS_KEY_FILE" help:"PEM file of that certificate's key."`
	ServerName string `env:"CES_SIGNER_REMOTE_TLS_SERVER_NAME" help:"Name to expect in the service's certificate, if it is not the URL's host."`
	TokenFile  string `env:"CES_SIGNER_REMOTE_TOKEN_FILE" help:"File with the bearer token; read again for every request. This, a client certificate, or both."`
}

func (r *Remote) tls() endpoint.TLS {
	return endpoint.TLS{CAFile: r.CAFile, CertFile: r.CertFile, KeyFile: r.KeyFile, ServerName: r.ServerName}
}

func (r *Remote) validate() error {
	if err := checkURL("CES_SIGNER_REMOTE_URL", r.URL, r.PlainHTTP); err != nil {
		return err
	}

	return checkPair(remotePrefix, r.tls())
}

func (r *Remote) missing() []string {
	return lacking(
		need{r.URL != "", "CES_SIGNER_REMOTE_URL"},
		need{
			r.TokenFile != "" || r.CertFile != "",
			"CES_SIGNER_REMOTE_TOKEN_FILE or CES_SIGNER_REMOTE_TLS_CERT_FILE with CES_SIGNER_REMOTE_TLS_KEY_FILE",
		},
	)
}

func (r *Remote) describe() string { return "remote signer at " + shownURL(r.URL) }

func (r *Remote) open(ctx context.Context, key signer.Config) (*signer.Key, error) {
	if err := checkFiles(remotePrefix, r.tls()); err != nil {
		return nil, err
	}

	cfg := remotedriver.Config{URL: r.URL, PlainHTTP: r.PlainHTTP, TLS: r.tls()}
	if r.TokenFile != "" {
		cfg.Token = endpoint.FileToken(r.TokenFile)
	}

	return remotedriver.Open(ctx, cfg, key)
}
