// Package intake is Multi-Step Deposit Automation: it decides which offers to the treasury are accepted, and accepts
// them.
//
// A dispatcher has package deposit decide what is new or has changed, stores the verdicts, and takes up what is due.
// Workers carry each offer as far as it goes: ask the registry, have the node prepare, check, sign, write down, submit.
// An offer's contract is consumed by whatever answers it, so that it is answered once however often that is tried, and
// by how many. Its end is history's to tell: ingestion closes the verdict in the transaction that stores the end, and
// credits the money. So an offer that is gone is no error, and what the node says only says when to look again.
package intake
