package ledger

import (
	"bytes"
	"context"
	"errors"
	"net/http"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/signing"
)

// TopologyRequest describes a party with a key of its own. The node that is asked hosts it.
type TopologyRequest struct {
	Synchronizer ident.SynchronizerID
	// Hint is the party id's first half, see signing.PartyID.
	Hint string
	Key  signing.PublicKey
	// ObserveOnly makes the asked node an observer instead of one that confirms.
	ObserveOnly bool
	// Confirming and Observing are further nodes that host the party. Each must be told: see AllocateParty.
	Confirming, Observing []ident.ParticipantID
	// Threshold is how many nodes must confirm; all that do if 0.
	Threshold int32
}

// Topology is what makes a party: transactions to be decoded and compared with what was asked for, and then signed
// together.
type Topology struct {
	Party ident.Party
	// Transactions are one or three, by version.
	Transactions [][]byte
	// MultiHash is our own hash of the transactions, which the node's agrees with.
	MultiHash signing.TopologyHash
}

// GenerateTopology asks for the topology transactions of a new party. It changes nothing and is repeated by the
// client's policy. That the party is the one of the key and that the hash is that of the transactions is checked; what
// they say is not: decode each before signing (signing.DecodeTopology).
func (c *Client) GenerateTopology(ctx context.Context, r TopologyRequest) (Topology, error) {
	const op = "generate topology"

	want, err := signing.PartyID(r.Hint, r.Key)
	if err != nil {
		return Topology{}, notSent(op, StageAnswer, "%s", err)
	}

	format, data := signing.KeyFormatSPKI, r.Key.SPKI()
	if raw, ok := r.Key.Raw(); ok {
		format, data = signing.KeyFormatRaw, raw
	}

	a, err := read[ledgerapi.TopologyAnswer](ctx, c, request{
		op: op, method: http.MethodPost, path: "/v2/parties/external/generate-topology",
		body: ledgerapi.TopologyRequest{
			Synchronizer: string(r.Synchronizer), PartyHint: r.Hint, ConfirmationThreshold: r.Threshold,
			PublicKey: ledgerapi.SigningPublicKey{
				Format: string(format), KeyData: data, KeySpec: string(r.Key.Spec()),
			},
			LocalParticipantObservationOnly: r.ObserveOnly,
			OtherConfirmingParticipantUids:  texts(r.Confirming), ObservingParticipantUids: texts(r.Observing),
		},
	})
	if err != nil {
		return Topology{}, err
	}

	if a.PartyId != string(want) || a.PublicKeyFingerprint != string(r.Key.Fingerprint()) ||
		a.TopologyTransactions == nil {
		return Topology{}, malformed(op, "the answer is about another party or key: "+excerpt(a.PartyId), nil)
	}

	t := Topology{Party: want, Transactions: *a.TopologyTransactions}
	if t.MultiHash, err = signing.TopologyMultiHash(t.Transactions); err != nil {
		return Topology{}, malformed(op, "transactions", err)
	}

	if !bytes.Equal(t.MultiHash[:], a.MultiHash) {
		return Topology{}, malformed(op, "the hash is not that of the transactions", nil)
	}

	return t, nil
}

// AllocateRequest makes a party of topology transactions.
type AllocateRequest struct {
	Synchronizer ident.SynchronizerID
	Party        ident.Party
	Transactions [][]byte
	// Signatures are of Topology.MultiHash. One of the nodes that host the party needs them, the others may have none.
	Signatures []signing.Signature
	// UserID is the ledger user who is to act as the party, for nodes from 3.5; nobody if empty.
	UserID string
}

// AllocateParty makes a party on the node, and does not repeat a request that the node may have had. If its end is not
// known, or the party is there already (IsPartyExists), ask ConnectedSynchronizers for it. A party of several nodes
// must be allocated on each of them, and is usable some time after the last.
func (c *Client) AllocateParty(ctx context.Context, r AllocateRequest) error {
	const op = "allocate party"

	body := ledgerapi.AllocateRequest{
		Synchronizer: string(r.Synchronizer), MultiHashSignatures: signatures(r.Signatures),
		OnboardingTransactions: make([]ledgerapi.SignedTransaction, 0, len(r.Transactions)),
	}

	for _, raw := range r.Transactions {
		body.OnboardingTransactions = append(body.OnboardingTransactions,
			ledgerapi.SignedTransaction{Transaction: raw, Signatures: signatures(nil)})
	}

	if r.UserID != "" {
		body.UserId = &r.UserID
	}

	a, err := c.call(ctx, request{op: op, method: http.MethodPost, path: "/v2/parties/external/allocate", body: body})
	if err != nil {
		return err
	}

	var made ledgerapi.AllocateAnswer
	if err := a.decode(op, &made); err != nil {
		return err
	}

	if made.PartyId != string(r.Party) {
		return malformed(op, "another party was allocated: "+excerpt(made.PartyId), nil)
	}

	return nil
}

// IsPartyExists reports whether the party to be allocated is there already.
func IsPartyExists(err error) bool {
	e, ok := errors.AsType[*Error](err)

	return ok && e.Code == "EXTERNAL_PARTY_ALREADY_EXISTS"
}
