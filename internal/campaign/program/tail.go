package program

import (
	"bytes"
	"sync"
)

// tailBytes is how much of a program's log is kept.
const tailBytes = 64 << 10

// tail keeps the end of a log.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()

	t.kept = append(t.kept, p...)
	if extra := len(t.kept) - tailBytes; extra > 0 {
		t.kept = append(t.kept[:0], t.kept[extra:]...)
	}

	return len(p), nil
}

// String is what was kept.
func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()

	return string(t.kept)
}

// complaint is the first line of the log with one of these texts; empty if there is none.
func (t *tail) complaint(never []string) string {
	t.mu.Lock()
	defer t.mu.Unlock()

	for line := range bytes.Lines(t.kept) {
		for _, text := range never {
			if bytes.Contains(line, []byte(text)) {
				return string(bytes.TrimSpace(line))
			}
		}
	}

	return ""
}
