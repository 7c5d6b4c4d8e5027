//go:build cgo

package pkcs11

import (
	"context"
	"fmt"
	"sync"

	"github.com/miekg/pkcs11"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// keeper lets a few goroutines, each with a session of its own, call the library. Close ends them and waits.
type keeper struct {
	library *pkcs11.Ctx
	cfg     Config
	jobs    chan job
	quit    chan struct{}
	workers sync.WaitGroup

	// connecting is held while a session is opened: a login counts for the whole process.
	connecting sync.Mutex
	// pinRefused, guarded by it, keeps a wrong PIN from being tried until the token locks.
	pinRefused bool

	// spec is set by PublicKey.
	spec signing.KeySpec
}

var _ signer.Keeper = (*keeper)(nil)

// job is one use of a session.
type job struct {
	abandoned <-chan struct{}
	do        func(*session) error
	done      chan error
}

func newKeeper(cfg Config) (*keeper, error) {
	library := pkcs11.New(cfg.Library)
	if library == nil {
		return nil, &signer.Error{
			Driver: driver, Op: "load library", Cause: cfg.Library + " is no PKCS#11 library, or does not load",
			Advice: "see the path, and with ldd what else it needs",
		}
	}

	k := &keeper{library: library, cfg: cfg, jobs: make(chan job), quit: make(chan struct{})}

	for range cfg.Sessions {
		k.workers.Go(k.work)
	}

	return k, nil
}

// Close waits for calls into the library and closes the sessions.
func (k *keeper) Close() error {
	close(k.quit)
	k.workers.Wait()

	return nil
}

// run has a worker do something, and stops waiting for it when the context ends.
func (k *keeper) run(ctx context.Context, do func(*session) error) error {
	j := job{abandoned: ctx.Done(), do: do, done: make(chan error, 1)}

	select {
	case k.jobs <- j:
	case <-ctx.Done():
		return fmt.Errorf("all sessions are in use: %w", ctx.Err())
	}

	select {
	case err := <-j.done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("the library has not returned: %w", ctx.Err())
	}
}

func (k *keeper) work() {
	var s *session

	for {
		select {
		case <-k.quit:
			k.disconnect(s)

			return
		case j := <-k.jobs:
			select {
			case <-j.abandoned:
			default:
				var err error

				s, err = k.attempt(s, j.do)
				j.done <- err
			}
		}
	}
}

// attempt does something with the session, or with a new one if there is none or it turns out to be lost. It returns
// the session to go on with; after an error there is none, since an operation may be left half done in it.
func (k *keeper) attempt(s *session, do func(*session) error) (*session, error) {
	for again := s != nil; ; again = false {
		var err error

		if s == nil {
			if s, err = k.connect(); err != nil {
				return nil, err
			}
		}

		if err = do(s); err == nil {
			return s, nil
		}

		k.disconnect(s)
		s = nil

		if !again || !lost(err) {
			return nil, failure("use the key", err)
		}
	}
}

// PublicKey reads the public key that belongs to the private key.
func (k *keeper) PublicKey(ctx context.Context, _ signing.Fingerprint) (signing.PublicKey, error) {
	var public signing.PublicKey

	err := k.run(ctx, func(s *session) (err error) {
		public, err = k.readPublicKey(s)

		return err
	})
	if err != nil {
		return signing.PublicKey{}, err
	}

	k.spec = public.Spec()

	return public, nil
}

// Sign makes one signature.
func (k *keeper) Sign(ctx context.Context, m signer.Message) ([]byte, error) {
	mechanism, content := uint(ckmEdDSA), m.Content()
	if k.spec == signing.KeyP256 {
		mechanism, content = pkcs11.CKM_ECDSA, m.Digest()
	}

	var raw []byte

	err := k.run(ctx, func(s *session) (err error) {
		how := []*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)}
		if err = k.library.SignInit(s.handle, how, s.key); err != nil {
			return fmt.Errorf("begin to sign: %w", err)
		}

		if raw, err = k.library.Sign(s.handle, content); err != nil {
			return fmt.Errorf("sign: %w", err)
		}

		return nil
	})
	if err != nil {
		return nil, err
	}

	if k.spec == signing.KeyP256 {
		return derOfConcat(raw)
	}

	return raw, nil
}
