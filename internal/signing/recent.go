package signing

import "github.com/canton-exchange/suite/internal/ident"

// How many texts and identifiers a decoder keeps: a transaction names the same parties, fields and templates over and
// over.
const (
	recentTexts = 128
	recentNames = 16
)

// recentName is an identifier as it was on the wire.
type recentName struct {
	raw  []byte
	name ident.Name
}

// slot is where a cache of a given size, a power of two, keeps something. Two things that meet only cost time.
func slot(raw []byte, size int) int {
	if len(raw) == 0 {
		return 0
	}

	const spread = 31

	sum := len(raw)
	for _, i := range []int{0, len(raw) / 2, len(raw) - 2, len(raw) - 1} {
		sum = sum*spread + int(raw[max(i, 0)])
	}

	return sum & (size - 1)
}

// keep is the text of raw, shared with an equal one that came shortly before.
func (d *decoder) keep(raw []byte) string {
	recent := &d.texts[slot(raw, recentTexts)]
	if *recent != string(raw) {
		*recent = string(raw)
	}

	return *recent
}
