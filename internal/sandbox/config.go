package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/secret"
)

// Version is the release of the node that the sandbox plays; it decides which endpoints and fields exist.
type Version string

// Versions that the sandbox can play.
const (
	V34 Version = "3.4.12"
	V35 Version = "3.5.1"
	// V36 has no /v2/updates/trees any more.
	V36 Version = "3.6.0"
)

func (v Version) atLeast35() bool { return v != V34 }

func (v Version) hasTrees() bool { return v != V36 }

// AmuletShape is which generation of Canton Coin the ledger runs.
type AmuletShape string

// Shapes of Canton Coin transactions.
const (
	// ShapeCurrent: TransferPreapproval_SendV2, no AmuletRules_Transfer below it, no fees.
	ShapeCurrent AmuletShape = "current"
	// ShapeRecorded: TransferPreapproval_Send over AmuletRules_Transfer with reward coupons and burned fees, as in
	// the recorded data of amulet 0.1.14.
	ShapeRecorded AmuletShape = "recorded"
)

// AcmeWorkflow is what happens when an offer of AcmeToken is accepted.
type AcmeWorkflow string

// Workflows of AcmeToken.
const (
	// AcmeDirect completes on accept.
	AcmeDirect AcmeWorkflow = "direct"
	// AcmePending turns the accepted offer into a second instruction that waits for its registrar
	// (CompleteWorkflow or FailWorkflow).
	AcmePending AcmeWorkflow = "pending"
)

// Defaults and hard bounds. A bound that is reached is an error, never a silent loss.
const (
	defaultCheckpointInterval = time.Second
	defaultListLimit          = 200                    // http-list-max-elements-limit of a node
	defaultListWait           = 500 * time.Millisecond // http-list-wait-time of a node
	defaultMaxUpdates         = 200_000
	defaultMaxParties         = 10_000
	maxRequestBody            = 1 << 20
	maxStreams                = 1_000
	maxFilters                = 1_000
)

// Config is what a sandbox is made of. The zero value of every field has a usable default.
type Config struct {
	// Seed decides every random choice: ids, offsets' gaps, traffic.
	Seed uint64
	// Clock is the network's clock; the system's when nil. Record times follow it and never go back.
	Clock clock.Clock
	// Version of the node, V35 when empty.
	Version Version
	// Token, when set, is the only bearer token that the ledger endpoints accept.
	Token secret.String
	// Shape of Canton Coin, ShapeCurrent when empty.
	Shape AmuletShape
	// EventsV2 adds token standard V2: EventLog_HoldingsChange beside V1 metadata, and V2 holding views.
	EventsV2 bool
	// Workflow of AcmeToken, AcmeDirect when empty.
	Workflow AcmeWorkflow
	// OwnNodeIDs numbers the events of a transaction among those that the asking parties see, as a node that hosts
	// nobody else does (recorded offers, whose sender lives elsewhere, are their receiver's node 0). Otherwise ids are
	// those of the whole transaction, as on a node that hosts everybody (recorded one-step deposits begin at node 4).
	OwnNodeIDs bool
	// TwoSynchronizers connects a second synchronizer, whose record time lags, and allows Reassign.
	TwoSynchronizers bool
	// TwoValidators adds a second node, on which parties can be hosted too.
	TwoValidators bool
	// CheckpointInterval between checkpoints on an idle stream; 1 s when 0, none when negative (Tick still works).
	CheckpointInterval time.Duration
	// ListLimit and ListWait are the node's http-list-max-elements-limit and http-list-wait-time.
	ListLimit int
	ListWait  time.Duration
	// MaxUpdates bounds the history kept (prune to make room) and MaxParties the parties.
	MaxUpdates int
	MaxParties int
	// Logger for what goes wrong on open connections; discarded when nil.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}

	c.Version = orDefault(c.Version, V35)
	c.Shape = orDefault(c.Shape, ShapeCurrent)
	c.Workflow = orDefault(c.Workflow, AcmeDirect)
	c.CheckpointInterval = orDefault(c.CheckpointInterval, defaultCheckpointInterval)
	c.ListLimit = orDefault(c.ListLimit, defaultListLimit)
	c.ListWait = orDefault(c.ListWait, defaultListWait)
	c.MaxUpdates = orDefault(c.MaxUpdates, defaultMaxUpdates)
	c.MaxParties = orDefault(c.MaxParties, defaultMaxParties)

	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}

	return c, c.check()
}

func (c Config) check() error {
	if c.ListLimit < 1 || c.ListWait < 0 || c.MaxUpdates < 1 || c.MaxParties < 1 {
		return fmt.Errorf("%w: list limit, list wait, updates and parties must be positive", ErrInvalid)
	}

	if c.Version != V34 && c.Version != V35 && c.Version != V36 {
		return fmt.Errorf("%w: unknown node version %q", ErrInvalid, c.Version)
	}

	if c.Shape != ShapeCurrent && c.Shape != ShapeRecorded {
		return fmt.Errorf("%w: unknown Canton Coin shape %q", ErrInvalid, c.Shape)
	}

	if c.Shape == ShapeRecorded && c.EventsV2 {
		return fmt.Errorf("%w: the recorded Canton Coin knows no V2 events", ErrInvalid)
	}

	if c.Workflow != AcmeDirect && c.Workflow != AcmePending {
		return fmt.Errorf("%w: unknown AcmeToken workflow %q", ErrInvalid, c.Workflow)
	}

	return nil
}

func orDefault[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}

	return value
}

// Errors of the wallets and of the ledger; compare with errors.Is.
var (
	// ErrInvalid: the request can never work.
	ErrInvalid = errors.New("invalid request")
	// ErrUnknown: no such party, contract or instrument here.
	ErrUnknown = errors.New("unknown")
	// ErrUnauthorized: a party that would have to agree has not.
	ErrUnauthorized = errors.New("not authorized")
	// ErrInactive: the contract is archived already.
	ErrInactive = errors.New("contract is not active")
	// ErrFunds: the wallet's unlocked holdings do not cover the amount (and fees).
	ErrFunds = errors.New("insufficient funds")
	// ErrTooManyInputs: a Canton Coin transfer takes at most 100 inputs (maxNumInputs).
	ErrTooManyInputs = errors.New("maximum inputs exceeded")
	// ErrExpired: outside the time window of the transfer.
	ErrExpired = errors.New("outside the time window")
	// ErrConflict: not possible in the present state.
	ErrConflict = errors.New("conflict")
	// ErrFull: a configured bound is reached.
	ErrFull = errors.New("sandbox is full")
	// ErrReplay: a replay's history is fixed.
	ErrReplay = errors.New("a replay cannot be changed")
	// ErrClosed: the sandbox is shut down.
	ErrClosed = errors.New("sandbox is closed")
)
