package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/lestrrat-go/jwx/v3/jwk"

	"github.com/canton-exchange/suite/internal/strictjson"
)

// read reads the key set, unless that was tried a moment ago. One reads at a time, and few wait for that: whoever makes
// up keys while the identity provider hangs takes nobody's place. errReading for the others.
func (t *tokens) read(ctx context.Context, now time.Time, pause time.Duration) error {
	mine, before := t.begin(now, pause)

	switch {
	case before != nil:
		return t.await(ctx, before)
	case mine == nil:
		return nil
	}

	defer t.end(mine)

	keys, err := t.fetch(ctx)
	if err != nil {
		return err
	}

	t.set.Store(&keySet{keys: keys, at: now})

	return nil
}

// begin gives a reading of the key set to make, or the one to wait for; none if that was tried a moment ago.
func (t *tokens) begin(now time.Time, pause time.Duration) (mine, before chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()

	switch {
	case t.reading != nil:
		return nil, t.reading
	case !t.tried.IsZero() && now.Sub(t.tried).Abs() < pause:
		return nil, nil
	}

	t.tried, t.reading = now, make(chan struct{})

	return t.reading, nil
}

func (t *tokens) end(mine chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.reading = nil
	close(mine)
}

func (t *tokens) await(ctx context.Context, over <-chan struct{}) error {
	select {
	case t.waiting <- struct{}{}:
		defer func() { <-t.waiting }()
	default:
		return errReading
	}

	select {
	case <-over:
		return nil
	case <-ctx.Done():
		return errReading
	}
}

func (t *tokens) fetch(ctx context.Context) (jwk.Set, error) {
	// Others wait for it too, whatever becomes of this request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keySetTimeout)
	defer cancel()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.keySet.String(), http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("ask for the key set: %w", err)
	}

	response, err := t.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask for the key set: %w", err)
	}
	defer response.Body.Close()

	raw, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet))
	if err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}

	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("read the key set: answer %s", response.Status)
	}

	return readKeySet(raw)
}

// readKeySet reads the keys that are understood: another one, of a kind that is not known here, takes none away.
func readKeySet(raw []byte) (jwk.Set, error) {
	var told struct {
		Keys []strictjson.Raw `json:"keys"`
	}

	if err := strictjson.Decode(raw, &told); err != nil {
		return nil, fmt.Errorf("read the key set: %w", err)
	}

	if len(told.Keys) > maxSetKeys {
		return nil, fmt.Errorf("read the key set: it has %d keys", len(told.Keys))
	}

	keys := jwk.NewSet()

	for _, one := range told.Keys {
		if key, err := jwk.ParseKey(one); err == nil {
			_ = keys.AddKey(key) // one that is there twice is there
		}
	}

	if keys.Len() == 0 {
		return nil, errors.New("read the key set: there is no key in it")
	}

	return keys, nil
}

// refresh reads the key set again while all is well, so that a key that was taken out of it is not believed for long.
func (t *tokens) refresh(ctx context.Context) {
	if err := t.read(ctx, t.clock.Now(), keySetFresh); err != nil && !errors.Is(err, errReading) {
		t.logger.WarnContext(ctx, "the identity provider's keys could not be read", slog.Any("error", err))
	}
}
