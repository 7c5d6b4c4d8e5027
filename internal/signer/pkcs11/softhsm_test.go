//go:build cgo

package pkcs11

import (
	"encoding/asn1"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/miekg/pkcs11"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	pin    = "483920-user"
	soPIN  = "847562-officer"
	ckmGen = 0x1055 // CKM_EC_EDWARDS_KEY_PAIR_GEN
)

// library is SoftHSM's, where Debian's packages put it.
func library() string {
	found, _ := filepath.Glob("/usr/lib/*/softhsm/libsofthsm2.so")

	for _, path := range append(found, "/usr/lib/softhsm/libsofthsm2.so") {
		if _, err := os.Stat(path); err == nil {
			return path
		}
	}

	return ""
}

// TestMain gives SoftHSM a place of its own for its tokens: it reads its configuration when the library is initialized,
// once for the whole process.
func TestMain(m *testing.M) {
	os.Exit(withTokens(m.Run))
}

func withTokens(run func() int) int {
	dir, err := os.MkdirTemp("", "softhsm")
	if err == nil {
		defer func() { _ = os.RemoveAll(dir) }()

		conf := filepath.Join(dir, "softhsm2.conf")
		err = os.WriteFile(conf, []byte("directories.tokendir = "+dir+"\nobjectstore.backend = file\nlog.level = ERROR\n"), 0o600)

		if err == nil {
			err = os.Setenv("SOFTHSM2_CONF", conf)
		}
	}

	if err != nil {
		fmt.Fprintln(os.Stderr, "make a place for SoftHSM's tokens:", err)

		return 1
	}

	if library() == "" {
		fmt.Fprintln(os.Stderr, "these tests need SoftHSM: apt-get install softhsm2")

		return 1
	}

	return run()
}

// token is a new token, and an officer's own way into it. The tests share one process, and so one library.
type token struct {
	label   string
	library *pkcs11.Ctx
	slot    uint
}

// initializing is held while a token is made: SoftHSM offers one free slot at a time.
var (
	initializing sync.Mutex
	tokens       atomic.Int32
)

func newToken(t *testing.T) *token {
	t.Helper()

	initializing.Lock()
	defer initializing.Unlock()

	k := &token{label: fmt.Sprintf("token %d", tokens.Add(1)), library: pkcs11.New(library())}
	require.NotNil(t, k.library)

	if err := k.library.Initialize(); err != nil {
		require.ErrorIs(t, err, pkcs11.Error(pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED))
	}

	slots, err := k.library.GetSlotList(true)
	require.NoError(t, err)
	require.NoError(t, k.library.InitToken(slots[len(slots)-1], soPIN, k.label))
	k.find(t)

	session, err := k.library.OpenSession(k.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	require.NoError(t, err)
	require.NoError(t, k.library.Login(session, pkcs11.CKU_SO, soPIN))
	require.NoError(t, k.library.InitPIN(session, pin))
	require.NoError(t, k.library.Logout(session))
	require.NoError(t, k.library.CloseSession(session))

	return k
}

func (k *token) find(t *testing.T) {
	t.Helper()

	slots, err := k.library.GetSlotList(true)
	require.NoError(t, err)

	for _, slot := range slots {
		info, err := k.library.GetTokenInfo(slot)
		require.NoError(t, err)

		if info.Label == k.label {
			k.slot = slot

			return
		}
	}

	require.Fail(t, "the token is gone")
}

// as lets do use a session in which the user is logged in.
func (k *token) as(t *testing.T, do func(pkcs11.SessionHandle)) {
	t.Helper()
	k.find(t)

	session, err := k.library.OpenSession(k.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	require.NoError(t, err)

	if err = k.library.Login(session, pkcs11.CKU_USER, pin); err != nil {
		require.ErrorIs(t, err, pkcs11.Error(pkcs11.CKR_USER_ALREADY_LOGGED_IN))
	}

	do(session)
	require.NoError(t, k.library.CloseSession(session))
}

// generate makes a key pair and returns its public half.
func (k *token) generate(t *testing.T, spec signing.KeySpec, label string, id byte) signing.PublicKey {
	t.Helper()

	mechanism, params := uint(pkcs11.CKM_EC_KEY_PAIR_GEN), p256Params()
	if spec == signing.KeyEd25519 {
		mechanism, params = ckmGen, append([]byte{0x13, 0x0c}, "edwards25519"...)
	}

	var out signing.PublicKey

	k.as(t, func(session pkcs11.SessionHandle) {
		names := []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, true),
			pkcs11.NewAttribute(pkcs11.CKA_LABEL, label),
			pkcs11.NewAttribute(pkcs11.CKA_ID, []byte{id}),
		}

		public, _, err := k.library.GenerateKeyPair(session,
			[]*pkcs11.Mechanism{pkcs11.NewMechanism(mechanism, nil)},
			append([]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_PARAMS, params)}, names...),
			append([]*pkcs11.Attribute{
				pkcs11.NewAttribute(pkcs11.CKA_SIGN, true),
				pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, true),
				pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, false),
			}, names...))
		require.NoError(t, err)

		point, err := k.library.GetAttributeValue(session, public,
			[]*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_EC_POINT, nil)})
		require.NoError(t, err)

		var raw []byte
		_, err = asn1.Unmarshal(point[0].Value, &raw)
		require.NoError(t, err)

		if spec == signing.KeyEd25519 {
			out, err = signing.ParsePublicKey(spec, signing.KeyFormatRaw, raw)
		} else {
			head := []byte{
				0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
				0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
			}
			out, err = signing.ParsePublicKey(spec, signing.KeyFormatSPKI, append(head, raw...))
		}

		require.NoError(t, err)
	})

	return out
}

// remove deletes all objects of a class.
func (k *token) remove(t *testing.T, class uint) {
	t.Helper()

	k.as(t, func(session pkcs11.SessionHandle) {
		require.NoError(t, k.library.FindObjectsInit(session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, class)}))
		found, _, err := k.library.FindObjects(session, 10)
		require.NoError(t, err)
		require.NoError(t, k.library.FindObjectsFinal(session))
		require.NotEmpty(t, found)

		for _, object := range found {
			require.NoError(t, k.library.DestroyObject(session, object))
		}
	})
}

// inUse tells whether anybody has a session open: the last one to be closed logs the user out.
func (k *token) inUse(t *testing.T) bool {
	t.Helper()

	session, err := k.library.OpenSession(k.slot, pkcs11.CKF_SERIAL_SESSION)
	require.NoError(t, err)

	info, err := k.library.GetSessionInfo(session)
	require.NoError(t, err)
	require.NoError(t, k.library.CloseSession(session))

	return info.State == pkcs11.CKS_RO_USER_FUNCTIONS
}

func (k *token) config() Config {
	return Config{Library: library(), TokenLabel: k.label, PIN: secret.New(pin), KeyLabel: "treasury", Sessions: 2}
}
