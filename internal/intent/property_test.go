package intent_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/intent"
	"github.com/canton-exchange/suite/internal/signing"
)

// Classes of the parts of a prepared transaction, by what a change of them could do.
const (
	classRoot    = "root"    // the action that we ask for
	classNested  = "nested"  // exercises below it: their effects are nodes of their own
	classReading = "reading" // fetches: they change nothing
	classSpent   = "spent"   // holdings among the inputs
	classMoney   = "money"   // holdings that are made
	classOffer   = "offer"   // instructions
	classOurs    = "ours"    // other contracts that carry the signer's signature
	classOthers  = "others"  // contracts that bind others, and contracts of the registry that are only read
)

// parts are the places of contracts and nodes in a prepared transaction, by path.
type parts map[string]string

func partsOf(j job) parts {
	out := parts{}

	for i, input := range j.prepared.Metadata.InputContracts {
		class := classOf(input.Create, j.want.Party)
		if class == classMoney {
			class = classSpent
		}

		out[fmt.Sprintf(".Metadata.InputContracts[%d].Create", i)] = class
	}

	for i, root := range j.prepared.Transaction.Roots {
		out.node(root, fmt.Sprintf(".Transaction.Roots[%d]", i), j.want.Party, true)
	}

	return out
}

func (p parts) node(n *signing.Node, path string, us ident.Party, root bool) {
	switch a := n.Action.(type) {
	case signing.Create:
		p[path+".Action"] = classOf(a, us)
		if root {
			p[path+".Action"] = classRoot
		}
	case signing.Fetch:
		p[path+".Action"] = classReading
	case signing.Exercise:
		p[path+".Action"] = classNested
		if root {
			p[path+".Action"] = classRoot
		}

		for i, child := range a.Children {
			p.node(child, fmt.Sprintf("%s.Action.Children[%d]", path, i), us, false)
		}
	}
}

func classOf(create signing.Create, us ident.Party) string {
	_, noOffer := signing.At[signing.Timestamp](create.Argument, "transfer", "executeBefore")

	switch {
	case strings.HasSuffix(create.Template.Entity, "Amulet"), strings.HasSuffix(create.Template.Entity, "Holding"):
		return classMoney
	case noOffer == nil:
		return classOffer
	case slices.Contains(create.Signatories, us):
		return classOurs
	default:
		return classOthers
	}
}

// within is the innermost part that a path leads into, and the rest of the path.
func (p parts) within(path string) (class, rest string) {
	best := ""

	for place := range p {
		if strings.HasPrefix(path, place) && len(place) > len(best) {
			best = place
		}
	}

	return p[best], strings.TrimPrefix(path, best)
}

// What may change anywhere: nothing of it says what happens.
//
//   - The name of a type in a value, and of a package: the ledger checks types, and effects are judged as they are.
//   - The order and repetition of parties, which are a set.
//   - A node's number, which is not hashed, and its seed, from which the ids of contracts come.
//   - The other of the two versions of the language.
var anywhere = regexp.MustCompile(`\.ID\.(Package|Module|Entity)$|\.(Template|Interface)\.Package$` +
	`|\.(Signatories|Stakeholders|ActingParties|Observers)( reversed|\+\[\d+\])$|\.(ID|Seed)$`)

// What may change in the metadata.
//
//   - Which mediator group is asked, and when the node says it prepared the transaction, within the tolerance.
//   - What a synchronizer's id has behind its logical part.
//   - Bounds of ledger time that leave the transfer's own window, or none at all: the ledger takes them from the
//     interpretation, and the time is bounded by the record time and by the deadline in the argument.
//   - The order of the inputs, when they were made, and the blobs, which no scheme hashes and the ledger checks.
var metadata = regexp.MustCompile(`^\.Metadata\.(MediatorGroup|PreparationTime|SynchronizerID|InputContracts reversed` +
	`|InputContracts\[\d+\]\.(CreatedAt|EventBlob)|(Min|Max)LedgerTime(=nil|\?)?)$`)

