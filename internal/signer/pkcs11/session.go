//go:build cgo

package pkcs11

import (
	"errors"
	"fmt"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/canton-exchange/suite/internal/signer"
	"github.com/canton-exchange/suite/internal/signing"
)

// session is an open session and where the private key is in it.
type session struct {
	handle pkcs11.SessionHandle
	key    pkcs11.ObjectHandle
}

// connect opens a session from whatever state the library and the token are in.
func (k *keeper) connect() (*session, error) {
	k.connecting.Lock()
	defer k.connecting.Unlock()

	if k.pinRefused {
		return nil, pinRefused(nil)
	}

	// Another signer of this process may have initialized the library.
	already := pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED)
	if err := k.library.Initialize(); err != nil && !errors.Is(err, already) {
		return nil, failure("initialize the library", err)
	}

	slot, err := k.slot()
	if err != nil {
		return nil, failure("find the token", err)
	}

	handle, err := k.library.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return nil, failure("open a session", err)
	}

	s := &session{handle: handle}

	err = k.login(s)
	if err == nil {
		s.key, err = k.find(s, pkcs11.CKO_PRIVATE_KEY)
	}

	if err != nil {
		k.disconnect(s)

		return nil, failure("log in and find the key", err)
	}

	return s, nil
}

// disconnect closes a session that may be lost already.
func (k *keeper) disconnect(s *session) {
	if s != nil {
		_ = k.library.CloseSession(s.handle)
	}
}

func (k *keeper) login(s *session) error {
	err := k.library.Login(s.handle, pkcs11.CKU_USER, k.cfg.PIN.Reveal())

	code, _ := errors.AsType[pkcs11.Error](err)
	switch code {
	case pkcs11.CKR_USER_ALREADY_LOGGED_IN:
		return nil
	case pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE, pkcs11.CKR_PIN_EXPIRED,
		pkcs11.CKR_PIN_LOCKED, pkcs11.CKR_USER_PIN_NOT_INITIALIZED:
		k.pinRefused = true

		return pinRefused(err)
	}

	if err != nil {
		return fmt.Errorf("log in: %w", err)
	}

	return nil
}

func pinRefused(err error) error {
	return (&signer.Error{
		Driver: driver, Op: "log in", Cause: "the token refuses the PIN",
		Advice: "it is not tried again, since tokens lock after a few wrong ones: correct it and restart this program",
	}).Because(err)
}

// slot is where the token is now; it may be another one after a restart.
func (k *keeper) slot() (uint, error) {
	slots, err := k.library.GetSlotList(true)
	if err != nil {
		return 0, fmt.Errorf("list slots: %w", err)
	}

	var found []uint

	for _, slot := range slots {
		info, err := k.library.GetTokenInfo(slot)
		if err != nil {
			continue // another token's trouble
		}

		if matches(k.cfg.TokenLabel, info.Label) && matches(k.cfg.TokenSerial, info.SerialNumber) {
			found = append(found, slot)
		}
	}

	if len(found) != 1 {
		return 0, &signer.Error{
			Driver: driver, Op: "find the token",
			Cause: fmt.Sprintf("%d of %d tokens have label %q and serial number %q",
				len(found), len(slots), k.cfg.TokenLabel, k.cfg.TokenSerial),
			Advice: "see with pkcs11-tool --list-slots what there is",
			// A token that restarts is not there for a while.
			Temporary: len(found) == 0,
		}
	}

	return found[0], nil
}

// matches compares with a field that is padded.
func matches(want, got string) bool { return want == "" || want == strings.TrimRight(got, " \x00") }

// find is the only object of this class with the key's label and id.
func (k *keeper) find(s *session, class uint) (pkcs11.ObjectHandle, error) {
	template := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}
	if k.cfg.KeyLabel != "" {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.cfg.KeyLabel))
	}

	if len(k.cfg.KeyID) > 0 {
		template = append(template, pkcs11.NewAttribute(pkcs11.CKA_ID, k.cfg.KeyID))
	}

	if err := k.library.FindObjectsInit(s.handle, template); err != nil {
		return 0, fmt.Errorf("search: %w", err)
	}

	found, _, err := k.library.FindObjects(s.handle, 2)
	if err = errors.Join(err, k.library.FindObjectsFinal(s.handle)); err != nil {
		return 0, fmt.Errorf("search: %w", err)
	}

	if len(found) != 1 {
		what, many := "private key", "no"
		if class == pkcs11.CKO_PUBLIC_KEY {
			what = "public key"
		}

		if len(found) > 1 {
			many = "more than one"
		}

		return 0, &signer.Error{
			Driver: driver, Op: "find the key",
			Cause:  fmt.Sprintf("%s %s has label %q and id %x", many, what, k.cfg.KeyLabel, k.cfg.KeyID),
			Advice: "see with pkcs11-tool --list-objects what there is",
		}
	}

	return found[0], nil
}

func (k *keeper) readPublicKey(s *session) (signing.PublicKey, error) {
	object, err := k.find(s, pkcs11.CKO_PUBLIC_KEY)
	if err != nil {
		return signing.PublicKey{}, err
	}

	attributes, err := k.library.GetAttributeValue(s.handle, object, []*pkcs11.Attribute{
		pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, uint(0)),
		pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, nil),
		pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil),
	})
	if err != nil {
		return signing.PublicKey{}, fmt.Errorf("read the public key: %w", err)
	}

	var kind, params, point []byte

	for _, a := range attributes {
		switch a.Type {
		case pkcs11.CKA_KEY_TYPE:
			kind = a.Value
		case pkcs11.CKA_EC_PARAMS:
			params = a.Value
		case pkcs11.CKA_EC_POINT:
			point = a.Value
		}
	}

	return parsePublicKey(nativeNumber(kind), params, point)
}
