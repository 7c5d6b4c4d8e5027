// Package payout is Withdrawal Automation: it pays the withdrawals that are in the database, each at most once.
//
// A dispatcher gives holdings to what waits, one token after the other with the treasury locked, and takes up what is
// due. Workers carry each job as far as it goes: ask the registry, have the node prepare, decode, hash and check, sign,
// write down, submit. Nobody waits for the ledger: ingested history moves a withdrawal on, in ingestion's own
// transaction, and a worker looks again only when that has not happened for a while.
//
// What to do at any moment is decided by package withdrawal out of the database's row. Nothing is remembered between
// two jobs, so that a killed process, a lost reply and a second instance are the same case. Nothing but history and
// record time ends an attempt that was submitted (store.BuryAttempt).
package payout
