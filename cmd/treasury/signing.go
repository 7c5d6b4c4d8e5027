package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/memo"
	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signer/manual"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/store"
)

const (
	// carried is how many payments are exported at once.
	carried = 1000

	requestSuffix, signatureSuffix = ".request.json", ".signature.json"
)

var (
	errNotCold = errors.New("CES_SIGNER is not manual: nothing waits for a cold key, payments are signed by themselves")
	errCarry   = errors.New("CES_SIGNER=manual: the key is not here; run this where it is, with CES_SIGNER=file or " +
		"another driver")
	errOnly    = errors.New("only prepared transactions are signed by this command")
	errAltered = errors.New("its hash is not the one that was computed when it was prepared: the database was changed; " +
		"sign nothing before it is known by whom")
	errNotWaiting = errors.New("no payment waits for this signature: it was signed already, given up, or prepared anew; " +
		"export again")
)

// exportUnsigned writes what waits for a cold key into files.
func exportUnsigned(ctx context.Context, t *tool, arguments []string) error {
	key, list, _, err := t.unsigned(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }() // it holds nothing open

	if len(list) == 0 {
		t.printf("nothing waits for a signature\n")

		return nil
	}

	if err := os.MkdirAll(arguments[0], 0o700); err != nil {
		return fmt.Errorf("directory for what is to be signed: %w", err)
	}

	now := time.Now()

	for _, u := range list {
		if !now.Before(u.Target) {
			continue // withdraw gives it up and prepares it anew
		}

		request, statement, err := t.requestFor(u, key.PublicKey().Fingerprint(), now)
		if err != nil {
			return err
		}

		path := filepath.Join(arguments[0], request.ID+requestSuffix)
		if err := writeRequest(path, request, now); err != nil {
			return err
		}

		t.printf("%s\n  for withdrawal %s, to be signed and brought back before %s\n", path, plain(u.WithdrawalID),
			stamp(u.Target))
		t.printStatement(statement)
	}

	t.printf("carry the files to where the key is; there: treasury signing show FILE, treasury signing sign FILE\n")

	return nil
}

// unsigned is what waits for the cold key, and the key's public half. The caller closes it.
func (t *tool) unsigned(ctx context.Context) (signer.Signer, []store.Unsigned, store.TreasuryID, error) {
	if err := t.signer.Complete(); err != nil {
		return nil, nil, 0, service.UsageError(err)
	}

	if !t.signer.ByHand() {
		return nil, nil, 0, service.UsageError(errNotCold)
	}

	treasury, err := t.db.FindTreasury(ctx, t.party)
	if err != nil {
		return nil, nil, 0, err
	}

	list, err := t.db.ListUnsigned(ctx, treasury, carried)
	if err != nil {
		return nil, nil, 0, err
	}

	key, err := t.signer.Open(ctx, t.party)

	return key, list, treasury, err
}

// requestFor is what the holder of the key is asked. It is always the same for the same transaction, but for its times.
func (t *tool) requestFor(
	u store.Unsigned, by signing.Fingerprint, now time.Time,
) (manual.Request, intent.Statement, error) {
	fail := func(err error) (manual.Request, intent.Statement, error) {
		return manual.Request{}, intent.Statement{}, fmt.Errorf("prepared transaction of withdrawal %s: %w",
			plain(u.WithdrawalID), err)
	}

	scheme, err := signing.ParseScheme(u.Scheme)
	if err != nil {
		return fail(err)
	}

	prepared, err := signing.Decode(u.Transaction)
	if err != nil {
		return fail(err)
	}

	hash, err := prepared.Hash(scheme)
	if err != nil {
		return fail(err)
	}

	if hash.String() != u.Hash {
		return fail(errAltered)
	}

	statement := intent.Describe(prepared)

	expires := u.Target
	if latest := now.Add(manual.MaxLife); expires.After(latest) {
		expires = latest
	}

	return manual.Request{
		ID: u.Hash, Party: t.party, SignedBy: by, Content: manual.Transaction{Prepared: u.Transaction, Scheme: scheme},
		Statement: strings.Join(lines(statement), "\n"), Created: now, Expires: expires,
	}, statement, nil
}

