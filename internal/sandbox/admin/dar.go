package admin

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"path"
	"strings"

	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
)

// Bounds on a DAR. What is unpacked is counted as it is read: a zip's own sizes are a stranger's claim.
const (
	maxDar         = 10 << 20 // a node's max-inbound-message-size
	maxDarEntries  = 2000
	maxDarUnpacked = 100 << 20
	maxManifest    = 1 << 20
	maxEntryName   = 1000
	manifestName   = "META-INF/MANIFEST.MF"
	dalfSuffix     = ".dalf"
)

func errDar(format string, args ...any) error {
	return cantonerr.Invalid("DAR_PARSE_ERROR", "the DAR cannot be read: "+format, args...)
}

// parseDar reads the packages of a DAR: the entries that its manifest names. What a package contains is not looked at.
func parseDar(raw []byte) ([]stored, error) {
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		return nil, errDar("it is no zip archive")
	}

	if len(archive.File) > maxDarEntries {
		return nil, errDar("it has %d entries, more than %d", len(archive.File), maxDarEntries)
	}

	entries := map[string]*zip.File{}
	for _, entry := range archive.File {
		entries[entry.Name] = entry
	}

	left := int64(maxDarUnpacked)

	names, err := manifest(entries, &left)
	if err != nil {
		return nil, err
	}

	list := make([]stored, 0, len(names))

	for _, name := range names {
		content, err := unpack(entries[name], name, maxDarUnpacked, &left)
		if err != nil {
			return nil, err
		}

		if len(content) == 0 {
			return nil, errDar("the package %.200q is empty", name)
		}

		list = append(list, identify(name, content))
	}

	return list, nil
}

// unpack reads one entry of at most limit bytes, and takes what it reads from what is left for all of them.
func unpack(entry *zip.File, name string, limit int64, left *int64) ([]byte, error) {
	if entry == nil || len(name) > maxEntryName {
		return nil, errDar("the entry %.200q is missing", name)
	}

	body, err := entry.Open()
	if err != nil {
		return nil, errDar("the entry %.200q is corrupt", name)
	}
	defer body.Close()

	limit = min(limit, *left)

	content, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err != nil {
		return nil, errDar("the entry %.200q is corrupt", name)
	}

	if int64(len(content)) > limit {
		return nil, cantonerr.Invalid("ZIP_BOMB", "the DAR unpacks to more than %d bytes", maxDarUnpacked)
	}

	*left -= int64(len(content))

	return content, nil
}

// manifest reads the names of a DAR's packages: Main-Dalf and Dalfs of a JAR manifest, whose long lines continue on
// lines that begin with a space.
func manifest(entries map[string]*zip.File, left *int64) ([]string, error) {
	raw, err := unpack(entries[manifestName], manifestName, maxManifest, left)
	if err != nil {
		return nil, err
	}

	headers := map[string]string{}

	for line := range strings.Lines(strings.NewReplacer("\r\n ", "", "\n ", "").Replace(string(raw))) {
		if key, value, ok := strings.Cut(line, ":"); ok {
			headers[strings.TrimSpace(key)] = strings.TrimSpace(value)
		}
	}

	if headers["Main-Dalf"] == "" {
		return nil, errDar("its manifest names no Main-Dalf")
	}

	names := []string{headers["Main-Dalf"]}
	seen := map[string]bool{names[0]: true}

	for name := range strings.SplitSeq(headers["Dalfs"], ",") {
		if name = strings.TrimSpace(name); name != "" && !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}

	return names, nil
}

// identify reads a package's name, version and id from its file name, name-version-id.dalf. A file without an id in
// its name gets its hash as the id.
func identify(name string, content []byte) stored {
	bare := strings.TrimSuffix(path.Base(name), dalfSuffix)

	rest, id := cutLast(bare)
	if !isPackageID(id) {
		sum := sha256.Sum256(content)
		rest, id = bare, hex.EncodeToString(sum[:])
	}

	p := Package{ID: id}

	if front, version := cutLast(rest); isVersion(version) {
		p.Name, p.Version = front, version
	} else {
		p.Name = rest
	}

	return stored{Package: p, archive: content}
}

func cutLast(text string) (before, after string) {
	if i := strings.LastIndexByte(text, '-'); i >= 0 {
		return text[:i], text[i+1:]
	}

	return text, ""
}

func isVersion(text string) bool {
	outside := func(r rune) bool { return (r < '0' || r > '9') && r != '.' }

	return text != "" && !strings.ContainsFunc(text, outside)
}
