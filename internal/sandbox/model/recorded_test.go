package model_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/sandbox/model"
)

// shared finds a folder of recorded data beside the project, or skips the test.
func shared(t *testing.T, path string) string {
	t.Helper()

	dir, err := os.Getwd()
	require.NoError(t, err)

	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}

		parent := filepath.Dir(dir)
		require.NotEqual(t, dir, parent, "no go.mod above the test")

		dir = parent
	}

	full := filepath.Join(dir, "..", "shared", path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("%s is not on this machine", path)
	}

	return full
}

// undeclared are the recorded templates and choices that the sandbox does not have.
func undeclared() []string {
	return []string{
		"Splice.Amulet:ValidatorRight", "Splice.Wallet.Install:WalletAppInstall",
		"Splice.Api.Token.Test.DummyHolding:DummyHolding",
	}
}

// withoutNullMembers keeps the order of members and writes no white space.
func withoutNullMembers(t *testing.T, raw []byte) string {
	t.Helper()

	var out []byte

	in := jsontext.NewDecoder(bytes.NewReader(raw))

	var value func()

	members := func(closing jsontext.Kind, object bool) {
		_, err := in.ReadToken()
		require.NoError(t, err)

		first := true

		for in.PeekKind() != closing {
			before := len(out)

			if !first {
				out = append(out, ',')
			}

			if object {
				value()

				out = append(out, ':')
			}

			if object && in.PeekKind() == 'n' {
				require.NoError(t, in.SkipValue())

				out = out[:before]

				continue
			}

			value()

			first = false
		}

		_, err = in.ReadToken()
		require.NoError(t, err)
	}

	value = func() {
		switch in.PeekKind() {
		case '{':
			out = append(out, '{')
			members('}', true)

			out = append(out, '}')
		case '[':
			out = append(out, '[')
			members(']', false)

			out = append(out, ']')
		default:
			v, err := in.ReadValue()
			require.NoError(t, err)

			out = append(out, v...)
		}
	}

	value()

	return string(out)
}

// TestRecordedTransactionsFitTheDeclarations reads what nodes of the real network wrote. Where the recording was left as
// it came, fields are even in the declared order.
func TestRecordedTransactionsFitTheDeclarations(t *testing.T) {
	t.Parallel()

	catalog := model.New(false)
	shortIDs := regexp.MustCompile(`"(\d|\d{3})"`) // of a recording with its contract ids numbered

	for name, c := range map[string]struct {
		normalized bool
		least      int
	}{
		"docs-1-step-transfer.json":               {false, 11},
		"docs-transfer-instruction-create.json":   {false, 1},
		"docs-transfer-instruction-accept.json":   {false, 10},
		"java-one-step-deposit-and-withdraw.json": {false, 15},
		"java-splice-test-cases.json":             {true, 150},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()

			raw, err := os.ReadFile(shared(t, "conformance/transactions/"+name))
			require.NoError(t, err)

			if c.normalized {
				raw = shortIDs.ReplaceAll(raw, []byte(`"0$1"`))
			}

			r := &recording{t: t, catalog: catalog, ordered: !c.normalized}
			r.walk(raw)
			require.GreaterOrEqual(t, r.values, c.least)
		})
	}
}

type recording struct {
	t       *testing.T
	catalog *model.Catalog
	ordered bool
	values  int
}

// walk finds events wherever they are, since every recording has an envelope of its own.
func (r *recording) walk(raw json.RawMessage) {
	switch raw[0] {
	case '[':
		var list []json.RawMessage

		require.NoError(r.t, json.Unmarshal(raw, &list))

		for _, element := range list {
			r.walk(element)
		}
	case '{':
		var members map[string]json.RawMessage

		require.NoError(r.t, json.Unmarshal(raw, &members))

		for label, member := range members {
			switch label {
			case "CreatedEvent", "ExercisedEvent", "CreatedTreeEvent", "ExercisedTreeEvent":
				r.event(member)
			default:
				r.walk(member)
			}
		}
	}
}

type recordedEvent struct {
	Value          *json.RawMessage `json:"value"` // in a tree, around the event
	TemplateID     string           `json:"templateId"`
	InterfaceID    string           `json:"interfaceId"`
	Choice         string           `json:"choice"`
	CreateArgument json.RawMessage  `json:"createArgument"`
	ChoiceArgument json.RawMessage  `json:"choiceArgument"`
	Result         json.RawMessage  `json:"exerciseResult"`
	Consuming      bool             `json:"consuming"`
	Views          []struct {
		InterfaceID string          `json:"interfaceId"`
		Value       json.RawMessage `json:"viewValue"`
	} `json:"interfaceViews"`
}

func (r *recording) event(raw json.RawMessage) {
	var e recordedEvent

	require.NoError(r.t, json.Unmarshal(raw, &e))

	if e.Value != nil {
		r.event(*e.Value)

		return
	}

	name, err := ident.ParseName(e.TemplateID)
	require.NoError(r.t, err)

	template, ok := r.catalog.Lookup(name.Module, name.Entity)
	if !ok {
		require.Contains(r.t, undeclared(), name.Module+":"+name.Entity)

		return
	}

	if e.Choice == "" {
		r.created(template, e)

		return
	}

	var iface ident.Name
	if e.InterfaceID != "" {
		iface, err = ident.ParseName(e.InterfaceID)
		require.NoError(r.t, err)
	}

	choice, ok := r.catalog.Choice(template, iface, e.Choice)
	require.True(r.t, ok, e.Choice)
	require.Equal(r.t, choice.Consuming, e.Consuming, e.Choice)
	r.value(e.Choice, choice.Argument, e.ChoiceArgument)

	// The recorded round has fields that are left out here.
	if e.Choice != "OpenMiningRound_Fetch" {
		r.value(e.Choice+" result", choice.Result, e.Result)
	}
}

func (r *recording) created(template *model.Entity, e recordedEvent) {
	r.value(template.Name.Entity, template.Argument, e.CreateArgument)

	for _, v := range e.Views {
		name, err := ident.ParseName(v.InterfaceID)
		require.NoError(r.t, err)

		iface, ok := r.catalog.Lookup(name.Module, name.Entity)
		require.True(r.t, ok, v.InterfaceID)

		if r.ordered {
			require.Equal(r.t, name, iface.Name, "published packages have published hashes")
		}

		require.Contains(r.t, template.Implements, iface.Name)
		r.value(template.Name.Entity+" as "+name.Entity, iface.View, v.Value)
	}
}

func (r *recording) value(where string, kind *daml.Type, raw json.RawMessage) {
	r.values++

	v, err := kind.Decode(raw)
	require.NoError(r.t, err, where)

	out, err := daml.JSON(v)
	require.NoError(r.t, err, where)

	if r.ordered {
		require.Equal(r.t, withoutNullMembers(r.t, raw), withoutNullMembers(r.t, out), where)
	}
}
