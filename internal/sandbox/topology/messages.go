package topology

import (
	"fmt"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/signing"
	"github.com/canton-exchange/suite/internal/strictjson"
)

// GenerateRequest is the body of POST /v2/parties/external/generate-topology.
type GenerateRequest struct {
	Synchronizer                    string    `json:"synchronizer"`
	PartyHint                       string    `json:"partyHint"`
	PublicKey                       PublicKey `json:"publicKey"`
	LocalParticipantObservationOnly bool      `json:"localParticipantObservationOnly"`
	OtherConfirmingParticipantUIDs  []string  `json:"otherConfirmingParticipantUids"`
	ConfirmationThreshold           int32     `json:"confirmationThreshold"`
	ObservingParticipantUIDs        []string  `json:"observingParticipantUids"`
}

// PublicKey is a key as the Ledger API writes it (SigningPublicKey).
type PublicKey struct {
	Format signing.KeyFormat `json:"format"`
	Data   []byte            `json:"keyData"`
	Spec   signing.KeySpec   `json:"keySpec"`
}

// GenerateResponse is the answer of POST /v2/parties/external/generate-topology.
type GenerateResponse struct {
	PartyID              ident.Party         `json:"partyId"`
	PublicKeyFingerprint signing.Fingerprint `json:"publicKeyFingerprint"`
	TopologyTransactions [][]byte            `json:"topologyTransactions"`
	MultiHash            []byte              `json:"multiHash"`
}

// AllocateRequest is the body of POST /v2/parties/external/allocate.
type AllocateRequest struct {
	Synchronizer           string              `json:"synchronizer"`
	OnboardingTransactions []SignedTransaction `json:"onboardingTransactions"`
	MultiHashSignatures    []Signature         `json:"multiHashSignatures"`
	IdentityProviderID     string              `json:"identityProviderId"`
	// WaitForAllocation and UserID exist from 3.5 on; an older node knows neither.
	WaitForAllocation *bool  `json:"waitForAllocation,omitempty"`
	UserID            string `json:"userId,omitempty"`
}

// SignedTransaction is one transaction of an AllocateRequest, with the signatures over it alone.
type SignedTransaction struct {
	Transaction []byte      `json:"transaction"`
	Signatures  []Signature `json:"signatures"`
}

// Signature is a signature as the Ledger API writes it, here and in the partySignatures of a submission. It converts
// to a signing.Signature.
type Signature struct {
	Format    signing.SignatureFormat `json:"format"`
	Algorithm signing.Algorithm       `json:"signingAlgorithmSpec"`
	SignedBy  signing.Fingerprint     `json:"signedBy"`
	Bytes     []byte                  `json:"signature"`
}

// AllocateResponse is the answer of POST /v2/parties/external/allocate.
type AllocateResponse struct {
	PartyID ident.Party `json:"partyId"`
}

// ParseGenerate reads a GenerateRequest from a body whose size the caller bounds. Members that it does not know are
// passed over, as members that a newer release added.
func ParseGenerate(body []byte) (GenerateRequest, error) {
	var r GenerateRequest

	if err := strictjson.Decode(body, &r); err != nil {
		return GenerateRequest{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	if _, err := ident.ParseSynchronizerID(r.Synchronizer); err != nil {
		return GenerateRequest{}, fmt.Errorf("%w: synchronizer: %w", ErrInvalid, err)
	}

	if r.ConfirmationThreshold < 0 {
		return GenerateRequest{}, fmt.Errorf("%w: confirmation threshold %d", ErrInvalid, r.ConfirmationThreshold)
	}

	return r, nil
}

// Request is what the node with this id is asked to generate.
func (r GenerateRequest) Request(local ident.ParticipantID, style Style) (Request, error) {
	key, err := signing.ParsePublicKey(r.PublicKey.Spec, r.PublicKey.Format, r.PublicKey.Data)
	if err != nil {
		return Request{}, fmt.Errorf("%w: public key: %w", ErrInvalid, err)
	}

	return Request{
		Key: key, Hint: r.PartyHint, Local: local, LocalObserves: r.LocalParticipantObservationOnly,
		Confirming: participants(r.OtherConfirmingParticipantUIDs), Observing: participants(r.ObservingParticipantUIDs),
		Threshold: uint32(max(r.ConfirmationThreshold, 0)), Style: style,
	}, nil
}

// participants are the ids as they came; Generate checks them.
func participants(uids []string) []ident.ParticipantID {
	ids := make([]ident.ParticipantID, 0, len(uids))
	for _, uid := range uids {
		ids = append(ids, ident.ParticipantID(uid))
	}

	return ids
}

// Response is the node's answer.
func (g Generated) Response() GenerateResponse {
	return GenerateResponse{
		PartyID: g.Party, PublicKeyFingerprint: g.Fingerprint,
		TopologyTransactions: g.Transactions, MultiHash: g.MultiHash[:],
	}
}

// ParseAllocate reads an AllocateRequest from a body whose size the caller bounds. Members that it does not know are
// passed over.
func ParseAllocate(body []byte) (AllocateRequest, error) {
	var r AllocateRequest

	if err := strictjson.Decode(body, &r); err != nil {
		return AllocateRequest{}, fmt.Errorf("%w: %w", ErrInvalid, err)
	}

	if _, err := ident.ParseSynchronizerID(r.Synchronizer); err != nil {
		return AllocateRequest{}, fmt.Errorf("%w: synchronizer: %w", ErrInvalid, err)
	}

	if n := len(r.OnboardingTransactions); n == 0 || n > signing.MaxTopologyTransactions {
		return AllocateRequest{}, fmt.Errorf("%w: %d onboarding transactions, want 1 to %d",
			ErrInvalid, n, signing.MaxTopologyTransactions)
	}

	if len(r.UserID) > maxUserID || len(r.IdentityProviderID) > maxIdentityProvider {
		return AllocateRequest{}, fmt.Errorf("%w: user id or identity provider id too long", ErrInvalid)
	}

	return r, nil
}

// Wait says whether the answer is given only once the party is on the ledger, which is the default.
func (r AllocateRequest) Wait() bool { return r.WaitForAllocation == nil || *r.WaitForAllocation }

// Signed says whether there is any signature to verify. The second node that hosts a party may be told of it without,
// and then calls Read.
func (r AllocateRequest) Signed() bool {
	for _, t := range r.OnboardingTransactions {
		if len(t.Signatures) > 0 {
			return true
		}
	}

	return len(r.MultiHashSignatures) > 0
}

// Read is the onboarding that is asked for, whoever signed it.
func (r AllocateRequest) Read() (Onboarding, error) {
	raw := make([][]byte, 0, len(r.OnboardingTransactions))
	for _, t := range r.OnboardingTransactions {
		raw = append(raw, t.Transaction)
	}

	return Read(raw)
}

// Verify is the onboarding that is asked for, if its signatures authorize it.
func (r AllocateRequest) Verify() (Onboarding, error) {
	transactions := make([]Transaction, 0, len(r.OnboardingTransactions))
	for _, t := range r.OnboardingTransactions {
		transactions = append(transactions, Transaction{Raw: t.Transaction, Signatures: Signatures(t.Signatures)})
	}

	return Verify(transactions, Signatures(r.MultiHashSignatures))
}

// Signatures converts a list of signatures. What Verify and CheckSubmission take is bounded by MaxSignatures.
func Signatures(list []Signature) []signing.Signature {
	out := make([]signing.Signature, 0, len(list))
	for _, s := range list {
		out = append(out, signing.Signature(s))
	}

	return out
}
