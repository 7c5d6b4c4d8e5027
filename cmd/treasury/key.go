package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/canton-exchange/suite/internal/service"
	"github.com/canton-exchange/suite/internal/signer/keyfile"
	"github.com/canton-exchange/suite/internal/signing"
)

var (
	errNoPassphrase = errors.New("CES_SIGNER_FILE_PASSPHRASE (or CES_SIGNER_FILE_PASSPHRASE_FILE) is not set: " +
		"it encrypts the key")
	errReadBack = errors.New("it holds another key than was written")
)

// newKey makes a treasury's key. It needs neither database nor node, so that a cold key can be made where neither is.
func newKey(_ context.Context, t *tool, arguments []string) error {
	passphrase := t.signer.File.Passphrase
	if passphrase.IsZero() {
		return service.UsageError(errNoPassphrase)
	}

	path, err := filepath.Abs(arguments[0])
	if err != nil {
		return fmt.Errorf("key file %s: %w", arguments[0], err)
	}

	private, err := keyfile.Generate(signing.KeyEd25519)
	if err != nil {
		return err
	}

	if err := keyfile.Write(path, private, passphrase); err != nil {
		return err
	}

	// A file that does not open must be found out before there is money behind it.
	read, err := keyfile.Read(path, passphrase)
	if err == nil && read.PublicKey() != private.PublicKey() {
		err = errReadBack
	}

	if err != nil {
		return fmt.Errorf("do not use %s, which was just written: %w", path, err)
	}

	public := private.PublicKey()
	t.printf("key file     %s\n", path)
	t.printf("fingerprint  %s\n", public.Fingerprint())
	t.printf("public key   %s\n", base64.StdEncoding.EncodeToString(public.SPKI()))
	t.printf("party        HINT::%s, once it is onboarded; HINT is yours to choose\n", public.Fingerprint())
	t.printf("keep copies of the file and of its passphrase, apart from each other: without both the treasury is lost\n")
	t.printf("next         CES_SIGNER=file CES_SIGNER_FILE_PATH=%s treasury onboard HINT\n", shellWord(path))

	return nil
}
