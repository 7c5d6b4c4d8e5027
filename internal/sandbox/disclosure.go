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

// blob is the contract in the form in which it is disclosed to those who do not see it: its id and a seal over what it
// says, so that a forged or damaged disclosure is told from a real one.
func (c *contract) blob() []byte {
	seal := c.seal()

	return append([]byte(blobMagic+string(c.id)+":"), seal[:]...)
}

func (c *contract) seal() [sha256.Size]byte {
	h := sha256.New()
	for _, part := range []string{
		string(c.id), c.template.String(), string(c.argument), c.createdAt.Format(time.RFC3339Nano),
		fmt.Sprint(c.signatories), fmt.Sprint(c.observers),
	} {
		_, _ = fmt.Fprintf(h, "%d:%s", len(part), part) // a hash takes everything
	}

	return [sha256.Size]byte(h.Sum(nil))
}

// disclosed is the contract that a blob discloses. It may be archived by now.
func (s *Sandbox) disclosed(blob []byte) (*contract, error) {
	rest, ok := bytes.CutPrefix(blob, []byte(blobMagic))
	id, seal, cut := bytes.Cut(rest, []byte(":"))

	if !ok || !cut {
		return nil, errBlob
	}

	c, known := s.contracts[ident.ContractID(id)]
	if !known || c.node == nil {
		return nil, errBlob
	}

	if want := c.seal(); !bytes.Equal(seal, want[:]) {
		return nil, errBlob
	}

	return c, nil
}
