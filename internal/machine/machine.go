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

// Where proc(5) has ppid, and utime, stime, cutime and cstime in clock ticks, counted from 0 after the program's name.
const (
	parentField      = 1
	userField        = 11
	systemField      = 12
	endedUserField   = 13
	endedSystemField = 14
)

// UsageOf reads what a running process has used, from proc(5).
func UsageOf(pid int) (Usage, error) {
	var u Usage

	s, err := statOf(pid)
	if err != nil {
		return u, err
	}

	u.CPU = s.own

	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return u, fmt.Errorf("read usage: %w", err)
	}

	u.Resident, u.Peak = kilobytes(status, "VmRSS:"), kilobytes(status, "VmHWM:")

	return u, nil
}

// FamilyTime is the processor time of a running process and of all that descend from it, those that have ended
// included: for programs of many processes, as PostgreSQL is.
func FamilyTime(pid int) (time.Duration, error) {
	s, err := statOf(pid)
	if err != nil {
		return 0, err
	}

	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, fmt.Errorf("read usage: %w", err)
	}

	children := map[int][]int{}
	times := map[int]time.Duration{pid: s.own + s.ended}

	for _, e := range entries {
		child, err := strconv.Atoi(e.Name())
		if err != nil || child == pid {
			continue
		}

		s, err := statOf(child)
		if err != nil {
			continue // it has ended meanwhile; its parent's times have it
		}

		times[child] = s.own + s.ended
		children[s.parent] = append(children[s.parent], child)
	}

	var sum time.Duration

	for next := []int{pid}; len(next) > 0; next = next[1:] {
		sum += times[next[0]]
		next = append(next, children[next[0]]...)
	}

	return sum, nil
}

// stat is what proc(5) tells in stat: own is the process's time, ended that of its children that have ended.
type stat struct {
	parent     int
	own, ended time.Duration
}

func statOf(pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}, fmt.Errorf("read usage: %w", err)
	}

	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) <= endedSystemField {
		return stat{}, errors.New("read usage: unknown format of /proc stat")
	}

	ticks := func(first, second int) time.Duration {
		a, _ := strconv.ParseInt(fields[first], 10, 64)
		b, _ := strconv.ParseInt(fields[second], 10, 64)

		return time.Duration(a+b) * time.Second / clockTicks
	}

	s := stat{own: ticks(userField, systemField), ended: ticks(endedUserField, endedSystemField)}
	s.parent, _ = strconv.Atoi(fields[parentField])

	return s, nil
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
