package jetstream

import (
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
)

// Settings say where NATS is, and what streams look like.
type Settings struct {
	URL             string        `env:"CES_EVENTS_NATS_URL" help:"Addresses of NATS servers with JetStream, such as tls://nats-1:4222,tls://nats-2:4222, without credentials. Not set: events are not published to NATS."`
	CredentialsFile string        `env:"CES_EVENTS_NATS_CREDENTIALS" help:"File with the credentials for NATS, as nsc writes it."`
	Username        string        `env:"CES_EVENTS_NATS_USERNAME" help:"Who logs in to NATS, instead of credentials or a token."`
	Password        secret.String `env:"CES_EVENTS_NATS_PASSWORD" help:"Password of CES_EVENTS_NATS_USERNAME."`
	Token           secret.String `env:"CES_EVENTS_NATS_TOKEN" help:"Token for NATS, instead of credentials. With CES_EVENTS_NATS_EMBEDDED it is the one that others need; not set, one is made and kept in the directory."`
	CAFile          string        `env:"CES_EVENTS_NATS_CA" help:"File with the certificates that NATS servers are checked by. Not set: the system's."`
	CertFile        string        `env:"CES_EVENTS_NATS_CERT" help:"File with our certificate for NATS."`
	KeyFile         string        `env:"CES_EVENTS_NATS_KEY" help:"File with the key of CES_EVENTS_NATS_CERT."`

	Stream   string        `env:"CES_EVENTS_NATS_STREAM" default:"CES" help:"Beginning of the streams' names: there is one for each treasury, with an underscore and the treasury's token after it."`
	Create   bool          `env:"CES_EVENTS_NATS_CREATE" default:"false" help:"Make the streams, and keep their limits as they are set here. Otherwise they must be there. The embedded server's are always made."`
	Replicas int           `env:"CES_EVENTS_NATS_REPLICAS" default:"1" help:"Copies of each stream that is made; three in a cluster. A stream that is there with fewer than this is warned of."`
	MaxAge   time.Duration `env:"CES_EVENTS_NATS_MAX_AGE" default:"720h" help:"How long streams that are made keep events."`
	MaxBytes int64         `env:"CES_EVENTS_NATS_MAX_BYTES" default:"4294967296" help:"Bytes that each stream that is made may hold; the oldest events make room. 0: no bound."`

	Embedded     string `env:"CES_EVENTS_NATS_EMBEDDED" help:"Directory for a NATS server of our own inside this program, for a trial with one instance. It needs no CES_EVENTS_NATS_URL."`
	EmbeddedAddr string `env:"CES_EVENTS_NATS_EMBEDDED_ADDR" default:"127.0.0.1:4222" help:"Where the embedded server listens. It speaks no TLS: keep it on this machine."`
	EmbeddedDisk int64  `env:"CES_EVENTS_NATS_EMBEDDED_DISK" default:"17179869184" help:"Bytes of disk that the embedded server may use."`
}

const maxReplicas = 5

// Validate names the variable that NATS could not live with.
func (c *Settings) Validate() error {
	_, port, err := net.SplitHostPort(c.EmbeddedAddr)
	_, numeric := strconv.ParseUint(port, 10, 16)

	switch {
	case !plainAddresses(c.URL): // and is not shown: there may be a password in it
		return errors.New("CES_EVENTS_NATS_URL: want addresses such as tls://nats-1:4222 and nothing else: a token or a " +
			"password is a secret, and set by CES_EVENTS_NATS_TOKEN or CES_EVENTS_NATS_PASSWORD")
	case c.URL != "" && c.Embedded != "":
		return errors.New("CES_EVENTS_NATS_URL and CES_EVENTS_NATS_EMBEDDED are both set: set one")
	case c.Embedded != "" && !filepath.IsAbs(c.Embedded):
		return service.Invalid("CES_EVENTS_NATS_EMBEDDED", c.Embedded, "the absolute path of a directory")
	case err != nil || numeric != nil:
		return service.Invalid("CES_EVENTS_NATS_EMBEDDED_ADDR", c.EmbeddedAddr, "host:port such as 127.0.0.1:4222")
	case !regexp.MustCompile(`^[A-Za-z0-9-]{1,32}$`).MatchString(c.Stream):
		return service.Invalid("CES_EVENTS_NATS_STREAM", c.Stream, "up to 32 letters, digits and hyphens")
	case c.Replicas < 1 || c.Replicas > maxReplicas:
		return service.Invalid("CES_EVENTS_NATS_REPLICAS", strconv.Itoa(c.Replicas), "1 to 5")
	case c.MaxAge < duplicates:
		return service.Invalid("CES_EVENTS_NATS_MAX_AGE", c.MaxAge.String(), "a duration of at least two minutes")
	case c.MaxBytes < 0 || c.EmbeddedDisk <= 0:
		return errors.New("CES_EVENTS_NATS_MAX_BYTES and CES_EVENTS_NATS_EMBEDDED_DISK: want numbers that are not negative")
	default:
		return c.validateLogin()
	}
}

// validateLogin wants one way to log in: of several the server would see the wrong one.
func (c *Settings) validateLogin() error {
	ways := 0

	for _, set := range []bool{c.CredentialsFile != "", c.Username != "", c.Token.Reveal() != ""} {
		if set {
			ways++
		}
	}

	switch {
	case c.Embedded != "" && (c.Username != "" || c.CredentialsFile != ""):
		return errors.New("CES_EVENTS_NATS_EMBEDDED: its clients log in with CES_EVENTS_NATS_TOKEN, and with nothing else")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("CES_EVENTS_NATS_CERT and CES_EVENTS_NATS_KEY: set both or none")
	case ways > 1:
		return errors.New("CES_EVENTS_NATS_CREDENTIALS, CES_EVENTS_NATS_USERNAME and CES_EVENTS_NATS_TOKEN: set one of them")
	case (c.Username == "") != (c.Password.Reveal() == ""):
		return errors.New("CES_EVENTS_NATS_USERNAME and CES_EVENTS_NATS_PASSWORD: set both or none")
	default:
		return nil
	}
}

// plainAddresses reports whether these are addresses of servers and nothing else.
func plainAddresses(text string) bool {
	if text == "" {
		return true
	}

	for one := range strings.SplitSeq(text, ",") {
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}

		address, err := url.Parse(strings.TrimSpace(one))
		if err != nil || address.User != nil || address.Hostname() == "" {
			return false
		}

		if strings.Trim(address.Path, "/") != "" || address.RawQuery != "" {
			return false
		}
	}

	return true
}

// tls is nil where nothing is set for it; the scheme tls:// is enough for the usual.
func (c *Settings) tls() (*tls.Config, error) { return broker.TLS(c.CAFile, c.CertFile, c.KeyFile) }
