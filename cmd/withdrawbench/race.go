package main

import "context"

func (b *bench) race(context.Context) error { return nil }
