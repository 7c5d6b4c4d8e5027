package weather

import (
	"bytes"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// contexts ends the path at which a registry is asked how an offer is accepted.
const contexts = "/choice-contexts/accept"

const typeJSON = "application/json"

// contractID is one, somewhere in an answer.
var contractID = regexp.MustCompile(`"00[0-9a-f]{64,}"`)

// lie makes something else of what a registry says. last is what it said of another offer; empty before there was one.
type lie struct {
	name string
	tell func(honest, last []byte) said
}

// lies are what registries say that are broken, or not honest.
func lies() []lie {
	return []lie{
		{"another offer's context", func(honest, last []byte) said {
			if len(last) == 0 {
				last = honest
			}

			return fine(last)
		}},
		{"a contract that nobody knows", func(honest, _ []byte) said {
			return fine(contractID.ReplaceAll(honest, []byte(`"00`+strings.Repeat("ab", 66)+`"`)))
		}},
		{"nothing disclosed", func(honest, _ []byte) said {
			before, _, _ := bytes.Cut(honest, []byte(`"disclosedContracts":`))

			return fine(append(bytes.Clone(before), `"disclosedContracts":[]}`...))
		}},
		{"half an answer", func(honest, _ []byte) said { return fine(honest[:len(honest)/2]) }},
		{"a page for people", func([]byte, []byte) said {
			return said{http.StatusOK, "text/html", []byte("<!doctype html><title>Welcome</title>")}
		}},
		{"another shape", func([]byte, []byte) said { return fine([]byte(`{"choiceContextData":5,"disclosedContracts":{}}`)) }},
		{"more than anybody reads", func([]byte, []byte) said {
			return fine([]byte(`{"choiceContextData":{"values":{"` + strings.Repeat("x", 9<<20) + `":{"tag":"AV_Text","value":""}}},"disclosedContracts":[]}`))
		}},
		{"no such offer", func([]byte, []byte) said {
			return said{http.StatusNotFound, typeJSON, []byte(`{"error":"transfer instruction not found"}`)}
		}},
		{"this offer is not to be accepted", func([]byte, []byte) said {
			return said{http.StatusBadRequest, typeJSON, []byte(`{"error":"the receiver may not hold this token"}`)}
		}},
	}
}

func fine(body []byte) said { return said{http.StatusOK, typeJSON, body} }

// misleads says what becomes of the next question to a registry: not at all, honest, or the lie of this number.
func (m *Meddler) misleads() (asked bool, number int) {
	m.mu.Lock()
	defer m.mu.Unlock()

	if m.now.Misleads == 0 {
		return false, 0
	}

	if m.rng.IntN(m.now.Misleads) > 0 {
		return true, -1
	}

	number = m.rng.IntN(len(lies()))
	m.done["misleads: "+lies()[number].name]++

	return true, number
}

// context asks a registry how an offer is accepted, and perhaps says something else.
func (m *Meddler) context(w http.ResponseWriter, r *http.Request) {
	asked, number := m.misleads()
	if !asked {
		m.next.ServeHTTP(w, r)

		return
	}

	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "Bad Gateway", http.StatusBadGateway)

		return
	}

	heard := m.pass(r, body)
	honest := said{heard.Code, heard.Header().Get("Content-Type"), heard.Body.Bytes()}

	if honest.status != http.StatusOK {
		answer(w, honest)

		return
	}

	m.mu.Lock()
	last := m.last
	m.last = honest.body
	m.mu.Unlock()

	if number >= 0 {
		honest = lies()[number].tell(honest.body, last)
	}

	answer(w, honest)
}
