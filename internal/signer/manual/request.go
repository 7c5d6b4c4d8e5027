package manual

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// What callers branch on.
var (
	// ErrExpired is a request whose time is over. Prepare anew.
	ErrExpired = errors.New("signing request has expired")
	// ErrMalformed is a file that is not what it should be, or a request that must not be made of it.
	ErrMalformed = errors.New("malformed")
	// ErrMismatch is a file that contradicts itself, or a signature that answers another request.
	ErrMismatch = errors.New("does not belong together")
)

// MaxLife is how long after its preparation Canton executes a transaction.
const MaxLife = 24 * time.Hour

const (
	requestFormat = "canton-exchange-suite/signing-request"
	formatVersion = 1

	maxID        = 255
	maxStatement = 64 << 10
	maxRequest   = 16 << 20 // a prepared transaction of signing.MaxBytes in base64, and the rest
)

// Request is what the holder of a cold key is asked to sign.
type Request struct {
	// ID is the caller's own name for it, printable ASCII.
	ID    string
	Party ident.Party
	// SignedBy is the key that must sign.
	SignedBy signing.Fingerprint
	Content  Content
	// Statement says for people what the content does. It may have several lines.
	Statement string
	// Created and Expires are at most MaxLife apart. Expires should not be later than the content itself allows, such as
	// a transaction's maximum record time.
	Created, Expires time.Time
}

// Content is what is signed: a Transaction or a Topology.
//
//sumtype:decl
type Content interface {
	// Hash is what a signature covers, computed from the content.
	Hash() (signing.Signable, error)
	write(d *document)
}

// Transaction is a prepared transaction as the node sent it.
type Transaction struct {
	Prepared []byte
	Scheme   signing.Scheme
}

// Topology is the serialized topology transactions of an onboarding.
type Topology [][]byte

// Hash decodes the transaction and hashes what was decoded.
func (t Transaction) Hash() (signing.Signable, error) { return signing.HashBytes(t.Prepared, t.Scheme) }

// Hash decodes the transactions, so that nothing unknown is signed, and hashes all of them.
func (t Topology) Hash() (signing.Signable, error) {
	for i, raw := range t {
		if _, err := signing.DecodeTopology(raw); err != nil {
			return nil, fmt.Errorf("topology transaction %d: %w", i, err)
		}
	}

	return signing.TopologyMultiHash(t)
}

func (t Transaction) write(d *document) { d.Scheme, d.Prepared = t.Scheme.String(), t.Prepared }
func (t Topology) write(d *document)    { d.Topology = t }

// document is the file of a request.
type document struct {
	Format    string              `json:"format"`
	Version   int                 `json:"version"`
	ID        string              `json:"id"`
	Party     string              `json:"party"`
	SignedBy  signing.Fingerprint `json:"signed_by"`
	Kind      signer.Kind         `json:"kind"`
	Hash      string              `json:"hash"`
	Scheme    string              `json:"hashing_scheme,omitzero"`
	Prepared  []byte              `json:"prepared_transaction,omitempty"`
	Topology  [][]byte            `json:"topology_transactions,omitempty"`
	Statement string              `json:"statement"`
	Created   time.Time           `json:"created_at"`
	Expires   time.Time           `json:"expires_at"`
}

// ExportRequest writes the file that goes to the key.
func ExportRequest(r Request, now time.Time) ([]byte, error) {
	message, err := r.check(now)
	if err != nil {
		return nil, fmt.Errorf("export signing request: %w", err)
	}

	d := document{
		Format: requestFormat, Version: formatVersion, ID: r.ID, Party: string(r.Party), SignedBy: r.SignedBy,
		Kind: message.Kind(), Hash: hex.EncodeToString(message.Content()), Statement: r.Statement,
		Created: r.Created.UTC(), Expires: r.Expires.UTC(),
	}
	r.Content.write(&d)

	raw, err := strictjson.Encode(d)
	if err != nil {
		return nil, fmt.Errorf("export signing request: %w: %w", ErrMalformed, err)
	}

	return append(raw, '\n'), nil
}

