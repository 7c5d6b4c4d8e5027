package broker_test

import (
	"context"
	"crypto/tls"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/canton-exchange/suite/internal/broker/kafka"
	"github.com/canton-exchange/suite/internal/secret"
)

// Where the real cluster listens for SASL over TLS, and for certificates alone; the user of the first is suite, with
// rightSecret as the password. The authority's certificate, and one of ours with its key, are in files.
const (
	realSASL = "CES_TEST_KAFKA_SASL"
	realMTLS = "CES_TEST_KAFKA_MTLS"
	realCA   = "CES_TEST_KAFKA_CA"
	realCert = "CES_TEST_KAFKA_CERT"
	realKey  = "CES_TEST_KAFKA_KEY"
)

// kafkaLogin is what is set; says is what the error says, none where that is empty.
type kafkaLogin struct {
	set  func(*kafka.Settings)
	says string
}

// requireKafkaLogins publishes and reads back by each login.
func requireKafkaLogins(t *testing.T, s kafka.Settings, logins map[string]kafkaLogin) {
	t.Helper()

	for name, l := range logins {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := s
			l.set(&s)

			err := openGuardedKafka(t, s)
			if l.says == "" {
				require.NoError(t, err)

				return
			}

			require.ErrorContains(t, err, l.says)
			require.NotContains(t, err.Error(), rightSecret)
			require.NotContains(t, err.Error(), wrongSecret)
		})
	}
}

func openGuardedKafka(t *testing.T, s kafka.Settings) error {
	t.Helper()
	require.NoError(t, s.Validate())

	b, err := kafka.New(s)
	if err != nil {
		return err
	}

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	sink, err := b.Open(ctx, party)
	if err != nil {
		return err
	}
	defer sink.Close()

	if _, err := sink.Last(ctx); err != nil {
		return err
	}

	require.NoError(t, publish(t, sink, message(1, "a")))

	has, err := sink.Last(ctx)
	require.Equal(t, at(message(1, "a")), has)

	return err
}

// guardedKafka is a double that does not take everybody.
func guardedKafka(t *testing.T, options ...kfake.Opt) kafka.Settings {
	t.Helper()

	cluster, err := kfake.NewCluster(append(options, kfake.NumBrokers(1), kfake.SeedTopics(3, "ces.events"))...)
	require.NoError(t, err)
	t.Cleanup(cluster.Close)

	return kafka.Settings{Brokers: cluster.ListenAddrs(), Topic: "ces.events"}
}

// byPassword sets who logs in.
func byPassword(way, password string) func(*kafka.Settings) {
	return func(s *kafka.Settings) { s.SASL, s.Username, s.Password = way, "suite", secret.New(password) }
}

const (
	untrusted = "CES_EVENTS_KAFKA_CA names"
	unproved  = "CES_EVENTS_KAFKA_CERT"
	refused   = "CES_EVENTS_KAFKA_USERNAME with its password"
)

func TestKafkaOverTLS(t *testing.T) {
	t.Parallel()

	ours, others := newAuthority(t), newAuthority(t)
	soon := time.Now().Add(time.Hour)
	certFile, keyFile := ours.issue(t, leaf("127.0.0.1", soon))
	othersCert, othersKey := others.issue(t, leaf("127.0.0.1", soon))
	over := func(config *tls.Config) kafka.Settings {
		s := guardedKafka(t, kfake.TLS(config))
		s.TLS, s.CAFile = true, ours.file

		return s
	}

	requireKafkaLogins(t, over(ours.server(t, leaf("127.0.0.1", soon), false)), map[string]kafkaLogin{
		"trusted":     {func(*kafka.Settings) {}, ""},
		"not trusted": {func(s *kafka.Settings) { s.CAFile = "" }, untrusted},
		"another's":   {func(s *kafka.Settings) { s.CAFile = others.file }, untrusted},
		"without":     {func(s *kafka.Settings) { s.TLS, s.CAFile = false, "" }, "CES_EVENTS_KAFKA_TLS"},
	})
	requireKafkaLogins(t, over(ours.server(t, leaf("127.0.0.2", soon), false)), map[string]kafkaLogin{
		"another address": {func(*kafka.Settings) {}, "another address"},
	})
	requireKafkaLogins(t, over(ours.server(t, leaf("127.0.0.1", time.Now().Add(-time.Minute)), false)), map[string]kafkaLogin{
		"run out": {func(*kafka.Settings) {}, "run out"},
	})
	requireKafkaLogins(t, over(ours.server(t, leaf("127.0.0.1", soon), true)), map[string]kafkaLogin{
		"a certificate":         {func(s *kafka.Settings) { s.CertFile, s.KeyFile = certFile, keyFile }, ""},
		"no certificate":        {func(*kafka.Settings) {}, unproved},
		"another's certificate": {func(s *kafka.Settings) { s.CertFile, s.KeyFile = othersCert, othersKey }, unproved},
	})
}

