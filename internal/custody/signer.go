package custody

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/ledger"
	"github.com/canton-exchange/suite/internal/registry"
	"github.com/canton-exchange/suite/internal/signer"
)

// OpenSigner waits for a signer that is away. A wrong key is an error at once.
func OpenSigner(
	ctx context.Context, log *slog.Logger, open func(context.Context) (signer.Signer, error),
) (signer.Signer, error) {
	const pause = 2 * time.Second

	for {
		key, err := open(ctx)
		if err == nil || !signer.IsTemporary(err) || errors.Is(err, signer.ErrWrongKey) {
			return key, err
		}

		log.ErrorContext(ctx, "the signer is out of reach and will be tried again; nothing is signed meanwhile",
			slog.String("error", err.Error()))

		if !Sleep(ctx, pause) {
			return nil, fmt.Errorf("reach the signer: %w", ctx.Err())
		}
	}
}

// RegistryTokens are the node's access tokens for a Directory; nil, and not an interface that holds nothing, where
// there are none.
func RegistryTokens(settings *ledger.Settings) (registry.TokenSource, error) {
	tokens, err := settings.TokenSource()
	if err != nil || tokens == nil {
		return nil, err
	}

	return tokens, nil
}
