package sandbox

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
)

// blobMagic begins every created event blob of the sandbox. To clients a blob is opaque, and its form changes from
// one release of a node to the next.
const blobMagic = "sandbox-1:"

var errBlob = errors.New("not a created event blob of this network")

// seal is a hash over what a contract says, so that a forged or damaged disclosure is told from a real one.
type seal [sha256.Size]byte

// blob is the contract in the form in which it is disclosed to those who do not see it: its id and its seal.
func (c *contract) blob() []byte {
	sealed := c.sealed()

	out := make([]byte, 0, len(blobMagic)+len(c.id)+1+len(sealed))
	out = append(out, blobMagic...)
	out = append(out, c.id...)
	out = append(out, ':')

	return append(out, sealed[:]...)
}

// sealed is the contract's seal. It is made once: the network's own contracts are disclosed with every transfer.
func (c *contract) sealed() *seal {
	if known := c.seal.Load(); known != nil {
		return known
	}

	h := sha256.New()
	for _, part := range []string{
		string(c.id), c.template.String(), string(c.argument()), c.createdAt.Format(time.RFC3339Nano),
		fmt.Sprint(c.signatories), fmt.Sprint(c.observers),
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}

	made := seal(h.Sum(nil))
	c.seal.Store(&made)

	return &made
}

// disclosed is the contract that a blob discloses. It may be archived by now.
func (s *Sandbox) disclosed(blob []byte) (*contract, error) {
	rest, ok := bytes.CutPrefix(blob, []byte(blobMagic))
	id, given, cut := bytes.Cut(rest, []byte(":"))

	if !ok || !cut {
		return nil, errBlob
	}

	c, known := s.contracts[ident.ContractID(id)]
	if !known || c.node == nil {
		return nil, errBlob
	}

	if want := c.sealed(); !bytes.Equal(given, want[:]) {
		return nil, errBlob
	}

	return c, nil
}