// What may change within parts, by class.
var within = map[string]*regexp.Regexp{
	// The registry's context, as far as it is a map, and what the result has to say beside its outcome; the order of
	// nodes, as far as contracts are made before they are used, and reading more or less often.
	classRoot: regexp.MustCompile(`^\.Argument\.Fields\[\d\]\.Value\.Fields\[0\]\.Value\.Fields\[0\]\.Value.*$` +
		`|^\.Argument\.Fields\[1\]\.Value\.Fields\[7\]\.Value\.Fields\[0\]\.Value reversed$|^\.ContractID$` +
		`|^\.Result\.Fields\[2\].*$|^\.Result\.Constructor$|^\.Children.*$|^\.Observers.*$`),
	// A choice's name, arguments and result are no effects; nor is who sees it, or that fewer act.
	classNested: regexp.MustCompile(`^\.(Argument|Result|Choice|Interface|Observers|Children).*$|^\.ActingParties-.*$`),
	// Reading is no effect.
	classReading: regexp.MustCompile(`^\.(Interface|ActingParties).*$`),
	// The round in which a coin was made and its rate; what is known of a lock that we open because it has ended; an
	// absent lock that is left out.
	classSpent: regexp.MustCompile(`^\.Argument(\.Fields\[0\]\.Value)?\.Fields\[2\]\.Value\.Fields\[[12]\]\.Value.*$` +
		`|^\.Argument\.Fields\[(1|4)\]\.Value(\.Value)?\.Fields.*$|^\.Argument\.Fields-\[4\]$`),
	// The same of what is made, where nothing tells better, and what a lock says to people or names twice.
	classMoney: regexp.MustCompile(`^\.Argument(\.Fields\[0\]\.Value)?\.Fields\[2\]\.Value\.Fields\[[12]\]\.Value.*$` +
		`|^\.Argument\.Fields\[(1|4)\]\.Value(\.Value)?\.Fields(\[[23]\]\.Value~?(\.Value)?|-\[[23]\]|\[0\]\.Value\+\[0\])$` +
		`|^\.Argument\.Fields-\[4\]$`),
	// What an offer says beside its transfer.
	// Tokens that we do not know name their own template, and whether the receiver signs the next step.
	classOffer: regexp.MustCompile(`^\.Argument\.(Fields\[[0123]\]\.(Label|Value).*|Fields[ +-].*)$` +
		`|^\.Template\.Entity$|^\.Signatories-\[2\]$`),
	// What the preapproval that we cancel says beside whose it is; nothing of the kind may be made.
	classOurs: regexp.MustCompile(`^\.Argument\.(Fields\[\d\]\.(Label|Value)|Fields[ +-].*)$`),
	// Contracts that bind others.
	classOthers: regexp.MustCompile(`.*`),
}

// harmless reports whether a change of this path is of no consequence if nothing else refuses it.
func (p parts) harmless(path string) bool {
	if anywhere.MatchString(path) || metadata.MatchString(path) {
		return true
	}

	class, rest := p.within(path)
	rule, ok := within[class]

	return ok && rule.MatchString(rest)
}

// TestAnyChangeIsRefusedOrHarmless changes every single part of honest transactions of every kind: what is not of the
// list above is refused.
func TestAnyChangeIsRefusedOrHarmless(t *testing.T) {
	t.Parallel()

	for _, s := range scenes() {
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()

			j, _ := s.play(t)
			require.NoError(t, j.check())

			where := partsOf(j)
			refused, passed := 0, 0
			effects := money(j.prepared)

			for _, x := range changes(reflect.ValueOf(&j.prepared).Elem(), "", func() {}) {
				x.apply()

				if again, ok := readAgain(j); ok && intent.Check(again, j.want) == nil {
					passed++

					require.True(t, where.harmless(x.path), "%s", x.path)
					// Whatever differs, the same holdings are archived, and the same are made.
					require.Equal(t, effects, money(again), x.path)
				} else {
					refused++
				}

				x.undo()
			}

			require.Greater(t, refused, 20)
			t.Logf("%d changes refused, %d of no consequence", refused, passed)
			require.NoError(t, j.check(), "the changes were undone")
		})
	}
}

// readAgain is the transaction as a signer gets it; false if it is refused anyway.
func readAgain(j job) (signing.Prepared, bool) {
	if j.check() != nil {
		return signing.Prepared{}, false
	}

	again, err := signing.Decode(signing.Encode(j.prepared))

	return again, err == nil
}

// money is what holdings a transaction archives and makes, in no order. The end of a lock counts for what is made.
func money(p signing.Prepared) []string {
	known := map[ident.ContractID]signing.Create{}
	input := map[ident.ContractID]string{}

	for _, x := range p.Metadata.InputContracts {
		known[x.Create.ContractID] = x.Create
		input[x.Create.ContractID] = string(x.Create.ContractID)
	}

	var out []string

	for _, create := range p.Transaction.Creates() {
		known[create.ContractID] = create
		if classOf(create, "") == classMoney {
			out = append(out, "made "+worth(create))
		}
	}

	for _, x := range p.Transaction.Consumed() {
		if create := known[x.ContractID]; classOf(create, "") == classMoney {
			out = append(out, "archived "+input[x.ContractID]+" "+strings.TrimRight(worth(create), "0123456789"))
		}
	}

	slices.Sort(out)

	return out
}

// worth is a holding's owner, amount and end of its lock, whatever the template.
func worth(create signing.Create) string {
	value := create.Argument
	until := signing.Timestamp(0)

	if record, _ := value.(signing.Record); len(record.Fields) == 2 {
		until, _ = signing.At[signing.Timestamp](value, "lock", "expiresAt")
		value = record.Fields[0].Value
	}

	owner, _ := signing.At[signing.Party](value, "owner")

	sum, err := signing.At[signing.Numeric](value, "amount")
	if err != nil {
		sum, _ = signing.At[signing.Numeric](value, "amount", "initialAmount")
	}

	if lock, err := signing.At[signing.Optional](value, "lock"); err == nil && lock.Value != nil {
		expires, _ := signing.At[signing.Optional](lock.Value, "expiresAt")
		until, _ = expires.Value.(signing.Timestamp)
	}

	return fmt.Sprint(owner, " ", sum, " ", until)
}
