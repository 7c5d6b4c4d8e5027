package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

var (
	errCold = errors.New("CES_SIGNER=manual: a cold key does not sign here, and needs no onboarding from here: " +
		"onboard its party once from where the key can be used, with CES_SIGNER=file or another driver, " +
		"and set CES_TREASURY_PARTY to what is printed there")
	errNoSynchronizer = errors.New("the node is connected to no synchronizer: wait until it is")
	errSubmission     = errors.New("the node may act in the party's name without its key: do not use it; " +
		"make a party with another key, and find out who made this one")
)

// Permissions of a node for a party, as it tells them. An external party's node must not have the first.
const (
	submits  = "PARTICIPANT_PERMISSION_SUBMISSION"
	confirms = "PARTICIPANT_PERMISSION_CONFIRMATION"
)

// onboard makes the treasury's party. What the node wants signed is compared with what was asked for first.
func onboard(ctx context.Context, t *tool, arguments []string) (err error) {
	if err := t.signer.Complete(); err != nil {
		return service.UsageError(err)
	}

	if t.signer.ByHand() {
		return service.UsageError(errCold)
	}

	key, err := t.signer.Open(ctx, t.party)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.Close()) }()

	party, err := signing.PartyID(arguments[0], key.PublicKey())
	if err != nil {
		return service.UsageError(err)
	}

	if t.party != "" && t.party != party {
		return service.UsageError(fmt.Errorf("CES_TREASURY_PARTY is %s, but this would make %s: unset it, or use its name",
			t.party, party))
	}

	o := onboarding{node: t.node, key: key, hint: arguments[0], party: party}
	if o.participant, err = t.node.ParticipantID(ctx); err != nil {
		return err
	}

	if o.synchronizer, err = chooseSynchronizer(ctx, t.node, arguments[1:]); err != nil {
		return err
	}

	if err := o.ensure(ctx); err != nil {
		return err
	}

	t.printOnboarded(o)

	return nil
}

func (t *tool) printOnboarded(o onboarding) {
	when := "exists already"
	if o.made {
		when = "was made now"
	}

	t.printf("party         %s, which %s\n", o.party, when)
	t.printf("node          %s, with the permission %s\n", o.participant, o.permission)
	t.printf("synchronizer  %s\n", o.synchronizer)
	t.printf("key           %s: %s\n", o.key.PublicKey().Fingerprint(), t.signer.Describe())
	t.printf("next          let the ledger users of the services read as the party (CanReadAs), and of those that sign, " +
		"act as it (CanActAs); then:\n")
	t.printf("              export CES_TREASURY_PARTY='%s'\n", o.party)
	t.printf("              treasury list-token ADMIN ID\n")
}

// chooseSynchronizer is the one that is asked for, or the only one.
func chooseSynchronizer(ctx context.Context, node *ledger.Client, asked []string) (ident.SynchronizerID, error) {
	connected, err := node.ConnectedSynchronizers(ctx, "")
	if err != nil {
		return "", err
	}

	if len(connected) == 0 {
		return "", errNoSynchronizer
	}

	if len(asked) == 0 && len(connected) == 1 {
		return connected[0].ID, nil
	}

	names := make([]string, 0, len(connected))

	for _, s := range connected {
		if len(asked) > 0 && asked[0] == string(s.ID) {
			return s.ID, nil
		}

		names = append(names, string(s.ID))
	}

	return "", service.UsageError(fmt.Errorf("name one of the synchronizers that the node is connected to: %s",
		strings.Join(names, ", ")))
}

// onboarding makes one party.
type onboarding struct {
	node         *ledger.Client
	key          signer.Signer
	hint         string
	party        ident.Party
	participant  ident.ParticipantID
	synchronizer ident.SynchronizerID
	// What ensure finds out: whether it made the party, and what the node may do for it.
	made       bool
	permission string
}

// ensure makes the party unless it is there.
func (o *onboarding) ensure(ctx context.Context) error {
	if there, err := o.there(ctx); err != nil || there {
		return err
	}

	request, err := o.authorized(ctx)
	if err != nil {
		return err
	}

	err = o.node.AllocateParty(ctx, request)
	if err == nil {
		o.made, o.permission = true, confirms

		return nil
	}

	// It may exist since, or the answer may have been lost on its way.
	there, lookErr := o.there(ctx)

	switch {
	case errors.Is(lookErr, errSubmission):
		return lookErr
	case lookErr != nil:
		return fmt.Errorf("%w; whether the party exists now could not be found out, run this again: %w", err, lookErr)
	case !there:
		return err
	}

	o.made = !ledger.IsPartyExists(err)

	return nil
}

// there reports whether the node hosts the party on the synchronizer already.
func (o *onboarding) there(ctx context.Context) (bool, error) {
	list, err := o.node.ConnectedSynchronizers(ctx, o.party)
	if err != nil {
		return false, err
	}

	for _, s := range list {
		if s.ID != o.synchronizer {
			continue
		}

		if s.Permission == submits {
			return false, fmt.Errorf("%s exists already: %w", o.party, errSubmission)
		}

		o.permission = s.Permission

		return true, nil
	}

	return false, nil
}

// authorized asks for the party's topology and signs it, if it says what was asked for and nothing else.
func (o *onboarding) authorized(ctx context.Context) (ledger.AllocateRequest, error) {
	public := o.key.PublicKey()

	topology, err := o.node.GenerateTopology(ctx, ledger.TopologyRequest{
		Synchronizer: o.synchronizer, Hint: o.hint, Key: public, Threshold: 1,
	})
	if err != nil {
		return ledger.AllocateRequest{}, err
	}

	hash, err := intent.CheckOnboarding(topology.Transactions, intent.Onboarding{
		Party: o.party, Key: public, Participant: o.participant,
	})
	if err != nil {
		return ledger.AllocateRequest{}, fmt.Errorf("nothing was signed: the node wants another thing signed than a new "+
			"party: %w", err)
	}

	signature, err := o.key.Sign(ctx, hash)
	if err != nil {
		return ledger.AllocateRequest{}, err
	}

	return ledger.AllocateRequest{
		Synchronizer: o.synchronizer, Party: o.party, Transactions: topology.Transactions,
		Signatures: []signing.Signature{signature},
	}, nil
}
