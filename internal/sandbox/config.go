package sandbox

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/clock"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/secret"
)

// Version is the release of the node that the sandbox plays; it decides which endpoints and fields exist.
type Version string

// Versions that the sandbox can play, as a node tells them.
const (
	// V33 tells neither acsDelta nor traffic costs, and calls a reassignment unassignId.
	V33 Version = "3.3.0"
	V34 Version = "3.4.12"
	// V35 reads in pages, and starts a stream with a checkpoint.
	V35 Version = "3.5.1"
	// V36 has neither /v2/updates/trees nor /v2/updates/flats any more, and finds an update by its signed hash.
	V36 Version = "3.6.0"
)

// ParseVersion finds the version of a release that is named as people name it: 3.3, 3.4, 3.5 or 3.6.
func ParseVersion(release string) (Version, error) {
	for _, v := range []Version{V33, V34, V35, V36} {
		if release == v.release() {
			return v, nil
		}
	}

	return "", fmt.Errorf("%w: unknown node version %.20q: want 3.3, 3.4, 3.5 or 3.6", ErrInvalid, release)
}

// release is the version without its patch level.
func (v Version) release() string { return string(v[:strings.LastIndexByte(string(v), '.')]) }

// atLeast compares two of the versions above, whose texts order as they do.
func (v Version) atLeast(other Version) bool { return v >= other }

// hasTrees reports whether the older shapes, and the look-ups that answer them, are still there.
func (v Version) hasTrees() bool { return !v.atLeast(V36) }

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
	defaultMaxParties         = 10_000
	maxRequestBody            = 1 << 20
	maxStreams                = 1_000
	maxFilters                = 1_000
)

// DefaultMaxUpdates is Config.MaxUpdates where it is not given.
const DefaultMaxUpdates = 200_000

// Config is what a sandbox is made of. The zero value of every field has a usable default.
type Config struct {
	// Seed decides every random choice: ids, offsets' gaps, traffic.
	Seed uint64
	// Clock is the network's clock; the system's when nil. Record times follow it and never go back.
	Clock clock.Clock
	// Version of the node, V35 when empty.
	Version Version
	// Token, when set, is the only bearer token that the ledger endpoints accept; short for Auth.Token.
	Token secret.String
	// Auth is who is let in; everybody when zero.
	Auth admin.AuthConfig
	// Shape of Canton Coin, ShapeCurrent when empty.
	Shape AmuletShape
	// EventsV2 adds token standard V2: EventLog_HoldingsChange beside V1 metadata, and V2 holding views.
	EventsV2 bool
	// Workflow of AcmeToken, AcmeDirect when empty.
	Workflow AcmeWorkflow
	// AcmePermissioned lets only parties on its permission list (Permit) send and receive AcmeToken.
	AcmePermissioned bool
	// Latency from a submission to its sequencing; none when 0. Meanwhile its inputs are locked.
	Latency time.Duration
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
	// MaxUpdates bounds the history that a node keeps, and with it completions and books; MaxParties the parties. At the
	// bound the sandbox refuses with ErrFull until somebody prunes.
	MaxUpdates int
	MaxParties int
	// AutoPrune prunes the older half of a node's history when it is full, as a node with a pruning schedule does, so
	// that the sandbox can go on for ever. Ended transfers that are pruned everywhere then leave the books as well.
	AutoPrune bool
	// Inspect, when set, is shown every answer of the node's APIs as it is before any fault damages it, and every
	// message of a websocket, with status 101 and no header. It is called from many goroutines at once, must not keep
	// or change what it is given, and must not call the sandbox.
	Inspect func(method, path string, status int, header http.Header, body []byte)
	// Faults are the rules by which the network fails from the start; FaultSeed, Seed when 0, decides what they leave to
	// chance. See Sandbox.Faults.
	Faults    []fault.Rule
	FaultSeed uint64
	// Logger for what goes wrong on open connections, and for each fault that strikes; discarded when nil.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}

	if !c.Token.IsZero() {
		c.Auth.Token = c.Token
	}

	c.Version = orDefault(c.Version, V35)
	c.Shape = orDefault(c.Shape, ShapeCurrent)
	c.Workflow = orDefault(c.Workflow, AcmeDirect)
	c.CheckpointInterval = orDefault(c.CheckpointInterval, defaultCheckpointInterval)
	c.FaultSeed = orDefault(c.FaultSeed, c.Seed)
	c.ListLimit = orDefault(c.ListLimit, defaultListLimit)
	c.ListWait = orDefault(c.ListWait, defaultListWait)
	c.MaxUpdates = orDefault(c.MaxUpdates, DefaultMaxUpdates)
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

	if !slices.Contains([]Version{V33, V34, V35, V36}, c.Version) {
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
	// ErrForbidden: the registry does not let this party hold its token.
	ErrForbidden = errors.New("not permitted by the registry")
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
