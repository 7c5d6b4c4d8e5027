// Package fault decides when the sandbox misbehaves, and leaves how to whoever asks.
//
// A Plan holds rules. Code that could fail asks it at the place where it could (Take), or looks now and then at
// what is due (Due). Every decision follows from the plan's seed and the rule's own sequence of chances: the same
// seed and the same chances give the same failures, whatever other rules there are.
package fault
