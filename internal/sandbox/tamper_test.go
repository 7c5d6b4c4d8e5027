package sandbox_test

import (
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/signing"
)

// tampering is one change of one part of a prepared transaction.
type tampering struct {
	path  string
	apply func()
	undo  func()
}

// tamperings lists a change of every leaf and every list below v, and of every pointer that may be nil.
func tamperings(v reflect.Value, path string, put func()) []tampering {
	switch v.Kind() {
	case reflect.Interface:
		if v.IsNil() {
			return nil
		}

		// What is in an interface cannot be set in place: change a copy, and put that in.
		inner := reflect.New(v.Elem().Type()).Elem()
		inner.Set(v.Elem())

		return tamperings(inner, path, func() { v.Set(inner); put() })
	case reflect.Pointer:
		if v.IsNil() {
			if v.Type().Elem().Kind() == reflect.Int64 {
				return []tampering{change(v, path+"?", reflect.New(v.Type().Elem()), put)}
			}

			return nil
		}

		list := tamperings(v.Elem(), path, put)
		if v.Type() == reflect.TypeFor[*signing.Node]() {
			return list
		}

		return append(list, change(v, path+"=nil", reflect.Zero(v.Type()), put))
	case reflect.Struct:
		var list []tampering

		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				list = append(list, tamperings(v.Field(i), path+"."+v.Type().Field(i).Name, put)...)
			}
		}

		return list
	case reflect.Slice, reflect.Array:
		return tamperedList(v, path, put)
	default:
		return []tampering{change(v, path, other(v), put)}
	}
}

func tamperedList(v reflect.Value, path string, put func()) []tampering {
	if v.Type().Elem().Kind() == reflect.Uint8 {
		bytes := reflect.New(v.Type()).Elem()
		if v.Kind() == reflect.Slice {
			bytes.Set(reflect.ValueOf([]byte("altered")))
		} else {
			bytes.Index(0).SetUint(v.Index(0).Uint() ^ 1)
		}

		return []tampering{change(v, path, bytes, put)}
	}

	var list []tampering
	for i := range v.Len() {
		list = append(list, tamperings(v.Index(i), fmt.Sprintf("%s[%d]", path, i), put)...)
	}

	if v.Len() > 0 {
		list = append(list, change(v, path+"[:n-1]", v.Slice(0, v.Len()-1), put))
	}

	if v.Len() > 1 {
		reversed := reflect.MakeSlice(v.Type(), 0, v.Len())
		for i := range v.Len() {
			reversed = reflect.Append(reversed, v.Index(v.Len()-1-i))
		}

		list = append(list, change(v, path+" reversed", reversed, put))
	}

	return list
}

func change(v reflect.Value, path string, to reflect.Value, put func()) tampering {
	old := reflect.New(v.Type()).Elem()
	old.Set(v)

	return tampering{path, func() { v.Set(to); put() }, func() { v.Set(old); put() }}
}

// other is another value of the same kind; for texts one that is of the same form if the text has one.
func other(v reflect.Value) reflect.Value {
	to := reflect.New(v.Type()).Elem()

	switch v.Kind() {
	case reflect.String:
		text := v.String()

		switch {
		case strings.HasPrefix(text, "00") && len(text) > 60:
			to.SetString(text[:len(text)-1] + string("01"[boolInt(text[len(text)-1] == '0')]))
		case text == "":
			to.SetString("x")
		case v.Type() == reflect.TypeFor[signing.Numeric]():
			to.SetString("1" + text)
		default:
			to.SetString(text + "0")
		}
	case reflect.Bool:
		to.SetBool(!v.Bool())
	case reflect.Uint32:
		to.SetUint(v.Uint() + 1)
	default:
		to.SetInt(v.Int() + 1)
	}

	return to
}

func boolInt(b bool) int {
	if b {
		return 1
	}

	return 0
}

// harmless is what a signer may choose: it makes another transaction, which is what its root action does.
func harmless(path string) bool {
	return slices.Contains([]string{
		".Metadata.CommandID", ".Metadata.PreparationTime", ".Metadata.MaxRecordTime?",
	}, path)
}

