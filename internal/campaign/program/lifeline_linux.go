package program

import "syscall"

// dieWithUs ends a child that outlives a killed campaign: ingestion never ends by itself.
func dieWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
