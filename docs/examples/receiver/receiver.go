// Package receiver shows how a webhook is received.
package receiver

import (
	"encoding/json"
	"io"
	"net/http"

	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const maxBody = 8 << 20

// Event is what is told: a CloudEvent, or the challenge of a new subscription.
type Event struct {
	ID        string          `json:"id"`
	Type      string          `json:"type"`
	Subject   string          `json:"subject"`
	Data      json.RawMessage `json:"data"`
	Challenge string          `json:"challenge"`
}

// Handler receives what is signed with a subscription's secret. handle must act once per event id, however often it
// comes; its error has the event sent again.
func Handler(secret string, handle func(Event) error) (http.Handler, error) {
	webhook, err := webhooks.NewWebhook(secret)

	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil || webhook.Verify(body, r.Header) != nil {
			w.WriteHeader(http.StatusServiceUnavailable) // tried again, so that a wrong secret here loses nothing

			return
		}

		events := make([]Event, 1)
		if json.Unmarshal(body, &events) != nil { // not a batch
			err = json.Unmarshal(body, &events[0])
		}

		for _, e := range events {
			if e.Challenge != "" {
				_, _ = io.WriteString(w, e.Challenge)
			} else if err == nil {
				err = handle(e)
			}
		}

		if err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}), err
}
