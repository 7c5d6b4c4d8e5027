// Package onboarding makes external parties: parties whose key is ours, in whose name a node can prepare something and
// do nothing. What a node wants signed is compared with what was asked for before anything is signed.
package onboarding

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// What callers branch on.
var (
	// ErrSynchronizer is a synchronizer to be named, or one that the node is not connected to. Its text names the others.
	ErrSynchronizer = errors.New("name one of the synchronizers that the node is connected to")
	// ErrNoSynchronizer is a node that is connected to none.
	ErrNoSynchronizer = errors.New("the node is connected to no synchronizer: wait until it is")
	// ErrSubmission is a party that is nothing to put money on.
	ErrSubmission = errors.New("the node may act in the party's name without its key: do not use it; " +
		"make a party with another key, and find out who made this one")
)

// Permissions of a node for a party, as it tells them. An external party's node must not have the first.
const (
	submits  = "PARTICIPANT_PERMISSION_SUBMISSION"
	confirms = "PARTICIPANT_PERMISSION_CONFIRMATION"
)

// Result is the party that is there now.
type Result struct {
	Party        ident.Party
	Participant  ident.ParticipantID
	Synchronizer ident.SynchronizerID
	// Made says that it was not there before.
	Made bool
	// Permission is what the node may do for it, in the node's words.
	Permission string
}

// Ensure makes the party HINT::fingerprint with this key on the node, unless it is there. An empty synchronizer stands
// for the only one that the node is connected to. To repeat it does no harm, whatever became of the time before.
func Ensure(
	ctx context.Context, node *ledger.Client, key signer.Signer, hint string, synchronizer ident.SynchronizerID,
) (Result, error) {
	party, err := signing.PartyID(hint, key.PublicKey())
	if err != nil {
		return Result{}, err
	}

	m := making{node: node, key: key, hint: hint, Result: Result{Party: party}}
	if m.Participant, err = node.ParticipantID(ctx); err != nil {
		return Result{}, err
	}

	if m.Synchronizer, err = choose(ctx, node, synchronizer); err != nil {
		return Result{}, err
	}

	if err := m.ensure(ctx); err != nil {
		return Result{}, err
	}

	return m.Result, nil
}

// choose is the synchronizer that is asked for, or the only one.
func choose(ctx context.Context, node *ledger.Client, asked ident.SynchronizerID) (ident.SynchronizerID, error) {
	connected, err := node.ConnectedSynchronizers(ctx, "")
	if err != nil {
		return "", err
	}

	if len(connected) == 0 {
		return "", ErrNoSynchronizer
	}

	if asked == "" && len(connected) == 1 {
		return connected[0].ID, nil
	}

	names := make([]string, 0, len(connected))

	for _, s := range connected {
		if asked == s.ID {
			return s.ID, nil
		}

		names = append(names, string(s.ID))
	}

	return "", fmt.Errorf("%w: %s", ErrSynchronizer, strings.Join(names, ", "))
}

// making is one party on its way.
type making struct {
	Result

	node *ledger.Client
	key  signer.Signer
	hint string
}

func (m *making) ensure(ctx context.Context) error {
	if there, err := m.there(ctx); err != nil || there {
		return err
	}

	request, err := m.authorized(ctx)
	if err != nil {
		return err
	}

	err = m.node.AllocateParty(ctx, request)
	if err == nil {
		m.Made, m.Permission = true, confirms

		return nil
	}

	// It may exist since, or the answer may have been lost on its way.
	there, lookErr := m.there(ctx)

	switch {
	case errors.Is(lookErr, ErrSubmission):
		return lookErr
	case lookErr != nil:
		return fmt.Errorf("%w; whether the party exists now could not be found out, run this again: %w", err, lookErr)
	case !there:
		return err
	}

	m.Made = !ledger.IsPartyExists(err)

	return nil
}

// there reports whether the node hosts the party on the synchronizer already.
func (m *making) there(ctx context.Context) (bool, error) {
	list, err := m.node.ConnectedSynchronizers(ctx, m.Party)
	if err != nil {
		return false, err
	}

	for _, s := range list {
		if s.ID != m.Synchronizer {
			continue
		}

		if s.Permission == submits {
			return false, fmt.Errorf("%s exists already: %w", m.Party, ErrSubmission)
		}

		m.Permission = s.Permission

		return true, nil
	}

	return false, nil
}

// authorized asks for the party's topology and signs it, if it says what was asked for and nothing else.
func (m *making) authorized(ctx context.Context) (ledger.AllocateRequest, error) {
	public := m.key.PublicKey()

	topology, err := m.node.GenerateTopology(ctx, ledger.TopologyRequest{
		Synchronizer: m.Synchronizer, Hint: m.hint, Key: public, Threshold: 1,
	})
	if err != nil {
		return ledger.AllocateRequest{}, err
	}

	hash, err := intent.CheckOnboarding(topology.Transactions, intent.Onboarding{
		Party: m.Party, Key: public, Participant: m.Participant,
	})
	if err != nil {
		return ledger.AllocateRequest{}, fmt.Errorf("nothing was signed: the node wants another thing signed than a new "+
			"party: %w", err)
	}

	signature, err := m.key.Sign(ctx, hash)
	if err != nil {
		return ledger.AllocateRequest{}, err
	}

	return ledger.AllocateRequest{
		Synchronizer: m.Synchronizer, Party: m.Party, Transactions: topology.Transactions,
		Signatures: []signing.Signature{signature},
	}, nil
}