func TestKafkaLogins(t *testing.T) {
	t.Parallel()

	ours := newAuthority(t)

	for _, way := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		s := guardedKafka(t, kfake.EnableSASL(), kfake.User(way, "suite", rightSecret),
			kfake.TLS(ours.server(t, leaf("127.0.0.1", time.Now().Add(time.Hour)), false)))
		s.TLS, s.CAFile = true, ours.file

		requireKafkaLogins(t, s, map[string]kafkaLogin{
			way + " right": {byPassword(way, rightSecret), ""},
			way + " wrong": {byPassword(way, wrongSecret), refused},
			way + " none":  {func(*kafka.Settings) {}, "CES_EVENTS_KAFKA_SASL"},
		})
	}
}

// TestARealKafkaThatDoesNotTakeEverybody is what the double cannot show: how the real one says no.
func TestARealKafkaThatDoesNotTakeEverybody(t *testing.T) {
	t.Parallel()

	for name, addresses := range map[string]string{"SASL": realSASL, "certificates": realMTLS} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			s := trueKafka(t)
			if os.Getenv(addresses) == "" {
				t.Skip(addresses + " is not set: not tested against a real Kafka with logins")
			}

			s.Brokers, s.TLS, s.CAFile = []string{os.Getenv(addresses)}, true, os.Getenv(realCA)
			stranger := newAuthority(t)
			logins := map[string]kafkaLogin{
				"another's": {func(s *kafka.Settings) { s.CAFile = stranger.file }, untrusted},
			}

			if name == "SASL" {
				for _, way := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
					logins[way+" wrong"] = kafkaLogin{byPassword(way, wrongSecret), refused}
					logins[way+" right"] = kafkaLogin{byPassword(way, rightSecret), ""}
				}

				logins["none"] = kafkaLogin{func(*kafka.Settings) {}, "CES_EVENTS_KAFKA_SASL"}
			} else {
				cert, key := stranger.issue(t, leaf("127.0.0.1", time.Now().Add(time.Hour)))
				logins["right"] = kafkaLogin{func(s *kafka.Settings) { s.CertFile, s.KeyFile = os.Getenv(realCert), os.Getenv(realKey) }, ""}
				logins["another's certificate"] = kafkaLogin{func(s *kafka.Settings) { s.CertFile, s.KeyFile = cert, key }, unproved}
				logins["no certificate"] = kafkaLogin{func(*kafka.Settings) {}, unproved}
			}

			requireKafkaLogins(t, s, logins)
		})
	}
}

// TestWhoMayNotRead the topic is told so from the first start on, not when there is something to be read.
func TestWhoMayNotRead(t *testing.T) {
	t.Parallel()

	allow := func(operations ...kmsg.ACLOperation) (acls []kfake.ACL) {
		for _, o := range operations {
			acls = append(acls, kfake.ACL{
				Resource: kmsg.ACLResourceTypeTopic, Name: "ces.events", Pattern: kmsg.ACLResourcePatternTypeLiteral, Operation: o, Allow: true,
			})
		}

		return acls
	}
	guarded := func(acls []kfake.ACL) kafka.Settings {
		return guardedKafka(t, kfake.EnableSASL(), kfake.EnableACLs(), kfake.User("SCRAM-SHA-256", "suite", rightSecret, acls...))
	}
	login := byPassword("SCRAM-SHA-256", rightSecret)

	requireKafkaLogins(t, guarded(allow(kmsg.ACLOperationWrite, kmsg.ACLOperationRead)), map[string]kafkaLogin{"reads": {login, ""}})
	requireKafkaLogins(t, guarded(allow(kmsg.ACLOperationWrite)), map[string]kafkaLogin{"writes": {login, "needs the rights"}})
	requireKafkaLogins(t, guarded(nil), map[string]kafkaLogin{"nothing": {login, "needs the rights"}})
}

// TestWhoMayNotReadARealTopic is told the same.
func TestWhoMayNotReadARealTopic(t *testing.T) {
	t.Parallel()

	s := trueKafka(t)
	if os.Getenv(realSASL) == "" {
		t.Skip(realSASL + " is not set")
	}

	owner := stranger(t, s)
	request := kmsg.NewPtrCreateACLsRequest()
	request.Creations = []kmsg.CreateACLsRequestCreation{{
		ResourceType: kmsg.ACLResourceTypeTopic, ResourceName: s.Topic, ResourcePatternType: kmsg.ACLResourcePatternTypeLiteral,
		Principal: "User:suite", Host: "*", Operation: kmsg.ACLOperationWrite, PermissionType: kmsg.ACLPermissionTypeAllow,
	}}
	answer, err := request.RequestWith(t.Context(), owner)
	require.NoError(t, err)
	require.NoError(t, kerr.ErrorForCode(answer.Results[0].ErrorCode))

	s.Brokers, s.TLS, s.CAFile = []string{os.Getenv(realSASL)}, true, os.Getenv(realCA)
	login := byPassword("SCRAM-SHA-256", rightSecret)
	login(&s)

	require.Eventually(t, func() bool { // the right is known everywhere
		return openGuardedKafka(t, s) != nil
	}, patience, poll)
	require.ErrorContains(t, openGuardedKafka(t, s), "needs the rights")
}
