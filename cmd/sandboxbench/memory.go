package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/canton-exchange/suite/internal/strictjson"

	"github.com/canton-exchange/suite/internal/machine"
)

// settle is how long the node is left alone before its memory is read: the collector comes by on its own every two
// minutes at the latest, and then gives back to the system what it no longer needs.
const settle = 10 * time.Second

var errCount = errors.New("not the number of contracts that was asked for")

// memory fills a node with active contracts, counts them over its API, and measures what it takes to hold them.
func (b *bench) memory(ctx context.Context) error {
	if b.options.holdings < 1 {
		return nil
	}

	n, took, err := start(ctx, b.program, b.client, "-holdings", strconv.Itoa(b.options.holdings))
	if err != nil {
		return err
	}

	if err := b.measureMemory(ctx, n, took); err != nil {
		return errors.Join(err, n.stop())
	}

	return n.stop()
}

func (b *bench) measureMemory(ctx context.Context, n *node, took time.Duration) error {
	title := fmt.Sprintf("%d active contracts", b.options.holdings)

	if err := pause(ctx, settle); err != nil {
		return err
	}

	used, err := machine.UsageOf(n.command.Process.Pid)
	if err != nil {
		return err
	}

	fmt.Printf("%-45s %d MB resident after %s of rest, at most %d MB; filled in %.1f s\n",
		title, megabytes(used.Resident), settle, megabytes(used.Peak), took.Seconds())

	begin := time.Now()

	count, err := n.countContracts(ctx)
	if err != nil {
		return err
	}

	if count < b.options.holdings {
		return fmt.Errorf("%d contracts: %w", count, errCount)
	}

	read := time.Since(begin)

	r, err := b.rateOf(ctx, n, true, b.options.each, (*sender).transfer)
	if err != nil {
		return err
	}

	if used, err = machine.UsageOf(n.command.Process.Pid); err != nil {
		return err
	}

	fmt.Printf("%-45s %d contracts in %.1f s; at most %d MB resident until then and through the transfers\n",
		"all of them over the active-contracts stream", count, read.Seconds(), megabytes(used.Peak))
	fmt.Printf("%-45s %s\n", "registry, prepare, sign, execute beside them", r)

	return nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()

	select {
	case <-ctx.Done():
		return fmt.Errorf("wait: %w", ctx.Err())
	case <-timer.C:
		return nil
	}
}

// countContracts reads the active contracts to the last one.
func (n *node) countContracts(ctx context.Context) (int, error) {
	c, err := n.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.close()

	var end struct {
		Offset int64 `json:"offset"`
	}

	if err := c.get(ctx, "/v2/state/ledger-end", &end); err != nil {
		return 0, err
	}

	address := "ws" + strings.TrimPrefix(n.url, "http") + "/v2/state/active-contracts"

	conn, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{Subprotocols: []string{"daml.ws.auth"}})
	if err != nil {
		return 0, fmt.Errorf("open active contracts: %w", err)
	}
	defer func() { _ = conn.CloseNow() }()

	conn.SetReadLimit(maxAnswer)

	request := fmt.Appendf(nil,
		`{"activeAtOffset":%d,"eventFormat":{"filtersForAnyParty":{"cumulative":[]},"verbose":true}}`, end.Offset)
	if err := conn.Write(ctx, websocket.MessageText, request); err != nil {
		return 0, fmt.Errorf("ask for active contracts: %w", err)
	}

	for count := 0; ; count++ {
		_, raw, err := conn.Read(ctx)
		if websocket.CloseStatus(err) == websocket.StatusNormalClosure {
			return count, nil
		}

		if err != nil {
			return count, fmt.Errorf("read active contracts: %w", err)
		}

		if err := isContract(raw); err != nil {
			return count, err
		}
	}
}

// isContract checks that a message is an active contract and no error.
func isContract(raw []byte) error {
	const first = 100 // bytes that tell
	if strings.Contains(string(raw[:min(first, len(raw))]), `"contractEntry":{"JsActiveContract"`) {
		return nil
	}

	var message any
	if err := strictjson.Decode(raw, &message); err != nil {
		return err
	}

	return fmt.Errorf("%w: %.500s", errStatus, raw)
}
