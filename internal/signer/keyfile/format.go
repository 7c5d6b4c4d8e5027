package keyfile

import (
	"bytes"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"

	"github.com/canton-exchange/suite/internal/secret"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// What can be wrong with a key file, beside what is wrong with any file.
var (
	// ErrPassphrase is a passphrase that does not open the file.
	ErrPassphrase = errors.New("wrong passphrase")
	// ErrAltered is a file that is not as it was written: damaged, edited or forged. Restore it from a copy.
	ErrAltered = errors.New("key file was altered")
	// ErrFormat is what is no key file, or one of a version that this program does not know.
	ErrFormat = errors.New("not a key file of a known version")
	// ErrMode is a file that others than its owner may change, or anybody may read.
	ErrMode = errors.New("key file is accessible to others")
)

const (
	formatName    = "canton-exchange-suite/key"
	formatVersion = 1
	kdfName       = "argon2id"
	cipherName    = "xchacha20-poly1305"

	saltBytes    = 16
	fileKeyBytes = 32
	checkBytes   = 32
	maxSealed    = 1 << 10
)

// cost is what trying a passphrase costs. The bounds keep a weak file from being accepted, and a hostile one from
// taking all memory.
type cost struct {
	Time      uint32 `json:"time"`
	MemoryKiB uint32 `json:"memory_kib"`
	Threads   uint8  `json:"threads"`
}

const (
	minMemoryKiB = 19 << 10
	maxMemoryKiB = 1 << 20
	maxTime      = 16
	maxThreads   = 16
)

// defaultCost is RFC 9106's second recommendation.
func defaultCost() cost { return cost{Time: 3, MemoryKiB: 64 << 10, Threads: 4} } //nolint:mnd // one of a kind

func (c cost) acceptable() bool {
	return c.Time >= 1 && c.Time <= maxTime && c.Threads >= 1 && c.Threads <= maxThreads &&
		c.MemoryKiB >= minMemoryKiB && c.MemoryKiB <= maxMemoryKiB
}

// document is the file.
type document struct {
	Format      string `json:"format"`
	Version     int    `json:"version"`
	KeySpec     string `json:"key_spec"`
	Fingerprint string `json:"fingerprint"`
	PublicKey   []byte `json:"public_key"`
	KDF         kdf    `json:"kdf"`
	Check       []byte `json:"check"`
	Cipher      string `json:"cipher"`
	Nonce       []byte `json:"nonce"`
	Sealed      []byte `json:"private_key"`
	Checksum    []byte `json:"checksum"`
}

type kdf struct {
	cost

	Name string `json:"name"`
	Salt []byte `json:"salt"`
}

// clear is what the file says in the clear, in one spelling: one line per value, none of which can hold a line's end.
func (d document) clear() []byte {
	b64 := base64.StdEncoding.EncodeToString

	return fmt.Appendf(nil, "%s\n%d\n%s\n%s\n%s\n%s\n%d\n%d\n%d\n%s\n%s\n%s\n%s\n",
		d.Format, d.Version, d.KeySpec, d.Fingerprint, b64(d.PublicKey),
		d.KDF.Name, d.KDF.Time, d.KDF.MemoryKiB, d.KDF.Threads, b64(d.KDF.Salt), b64(d.Check), d.Cipher, b64(d.Nonce))
}

func (d document) sum() []byte {
	sum := sha256.Sum256(append(d.clear(), d.Sealed...))

	return sum[:]
}

// fileKeys stretches the passphrase: the expensive step.
func (d document) fileKeys(passphrase secret.String) (check, encrypt []byte, err error) {
	c := d.KDF.cost
	key := argon2.IDKey([]byte(passphrase.Reveal()), d.KDF.Salt, c.Time, c.MemoryKiB, c.Threads, fileKeyBytes)

	if check, err = hkdf.Expand(sha256.New, key, "check", checkBytes); err != nil {
		return nil, nil, fmt.Errorf("derive check: %w", err)
	}

	if encrypt, err = hkdf.Expand(sha256.New, key, "encrypt", chacha20poly1305.KeySize); err != nil {
		return nil, nil, fmt.Errorf("derive key: %w", err)
	}

	return check, encrypt, nil
}

// seal encrypts a key.
func seal(p Private, passphrase secret.String, c cost) ([]byte, error) {
	plain, err := p.pkcs8()
	if err != nil {
		return nil, fmt.Errorf("key file: encode key: %w", err)
	}
	defer clear(plain)

	d := document{
		Format: formatName, Version: formatVersion, KeySpec: string(p.public.Spec()),
		Fingerprint: string(p.public.Fingerprint()), PublicKey: p.public.SPKI(),
		KDF:    kdf{Name: kdfName, cost: c, Salt: random(saltBytes)},
		Cipher: cipherName, Nonce: random(chacha20poly1305.NonceSizeX),
	}

	check, encrypt, err := d.fileKeys(passphrase)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}

	d.Check = check

	aead, err := chacha20poly1305.NewX(encrypt)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}

	d.Sealed = aead.Seal(nil, d.Nonce, plain, d.clear())
	d.Checksum = d.sum()

	raw, err := strictjson.Encode(d)
	if err != nil {
		return nil, fmt.Errorf("key file: %w", err)
	}

	return append(raw, '\n'), nil
}