// TestWhatDoesNotFollowFromTheRootActionIsRefused changes every single part of prepared transactions, and signs the
// result with the right key: nothing but what its signer may choose gets on the ledger.
func TestWhatDoesNotFollowFromTheRootActionIsRefused(t *testing.T) {
	t.Parallel()

	for name, prepare := range map[string]func(alice, bob *external) prepared{
		"direct": func(alice, bob *external) prepared {
			bob.preapprove()

			return alice.prepareTransfer(bob.party, "10")
		},
		"offer": func(alice, bob *external) prepared { return alice.prepareTransfer(bob.party, "10") },
		"merge": func(alice, _ *external) prepared { return alice.prepareTransfer(alice.party, "10") },
		"ping": func(alice, bob *external) prepared {
			return alice.prepare(pingCommand(alice.party, bob.party), []any{})
		},
		"tap": func(alice, _ *external) prepared {
			command, disclosed := alice.tapCommand("5")

			return alice.prepare(command, disclosed)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			alice, bob := funded(t, sandbox.Config{EventsV2: true})
			n := alice.n
			p := prepare(alice, bob)
			end := n.LedgerEnd()

			decoded, err := signing.Decode(p.Transaction)
			require.NoError(t, err)
			require.Equal(t, p.Transaction, signing.Encode(decoded))

			refused := 0

			for i, x := range tamperings(reflect.ValueOf(&decoded).Elem(), "", func() {}) {
				if name != "offer" && name != "ping" && i%5 != 0 {
					continue // one transaction in every part; of the others a sample
				}

				// A create is all that its argument says: another id makes another ping.
				if harmless(x.path) || name == "ping" && x.path == ".Transaction.Roots[0].Action.Argument.Fields[0].Value" {
					continue
				}

				x.apply()
				refused += alice.tryTampered(decoded, x.path)
				x.undo()
			}

			require.Greater(t, refused, 20)
			require.Equal(t, p.Transaction, signing.Encode(decoded), "the changes were undone")

			for _, update := range n.Updates(alice.party) {
				require.LessOrEqual(t, update.Offset, end, "nothing came on the ledger")
			}

			n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)
		})
	}
}

// tryTampered executes what was changed. It reports 1 when the node had to judge it: some changes cannot even be
// hashed, or are none.
func (e *external) tryTampered(decoded signing.Prepared, path string) int {
	e.n.t.Helper()

	raw := signing.Encode(decoded)

	again, err := signing.Decode(raw)
	if err != nil {
		request := e.executeRequest(prepared{Transaction: raw, Hash: make([]byte, 32), Scheme: "HASHING_SCHEME_VERSION_V2"})
		e.n.refusedWith(executePath, request, outcome{http.StatusBadRequest, "FAILED_TO_EXECUTE_TRANSACTION"})

		return 0
	}

	scheme := "HASHING_SCHEME_VERSION_V2"
	if _, err := again.Hash(signing.V2); err != nil {
		scheme = "HASHING_SCHEME_VERSION_V3"
	}

	if parsed, err := signing.ParseScheme(scheme); err != nil {
		require.NoError(e.n.t, err)
	} else if _, err := again.Hash(parsed); err != nil {
		return 0
	}

	status, _, answer := e.n.call(http.MethodPost, waitPath, e.executeRequest(encoded(e.n.t, again, scheme)))
	require.Contains(e.n.t, []int{http.StatusBadRequest, http.StatusNotFound}, status, "%s: %s", path, answer)
	require.NotContains(e.n.t, string(answer), "LOCAL_VERDICT", "%s: it must not get as far as the sequencer", path)

	return 1
}

// TestWhatItsSignerMayChoose is the other half: these make a transaction of their own.
func TestWhatItsSignerMayChoose(t *testing.T) {
	t.Parallel()

	for name, change := range map[string]func(*signing.Prepared){
		"command id": func(p *signing.Prepared) { p.Metadata.CommandID = "another" },
		"uuid":       func(p *signing.Prepared) { p.Metadata.TransactionUUID = anotherUUID },
		"prepared":   func(p *signing.Prepared) { p.Metadata.PreparationTime += 1_000_000 },
		"record time": func(p *signing.Prepared) {
			at := signing.TimestampOf(start().Add(time.Hour))
			p.Metadata.MaxRecordTime = &at
		},
	} {
		alice, bob := funded(t, sandbox.Config{})
		p := altered(t, alice.prepareTransfer(bob.party, "10"), change)

		status, _, raw := alice.n.call(http.MethodPost, waitPath, alice.executeRequest(p))
		require.Equal(t, http.StatusOK, status, "%s: %s", name, raw)
	}
}

