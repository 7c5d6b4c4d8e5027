package webhook

import (
	"context"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/strictjson"
)

const challengeBytes = 16

type challenge struct {
	Type      string `json:"type"`
	Challenge string `json:"challenge"`
}

// Challenge asks a receiver whether it wants to be told: it must answer with what it is sent, as text or as JSON
// {"challenge":"…"}. So nobody has events sent to an address that is not theirs. Delivered says that it did.
func (s *Sender) Challenge(ctx context.Context, to Receiver) (Result, error) {
	random := make([]byte, challengeBytes)
	if _, err := io.ReadFull(s.random, random); err != nil {
		return Result{}, fmt.Errorf("make a challenge: %w", err)
	}

	asked := challenge{Type: "subscription.challenge", Challenge: hex.EncodeToString(random)}

	body, err := strictjson.Encode(asked)
	if err != nil {
		return Result{}, err
	}

	id := uuid.NewSHA1(uuid.NameSpaceURL, random).String()

	result, err := s.post(ctx, to, id, "application/json", body)
	if err != nil || result.Outcome != Delivered {
		return result, err
	}

	if !repeats(result.body, asked.Challenge) {
		result.Outcome = Failed
		result.Detail = storable("the answer does not repeat the challenge: " + result.Detail)
	}

	return result, nil
}

func repeats(body []byte, want string) bool {
	said := strings.TrimSpace(string(body))

	var answer struct {
		Challenge string `json:"challenge"`
	}

	if strings.HasPrefix(said, "{") && strictjson.Decode(body, &answer) != nil {
		return false
	}

	if answer.Challenge != "" {
		said = answer.Challenge
	}

	return subtle.ConstantTimeCompare([]byte(said), []byte(want)) == 1
}
