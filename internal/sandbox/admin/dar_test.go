package admin_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

type entry struct{ name, content string }

func zipped(t require.TestingT, entries ...entry) []byte {
	var buf bytes.Buffer

	archive := zip.NewWriter(&buf)

	for _, e := range entries {
		w, err := archive.Create(e.name)
		require.NoError(t, err)

		_, err = w.Write([]byte(e.content))
		require.NoError(t, err)
	}

	require.NoError(t, archive.Close())

	return buf.Bytes()
}

func manifest(dalfs ...string) entry {
	return entry{"META-INF/MANIFEST.MF", "Manifest-Version: 1.0\r\nCreated-By: test\r\nMain-Dalf: " + dalfs[0] +
		"\r\nDalfs: " + strings.Join(dalfs, ",\r\n  ") + "\r\nFormat: daml-lf\r\n"}
}

// archive is a DAR whose packages contain their own names.
func archive(t require.TestingT, dalfs ...string) []byte {
	entries := []entry{manifest(dalfs...)}
	for _, name := range dalfs {
		entries = append(entries, entry{name, name})
	}

	return zipped(t, entries...)
}

func (n *node) packageIDs() []string {
	n.t.Helper()

	var list []string
	for _, id := range n.ok(http.MethodGet, "/v2/packages", nil)["packageIds"].([]any) {
		list = append(list, id.(string))
	}

	return list
}

func TestUploadedPackagesAreListedAndVetted(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	named := "dir/my-token-1.2.10-" + packageID("d") + ".dalf"
	dar := archive(t, named, "plain.dalf")
	sum := sha256.Sum256([]byte("plain.dalf"))
	plain := hex.EncodeToString(sum[:])

	n.call(http.MethodPost, "/v2/dars/validate", dar)
	require.Len(t, n.packageIDs(), 3, "validation changes nothing")

	n.ok(http.MethodPost, "/v2/dars", dar)
	n.ok(http.MethodPost, "/v2/dars", dar)
	require.ElementsMatch(t, []string{packageID("a"), packageID("b"), packageID("c"), packageID("d"), plain}, n.packageIDs())

	answer := n.call(http.MethodGet, "/v2/packages/"+packageID("d"), nil)
	require.Equal(t, http.StatusOK, answer.status)
	require.Equal(t, named, string(answer.raw))

	n.refused(http.MethodGet, "/v2/packages/"+packageID("a"), nil, http.StatusNotFound, "PACKAGE_NOT_FOUND")
	require.True(t, n.Vetted(global, plain, n.clock.Now()))

	preferred := n.ok(http.MethodPost, "/v2/interactive-submission/preferred-packages", obj{
		"packageVettingRequirements": []obj{{"parties": []ident.Party{alice}, "packageName": "my-token"}},
	})
	require.Equal(t, []any{obj{
		"packageId": packageID("d"), "packageName": "my-token", "packageVersion": "1.2.10",
	}}, preferred["packageReferences"])
}

func TestUploadWithoutVetting(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	dar := archive(t, "x-1.0.0-"+packageID("d")+".dalf")

	n.ok(http.MethodPost, "/v2/dars?vetAllPackages=false", dar)
	require.Contains(t, n.packageIDs(), packageID("d"))
	require.False(t, n.Vetted(global, packageID("d"), n.clock.Now()))

	n.ok(http.MethodPost, "/v2/packages", dar)
	require.True(t, n.Vetted(global, packageID("d"), n.clock.Now()), "vetting is the default")

	require.Equal(t, http.StatusBadRequest, n.call(http.MethodPost, "/v2/dars?vetAllPackages=perhaps", dar).status)
}

func TestSynchronizerOfAnUpload(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Synchronizers: []ident.SynchronizerID{global, second}})
	dar := archive(t, "x-1.0.0-"+packageID("d")+".dalf")

	n.refused(http.MethodPost, "/v2/dars", dar, http.StatusBadRequest, "PACKAGE_SERVICE_CANNOT_AUTODETECT_SYNCHRONIZER")
	n.refused(http.MethodPost, "/v2/dars?synchronizerId=elsewhere", dar, http.StatusBadRequest,
		"PACKAGE_SERVICE_NOT_CONNECTED_TO_SYNCHRONIZER")
	require.NotContains(t, n.packageIDs(), packageID("d"))

	n.ok(http.MethodPost, "/v2/dars?synchronizerId="+string(second), dar)
	require.True(t, n.Vetted(second, packageID("d"), n.clock.Now()))
	require.False(t, n.Vetted(global, packageID("d"), n.clock.Now()))
}

