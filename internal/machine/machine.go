// Package machine tells programs that measure what they measure on, and what a process has used. It needs Linux.
package machine

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// Usage is what a process has used.
type Usage struct {
	CPU      time.Duration
	Resident int64 // bytes now
	Peak     int64 // bytes
}

// clockTicks is the kernel's USER_HZ, 100 on every Linux that Go runs on.
const clockTicks = 100

// Where proc(5) has utime and stime, in clock ticks, counted from 0 after the program's name.
const (
	userField   = 11
	systemField = 12
)

// UsageOf reads what a running process has used, from proc(5).
func UsageOf(pid int) (Usage, error) {
	var u Usage

	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return u, fmt.Errorf("read usage: %w", err)
	}

	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= systemField {
		return u, errors.New("read usage: unknown format of /proc stat")
	}

	user, _ := strconv.ParseInt(fields[userField], 10, 64)
	system, _ := strconv.ParseInt(fields[systemField], 10, 64)
	u.CPU = time.Duration(user+system) * time.Second / clockTicks

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("read usage: %w", err)
	}

	u.Resident, u.Peak = kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")

	return u, nil
}

func kilobytes(status []byte, key string) int64 {
	_, after, _ := bytes.Cut(status, []byte(key))
	fields := bytes.Fields(after)

	if len(fields) == 0 {
		return 0
	}

	n, _ := strconv.ParseInt(string(fields[0]), 10, 64)

	return n << 10
}

// Description says what figures were measured on.
func Description() string {
	model := "unknown processor"

	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, after, ok := bytes.Cut(info, []byte("model name\t: ")); ok {
			line, _, _ := bytes.Cut(after, []byte("\n"))
			model = string(line)
		}
	}

	return fmt.Sprintf("%d cores of %s, %s/%s, %s",
		runtime.NumCPU(), model, runtime.GOOS, runtime.GOARCH, runtime.Version())
}
