// Package model is what the packages on the sandbox's network declare: their templates, interfaces and choices with the
// types of every argument, result and view. A validator node reads commands with it and writes events.
//
// The interfaces of the token standard are declared as published. Of Canton Coin, whose source is not at hand, what is
// declared is what recorded transactions and documentation show, in the smallest form that a client can use; a comment
// says which fields are a guess. AcmeToken, the look-alike and the settlement application are the sandbox's own.
package model