func TestDarsThatAreRefused(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	good := "x-1.0.0-" + packageID("d") + ".dalf"
	many := []entry{manifest(good), {good, "x"}}

	for i := range 2000 {
		many = append(many, entry{fmt.Sprint(i), ""})
	}

	zeros := strings.Repeat("\x00", 60<<20)
	folded := "Main-Dalf: x\n" + strings.Repeat(" a\n", 340_000)
	truncated := archive(t, good)
	corrupt := archive(t, good)
	corrupt[60] ^= 0xff // within the packed manifest

	for _, c := range []struct {
		name string
		dar  []byte
		code string
	}{
		{"nothing", nil, "DAR_PARSE_ERROR"},
		{"text", []byte("no zip"), "DAR_PARSE_ERROR"},
		{"truncated", truncated[:len(truncated)-30], "DAR_PARSE_ERROR"},
		{"corrupt", corrupt, "DAR_PARSE_ERROR"},
		{"no manifest", zipped(t, entry{good, "x"}), "DAR_PARSE_ERROR"},
		{"no main", zipped(t, entry{"META-INF/MANIFEST.MF", "Dalfs: a.dalf\n"}, entry{"a.dalf", "x"}), "DAR_PARSE_ERROR"},
		{"missing package", zipped(t, manifest(good, "y.dalf"), entry{good, "x"}), "DAR_PARSE_ERROR"},
		{"empty package", zipped(t, manifest(good), entry{good, ""}), "DAR_PARSE_ERROR"},
		{"long name", archive(t, strings.Repeat("x", 1001)), "DAR_PARSE_ERROR"},
		{"long manifest", zipped(t, entry{"META-INF/MANIFEST.MF", folded}), "DAR_PARSE_ERROR"},
		{"too many entries", zipped(t, many...), "DAR_PARSE_ERROR"},
		{"bomb in two", zipped(t, manifest("a.dalf", "b.dalf"), entry{"a.dalf", zeros}, entry{"b.dalf", zeros}), "ZIP_BOMB"},
		{"bomb as manifest", zipped(t, entry{"META-INF/MANIFEST.MF", zeros}), "ZIP_BOMB"},
		{"known version", archive(t, "acme-token-1.0.0-"+packageID("d")+".dalf"), "KNOWN_PACKAGE_VERSION"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()

			inner := *n
			inner.t = t
			inner.refused(http.MethodPost, "/v2/dars/validate", c.dar, http.StatusBadRequest, c.code)
			inner.refused(http.MethodPost, "/v2/dars", c.dar, http.StatusBadRequest, c.code)
			require.Len(t, inner.packageIDs(), 3)
		})
	}

	answer := n.call(http.MethodPost, "/v2/dars", make([]byte, 10<<20+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, answer.status)
	require.Contains(t, answer.contentType, "text/plain")
}

// TestManifestOfAnyFolding: however a manifest's lines are folded, the same packages are found.
func TestManifestOfAnyFolding(t *testing.T) {
	t.Parallel()

	rapid.Check(t, func(t *rapid.T) {
		var names []string
		for i := range rapid.IntRange(1, 6).Draw(t, "packages") {
			id := rapid.StringMatching(`[0-9a-f]{64}`).Draw(t, "id")
			names = append(names, fmt.Sprintf("p%d-%d.0.0-%s.dalf", i, i, id))
		}

		newline := rapid.SampledFrom([]string{"\n", "\r\n"}).Draw(t, "newline")
		width := rapid.IntRange(20, 120).Draw(t, "width")

		var text strings.Builder
		for _, line := range []string{"Dalfs: " + strings.Join(names, ", "), "Main-Dalf: " + names[0]} {
			for len(line) > width {
				text.WriteString(line[:width] + newline + " ")
				line = line[width:]
			}

			text.WriteString(line + newline)
		}

		entries := []entry{{"META-INF/MANIFEST.MF", text.String()}}
		want := []string{}

		for _, name := range names {
			entries = append(entries, entry{name, "x"})
			want = append(want, name[strings.LastIndexByte(name, '-')+1:len(name)-len(".dalf")])
		}

		got, err := admin.PackagesOf(zipped(t, entries...))
		require.NoError(t, err)

		ids := []string{}

		for i, p := range got {
			require.Equal(t, fmt.Sprintf("p%d %d.0.0", i, i), p.Name+" "+p.Version)

			ids = append(ids, p.ID)
		}

		require.Equal(t, want, ids)
	})
}

// FuzzDar: whatever is uploaded is read or refused, within the bounds.
func FuzzDar(f *testing.F) {
	f.Add([]byte("PK"))
	f.Add(archive(f, "x-1.0.0-"+packageID("d")+".dalf"))

	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := admin.PackagesOf(raw)
		require.Equal(t, err != nil, len(got) == 0)

		for _, p := range got {
			require.Len(t, p.ID, 64)
		}
	})
}

func TestVersionsAreComparedAsNumbers(t *testing.T) {
	t.Parallel()

	sorted := []string{"", "0.1.9", "0.1.10", "0.1.10.1", "0.2.0", "1.0.0", "10.0.0"}

	for i, a := range sorted {
		for j, b := range sorted {
			require.Equal(t, slices.Compare([]int{i}, []int{j}), admin.CompareVersions(a, b), "%s %s", a, b)
		}
	}
}
