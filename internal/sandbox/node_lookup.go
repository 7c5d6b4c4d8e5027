package sandbox

import (
	"crypto/sha256"

	"github.com/canton-exchange/suite/internal/ident"
)

// updateIndex finds an update of a node's history by its id, or by the hash that external parties signed. It catches up
// with the history when it is asked, so that a node which nobody asks keeps no index. Pruning empties it. It is used
// under Sandbox.mu.
type updateIndex struct {
	byID   map[ident.UpdateID]*update
	byHash map[[sha256.Size]byte]*update
	upTo   ident.Offset // everything of the history up to here is in it
}

func (v *Validator) indexed() *updateIndex {
	x := &v.lookups
	if x.byID == nil {
		x.byID, x.byHash = map[ident.UpdateID]*update{}, map[[sha256.Size]byte]*update{}
	}

	for _, u := range v.history[v.after(x.upTo):] {
		x.byID[u.id] = u

		if u.signed {
			x.byHash[u.externalHash] = u
		}
	}

	x.upTo = v.end

	return x
}

// lookup finds one update of the node's history, nil when it has none. It is called under Sandbox.mu.
type lookup func() *update

func (v *Validator) byID(id ident.UpdateID) lookup {
	return func() *update { return v.indexed().byID[id] }
}

func (v *Validator) byHash(hash [sha256.Size]byte) lookup {
	return func() *update { return v.indexed().byHash[hash] }
}

func (v *Validator) byOffset(offset ident.Offset) lookup {
	return func() *update {
		if at := v.after(offset - 1); at < len(v.history) && v.history[at].offsets[v.index] == offset {
			return v.history[at]
		}

		return nil
	}
}

// find looks an update up for somebody who asked in a format, and admits whom it concerns; nil when there is none.
func (v *Validator) find(f *updateFormat, get lookup) *update {
	v.mu.Lock()
	defer v.mu.Unlock()

	u := get()
	if u != nil {
		v.admitUpdate(f, u)
	}

	return u
}
