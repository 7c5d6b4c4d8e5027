package main

import "context"

func (b *bench) memory(context.Context) error { return nil }
