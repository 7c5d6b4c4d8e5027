// Package intent decides whether signing a prepared transaction does exactly what was asked for, and says in plain
// words what a prepared transaction does.
//
// Who signs a hash that a validator node computed signs whatever the node made of the command. Package signing makes
// sure that every byte is read and hashed; this package judges what was read. Check compares it with a Request: the
// metadata, the one root action with all its arguments, and every effect below it. Nothing is taken from the names of
// nested choices or from what a choice says it did. The effects of a transaction are the contracts that it makes and
// the contracts that it archives, and each of them must be explained by the request:
//
//   - a contract of ours that is archived is one of the holdings we chose, or the money behind the offer we withdraw;
//   - a holding that is made is the receiver's, of exactly the amount, or what we get back, of exactly the rest;
//   - a contract that carries our signature is such a holding, or the offer with the transfer unchanged;
//   - anything else that is made binds somebody else.
//
// A registry's own contracts, its context, and by-products that we do not sign are free: a registry may change them on
// any day. Whatever else cannot be explained is refused. All mismatches are collected, so that an alarm shows what a
// node tried.
//
// What this check leaves to the ledger, where every confirming node interprets the root action again: ids and seeds,
// package hashes, what contracts of others say, arguments and results of nested choices, who else sees them. None of
// it can change the effects that are judged here, because these are part of the signed hash as well.
//
// Describe needs no request. It is what a person reads before a cold key signs, and what goes into a log.
//
// A prepared transaction carries no interface views, so holdings are read from their templates' own records: Canton
// Coin, the Utility registry, and templates that write the fields of the standard's view as they are. A token whose
// holdings have another form cannot be signed for until its form is added here.
//
// The package is pure: values in, values out, and the time is given. Comparing the hash is not its business.
//
// Protocol facts: CIP-0056 (token standard V1) for interfaces, choices, records and results; CIP-0078 (no fees),
// CIP-0107 and CIP-0112 for what newer Canton Coin transactions contain. The records of templates are those of
// prepared transactions that were published, and of the Splice project's splice-amulet and splice-wallet.
package intent
