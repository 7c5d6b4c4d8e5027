package service

import (
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/caarlos0/env/v11"

	"github.com/canton-exchange/suite/internal/secret"
)

const (
	// Prefix starts the name of every variable of ours. One that starts so, is not declared and looks like one that is
	// declared is an error: a setting that does nothing because of a typing error must not go unnoticed. Others are
	// ignored: several programs share one environment file, and each reads a part of it.
	Prefix = "CES_"

	// fileSuffix on a secret's variable names a file that holds the secret, as container platforms mount it.
	fileSuffix = "_FILE"

	defaultTag  = "default"
	helpTag     = "help"
	requiredTag = "required"
)

// ConfigError is every problem with the environment, worded for the operator. It holds no secret.
type ConfigError struct{ Problems []string }

// Error is the problems on one line.
func (e *ConfigError) Error() string { return strings.Join(e.Problems, "; ") }

// add notes a problem once: an embedded configuration's checks may run twice.
func (e *ConfigError) add(problem string) {
	if !slices.Contains(e.Problems, problem) {
		e.Problems = append(e.Problems, problem)
	}
}

// Variable is one environment variable of a program.
type Variable struct {
	Name     string
	Default  string
	Help     string // what it means, in one sentence
	Required bool
	Secret   bool // never shown; may be given as a file by Name + "_FILE"
}

// field is a variable and the struct field that it fills.
type field struct {
	Variable

	value       reflect.Value
	declaration reflect.StructField
}

// validator is a configuration, or a part of one, that checks more than each value by itself.
type validator interface{ Validate() error }

// Variables lists the variables of a configuration, in the order they are declared. An error is a mistake in the
// declaration, not in the environment.
func Variables(cfg any) ([]Variable, error) {
	fields, err := fieldsOf(cfg)
	if err != nil {
		return nil, err
	}

	variables := make([]Variable, len(fields))
	for i, f := range fields {
		variables[i] = f.Variable
	}

	return variables, nil
}

// Load fills cfg, a pointer to a struct, from environ (as os.Environ gives it). Its fields are declared as
//
//	Timeout time.Duration `env:"CES_LEDGER_TIMEOUT" default:"30s" help:"How long one ledger request may take."`
//	Token   secret.String `env:"CES_LEDGER_TOKEN,required" help:"..."`
//
// Struct fields without an env tag are parts, and are filled alike. A part or cfg itself may have Validate() error,
// which runs when all values are well-formed. A variable that is set but empty counts as not set. What is wrong with
// the environment is returned as a *ConfigError that names every problem.
func Load(cfg any, environ []string) error {
	fields, err := fieldsOf(cfg)
	if err != nil {
		return err
	}

	given := ours(environ)
	wrong := &ConfigError{}

	for _, f := range fields {
		if err := f.load(given); err != nil {
			wrong.add(err.Error())
		}
	}

	for _, problem := range mistyped(given, fields) {
		wrong.add(problem)
	}

	if len(wrong.Problems) == 0 {
		validate(reflect.ValueOf(cfg), wrong)
	}

	if len(wrong.Problems) > 0 {
		return wrong
	}

	return nil
}

// ours picks the variables with our prefix.
func ours(environ []string) map[string]string {
	given := make(map[string]string)

	for _, entry := range environ {
		if name, value, ok := strings.Cut(entry, "="); ok && strings.HasPrefix(name, Prefix) {
			given[name] = value
		}
	}

	return given
}

func fieldsOf(cfg any) ([]field, error) {
	pointer := reflect.ValueOf(cfg)
	if pointer.Kind() != reflect.Pointer || pointer.IsNil() || pointer.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("configuration must be a pointer to a struct, not %T", cfg)
	}

	fields, err := collect(pointer.Elem(), nil)
	if err != nil {
		return nil, err
	}

	seen := make(map[string]bool, len(fields))
	for _, f := range fields {
		if seen[f.Name] {
			return nil, fmt.Errorf("configuration declares %s twice", f.Name)
		}

		seen[f.Name] = true
	}

	return fields, nil
}