// TestOtherActionsDoNotPass changes what transactions are made of as a whole.
func TestOtherActionsDoNotPass(t *testing.T) {
	t.Parallel()

	alice, bob := funded(t, sandbox.Config{})
	n := alice.n
	p := alice.prepareTransfer(bob.party, "10")

	second, err := signing.Decode(alice.prepare(pingCommand(alice.party, bob.party), []any{}).Transaction)
	require.NoError(t, err)

	invalid := outcome{http.StatusBadRequest, "INVALID_EXTERNAL_TRANSACTION"}

	for name, c := range map[string]struct {
		change func(*signing.Prepared)
		want   outcome
	}{
		"two roots": {func(p *signing.Prepared) {
			root := *second.Transaction.Roots[0]
			root.ID = 1000
			p.Transaction.Roots = append(p.Transaction.Roots, &root)
		}, invalid},
		"another synchronizer": {func(p *signing.Prepared) {
			p.Metadata.SynchronizerID = "other-domain::1220aa::35-1"
		}, invalid},
		"a synchronizer before its upgrade": {func(p *signing.Prepared) {
			p.Metadata.SynchronizerID = n.synchronizer()
		}, invalid},
		"a fetch as root": {func(p *signing.Prepared) {
			exercise, _ := p.Transaction.RootExercise()
			for _, child := range exercise.Children {
				if _, fetch := child.Action.(signing.Fetch); fetch {
					p.Transaction.Roots = []*signing.Node{child}

					return
				}
			}
		}, invalid},
		"a rollback as root": {func(p *signing.Prepared) {
			p.Transaction.Roots = []*signing.Node{{ID: 1000, Action: signing.Rollback{Children: p.Transaction.Roots}}}
		}, invalid},
		"an input more": {func(p *signing.Prepared) {
			p.Metadata.InputContracts = append(p.Metadata.InputContracts, inputOf(t, bob)...)
		}, invalid},
		"another receiver, in the root alone": {func(p *signing.Prepared) {
			exercise, _ := p.Transaction.RootExercise()
			record, _ := exercise.Argument.(signing.Record)
			transfer, _ := record.Fields[1].Value.(signing.Record)
			transfer.Fields[1].Value = signing.Party(alice.party)
		}, invalid},
		"another party that acts": {func(p *signing.Prepared) {
			p.Metadata.ActAs = []ident.Party{bob.party}
		}, outcome{http.StatusBadRequest, "INVALID_EXTERNAL_SIGNATURE"}},
		"a party that nobody knows": {func(p *signing.Prepared) {
			p.Metadata.ActAs = append(p.Metadata.ActAs, "nobody::1220aa")
		}, outcome{http.StatusNotFound, "UNKNOWN_SUBMITTERS"}},
		"a party without a key": {func(p *signing.Prepared) {
			p.Metadata.ActAs = append(p.Metadata.ActAs, n.DSO())
		}, outcome{http.StatusNotFound, "UNKNOWN_SUBMITTERS"}},
	} {
		changed := altered(t, p, c.change)
		status, _, raw := n.call(http.MethodPost, waitPath, alice.executeRequest(changed))
		require.Equal(t, c.want.status, status, "%s: %s", name, raw)
		require.Contains(t, string(raw), c.want.code, name)
	}

	n.must(http.MethodPost, waitPath, alice.executeRequest(p), nil)
}

// inputOf is an input contract of another party's transaction.
func inputOf(t *testing.T, of *external) []signing.InputContract {
	t.Helper()
	of.tap("1")

	decoded, err := signing.Decode(of.prepareTransfer(of.party, "1").Transaction)
	require.NoError(t, err)

	return slices.DeleteFunc(decoded.Metadata.InputContracts, func(input signing.InputContract) bool {
		return input.Create.Template.Entity != "Amulet"
	})
}
