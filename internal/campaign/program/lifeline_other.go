//go:build !linux

package program

import "syscall"

// dieWithUs cannot be asked for here: a killed campaign leaves its child behind.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{} }