func collect(structure reflect.Value, fields []field) ([]field, error) {
	for i := range structure.NumField() {
		declaration := structure.Type().Field(i)
		tag, tagged := declaration.Tag.Lookup("env")

		switch {
		case tag == "-":
		case !declaration.IsExported():
			return nil, fmt.Errorf("configuration field %s must be exported", declaration.Name)
		case tagged:
			f, err := declared(structure.Field(i), declaration, tag)
			if err != nil {
				return nil, err
			}

			fields = append(fields, f)
		case declaration.Type.Kind() == reflect.Struct:
			var err error
			if fields, err = collect(structure.Field(i), fields); err != nil {
				return nil, err
			}
		default:
			return nil, fmt.Errorf("configuration field %s has no env tag", declaration.Name)
		}
	}

	return fields, nil
}

// declared reads the tags of one variable and refuses what an operator could not live with.
func declared(value reflect.Value, declaration reflect.StructField, tag string) (field, error) {
	name, options, _ := strings.Cut(tag, ",")

	f := field{
		Variable: Variable{
			Name:     name,
			Default:  declaration.Tag.Get(defaultTag),
			Help:     declaration.Tag.Get(helpTag),
			Required: options == requiredTag,
			Secret:   declaration.Type == reflect.TypeFor[secret.String](),
		},
		value:       value,
		declaration: declaration,
	}

	switch {
	case !strings.HasPrefix(name, Prefix):
		return field{}, fmt.Errorf("configuration field %s: name %q does not start with %s", declaration.Name, name, Prefix)
	case options != "" && !f.Required:
		return field{}, fmt.Errorf("configuration field %s: option %q is not known", declaration.Name, options)
	case f.Help == "":
		return field{}, fmt.Errorf("configuration variable %s has no help", name)
	case f.Required && f.Default != "":
		return field{}, fmt.Errorf("configuration variable %s is required and has a default", name)
	case f.Secret && f.Default != "":
		return field{}, fmt.Errorf("configuration variable %s is a secret and has a default", name)
	}

	return f, nil
}

func (f field) load(given map[string]string) error {
	text, err := f.text(given)
	if err != nil {
		return err
	}

	if text == "" {
		text = f.Default
	}

	if text == "" {
		if f.Required {
			return fmt.Errorf("%s is required and not set: %s", f.Name, strings.TrimSuffix(f.Help, "."))
		}

		return nil
	}

	return f.parse(text)
}

// text is the value given for the variable, for a secret perhaps by a file.
func (f field) text(given map[string]string) (string, error) {
	text, file := given[f.Name], given[f.Name+fileSuffix]

	if !f.Secret || file == "" {
		return text, nil
	}

	if text != "" {
		return "", fmt.Errorf("%s and %s are both set: set one", f.Name, f.Name+fileSuffix)
	}

	// A relative path is more likely the secret itself, set by mistake, than a file somewhere.
	if !filepath.IsAbs(file) {
		return "", fmt.Errorf("%s must be the absolute path of a file (its value is not shown)", f.Name+fileSuffix)
	}

	value, err := secret.FromFile(file)
	if err != nil {
		return "", fmt.Errorf("%s: %w", f.Name+fileSuffix, err)
	}

	return value.Reveal(), nil
}

// parse converts one value by itself, so that an error belongs to its variable without doubt.
func (f field) parse(text string) error {
	declaration := reflect.StructField{
		Name: f.declaration.Name,
		Type: f.declaration.Type,
		Tag:  f.declaration.Tag,
	}
	single := reflect.New(reflect.StructOf([]reflect.StructField{declaration}))

	err := env.ParseWithOptions(single.Interface(), env.Options{
		Environment: map[string]string{f.Name: text},
		FuncMap:     parsers(),
	})
	if err == nil {
		f.value.Set(single.Elem().Field(0))

		return nil
	}

	if f.Secret {
		return fmt.Errorf("%s is not well-formed (its value is not shown)", f.Name)
	}

	return Invalid(f.Name, text, expectation(f.declaration.Type, err))
}

// validate runs the checks of the parts, then of the whole.
func validate(pointer reflect.Value, wrong *ConfigError) {
	structure := pointer.Elem()

	for i := range structure.NumField() {
		declaration := structure.Type().Field(i)
		_, tagged := declaration.Tag.Lookup("env")

		if !tagged && declaration.Type.Kind() == reflect.Struct {
			validate(structure.Field(i).Addr(), wrong)
		}
	}

	if checked, ok := reflect.TypeAssert[validator](pointer); ok {
		if err := checked.Validate(); err != nil {
			wrong.add(err.Error())
		}
	}
}
