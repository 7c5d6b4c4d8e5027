package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/store"
)

// Headers of Standard Webhooks.
const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"
)

// secretPrefix begins the secrets of Standard Webhooks; the rest is base64.
const secretPrefix = "whsec_"

// batches names lists of events: the same first and last event make the same name.
func batchID(events []store.LoggedEvent) string {
	space := uuid.NewSHA1(uuid.NameSpaceURL, []byte("urn:canton-exchange-suite:webhook"))
	first, last := events[0].ID, events[len(events)-1].ID

	return uuid.NewSHA1(space, append(first[:], last[:]...)).String()
}

// sign sets the headers by which a receiver knows who sent a body, and when. The official library signs with one secret
// and no public key; the tests have it verify what this signs.
func (s *Sender) sign(header http.Header, to Receiver, id string, at time.Time, body []byte) error {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	content := append([]byte(id+"."+timestamp+"."), body...)

	salts := []uuid.UUID{to.Salt}
	if to.PreviousUntil != nil && at.Before(*to.PreviousUntil) && to.PreviousSalt != nil {
		salts = append(salts, *to.PreviousSalt)
	}

	signatures := make([]string, 0, len(salts)+1)

	for _, salt := range salts {
		signed, err := hmacOf(s.keys.WebhookSecret(to.ID, salt), content)
		if err != nil {
			return err
		}

		signatures = append(signatures, "v1,"+signed)
	}

	signatures = append(signatures, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(s.signer, content)))

	header.Set(headerID, id)
	header.Set(headerTimestamp, timestamp)
	header.Set(headerSignature, strings.Join(signatures, " "))

	return nil
}

func hmacOf(key secret.String, content []byte) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Reveal(), secretPrefix))
	if err != nil {
		return "", fmt.Errorf("read a webhook's secret: %w", err)
	}

	mac := hmac.New(sha256.New, raw)
	mac.Write(content)

	return base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// PublicKey is what v1a signatures are verified with, as Standard Webhooks writes it.
func PublicKey(keys event.Secret) string {
	public, _ := keys.WebhookSigner().Public().(ed25519.PublicKey)

	return "whpk_" + base64.StdEncoding.EncodeToString(public)
}
