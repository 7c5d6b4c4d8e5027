package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	maxFile = 16 << 10
	// writtenMode is what files are written with. A group may be let read, as mounted secrets do; it cannot do anything
	// with the file without the passphrase.
	writtenMode   fs.FileMode = 0o600
	forbiddenMode fs.FileMode = 0o037
)

// Write encrypts a key into a new file, durably. It never replaces a file: that could be the only copy of a key.
func Write(path string, p Private, passphrase secret.String) error {
	if p.pkcs8 == nil {
		return errNoPrivate
	}

	if err := checkPassphrase(passphrase); err != nil {
		return err
	}

	raw, err := seal(p, passphrase, defaultCost())
	if err != nil {
		return err
	}

	return writeNew(path, raw)
}

func writeNew(path string, raw []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, writtenMode)
	if err != nil {
		return fmt.Errorf("key file: create: %w", err)
	}

	_, err = f.Write(raw)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("key file: write: %w", errors.Join(err, os.Remove(path)))
	}

	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("key file: make durable: %w", err)
	}

	if err = errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("key file: make durable: %w", err)
	}

	return nil
}

// Read decrypts the key of a file: ErrPassphrase, ErrAltered, ErrFormat and ErrMode tell what is wrong with it.
func Read(path string, passphrase secret.String) (Private, error) {
	raw, err := readFile(path)
	if err != nil {
		return Private{}, fmt.Errorf("key file: %w", err)
	}

	p, err := unseal(raw, passphrase)
	if err != nil {
		return Private{}, fmt.Errorf("key file %s: %w", path, err)
	}

	return p, nil
}

// readFile looks at the mode of what it reads, not of what was there before.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	defer func() { _ = f.Close() }()

	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("look at its mode: %w", err)
	}

	if !info.Mode().IsRegular() || info.Mode()&forbiddenMode != 0 {
		return nil, fmt.Errorf("%w: %s has mode %s; chmod 600 it, or 640 where a group must read it",
			ErrMode, path, info.Mode())
	}

	raw, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("read: %w", err)
	}

	if len(raw) > maxFile {
		return nil, fmt.Errorf("%w: %s has more than %d bytes", ErrFormat, path, maxFile)
	}

	return raw, nil
}

// Open decrypts the key of a file and keeps it in memory to sign with.
func Open(ctx context.Context, path string, passphrase secret.String, cfg signer.Config) (*signer.Key, error) {
	p, err := Read(path, passphrase)
	if err != nil {
		return nil, err
	}

	return p.Signer(ctx, cfg)
}

// Signer signs with the key in memory.
func (p Private) Signer(ctx context.Context, cfg signer.Config) (*signer.Key, error) {
	if p.sign == nil {
		return nil, errNoPrivate
	}

	return signer.New(ctx, keeper(p), cfg)
}

type keeper Private

var _ signer.Keeper = keeper{}

// PublicKey is the only one.
func (k keeper) PublicKey(context.Context, signing.Fingerprint) (signing.PublicKey, error) {
	return k.public, nil
}

// Sign takes less than a context switch does.
func (k keeper) Sign(_ context.Context, m signer.Message) ([]byte, error) {
	return k.sign(m.Content(), m.Digest())
}

// Close has nothing to end.
func (k keeper) Close() error { return nil }
