package webhook_test

import (
	"errors"
	"net/http/httptest"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	example "github.com/canton-exchange/suite/docs/examples/receiver"
)

const examples = "../../docs/examples/"

// TestTheDocumentHasTheExamples as they are tested.
func TestTheDocumentHasTheExamples(t *testing.T) {
	t.Parallel()

	document, err := os.ReadFile("../../docs/events.md")
	require.NoError(t, err)

	for _, name := range []string{"receiver/receiver.go", "receiver.ts"} {
		code, err := os.ReadFile(examples + name)
		require.NoError(t, err)
		require.Contains(t, string(document), "\n"+string(code)+"```\n", name)
	}
}

// TestTheExampleInGo takes events of either kind, once, and asks for those again that it could not handle.
func TestTheExampleInGo(t *testing.T) {
	t.Parallel()

	for name, batch := range map[string]string{"one": "1", "a list": "3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			w := begin(t)

			var (
				mu    sync.Mutex
				told  []string
				tries int
			)

			handler, err := example.Handler(w.keys.WebhookSecret("sub_000000000001", salt(1)).Reveal(), func(e example.Event) error {
				mu.Lock()
				defer mu.Unlock()

				tries++
				if tries == 2 {
					return errors.New("not now")
				}

				told = append(told, e.Subject)

				return nil
			})
			require.NoError(t, err)

			server := httptest.NewServer(handler)
			t.Cleanup(server.Close)

			id := w.subscribe(server.URL, "state = 'pending', batch = "+batch)
			w.tell(3)
			w.start()
			w.eventually(func() bool {
				return w.count("SELECT count(*) FROM subscriptions WHERE (state, tries) = ('active', 1)") == 1
			})
			w.exec("UPDATE subscriptions SET next_at = now()")
			w.eventually(func() bool { return w.cursor(id) == 3 })

			mu.Lock()
			defer mu.Unlock()

			require.Equal(t, numbers(1, 3), told[len(told)-3:])
		})
	}
}
