package sandbox

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/sandbox/daml"
	"github.com/canton-exchange/suite/internal/sandbox/model"
)

// maxCommands bounds one submission of a local party; one of an external party has exactly one command.
const maxCommands = 100

// command is one action that a submission asks for, with its argument checked against its type.
type command struct {
	entity   *model.Entity    // the template to create, or the template or interface of the choice
	contract ident.ContractID // to exercise the choice on
	choice   string           // empty for a create
	argument json.RawMessage  // as the ledger writes it
}

// commandJSON is a command as the JSON Ledger API spells it: exactly one member is set.
type commandJSON struct {
	Create *struct {
		Template string          `json:"templateId"`
		Argument json.RawMessage `json:"createArguments"`
	} `json:"CreateCommand"`
	Exercise *struct {
		Template string           `json:"templateId"`
		Contract ident.ContractID `json:"contractId"`
		Choice   string           `json:"choice"`
		Argument json.RawMessage  `json:"choiceArgument"`
	} `json:"ExerciseCommand"`
	CreateAndExercise json.RawMessage `json:"CreateAndExerciseCommand"`
	ExerciseByKey     json.RawMessage `json:"ExerciseByKeyCommand"`
}

func (s *Sandbox) commands(in []commandJSON) ([]command, error) {
	switch {
	case len(in) == 0:
		return nil, cantonerr.Missing("commands")
	case len(in) > maxCommands:
		return nil, cantonerr.Argument("%d commands, at most %d", len(in), maxCommands)
	}

	out := make([]command, 0, len(in))

	for _, c := range in {
		parsed, err := s.command(c)
		if err != nil {
			return nil, err
		}

		out = append(out, parsed)
	}

	return out, nil
}

func (s *Sandbox) command(in commandJSON) (command, error) {
	switch {
	case in.Create != nil:
		entity, err := s.entity(in.Create.Template)
		if err != nil {
			return command{}, err
		}

		if entity.IsInterface {
			return command{}, cantonerr.Argument("%s is an interface, which cannot be created", entity.Name.Entity)
		}

		argument, err := canonical(entity.Argument, in.Create.Argument)

		return command{entity: entity, argument: argument}, err
	case in.Exercise != nil:
		entity, err := s.entity(in.Exercise.Template)
		if err != nil {
			return command{}, err
		}

		choice, ok := entity.Choices[in.Exercise.Choice]
		if !ok {
			return command{}, cantonerr.Invalid("COMMAND_PREPROCESSING_FAILED",
				"Couldn't find requested choice %.80s for %s", in.Exercise.Choice, entity.Name)
		}

		if err := checkContract(in.Exercise.Contract); err != nil {
			return command{}, err
		}

		argument, err := canonical(choice.Argument, in.Exercise.Argument)

		return command{entity: entity, contract: in.Exercise.Contract, choice: choice.Name, argument: argument}, err
	case in.CreateAndExercise != nil, in.ExerciseByKey != nil:
		return command{}, cantonerr.New(http.StatusNotImplemented, cantonerr.GRPCUnimplemented, cantonerr.CategoryUnsupported,
			"UNIMPLEMENTED", "The sandbox has no contract keys and creates and exercises in two commands")
	default:
		return command{}, cantonerr.Missing("command")
	}
}

// checkContract holds a contract id that a client gives to the form that they all have.
func checkContract(id ident.ContractID) error {
	if id == "" {
		return cantonerr.Missing("contract_id")
	}

	if _, err := ident.ParseContractID(string(id)); err != nil {
		return cantonerr.Field("contract_id: %s", err)
	}

	if _, err := hex.DecodeString(string(id)); err != nil {
		return cantonerr.Field("contract_id: %.80q is not hexadecimal", id)
	}

	return nil
}

// entity is the template or interface that a command names, by package name or by package id.
func (s *Sandbox) entity(text string) (*model.Entity, error) {
	name, err := ident.ParseName(text)
	if err != nil {
		return nil, cantonerr.Field("%s", err)
	}

	entity, ok := s.catalog.Lookup(name.Module, name.Entity)
	pkg, byName := strings.CutPrefix(name.Package, "#")

	switch {
	case ok && (pkg == entity.Package.Name || pkg == entity.Package.ID):
		return entity, nil
	case byName && !s.hasPackage(pkg):
		return nil, cantonerr.NotFound("PACKAGE_NAMES_NOT_FOUND",
			"The following package names do not match upgradable packages uploaded on this participant: [%s].", pkg)
	default:
		return nil, cantonerr.NotFound("TEMPLATES_OR_INTERFACES_NOT_FOUND",
			"Templates or interfaces do not exist: [%s].", text)
	}
}

func (s *Sandbox) hasPackage(name string) bool {
	_, ok := s.catalog.Package(name)

	return ok
}

