package main

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
)

// network is what a client finds out first.
type network struct {
	synchronizer ident.SynchronizerID
	dso          ident.Party
	provider     ident.Party
}

func (c *connection) discover(ctx context.Context) (network, error) {
	var out network

	var connected struct {
		List []struct {
			ID ident.SynchronizerID `json:"synchronizerId"`
		} `json:"connectedSynchronizers"`
	}

	if err := c.get(ctx, "/v2/state/connected-synchronizers", &connected); err != nil {
		return out, err
	}

	if len(connected.List) == 0 {
		return out, errors.New("the node is connected to no synchronizer")
	}

	out.synchronizer = connected.List[0].ID

	var info struct {
		Admin ident.Party `json:"adminId"`
	}

	if err := c.get(ctx, "/registry/metadata/v1/info", &info); err != nil {
		return out, err
	}

	out.dso = info.Admin

	var user struct {
		Party ident.Party `json:"party_id"`
	}

	err := c.get(ctx, "/api/validator/v0/validator-user", &user)
	out.provider = user.Party

	return out, err
}

// onboard makes an external party the way a client does.
func (c *connection) onboard(ctx context.Context, on network, hint string) (*sender, error) {
	seed := sha256.Sum256([]byte(hint))
	s := &sender{c: c, network: on, key: ed25519.NewKeyFromSeed(seed[:])}

	public, err := signing.NewPublicKey(s.key.Public())
	if err != nil {
		return nil, fmt.Errorf("key of %s: %w", hint, err)
	}

	raw, _ := public.Raw()

	var generated struct {
		Party        ident.Party         `json:"partyId"`
		Fingerprint  signing.Fingerprint `json:"publicKeyFingerprint"`
		Transactions [][]byte            `json:"topologyTransactions"`
		MultiHash    []byte              `json:"multiHash"`
	}

	err = c.post(ctx, "/v2/parties/external/generate-topology", map[string]any{
		"synchronizer": on.synchronizer, "partyHint": hint, "confirmationThreshold": 1,
		"publicKey": map[string]any{
			"format": signing.KeyFormatRaw, "keyData": raw, "keySpec": signing.KeyEd25519,
		},
	}, &generated)
	if err != nil {
		return nil, err
	}

	s.party, s.signedBy = generated.Party, generated.Fingerprint

	transactions := []any{}
	for _, tx := range generated.Transactions {
		transactions = append(transactions, map[string]any{"transaction": tx})
	}

	err = c.post(ctx, "/v2/parties/external/allocate", map[string]any{
		"synchronizer": on.synchronizer, "identityProviderId": "", "onboardingTransactions": transactions,
		"multiHashSignatures": []any{map[string]any{
			"format": signing.FormatConcat, "signature": ed25519.Sign(s.key, generated.MultiHash), "signedBy": s.signedBy,
			"signingAlgorithmSpec": signing.AlgorithmEd25519,
		}},
	}, nil)

	return s, err
}

// local makes a party for which the node signs.
func (c *connection) local(ctx context.Context, on network, hint string) (*sender, error) {
	var made struct {
		Party ident.Party `json:"party"`
	}

	err := c.post(ctx, "/sandbox/v1/parties", map[string]any{"hint": hint}, &made)

	return &sender{c: c, network: on, party: made.Party}, err
}

// join makes a party with a connection of its own.
func (n *node) join(ctx context.Context, external bool, hint string) (*sender, error) {
	c, err := n.connect(ctx)
	if err != nil {
		return nil, err
	}

	on, err := c.discover(ctx)

	var s *sender

	switch {
	case err != nil:
	case external:
		s, err = c.onboard(ctx, on, hint)
	default:
		s, err = c.local(ctx, on, hint)
	}

	if err != nil {
		c.close()

		return nil, err
	}

	s.memo = hint

	return s, nil
}
