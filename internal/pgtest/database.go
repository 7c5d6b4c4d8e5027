package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/goleak"
)

const (
	// externalURL names a running server to use instead of starting one. Its user must be allowed to CREATE DATABASE.
	externalURL = "TEST_DATABASE_URL"

	adminConnections = 4
	testConnections  = 10
	databaseTimeout  = 60 * time.Second // create, migrate, clone or drop one database
	closeTimeout     = 10 * time.Second // until a test's connections are back in the pool
	fileCopyVersion  = 150000           // server_version_num that knows STRATEGY
)

// Migrate brings an empty database to a schema. It must have closed its connections when it returns.
type Migrate func(ctx context.Context, dsn string) error

// cluster is the server of one test process, and the templates made in it.
type cluster struct {
	server   *Server // nil when an external one is used
	admin    *pgxpool.Pool
	fileCopy bool
	dsn      func(database string) string

	mu        sync.Mutex
	templates map[string]*template // by name of the migrating function
}

// template is a migrated database that tests clone.
type template struct {
	once     sync.Once
	database string
	err      error
}

// shared is the cluster that Main owns and New uses: a test binary has one, and testing gives no place to hand it on.
var shared struct { //nolint:gochecknoglobals // see above
	mu      sync.Mutex
	owned   bool // Main runs
	cluster *cluster
	err     error
}

// Main runs a package's tests, then stops the server they used and looks for goroutines they left behind. Use it as
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
func Main(m *testing.M, options ...goleak.Option) int {
	shared.mu.Lock()
	shared.owned = true
	shared.mu.Unlock()

	code := m.Run()

	shared.mu.Lock()
	defer shared.mu.Unlock()

	shared.owned = false

	if shared.cluster != nil {
		if err := shared.cluster.stop(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)

			code = max(code, 1)
		}
	}

	if code != 0 {
		return code // goroutines of failed tests are not worth a report
	}

	if err := goleak.Find(options...); err != nil {
		fmt.Fprintln(os.Stderr, "pgtest:", err)

		return 1
	}

	return 0
}

// New gives a test a database of its own, migrated, and a pool on it; pool.Config().ConnString() is its connection
// string. Both are gone when the test ends. A nil migrate gives an empty database.
//
// A migrate that is a plain function runs once in a test process and its result is cloned. Function literals and method
// values run each time: two of them may do different things under one name.
func New(tb testing.TB, migrate Migrate) *pgxpool.Pool {
	tb.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
	defer cancel()

	c, err := sharedCluster(ctx)
	if err != nil {
		tb.Fatalf("a PostgreSQL for tests: %v", err)
	}

	database, err := c.create(ctx, migrate)
	if err != nil {
		tb.Fatalf("a database for this test: %v", err)
	}

	tb.Cleanup(func() {
		if err := c.drop(context.Background(), database); err != nil {
			tb.Errorf("remove this test's database: %v", err)
		}
	})

	pool, err := newPool(ctx, c.dsn(database), testConnections)
	if err != nil {
		tb.Fatalf("connect to this test's database: %v", err)
	}

	tb.Cleanup(func() {
		if !closePool(pool) {
			tb.Errorf("%d database connections are still in use after the test", pool.Stat().AcquiredConns())
		}
	})

	return pool
}

// closePool closes a pool, unless connections stay in use: waiting for them would hang the test without a word.
func closePool(pool *pgxpool.Pool) bool {
	closed := make(chan struct{})

	go func() {
		pool.Close()
		close(closed)
	}()

	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()

	select {
	case <-closed:
		return true
	case <-timeout.C:
		return false
	}
}

// sharedCluster starts the process's server on first use. A failure is final, so that a hundred tests do not try again.
func sharedCluster(ctx context.Context) (*cluster, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()

	if !shared.owned {
		return nil, errors.New("pgtest.New needs func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }")
	}

	if shared.cluster == nil && shared.err == nil {
		shared.cluster, shared.err = startCluster(ctx, os.Getenv(externalURL))
	}

	return shared.cluster, shared.err
}

func startCluster(ctx context.Context, external string) (*cluster, error) {
	c := &cluster{templates: make(map[string]*template)}

	adminDSN := external

	if external != "" {
		dsn, err := externalDSN(external)
		if err != nil {
			return nil, err
		}

		c.dsn = dsn
	} else {
		server, err := Start(ctx, Options{})
		if err != nil {
			return nil, err
		}

		c.server, c.dsn, adminDSN = server, server.DSN, server.DSN("postgres")
	}

	if err := c.connect(ctx, adminDSN); err != nil {
		return nil, errors.Join(err, c.stop(context.WithoutCancel(ctx)))
	}

	return c, nil
}

