package program

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Edit replaces a text that a file of this module has exactly once: a promise that a program breaks on purpose.
type Edit struct{ File, From, To string }

// errMoved means that an edit does not fit its file any more.
var errMoved = errors.New("the text must be there once: has the file changed?")

// Overlay writes the edited files into a directory, and the file that says what they replace. root is the module's.
func Overlay(root, directory string, edits []Edit) (string, error) {
	sources := map[string]string{}

	for _, e := range edits {
		path := filepath.Join(root, e.File)

		if sources[path] == "" {
			raw, err := os.ReadFile(path)
			if err != nil {
				return "", fmt.Errorf("edit: %w", err)
			}

			sources[path] = string(raw)
		}

		times := strings.Count(sources[path], e.From)
		if strings.Contains(e.File, "dbsqlc") && times == 2 { // in the comment too
			times = 1
		}

		if times != 1 {
			return "", fmt.Errorf("edit %s: %q, there %d times: %w", e.File, e.From, times, errMoved)
		}

		sources[path] = strings.ReplaceAll(sources[path], e.From, e.To)
	}

	replaced := map[string]string{}

	for path, text := range sources {
		target := filepath.Join(directory, strings.ReplaceAll(strings.TrimPrefix(path, root), string(filepath.Separator), "_"))
		if err := os.WriteFile(target, []byte(text), 0o600); err != nil {
			return "", fmt.Errorf("edit: %w", err)
		}

		replaced[path] = target
	}

	raw, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}

	overlay := filepath.Join(directory, "overlay.json")
	if err := os.WriteFile(overlay, raw, 0o600); err != nil {
		return "", fmt.Errorf("write an overlay: %w", err)
	}

	return overlay, nil
}
