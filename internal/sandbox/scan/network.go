package scan

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/registry/offledger"
)

// maxListed bounds lists that the documents do not page.
const maxListed = 1000

func (a *api) getDSOParty(*http.Request) (any, error) {
	return struct {
		DSO ident.Party `json:"dso_party_id"`
	}{a.ledger.Network().DSO}, nil
}

func (a *api) getDSO(*http.Request) (any, error) {
	network, rules, rounds := a.ledger.Network(), a.ledger.Rules(), a.ledger.Rounds()
	if len(rounds.Open) == 0 {
		return nil, fmt.Errorf("%w: no mining round is open", offledger.ErrUnavailable)
	}

	return struct {
		User      string      `json:"sv_user"`
		SV        ident.Party `json:"sv_party_id"`
		DSO       ident.Party `json:"dso_party_id"`
		Threshold int         `json:"voting_threshold"`
		Round     withState   `json:"latest_mining_round"`
		Amulet    withState   `json:"amulet_rules"`
		Rules     withState   `json:"dso_rules"`
		Nodes     []withState `json:"sv_node_states"`
	}{
		User: "sv", SV: network.SV, DSO: network.DSO, Threshold: 1, // the one super validator decides alone
		Round: stateOf(rounds.Open[len(rounds.Open)-1]), Amulet: stateOf(rules.Amulet), Rules: stateOf(rules.DSO),
		Nodes: statesOf(rules.NodeStates),
	}, nil
}

func (a *api) getAmuletRules(*http.Request) (any, error) {
	return struct {
		Rules withState `json:"amulet_rules"`
	}{stateOf(a.ledger.Rules().Amulet)}, nil
}

func (a *api) postAmuletRules(r *http.Request) (any, error) {
	var body struct {
		Contract ident.ContractID     `json:"cached_amulet_rules_contract_id"`
		Domain   ident.SynchronizerID `json:"cached_amulet_rules_domain_id"`
	}

	if err := offledger.Decode(r, &body); err != nil {
		return nil, err
	}

	return struct {
		Update cached `json:"amulet_rules_update"`
	}{update(a.ledger.Rules().Amulet, body.Contract, body.Domain)}, nil
}

func (a *api) postExternalRules(r *http.Request) (any, error) {
	var body struct {
		Contract ident.ContractID     `json:"cached_external_party_amulet_rules_contract_id"`
		Domain   ident.SynchronizerID `json:"cached_external_party_amulet_rules_domain_id"`
	}

	if err := offledger.Decode(r, &body); err != nil {
		return nil, err
	}

	return struct {
		Update cached `json:"external_party_amulet_rules_update"`
	}{update(a.ledger.Rules().ExternalParty, body.Contract, body.Domain)}, nil
}

// update leaves the contract out for a client that has it and knows where it is.
func update(c Contract, known ident.ContractID, at ident.SynchronizerID) cached {
	return cachedOf(c, c.ContractID == known && c.SynchronizerID == at)
}

func (a *api) getRounds(*http.Request) (any, error) {
	rounds := a.ledger.Rounds()

	return struct {
		Open    []withState `json:"open_mining_rounds"`
		Issuing []withState `json:"issuing_mining_rounds"`
	}{statesOf(rounds.Open), statesOf(rounds.Issuing)}, nil
}

func (a *api) postRounds(r *http.Request) (any, error) {
	var body struct {
		Open    []ident.ContractID `json:"cached_open_mining_round_contract_ids"`
		Issuing []ident.ContractID `json:"cached_issuing_round_contract_ids"`
	}

	if err := offledger.Decode(r, &body); err != nil {
		return nil, err
	}

	rounds := a.ledger.Rounds()

	return struct {
		Fresh   int64                       `json:"time_to_live_in_microseconds"`
		Open    map[ident.ContractID]cached `json:"open_mining_rounds"`
		Issuing map[ident.ContractID]cached `json:"issuing_mining_rounds"`
	}{rounds.Fresh.Microseconds(), byID(rounds.Open, body.Open), byID(rounds.Issuing, body.Issuing)}, nil
}

func byID(contracts []Contract, known []ident.ContractID) map[ident.ContractID]cached {
	shown := make(map[ident.ContractID]cached, len(contracts))
	for _, c := range contracts {
		shown[c.ContractID] = cachedOf(c, slices.Contains(known, c.ContractID))
	}

	return shown
}

func (a *api) getNames(*http.Request) (any, error) {
	return struct {
		Network        string `json:"network_name"`
		Favicon        string `json:"network_favicon_url"`
		Amulet         string `json:"amulet_name"`
		Acronym        string `json:"amulet_name_acronym"`
		Service        string `json:"name_service_name"`
		ServiceAcronym string `json:"name_service_name_acronym"`
	}{
		Network: "Canton Sandbox", Amulet: "Canton Coin", Acronym: "CC",
		Service: "Canton Name Service", ServiceAcronym: "CNS",
	}, nil
}

// memberParticipant marks a participant among the members of a synchronizer; the others, mediators (MED), have no
// traffic here.
const memberParticipant = "PAR::"

func (a *api) getTraffic(r *http.Request) (any, error) {
	domain, err := offledger.PathText(r, "domain")
	if err != nil {
		return nil, err
	}

	member, err := offledger.PathText(r, "member")
	if err != nil {
		return nil, err
	}

	participant, ok := strings.CutPrefix(member, memberParticipant)
	if !ok {
		return nil, fmt.Errorf("%w: member %.80q: want %s…", offledger.ErrInvalid, member, memberParticipant)
	}

	traffic, err := a.ledger.Traffic(ident.SynchronizerID(domain), ident.ParticipantID(participant))
	if err != nil {
		return nil, fmt.Errorf("traffic of %.255q: %w", member, err)
	}

	type actual struct {
		Consumed int64 `json:"total_consumed"`
		Limit    int64 `json:"total_limit"`
	}

	type target struct {
		Purchased int64 `json:"total_purchased"`
	}

	type status struct {
		Actual actual `json:"actual"`
		Target target `json:"target"`
	}

	return struct {
		Status status `json:"traffic_status"`
	}{status{actual{traffic.Consumed, traffic.Limit}, target{traffic.Purchased}}}, nil
}
