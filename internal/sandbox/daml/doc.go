// Package daml knows Daml's types: it reads JSON as a validator node reads it, into the typed values that transactions
// are hashed over, and writes those values as a node prints them.
//
// The encoding is Daml-LF JSON. It cannot be read without the type: a number, a time and a text are all strings, and a
// record's fields have an order that the object does not show.
package daml
