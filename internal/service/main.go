//go:generate go run ./configdoc

// Package service is what every program of the suite shares: configuration from the environment, logs, metrics, health,
// start and end. A main package wires with it and does nothing else.
package service

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/canton-exchange/suite/internal/memo"
)

// Exit codes of every program.
const (
	ExitOK          = 0
	ExitFailure     = 1   // it ran and failed
	ExitUsage       = 2   // wrong flags, arguments or environment; nothing was done
	ExitInterrupted = 130 // ended by an interrupt before it was done: 128 + SIGINT, as shells have it
)

// Program describes a command.
type Program struct {
	Name    string
	Summary string // one sentence, for -help
	// Interactive programs are run by people: text logs on a terminal, plain errors.
	Interactive bool
	// Quiet hides what is below a warning; it is asked when the flags are read. Nil hides nothing.
	Quiet func() bool
	// Arguments describes the arguments after the flags, such as "COMMAND"; empty refuses any.
	Arguments string
	// Flags declares flags besides -help and -version; nil for none. Settings belong in the environment.
	Flags func(*flag.FlagSet)
}

// Service is what a program runs with.
type Service struct {
	Program   Program
	Logger    *slog.Logger
	Metrics   *prometheus.Registry
	Health    *Health
	Arguments []string  // after the flags
	Stdout    io.Writer // a program's results, not its logs

	base *Base
}

// Run runs runners as the function Run does, with this program's logger and shutdown time.
func (s *Service) Run(ctx context.Context, runners ...Runner) error {
	return Run(ctx, s.Logger, s.base.ShutdownTimeout, runners...)
}

// Admin is the admin server as a runner.
func (s *Service) Admin(cfg AdminConfig, pages ...Page) Runner {
	return Runner{Name: "admin server", Run: func(ctx context.Context) error {
		admin, err := ListenAdmin(ctx, cfg.Addr, s.Metrics, s.Health, s.Logger, pages...)
		if err != nil {
			return err
		}

		s.Logger.InfoContext(ctx, "admin server listens", slog.String("address", admin.Addr().String()))

		return admin.Run(ctx)
	}}
}

// Main is a program from its first instruction to its exit code:
//
//	func main() {
//		var cfg config // embeds service.Base
//		service.Main(service.Program{Name: "ingest", Summary: "..."}, &cfg,
//			func(ctx context.Context, s *service.Service) error { return run(ctx, s, cfg) })
//	}
//
// ctx ends with the first SIGINT or SIGTERM; a second one ends the process at once.
func Main(program Program, cfg Configuration, run func(ctx context.Context, s *Service) error) {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)

	os.Exit(surroundings{
		args:    os.Args[1:],
		environ: os.Environ(),
		stdout:  os.Stdout,
		stderr:  os.Stderr,
		signals: signals,
		exit:    os.Exit,
	}.execute(context.Background(), program, cfg, run))
}

// surroundings are what a process has around it, handed in for tests.
type surroundings struct {
	args, environ  []string
	stdout, stderr io.Writer
	signals        <-chan os.Signal
	exit           func(code int)
}

func (o surroundings) execute(
	ctx context.Context, program Program, cfg Configuration, run func(ctx context.Context, s *Service) error,
) int {
	line, done, err := o.parseFlags(program, cfg)
	if err != nil || done {
		return o.report(program, err)
	}

	if err := Load(cfg, o.environ); err != nil {
		return o.report(program, &usageError{err})
	}

	if line.ready {
		return o.report(program, o.askReady(ctx, cfg))
	}

	s := &Service{
		Program:   program,
		Logger:    o.logger(program, cfg.base().LogLevel),
		Metrics:   NewRegistry(program.Name),
		Health:    &Health{},
		Arguments: line.arguments,
		Stdout:    o.stdout,
		base:      cfg.base(),
	}

	ctx, stop := o.untilSignal(ctx, s.Logger)
	defer stop()

	return o.finish(ctx, s, run(ctx, s))
}

func (o surroundings) logger(program Program, level slog.Level) *slog.Logger {
	if program.Quiet != nil && program.Quiet() {
		level = max(level, slog.LevelWarn)
	}

	text := program.Interactive && isTerminal(o.stderr)
	if text {
		return NewLogger(o.stderr, level, true)
	}

	release, _ := Version()

	return NewLogger(o.stderr, level, false).With(
		slog.String("program", program.Name), slog.String("version", release))
}