// lines are a statement for reading.
func lines(s intent.Statement) []string {
	return append(append([]string{s.Action}, s.Effects...), s.Terms...)
}

func (t *tool) printStatement(s intent.Statement) {
	for _, line := range lines(s) {
		t.printf("  %s\n", memo.Line(line))
	}
}

// writeRequest writes a file unless it is there: exported before, it says the same.
func writeRequest(path string, r manual.Request, now time.Time) error {
	raw, err := manual.ExportRequest(r, now)
	if err != nil {
		return err
	}

	return writeNew(path, raw)
}

// writeNew writes a file that only its owner reads, and leaves one that is there alone.
func writeNew(path string, raw []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}

	if err != nil {
		return fmt.Errorf("write: %w", err)
	}

	_, err = file.Write(raw)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}

	return nil
}

// carriedRequest reads a file where the key is, and tells what it does by what is in the transaction itself.
func (t *tool) carriedRequest(path string) (manual.Request, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return manual.Request{}, fmt.Errorf("read what is to be signed: %w", err)
	}

	request, err := manual.ReadRequest(raw, time.Now())
	if err != nil {
		return manual.Request{}, err
	}

	transaction, ok := request.Content.(manual.Transaction)
	if !ok {
		return manual.Request{}, errOnly
	}

	prepared, err := signing.Decode(transaction.Prepared)
	if err != nil {
		return manual.Request{}, fmt.Errorf("read what is to be signed: %w", err)
	}

	t.printf("party      %s\nhash       %s by %s\nsign till  %s\nit does this, by what the transaction itself says:\n",
		plain(request.Party), plain(request.ID), transaction.Scheme, stamp(request.Expires))
	t.printStatement(intent.Describe(prepared))

	return request, nil
}

func showUnsigned(_ context.Context, t *tool, arguments []string) error {
	_, err := t.carriedRequest(arguments[0])

	return err
}

// signByHand is for the machine that has the key. It needs neither database nor node.
func signByHand(ctx context.Context, t *tool, arguments []string) error {
	if err := t.signer.Complete(); err != nil {
		return service.UsageError(err)
	}

	if t.signer.ByHand() {
		return service.UsageError(errCarry)
	}

	request, err := t.carriedRequest(arguments[0])
	if err != nil {
		return err
	}

	if t.party != "" && t.party != request.Party {
		return service.UsageError(fmt.Errorf("CES_TREASURY_PARTY is %s, but this is to be signed for %s: nothing was signed",
			t.party, request.Party))
	}

	key, err := t.signer.Open(ctx, request.Party)
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }() // the signature is made, or the error told

	answer, err := manual.Answer(ctx, request, key, time.Now())
	if err != nil {
		return err
	}

	path := strings.TrimSuffix(arguments[0], requestSuffix) + signatureSuffix
	if err := writeNew(path, answer); err != nil {
		return err
	}

	t.printf("signed; bring this back before %s: %s\n", stamp(request.Expires), path)

	return nil
}

// importSignature stores the signature that came back, if it holds for what waits for it.
func importSignature(ctx context.Context, t *tool, arguments []string) error {
	raw, err := os.ReadFile(arguments[0])
	if err != nil {
		return fmt.Errorf("read signature: %w", err)
	}

	// Only to find what it may answer. The signature itself is held against that.
	var answered struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(raw, &answered); err != nil {
		return fmt.Errorf("read signature: %w: %w", manual.ErrMalformed, err)
	}

	key, list, treasury, err := t.unsigned(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = key.Close() }() // it holds nothing open

	for _, u := range list {
		if u.Hash != answered.ID {
			continue
		}

		now := time.Now()

		request, _, err := t.requestFor(u, key.PublicKey().Fingerprint(), now)
		if err != nil {
			return err
		}

		signature, err := manual.ImportSignature(raw, request, key.PublicKey(), now)
		if err != nil {
			return fmt.Errorf("nothing was stored: %w", err)
		}

		if err := t.db.StoreSignature(ctx, treasury, u, signature, now); err != nil {
			if errors.Is(err, store.ErrMoved) {
				return errNotWaiting
			}

			return err
		}

		t.printf("the signature of withdrawal %s is stored; withdraw submits it at once\n", plain(u.WithdrawalID))

		return nil
	}

	return errNotWaiting
}
