package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/onboarding"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signing"
)

var errCold = errors.New("CES_SIGNER=manual: a cold key does not sign here, and needs no onboarding from here: " +
	"onboard its party once from where the key can be used, with CES_SIGNER=file or another driver, " +
	"and set CES_TREASURY_PARTY to what is printed there")

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

	var synchronizer ident.SynchronizerID
	if len(arguments) > 1 {
		synchronizer = ident.SynchronizerID(arguments[1])
	}

	made, err := onboarding.Ensure(ctx, t.node, key, arguments[0], synchronizer)
	if errors.Is(err, onboarding.ErrSynchronizer) {
		return service.UsageError(err)
	}

	if err != nil {
		return err
	}

	t.printOnboarded(made, key.PublicKey().Fingerprint())

	return nil
}

func (t *tool) printOnboarded(made onboarding.Result, key signing.Fingerprint) {
	when := "exists already"
	if made.Made {
		when = "was made now"
	}

	t.printf("party         %s, which %s\n", made.Party, when)
	t.printf("node          %s, with the permission %s\n", plain(made.Participant), made.Permission)
	t.printf("synchronizer  %s\n", made.Synchronizer)
	t.printf("key           %s: %s\n", key, t.signer.Describe())
	t.printf("next          let the ledger users of the services read as the party (CanReadAs), and that of withdraw " +
		"execute what was signed for it (CanExecuteAs), and nothing more; then:\n")
	t.printf("              export CES_TREASURY_PARTY=%s\n", shellWord(string(made.Party)))
	t.printf("              treasury list-token ADMIN ID, set-policy and set-registry: see docs/withdrawals.md\n")
}
