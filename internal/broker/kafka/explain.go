package kafka

import (
	"context"
	"errors"
	"io"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/canton-exchange/suite/internal/broker"
)

// explain says what an error of Kafka means to operators, as far as that is known.
func (c *Settings) explain(err error) error {
	means := broker.ExplainTLS(err, "CES_EVENTS_KAFKA_CA", "CES_EVENTS_KAFKA_CERT")

	var closed *kgo.ErrFirstReadEOF

	switch {
	case means != "":
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		means = "Kafka does not take CES_EVENTS_KAFKA_USERNAME with its password, by the way of CES_EVENTS_KAFKA_SASL"
	case errors.Is(err, kerr.UnsupportedSaslMechanism):
		means = "Kafka does not take logins by the way of CES_EVENTS_KAFKA_SASL"
	case errors.As(err, &closed): // it says itself what that can be
		means = "see CES_EVENTS_KAFKA_TLS and CES_EVENTS_KAFKA_SASL"
	case errors.Is(err, io.EOF) && c.SASL != "":
		means = "Kafka hung up while we logged in: it may not take CES_EVENTS_KAFKA_USERNAME with its password"
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		means = "the topic of CES_EVENTS_KAFKA_TOPIC is not there, or may not be seen: it has to be made"
	case errors.Is(err, kerr.TopicAuthorizationFailed):
		means = "who we log in as needs the rights DESCRIBE, WRITE and, to find what is there already, READ of the topic"
	case errors.Is(err, context.DeadlineExceeded) && c.TLS:
		means = "if the address is right, it may not be one for TLS"
	}

	return broker.Explain(err, means)
}