// untilSignal gives a context that the first signal ends. The function returned waits for the goroutine that listens.
func (o surroundings) untilSignal(ctx context.Context, logger *slog.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	done, ended := make(chan struct{}), make(chan struct{})

	go func() {
		defer close(ended)

		for received := 0; ; received++ {
			select {
			case <-done:
				return
			case s := <-o.signals:
				if received > 0 {
					o.exit(ExitInterrupted)

					return
				}

				logger.InfoContext(ctx, "signal received, stopping; a second one ends at once",
					slog.String("signal", s.String()))
				cancel()
			}
		}
	}()

	return ctx, func() {
		close(done)
		<-ended
		cancel()
	}
}

// finish turns a program's error into its last words and exit code.
func (o surroundings) finish(ctx context.Context, s *Service, err error) int {
	var wrong *ConfigError

	switch {
	case err == nil, errors.Is(err, ErrDone):
		return ExitOK
	case errors.As(err, &wrong), errors.As(err, new(*usageError)):
		return o.report(s.Program, &usageError{err})
	case ctx.Err() != nil && errors.Is(err, context.Canceled) && !errors.Is(err, ErrShutdownTimeout):
		if s.Program.Interactive {
			return ExitInterrupted
		}

		s.Logger.InfoContext(ctx, "program stopped", slog.Any("cause", err))

		return ExitOK
	case s.Program.Interactive:
		return o.report(s.Program, err)
	default:
		s.Logger.ErrorContext(ctx, "program failed", slog.Any("error", err))

		return ExitFailure
	}
}

// usageError is a mistake of the caller's.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// UsageError marks an error as the caller's mistake, for programs with arguments: exit code 2.
func UsageError(err error) error { return &usageError{err} }

// report prints an error on one line.
func (o surroundings) report(program Program, err error) int {
	if err == nil {
		return ExitOK
	}

	_, _ = fmt.Fprintf(o.stderr, "%s: %s\n", program.Name, memo.Line(err.Error()))

	if errors.As(err, new(*usageError)) {
		return ExitUsage
	}

	return ExitFailure
}

// commandLine is what a command line asks for besides text.
type commandLine struct {
	ready     bool // ask the running program
	arguments []string
}

// parseFlags reads the command line. done is set when it asked for text only, which is printed.
func (o surroundings) parseFlags(program Program, cfg Configuration) (line commandLine, done bool, err error) {
	flags := flag.NewFlagSet(program.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are ours to print

	help := flags.Bool("help", false, "print this text")
	markdown := flags.Bool("help-markdown", false, "print the table of variables as Markdown")
	ready := flags.Bool("ready", false, "ask the running program whether it is ready; exit code 0 if so")
	showVersion := flags.Bool("version", false, "print the version")

	if program.Flags != nil {
		program.Flags(flags)
	}

	err = flags.Parse(o.args)

	switch {
	case *help, errors.Is(err, flag.ErrHelp):
		return line, true, o.printHelp(program, cfg, flags)
	case err != nil:
		return line, false, &usageError{fmt.Errorf("%w (-help explains)", err)}
	case *markdown:
		return line, true, o.printMarkdown(program, cfg)
	case *showVersion:
		return line, true, o.printVersion(program)
	case flags.NArg() > 0 && program.Arguments == "":
		return line, false, &usageError{fmt.Errorf("unexpected argument %q (-help explains)", clip(flags.Arg(0)))}
	}

	return commandLine{ready: *ready, arguments: flags.Args()}, false, nil
}

func (o surroundings) printHelp(program Program, cfg Configuration, flags *flag.FlagSet) error {
	variables, err := Variables(cfg)
	if err != nil {
		return err
	}

	_, _ = fmt.Fprintf(o.stdout, "%s: %s\n\nUsage: %s [flags] %s\n\nFlags:\n", program.Name, program.Summary,
		program.Name, program.Arguments)
	flags.SetOutput(o.stdout)
	flags.PrintDefaults()

	_, _ = fmt.Fprint(o.stdout, "\nConfiguration, from environment variables:\n\n")

	return writeTable(o.stdout, variables)
}

func (o surroundings) printMarkdown(program Program, cfg Configuration) error {
	variables, err := Variables(cfg)
	if err != nil {
		return err
	}

	_, err = fmt.Fprintf(o.stdout, "%s\n\n%s", program.Summary, Markdown(variables))
	if err != nil {
		return fmt.Errorf("print the variables: %w", err)
	}

	return nil
}

func (o surroundings) printVersion(program Program) error {
	release, revision := Version()

	_, err := fmt.Fprintf(o.stdout, "%s %s (commit %s, %s)\n", program.Name, release, revision, runtime.Version())
	if err != nil {
		return fmt.Errorf("print the version: %w", err)
	}

	return nil
}
