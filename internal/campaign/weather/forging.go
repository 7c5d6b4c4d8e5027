package weather

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// forgeries are other requests to prepare than the one that was made. Each reports whether it could be made of this one.
func forgeries() []forgery {
	return []forgery{
		{"another choice", func(c command, _ map[string]any, _ string) bool {
			swap := map[any]string{accepts: rejects, rejects: accepts}

			other, ok := swap[c["choice"]]
			if ok {
				c["choice"] = other
			}

			return ok
		}},
		{"another offer", func(c command, _ map[string]any, last string) bool {
			ok := last != "" && last != c["contractId"] && (c["choice"] == accepts || c["choice"] == rejects)
			if ok {
				c["contractId"] = last
			}

			return ok
		}},
		{"another time", func(_ command, r map[string]any, _ string) bool {
			at, err := time.Parse(time.RFC3339Nano, text(r["maxRecordTime"]))
			if err == nil {
				r["maxRecordTime"] = at.Add(time.Hour).Format(time.RFC3339Nano)
			}

			return err == nil
		}},
		{"another name", func(_ command, r map[string]any, _ string) bool {
			r["commandId"] = text(r["commandId"]) + "0"

			return true
		}},
	}
}

const (
	accepts = "TransferInstruction_Accept"
	rejects = "TransferInstruction_Reject"
)

// command is the only one of a request.
type command = map[string]any

type forgery struct {
	name string
	make func(c command, request map[string]any, last string) bool
}

func text(value any) string {
	s, _ := value.(string)

	return s
}

// prepare has something else prepared than was asked for. Whoever signs it is seen when it is handed in.
func (m *Meddler) prepare(w http.ResponseWriter, r *http.Request) {
	m.mu.Lock()
	forges, luck := m.now.Forges > 0 && m.rng.IntN(max(1, m.now.Forges)) == 0, m.rng.IntN(len(forgeries()))
	m.mu.Unlock()

	if !forges {
		m.next.ServeHTTP(w, r)

		return
	}

	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)

		return
	}

	forged, name := m.forge(body, luck)
	heard := m.pass(r, forged)

	if name != "" && heard.Code == http.StatusOK {
		m.note("forges "+name, heard.Body.Bytes())
	}

	answer(w, said{heard.Code, heard.Header().Get("Content-Type"), heard.Body.Bytes()})
}

// forge makes another request of one: the first way from a random one on that is possible.
func (m *Meddler) forge(body []byte, luck int) (forged []byte, name string) {
	var request map[string]any
	if json.Unmarshal(body, &request) != nil {
		return body, ""
	}

	list, _ := request["commands"].([]any)
	if len(list) != 1 {
		return body, ""
	}

	wrapped, _ := list[0].(map[string]any)
	exercise, _ := wrapped["ExerciseCommand"].(map[string]any)
	contract := text(exercise["contractId"])

	m.mu.Lock()
	last := m.contract

	if choice := text(exercise["choice"]); choice == accepts || choice == rejects {
		m.contract = contract
	}
	m.mu.Unlock()

	ways := forgeries()
	for _, way := range slices.Concat(ways[luck:], ways[:luck]) {
		if !way.make(exercise, request, last) {
			continue
		}

		if forged, err := json.Marshal(request); err == nil {
			return forged, way.name
		}
	}

	return body, ""
}

// note remembers a forgery that was prepared.
func (m *Meddler) note(name string, prepared []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()

	m.done[name]++
	m.forged[transactionOf(prepared)] = true
}

// caught notes a request to execute what was forged: somebody has signed it.
func (m *Meddler) caught(request []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.forged[transactionOf(request)] {
		m.done[Signed]++
	}
}

// Signed is what Counts calls forgeries that were signed.
const Signed = "forgeries that were signed"

// transactionOf is the prepared transaction in a request or an answer.
func transactionOf(body []byte) [sha256.Size]byte {
	var has struct {
		Transaction string `json:"preparedTransaction"`
	}

	_ = json.Unmarshal(body, &has) // what has none is like no other

	return sha256.Sum256([]byte(strings.TrimSpace(has.Transaction)))
}
