//go:build !linux

package pgtest

// memoryDirectory is a directory in memory with room for a cluster, or empty: only Linux has one at a known place.
func memoryDirectory() string { return "" }