func (c *cluster) connect(ctx context.Context, dsn string) error {
	var err error
	if c.admin, err = newPool(ctx, dsn, adminConnections); err != nil {
		return err
	}

	var version int

	err = c.admin.QueryRow(ctx, `SELECT current_setting('server_version_num')::int`).Scan(&version)
	if err != nil {
		return fmt.Errorf("ask the server's version: %w", err)
	}

	c.fileCopy = version >= fileCopyVersion

	return nil
}

// externalDSN derives the connection strings of our databases from the one given.
func externalDSN(external string) (func(database string) string, error) {
	parsed, err := url.Parse(external)
	if err != nil || (parsed.Scheme != "postgres" && parsed.Scheme != "postgresql") {
		// Neither the value nor url.Parse's error, which quotes it: it may hold a password.
		return nil, errors.New(externalURL + " must be a URL such as postgres://user:password@host:5432/postgres")
	}

	return func(database string) string {
		own := *parsed
		own.Path = "/" + database

		return own.String()
	}, nil
}

func newPool(ctx context.Context, dsn string, connections int32) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the connection string: %w", err)
	}

	config.MaxConns = connections

	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("open a connection pool: %w", err)
	}

	if err := pool.Ping(ctx); err != nil {
		pool.Close()

		return nil, fmt.Errorf("connect: %w", err)
	}

	return pool, nil
}

// create makes a migrated database and returns its name.
func (c *cluster) create(ctx context.Context, migrate Migrate) (string, error) {
	if migrate == nil {
		return c.createEmpty(ctx, "ces_test_")
	}

	name, plain := functionName(migrate)
	if !plain {
		return c.createMigrated(ctx, "ces_test_", migrate)
	}

	source, err := c.template(ctx, name, migrate)
	if err != nil {
		return "", err
	}

	strategy := ""
	if c.fileCopy {
		strategy = " STRATEGY FILE_COPY"
	}

	return c.execCreate(ctx, "ces_test_", " TEMPLATE "+pgx.Identifier{source}.Sanitize()+strategy)
}

// template returns the name of the database that name's migrate made, which runs at most once.
func (c *cluster) template(ctx context.Context, name string, migrate Migrate) (string, error) {
	c.mu.Lock()

	t, known := c.templates[name]
	if !known {
		t = &template{}
		c.templates[name] = t
	}
	c.mu.Unlock()

	t.once.Do(func() { t.database, t.err = c.createMigrated(ctx, "ces_template_", migrate) })

	return t.database, t.err
}

func (c *cluster) createMigrated(ctx context.Context, prefix string, migrate Migrate) (string, error) {
	database, err := c.createEmpty(ctx, prefix)
	if err != nil {
		return "", err
	}

	if err := migrate(ctx, c.dsn(database)); err != nil {
		return "", errors.Join(fmt.Errorf("migrate: %w", err), c.drop(context.WithoutCancel(ctx), database))
	}

	return database, nil
}

// createEmpty clones template0, which nobody can be connected to; template1 may hold what an administrator put there.
func (c *cluster) createEmpty(ctx context.Context, prefix string) (string, error) {
	return c.execCreate(ctx, prefix, " TEMPLATE template0")
}

func (c *cluster) execCreate(ctx context.Context, prefix, clauses string) (string, error) {
	database := prefix + strings.ToLower(rand.Text()) // random: processes share an external server

	if _, err := c.admin.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{database}.Sanitize()+clauses); err != nil {
		return "", fmt.Errorf("create database %s: %w", database, err)
	}

	return database, nil
}

func (c *cluster) drop(ctx context.Context, database string) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()

	drop := "DROP DATABASE IF EXISTS " + pgx.Identifier{database}.Sanitize() + " WITH (FORCE)"
	if _, err := c.admin.Exec(ctx, drop); err != nil {
		return fmt.Errorf("drop database %s: %w", database, err)
	}

	return nil
}

// stop removes what this process made: the server, or the templates in one that is not ours.
func (c *cluster) stop(ctx context.Context) error {
	var failures []error

	if c.server == nil {
		for _, t := range c.templates {
			if t.database != "" {
				failures = append(failures, c.drop(ctx, t.database))
			}
		}
	}

	if c.admin != nil {
		c.admin.Close()
	}

	if c.server != nil {
		failures = append(failures, c.server.Stop(ctx))
	}

	return errors.Join(failures...)
}

// functionName identifies a plain function. Literals are named ...func1 and method values ...-fm, and what they do
// depends on what they captured.
func functionName(migrate Migrate) (name string, plain bool) {
	function := runtime.FuncForPC(reflect.ValueOf(migrate).Pointer())
	if function == nil {
		return "", false
	}

	name = function.Name()
	base := name[strings.LastIndex(name, "/")+1:]

	return name, !strings.HasSuffix(base, "-fm") && !strings.Contains(base, ".func") && !strings.Contains(base, "[...]")
}