// random never fails: the program ends when the system has no randomness.
func random(n int) []byte {
	out := make([]byte, n)
	_, _ = rand.Read(out)

	return out
}

// parse reads what can be read without the passphrase.
func parse(raw []byte) (document, signing.PublicKey, error) {
	var head struct {
		Format  string `json:"format"`
		Version int    `json:"version"`
	}

	if err := strictjson.Decode(raw, &head); err != nil {
		// Not the parser's text: should this be a plain key by mistake, it would repeat a part of it.
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: not a JSON object", ErrFormat)
	}

	if head.Format != formatName || head.Version != formatVersion {
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: format %.40q version %d, want %q version %d",
			ErrFormat, head.Format, head.Version, formatName, formatVersion)
	}

	var d document
	if err := strictjson.DecodeKnown(raw, &d); err != nil {
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: a member is missing, unknown or malformed", ErrAltered)
	}

	if !bytes.Equal(d.Checksum, d.sum()) {
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: its checksum does not match; restore it from a copy",
			ErrAltered)
	}

	public, err := signing.ParsePublicKey(signing.KeySpec(d.KeySpec), signing.KeyFormatSPKI, d.PublicKey)

	switch {
	case err != nil:
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: %w", ErrAltered, err)
	case string(public.Fingerprint()) != d.Fingerprint:
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: fingerprint and public key differ", ErrAltered)
	case !d.encryptionKnown():
		return document{}, signing.PublicKey{}, fmt.Errorf("%w: its encryption is not one of version %d",
			ErrAltered, formatVersion)
	default:
		return d, public, nil
	}
}

func (d document) encryptionKnown() bool {
	return d.KDF.Name == kdfName && d.KDF.acceptable() && len(d.KDF.Salt) == saltBytes && len(d.Check) == checkBytes &&
		d.Cipher == cipherName && len(d.Nonce) == chacha20poly1305.NonceSizeX && len(d.Sealed) <= maxSealed
}

// unseal decrypts a key and checks that it is the one that the file names.
func unseal(raw []byte, passphrase secret.String) (Private, error) {
	d, public, err := parse(raw)
	if err != nil {
		return Private{}, err
	}

	check, encrypt, err := d.fileKeys(passphrase)
	if err != nil {
		return Private{}, err
	}

	if subtle.ConstantTimeCompare(check, d.Check) != 1 {
		return Private{}, fmt.Errorf("%w for the key %s", ErrPassphrase, d.Fingerprint)
	}

	aead, err := chacha20poly1305.NewX(encrypt)
	if err != nil {
		return Private{}, fmt.Errorf("open cipher: %w", err)
	}

	plain, err := aead.Open(nil, d.Nonce, d.Sealed, d.clear())
	if err != nil {
		return Private{}, fmt.Errorf("%w: the passphrase is right and the content is not what was written; "+
			"somebody may have forged it", ErrAltered)
	}
	defer clear(plain)

	p, err := FromPKCS8(plain)
	if err != nil {
		return Private{}, err
	}

	if p.public != public {
		return Private{}, fmt.Errorf("%w: it holds another private key than it says", ErrAltered)
	}

	return p, nil
}
