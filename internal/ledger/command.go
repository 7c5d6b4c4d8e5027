package ledger

import (
	"fmt"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// Command is what to do on the ledger: Exercise, Create, or a RawCommand.
//
//sumtype:decl
type Command interface {
	// wire is an element of the member commands.
	wire() any
}

// Exercise takes a choice on a contract.
type Exercise struct {
	// On is the template, or the interface for an interface's choice, in the form that names the package.
	On       ident.Name
	Contract ident.ContractID
	Choice   string
	// Argument is the choice's argument in the ledger's JSON: a value that encodes to it, or a strictjson.Raw.
	Argument any
}

// Create makes a contract.
type Create struct {
	Template ident.Name
	// Arguments are the contract's, as in Exercise.
	Arguments any
}

// RawCommand is a command in the ledger's JSON, such as {"ExerciseCommand":{…}}.
type RawCommand strictjson.Raw

func (c Exercise) wire() any {
	return map[string]any{"ExerciseCommand": ledgerapi.ExerciseCommand{
		TemplateId: c.On.String(), ContractId: string(c.Contract), Choice: c.Choice, ChoiceArgument: c.Argument,
	}}
}

func (c Create) wire() any {
	return map[string]any{"CreateCommand": ledgerapi.CreateCommand{
		TemplateId: c.Template.String(), CreateArguments: c.Arguments,
	}}
}

func (c RawCommand) wire() any { return strictjson.Raw(c) }

// DisclosedContract is a contract that the command uses and that the party's node need not know, as registries give it.
type DisclosedContract struct {
	Template     ident.Name
	Contract     ident.ContractID
	EventBlob    []byte
	Synchronizer ident.SynchronizerID
}

// disclosed are contracts as the wire has them, never null.
func disclosed(list []DisclosedContract) []ledgerapi.DisclosedContract {
	out := make([]ledgerapi.DisclosedContract, len(list))
	for i, d := range list {
		out[i] = ledgerapi.DisclosedContract{
			TemplateId: d.Template.String(), ContractId: string(d.Contract), CreatedEventBlob: d.EventBlob,
			SynchronizerId: string(d.Synchronizer),
		}
	}

	return out
}

// notSent is a request that no node would take. Nothing was sent.
func notSent(op string, stage Stage, format string, args ...any) *Error {
	return &Error{Op: op, Code: CodeInvalid, Cause: bounded(fmt.Sprintf(format, args...)), Stage: stage}
}

// wireTime is a time as the ledger writes it, cut to its microseconds.
func wireTime(at time.Time) string {
	return at.UTC().Truncate(time.Microsecond).Format(time.RFC3339Nano)
}

// optionalTime leaves the zero time out.
func optionalTime(at time.Time) *string {
	if at.IsZero() {
		return nil
	}

	return new(wireTime(at))
}

// minLedgerTime leaves the zero time out.
func minLedgerTime(at time.Time) *ledgerapi.MinLedgerTime {
	if at.IsZero() {
		return nil
	}

	return &ledgerapi.MinLedgerTime{
		Time: ledgerapi.MinLedgerTimeAbs{MinLedgerTimeAbs: ledgerapi.TimeValue{Value: wireTime(at)}},
	}
}

// texts are identifiers as the wire has them, never null.
func texts[T ~string](list []T) []string {
	out := make([]string, len(list))
	for i, item := range list {
		out[i] = string(item)
	}

	return out
}