// canonical is an argument as the ledger writes it, if it is of its type. No argument counts as the empty one.
func canonical(typ *daml.Type, raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) == 0 || string(raw) == "null" {
		raw = json.RawMessage("{}")
	}

	value, err := typ.Decode(raw)
	if bad, ok := errors.AsType[*daml.Error](err); ok {
		code := "COMMAND_PREPROCESSING_FAILED"
		if bad.Unexpected {
			code = "INVALID_ARGUMENT"
		}

		return nil, cantonerr.Invalid(code, "%s", bad)
	}

	if err != nil {
		return nil, fmt.Errorf("decode argument: %w", err)
	}

	out, err := daml.JSON(value)
	if err != nil {
		return nil, cantonerr.Invalid("COMMAND_PREPROCESSING_FAILED", "%s", err)
	}

	return out, nil
}

// interpret adds what commands do to the transaction, and checks that everybody whom it concerns exists.
func (t *transaction) interpret(commands ...command) error {
	for _, c := range commands {
		if err := t.run(c); err != nil {
			return err
		}
	}

	if t.failed != nil {
		return t.failed
	}

	for _, n := range t.finish() {
		for _, party := range n.witnesses {
			if _, known := t.s.parties[party]; !known {
				return cantonerr.NotFound("UNKNOWN_INFORMEES",
					"The participant is not connected to any synchronizer where the given informees are known: %.255s", party)
			}
		}
	}

	return nil
}

// run adds what a command does to the transaction.
func (t *transaction) run(c command) error {
	name := c.entity.Name.Module + ":" + c.entity.Name.Entity

	if c.choice == "" {
		bear := t.s.births[name]
		if bear == nil {
			return fmt.Errorf("%w: nobody creates a %s by command here", ErrInvalid, c.entity.Name.Entity)
		}

		return bear(t, c.argument)
	}

	on := t.s.contracts[c.contract]
	if err := t.look(on); err != nil {
		return err
	}

	if c.entity.IsInterface && !on.implements(c.entity.Name) || !c.entity.IsInterface && !on.template.Is(c.entity.Name) {
		return fmt.Errorf("contract %s is a %s, not a %s: %w", on.id, on.template.Entity, c.entity.Name.Entity, errWrongType)
	}

	if c.choice == model.ChoiceArchive {
		return t.archive(on)
	}

	behave := t.s.behaviours[name+"/"+c.choice]
	if behave == nil {
		return fmt.Errorf("%w: nobody exercises %s by command here", ErrInvalid, c.choice)
	}

	return behave(t, on, c.argument)
}

// errElsewhere is a contract that is on another synchronizer than the transaction.
var errElsewhere = fmt.Errorf("all contracts must be on one synchronizer: %w", ErrConflict)

// errWrongType is a choice on a contract of another template.
var errWrongType = errors.New("wrongly typed contract")

// rejection is an error of the token logic as the ledger API tells it, when a command is interpreted.
func rejection(err error) *cantonerr.Error {
	if e, ok := errors.AsType[*cantonerr.Error](err); ok {
		return e
	}

	switch {
	case errors.Is(err, errWrongType):
		return cantonerr.State("WRONGLY_TYPED_CONTRACT", "%s", err)
	case errors.Is(err, errElsewhere):
		return cantonerr.State("NO_SYNCHRONIZER_FOR_SUBMISSION", "No valid synchronizer for submission found: %s", err)
	case errors.Is(err, ErrUnauthorized):
		return cantonerr.Invalid("DAML_AUTHORIZATION_ERROR", "Interpretation error: Error: %s", err)
	case errors.Is(err, ErrUnknown), errors.Is(err, ErrInactive):
		return cantonerr.NotFound("CONTRACT_NOT_FOUND", "Contract could not be found: %s", err)
	case errors.Is(err, ErrReplay), errors.Is(err, ErrClosed), errors.Is(err, ErrFull):
		return cantonerr.New(http.StatusServiceUnavailable, cantonerr.GRPCUnavailable, cantonerr.CategoryTransient,
			"SERVICE_NOT_RUNNING", err.Error())
	default:
		return damlFailure(err)
	}
}

// damlFailure is a refusal by the token's own rules.
func damlFailure(err error) *cantonerr.Error {
	id := "UNHANDLED_EXCEPTION/DA.Exception.AssertionFailed:AssertionFailed"

	switch {
	case errors.Is(err, ErrFunds):
		id = "splice.lfdecentralizedtrust.org/insufficient-funds"
	case errors.Is(err, ErrTooManyInputs):
		id = "splice.lfdecentralizedtrust.org/maximum-inputs-exceeded"
	}

	return cantonerr.State("DAML_FAILURE",
		"Interpretation error: Error: User failure: %s (error category 9): %s", id, err).With("error_id", id)
}
