package ledger

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// Version is the software a node runs.
type Version struct {
	// Text is the version as the node says it, such as 3.4.12 or 3.5.1-SNAPSHOT.
	Text                string
	Major, Minor, Patch int
	// MaxCheckpointDelay is the longest time between checkpoints of a stream, by the node's word; 0 if it says none.
	MaxCheckpointDelay time.Duration
}

// AtLeast reports whether the version is major.minor or later.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// PrunedOffsets is how far a node has forgotten its history; both are 0 where nothing was pruned.
type PrunedOffsets struct {
	// Participant is the first offset a stream can begin after.
	Participant ident.Offset
	// Divulged is up to where contracts that we merely saw are gone.
	Divulged ident.Offset
}

// ConnectedSynchronizer is a synchronizer through which a party can act on this node.
type ConnectedSynchronizer struct {
	ID    ident.SynchronizerID
	Alias string
	// Permission is the party's, PARTICIPANT_PERMISSION_SUBMISSION, _CONFIRMATION or _OBSERVATION.
	Permission string
}

// Version asks which software the node runs.
func (c *Client) Version(ctx context.Context) (Version, error) {
	const op = "read version"

	a, err := read[ledgerapi.VersionAnswer](ctx, c, request{op: op, method: http.MethodGet, path: "/v2/version"})
	if err != nil {
		return Version{}, err
	}

	v, err := parseVersion(a.Version)
	if err != nil {
		return Version{}, malformed(op, "version", err)
	}

	if a.Features != nil && a.Features.OffsetCheckpoint != nil {
		if d := a.Features.OffsetCheckpoint.MaxOffsetCheckpointEmissionDelay; d != nil {
			v.MaxCheckpointDelay = wireDuration(*d)
		}
	}

	return v, nil
}

// wireDuration reads a protobuf duration; one that makes no sense is none, for it is only a hint.
func wireDuration(d ledgerapi.Duration) time.Duration {
	const longest = int64(24 * time.Hour / time.Second)
	if d.Seconds < 0 || d.Seconds > longest || d.Nanos < 0 || int64(d.Nanos) >= int64(time.Second) {
		return 0
	}

	return time.Duration(d.Seconds)*time.Second + time.Duration(d.Nanos)
}

func parseVersion(text string) (Version, error) {
	const longest = 100
	if len(text) > longest {
		return Version{}, fmt.Errorf("%d bytes long", len(text))
	}

	numbers, _, _ := strings.Cut(text, "-")
	numbers, _, _ = strings.Cut(numbers, "+")

	parts := strings.Split(numbers, ".")
	if len(parts) < 2 || len(parts) > 3 {
		return Version{}, fmt.Errorf("%q is not major.minor.patch", text)
	}

	var n [3]int

	for i, part := range parts {
		value, err := strconv.ParseUint(part, 10, 16)
		if err != nil {
			return Version{}, fmt.Errorf("%q is not major.minor.patch", text)
		}

		n[i] = int(value)
	}

	return Version{Text: bounded(text), Major: n[0], Minor: n[1], Patch: n[2]}, nil
}

// LedgerEnd is the offset of the node's latest update; Begin for an empty node.
func (c *Client) LedgerEnd(ctx context.Context) (ident.Offset, error) {
	return c.ledgerEnd(ctx, c.cfg.Retry)
}

func (c *Client) ledgerEnd(ctx context.Context, policy Retry) (ident.Offset, error) {
	const op = "read ledger end"

	return Do(ctx, policy, func(ctx context.Context) (ident.Offset, error) {
		a, err := c.call(ctx, request{op: op, method: http.MethodGet, path: "/v2/state/ledger-end"})
		if err != nil {
			return 0, err
		}

		var end ledgerapi.LedgerEndAnswer
		if err := a.decode(op, &end); err != nil {
			return 0, err
		}

		return offset(op, end.Offset)
	})
}

// offset reads one that is left out when it is 0.
func offset(op string, n *int64) (ident.Offset, error) {
	if n == nil {
		return ident.Begin, nil
	}

	if *n < 0 {
		return 0, malformed(op, fmt.Sprintf("offset %d", *n), nil)
	}

	return ident.Offset(*n), nil
}

// PrunedOffsets is how far the node has forgotten its history.
func (c *Client) PrunedOffsets(ctx context.Context) (PrunedOffsets, error) {
	const op = "read pruned offsets"

	a, err := read[ledgerapi.PrunedOffsetsAnswer](ctx, c,
		request{op: op, method: http.MethodGet, path: "/v2/state/latest-pruned-offsets"})
	if err != nil {
		return PrunedOffsets{}, err
	}

	participant, err := offset(op, a.ParticipantPrunedUpToInclusive)
	if err != nil {
		return PrunedOffsets{}, err
	}

	divulged, err := offset(op, a.AllDivulgedContractsPrunedUpToInclusive)
	if err != nil {
		return PrunedOffsets{}, err
	}

	return PrunedOffsets{Participant: participant, Divulged: divulged}, nil
}

// ConnectedSynchronizers lists the synchronizers through which the party can act on this node; all that the node is
// connected to for the empty party. None means that the node is not ready, or does not host the party.
func (c *Client) ConnectedSynchronizers(ctx context.Context, party ident.Party) ([]ConnectedSynchronizer, error) {
	const op = "read connected synchronizers"

	query := url.Values{}
	if party != "" {
		query.Set("party", string(party))
	}

	a, err := read[ledgerapi.ConnectedSynchronizersAnswer](ctx, c,
		request{op: op, method: http.MethodGet, path: "/v2/state/connected-synchronizers", query: query})
	if err != nil || a.ConnectedSynchronizers == nil {
		return nil, err
	}

	list := make([]ConnectedSynchronizer, 0, len(*a.ConnectedSynchronizers))

	for _, s := range *a.ConnectedSynchronizers {
		id, err := ident.ParseSynchronizerID(s.SynchronizerId)
		if err != nil {
			return nil, malformed(op, "synchronizer", err)
		}

		permission := ""
		if s.Permission != nil {
			permission = bounded(*s.Permission)
		}

		list = append(list, ConnectedSynchronizer{ID: id, Alias: bounded(s.SynchronizerAlias), Permission: permission})
	}

	return list, nil
}

// ParticipantID says which node this is. Offsets stored for one node mean nothing on another.
func (c *Client) ParticipantID(ctx context.Context) (ident.ParticipantID, error) {
	const op = "read participant id"

	a, err := read[ledgerapi.ParticipantIdAnswer](ctx, c,
		request{op: op, method: http.MethodGet, path: "/v2/parties/participant-id"})
	if err != nil {
		return "", err
	}

	// A participant id has the outer form of a party id, name::fingerprint.
	id, err := ident.ParseParty(a.ParticipantId)
	if err != nil {
		return "", malformed(op, "participant id", err)
	}

	return ident.ParticipantID(id), nil
}
