package kafka

import (
	"crypto/tls"
	"errors"
	"regexp"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/service"
)

// Ways to say who we are.
const (
	saslPlain  = "PLAIN"
	saslSHA256 = "SCRAM-SHA-256"
	saslSHA512 = "SCRAM-SHA-512"
)

// Settings say where Kafka is.
type Settings struct {
	Brokers  []string      `env:"CES_EVENTS_KAFKA_BROKERS" help:"Addresses of some brokers of Kafka, such as kafka-1:9092,kafka-2:9092. Not set: events are not published to Kafka."`
	Topic    string        `env:"CES_EVENTS_KAFKA_TOPIC" default:"ces.events" help:"Topic that events are published to. It must be there; best with three replicas, min.insync.replicas of 2, and compaction off. Who logs in needs the rights WRITE and READ."`
	SASL     string        `env:"CES_EVENTS_KAFKA_SASL" help:"How to log in: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Not set: by certificate, or not at all."`
	Username string        `env:"CES_EVENTS_KAFKA_USERNAME" help:"Who logs in."`
	Password secret.String `env:"CES_EVENTS_KAFKA_PASSWORD" help:"Password of CES_EVENTS_KAFKA_USERNAME."`
	TLS      bool          `env:"CES_EVENTS_KAFKA_TLS" default:"false" help:"Use TLS."`
	CAFile   string        `env:"CES_EVENTS_KAFKA_CA" help:"File with the certificates that brokers are checked by. Not set: the system's."`
	CertFile string        `env:"CES_EVENTS_KAFKA_CERT" help:"File with our certificate for Kafka."`
	KeyFile  string        `env:"CES_EVENTS_KAFKA_KEY" help:"File with the key of CES_EVENTS_KAFKA_CERT."`
}

// Validate names the variable that Kafka could not live with.
func (c *Settings) Validate() error {
	switch {
	case !regexp.MustCompile(`^[a-zA-Z0-9._-]{1,249}$`).MatchString(c.Topic):
		return service.Invalid("CES_EVENTS_KAFKA_TOPIC", c.Topic, "up to 249 letters, digits, dots, underscores and hyphens")
	case !c.TLS && (c.CAFile != "" || c.CertFile != ""):
		return errors.New("CES_EVENTS_KAFKA_CA and CES_EVENTS_KAFKA_CERT are for CES_EVENTS_KAFKA_TLS=true")
	case (c.CertFile == "") != (c.KeyFile == ""):
		return errors.New("CES_EVENTS_KAFKA_CERT and CES_EVENTS_KAFKA_KEY: set both or none")
	default:
		return c.validateLogin()
	}
}

func (c *Settings) validateLogin() error {
	switch {
	case c.SASL == "":
		return nil
	case c.SASL != saslPlain && c.SASL != saslSHA256 && c.SASL != saslSHA512:
		return service.Invalid("CES_EVENTS_KAFKA_SASL", c.SASL, "PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512")
	case c.Username == "" || c.Password.Reveal() == "":
		return errors.New("CES_EVENTS_KAFKA_SASL is set: set CES_EVENTS_KAFKA_USERNAME and CES_EVENTS_KAFKA_PASSWORD too")
	case c.SASL == saslPlain && !c.TLS:
		return errors.New("CES_EVENTS_KAFKA_SASL=PLAIN shows the password to the network: set CES_EVENTS_KAFKA_TLS=true too")
	default:
		return nil
	}
}

func (c *Settings) tls() (*tls.Config, error) {
	secured, err := broker.TLS(c.CAFile, c.CertFile, c.KeyFile)
	if err == nil && secured == nil && c.TLS {
		secured = &tls.Config{MinVersion: tls.VersionTLS12}
	}

	return secured, err
}