// ReadRequest reads that file where the key is. The hash that it names is the one of its content, or it is refused.
// What the content does is for the caller to decode and show beside the statement.
func ReadRequest(raw []byte, now time.Time) (Request, error) {
	r, err := readRequest(raw, now)
	if err != nil {
		return Request{}, fmt.Errorf("read signing request: %w", err)
	}

	return r, nil
}

func readRequest(raw []byte, now time.Time) (Request, error) {
	if len(raw) > maxRequest {
		return Request{}, fmt.Errorf("%w: more than %d bytes", ErrMalformed, maxRequest)
	}

	var d document
	if err := strictjson.DecodeKnown(raw, &d); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	if d.Format != requestFormat || d.Version != formatVersion {
		return Request{}, fmt.Errorf("%w: format %.80q version %d, want %q version %d",
			ErrMalformed, d.Format, d.Version, requestFormat, formatVersion)
	}

	party, err := ident.ParseParty(d.Party)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	content, err := d.content()
	if err != nil {
		return Request{}, err
	}

	r := Request{
		ID: d.ID, Party: party, SignedBy: d.SignedBy, Content: content, Statement: d.Statement,
		Created: d.Created, Expires: d.Expires,
	}

	message, err := r.check(now)
	if err != nil {
		return Request{}, err
	}

	if got := hex.EncodeToString(message.Content()); got != d.Hash || message.Kind() != d.Kind {
		return Request{}, fmt.Errorf("%w: the content's hash is %s, the file says %.80q", ErrMismatch, got, d.Hash)
	}

	return r, nil
}

func (d document) content() (Content, error) {
	switch {
	case d.Kind == signer.KindTransaction && d.Topology == nil:
		scheme, err := signing.ParseScheme(d.Scheme)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
		}

		return Transaction{Prepared: d.Prepared, Scheme: scheme}, nil
	case d.Kind == signer.KindTopology && d.Prepared == nil && d.Scheme == "":
		return Topology(d.Topology), nil
	default:
		return nil, fmt.Errorf("%w: kind %.80q with other content", ErrMalformed, d.Kind)
	}
}

// check holds for every request, whoever made it.
func (r Request) check(now time.Time) (signer.Message, error) {
	switch {
	case r.ID == "" || len(r.ID) > maxID || strings.ContainsFunc(r.ID, func(c rune) bool { return c <= ' ' || c > '~' }):
		return signer.Message{}, fmt.Errorf("%w: id %.80q: want 1 to %d printable characters", ErrMalformed, r.ID, maxID)
	case len(r.Statement) > maxStatement || strings.ContainsFunc(r.Statement, notReadable):
		return signer.Message{}, fmt.Errorf("%w: statement: want at most %d bytes without control characters",
			ErrMalformed, maxStatement)
	case !r.Created.Before(r.Expires) || r.Expires.Sub(r.Created) > MaxLife || r.Expires.Sub(now) > MaxLife:
		return signer.Message{}, fmt.Errorf("%w: created %s, expires %s: want at most %s",
			ErrMalformed, r.Created, r.Expires, MaxLife)
	case !now.Before(r.Expires):
		return signer.Message{}, fmt.Errorf("%w at %s", ErrExpired, r.Expires)
	case r.Content == nil:
		return signer.Message{}, fmt.Errorf("%w: nothing to sign", ErrMalformed)
	}

	if _, err := signing.ParseFingerprint(string(r.SignedBy)); err != nil {
		return signer.Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	hash, err := r.Content.Hash()
	if err != nil {
		return signer.Message{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}

	return signer.MessageOf(hash)
}

// notReadable is what could make a statement look like something else: control characters, but for the line's end, and
// those that reverse or hide text.
func notReadable(r rune) bool {
	switch {
	case r == '\n':
		return false
	case r < ' ', r >= 0x7f && r < 0xa0, r == '\u2028', r == '\u2029':
		return true
	default:
		return (r >= '\u200b' && r <= '\u200f') || (r >= '\u202a' && r <= '\u202e') || (r >= '\u2060' && r <= '\u2069') ||
			r == '\ufeff'
	}
}
