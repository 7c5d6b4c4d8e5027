// Package screening asks a service of the exchange's own whether money may be taken: sanctions, stolen coins, whatever
// the exchange looks at. One call to one URL, JSON in UTF-8, with a bearer token if one is configured:
//
//	POST {url}
//	Content-Type: application/json
//	Idempotency-Key: {depositId}
//
//	{"kind": "offer", "depositId": "0b5e…", "treasury": "treasury::1220…",
//	 "instrumentAdmin": "DSO::1220…", "instrumentId": "Amulet", "amount": "12.5",
//	 "sender": "alice::1220…", "memo": "ACC-4711", "account": "customer-4711",
//	 "executeBefore": "2026-11-26T10:30:00.000000Z", "tries": 0}
//
//	200 {"depositId": "0b5e…", "result": "passed", "detail": "case 17"}
//
// kind is offer (with executeBefore) or deposit (with updateId and recordTime). sender is null where the ledger does
// not show who sent it, memo where there is none. tries counts the answers and failures before; a question that is
// repeated without either, after a lost connection or a killed process, is the same to the byte. An offer and the
// deposit that it becomes have one depositId, and are asked about once.
//
// result is passed, doubtful (a person must look) or refused. depositId must be that of the question, so that no proxy
// and no cache can answer with somebody else's. detail may be left out. Everything else is no answer: another status,
// a redirect, another content, a duplicate member, a word that is not listed, an answer that comes late or is too
// large. Without an answer nothing is taken.
package screening
