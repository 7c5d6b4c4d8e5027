package signing

// nodes appends the number and the hashes of nodes.
func (e *encoding) nodes(nodes []*Node, depth int) {
	e.length(len(nodes))

	if depth > maxNodeDepth {
		e.failf(ErrTooLarge, "nodes nest deeper than %d", maxNodeDepth)

		return
	}

	for _, n := range nodes {
		e.nested(func() { e.node(n, depth) })
	}
}

// node is the encoding of a node, in which its children are hashes.
func (e *encoding) node(n *Node, depth int) {
	if n == nil || n.Action == nil {
		e.failf(ErrStructure, "a node without an action")

		return
	}

	n.Action.encode(e, n, depth)
}

func (c Create) encode(e *encoding, n *Node, _ int) {
	if n.Seed == nil {
		e.failf(ErrStructure, "node %d has no seed", n.ID)
	}

	e.create(c, n.Seed)
}

func (r Rollback) encode(e *encoding, _ *Node, depth int) {
	e.nodeVersion()
	e.byte(tagRollback)
	e.nodes(r.Children, depth+1)
}

func (e *encoding) nodeVersion() {
	if e.scheme == V2 {
		e.byte(encodingVersionV2)
	}
}

// begin is what every node but a rollback begins with.
func (e *encoding) begin(lfVersion string, tag byte) {
	known := lfVersion == LFVersion1 || lfVersion == LFVersion2 && e.scheme != V2
	if !known {
		e.failf(ErrNotHashable, "%s has no encoding for serialization version %.80q", e.scheme, lfVersion)
	}

	e.nodeVersion()
	e.str(lfVersion)
	e.byte(tag)
}

// create is the encoding of a create; an input contract has no seed.
func (e *encoding) create(c Create, seed *Seed) {
	e.begin(c.LFVersion, tagCreate)
	e.bool(seed != nil)

	if seed != nil {
		e.buf = append(e.buf, seed[:]...)
	}

	e.hex(string(c.ContractID))
	e.str(c.PackageName)
	e.identifier(c.Template)
	e.value(c.Argument)
	e.parties(c.Signatories)
	e.parties(c.Stakeholders)
	e.optionalKey(c.Key)
}

func (x Exercise) encode(e *encoding, n *Node, depth int) {
	if n.Seed == nil {
		e.failf(ErrStructure, "node %d has no seed", n.ID)

		return
	}

	e.begin(x.LFVersion, tagExercise)
	e.buf = append(e.buf, n.Seed[:]...)
	e.hex(string(x.ContractID))
	e.str(x.PackageName)
	e.identifier(x.Template)
	e.parties(x.Signatories)
	e.parties(x.Stakeholders)
	e.parties(x.ActingParties)
	e.optionalIdentifier(x.Interface)
	e.str(x.Choice)
	e.value(x.Argument)
	e.bool(x.Consuming)
	e.bool(x.Result != nil)

	if x.Result != nil {
		e.value(x.Result)
	}

	e.parties(x.Observers)
	e.byKey(x.ByKey)
	e.optionalKey(x.Key)
	e.nodes(x.Children, depth+1)
}

func (f Fetch) encode(e *encoding, _ *Node, _ int) {
	e.begin(f.LFVersion, tagFetch)
	e.hex(string(f.ContractID))
	e.str(f.PackageName)
	e.identifier(f.Template)
	e.parties(f.Signatories)
	e.parties(f.Stakeholders)
	e.optionalIdentifier(f.Interface)
	e.parties(f.ActingParties)
	e.byKey(f.ByKey)
	e.optionalKey(f.Key)
}

func (q QueryByKey) encode(e *encoding, _ *Node, _ int) {
	if e.scheme == V2 {
		e.failf(ErrNotHashable, "%s has no encoding for a query by key", e.scheme)
	}

	e.begin(q.LFVersion, tagQueryByKey)
	e.str(q.PackageName)
	e.identifier(q.Template)
	e.bool(q.Exhaustive)
	e.key(q.Key)
	e.length(len(q.Result))

	for _, id := range q.Result {
		e.hex(string(id))
	}
}

// byKey and optionalKey are in V3 only. V2 would leave them out, so there must be none.
func (e *encoding) byKey(byKey bool) {
	if e.scheme != V2 {
		e.bool(byKey)
	} else if byKey {
		e.failf(ErrNotHashable, "%s does not cover the use of a contract key", e.scheme)
	}
}

func (e *encoding) optionalKey(key *ContractKey) {
	if e.scheme == V2 {
		if key != nil {
			e.failf(ErrNotHashable, "%s does not cover contract keys", e.scheme)
		}

		return
	}

	e.bool(key != nil)

	if key != nil {
		e.key(*key)
	}
}

func (e *encoding) key(key ContractKey) {
	e.str(key.PackageName)
	e.identifier(key.Template)
	e.value(key.Key)
	e.buf = append(e.buf, key.Hash[:]...)
	e.parties(key.Maintainers)
}
