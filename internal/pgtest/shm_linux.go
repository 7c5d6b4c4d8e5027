package pgtest

import "syscall"

const (
	sharedMemory = "/dev/shm"
	// sharedMemoryNeeded is what a test cluster with a few dozen cloned databases and its log may take. Containers
	// often have 64 MiB only.
	sharedMemoryNeeded = 1 << 30
)

// memoryDirectory is a directory in memory with room for a cluster, or empty.
func memoryDirectory() string {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(sharedMemory, &stat); err != nil || stat.Bsize <= 0 {
		return ""
	}

	if stat.Bavail < sharedMemoryNeeded/uint64(stat.Bsize) {
		return ""
	}

	return sharedMemory
}
