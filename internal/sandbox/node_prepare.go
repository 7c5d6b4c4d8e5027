package sandbox

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
	"github.com/canton-exchange/suite/internal/sandbox/cantonerr"
	"github.com/canton-exchange/suite/internal/signing"
)

// Bounds of requests and answers of interactive submission.
const (
	maxCommandID   = 255
	maxReadAs      = 100
	maxDisclosed   = 1_000
	responseCost   = 900 // of the confirmation's answer, in bytes of traffic; free since Splice 0.5.10, told all the same
	maxUserID      = 128
	defaultHashing = "HASHING_SCHEME_VERSION_V2"
)

// submissionHead is what prepare and the commands of local parties have in common.
type submissionHead struct {
	UserID       string               `json:"userId"`
	CommandID    string               `json:"commandId"`
	Commands     []commandJSON        `json:"commands"`
	ActAs        []ident.Party        `json:"actAs"`
	ReadAs       []ident.Party        `json:"readAs"`
	Disclosed    []disclosedJSON      `json:"disclosedContracts"`
	Synchronizer ident.SynchronizerID `json:"synchronizerId"`
}

type disclosedJSON struct {
	Template     string               `json:"templateId"`
	Contract     ident.ContractID     `json:"contractId"`
	Blob         []byte               `json:"createdEventBlob"`
	Synchronizer ident.SynchronizerID `json:"synchronizerId"`
}

type prepareRequest struct {
	submissionHead

	MinLedgerTime *minLedgerTime `json:"minLedgerTime"`
	MaxRecordTime *time.Time     `json:"maxRecordTime"`
	Scheme        string         `json:"hashingSchemeVersion"`
	Verbose       bool           `json:"verboseHashing"`
	Estimate      *struct {
		Disabled bool `json:"disabled"`
	} `json:"estimateTrafficCost"`
}

type prepareResponse struct {
	Transaction []byte    `json:"preparedTransaction"`
	Hash        []byte    `json:"preparedTransactionHash"`
	Scheme      string    `json:"hashingSchemeVersion"`
	Details     *string   `json:"hashingDetails"`
	Cost        *costJSON `json:"costEstimation,omitempty"`
}

type costJSON struct {
	At       instant `json:"estimationTimestamp"`
	Request  int64   `json:"confirmationRequestTrafficCostEstimation"`
	Response int64   `json:"confirmationResponseTrafficCostEstimation"`
	Total    int64   `json:"totalTrafficCostEstimation"`
}

// check bounds what a client asks for, and names the user if the request leaves that to the token.
func (h *submissionHead) check(claims *admin.Claims) error {
	if err := userOf(&h.UserID, claims); err != nil {
		return err
	}

	switch {
	case h.CommandID == "":
		return cantonerr.Missing("command_id")
	case len(h.CommandID) > maxCommandID:
		return cantonerr.Field("command_id is longer than %d characters", maxCommandID)
	case len(h.ActAs) == 0:
		return cantonerr.Missing("act_as")
	case len(h.ActAs)+len(h.ReadAs) > maxReadAs:
		return cantonerr.Argument("%d parties, at most %d", len(h.ActAs)+len(h.ReadAs), maxReadAs)
	case len(h.Disclosed) > maxDisclosed:
		return cantonerr.Argument("%d disclosed contracts, at most %d", len(h.Disclosed), maxDisclosed)
	}

	for _, party := range append(append([]ident.Party{}, h.ActAs...), h.ReadAs...) {
		if _, err := ident.ParseParty(string(party)); err != nil {
			return cantonerr.Field("%s", err)
		}
	}

	return nil
}

// userOf is the user of a request: the token's, which the request may repeat.
func userOf(given *string, claims *admin.Claims) error {
	own := claims.UserID()

	switch {
	case len(*given) > maxUserID:
		return cantonerr.Field("user_id is longer than %d characters", maxUserID)
	case *given == "" && own == "":
		return cantonerr.Argument("The submitted request is missing a user-id")
	case *given == "":
		*given = own
	case own != "" && *given != own && !claims.AnyUser():
		return cantonerr.PermissionDenied()
	}

	return nil
}

func (v *Validator) postPrepare(w http.ResponseWriter, r *http.Request) {
	var req prepareRequest
	if !v.read(w, r, &req) {
		return
	}

	answer, err := v.prepare(r, &req)
	if err != nil {
		v.fail(w, r, err)

		return
	}

	v.answer(w, r, http.StatusOK, answer)
}

func (v *Validator) prepare(r *http.Request, req *prepareRequest) (*prepareResponse, error) {
	claims := admin.ClaimsOf(r.Context())
	if err := req.check(claims); err != nil {
		return nil, err
	}

	for _, party := range append(append([]ident.Party{}, req.ActAs...), req.ReadAs...) {
		if !claims.ReadAs(party) {
			return nil, cantonerr.PermissionDenied()
		}
	}

	scheme, err := v.scheme(req.Scheme)
	if err != nil {
		return nil, err
	}

	if len(req.Commands) != 1 {
		return nil, cantonerr.Argument("Preparing multiple commands is currently not supported: %d commands",
			len(req.Commands))
	}

	commands, err := v.commands(req.Commands)
	if err != nil {
		return nil, err
	}

	lie := v.lieFor(r, req, commands[0])

	prepared, cost, err := lie.interpret(req, commands[0])
	if err != nil {
		return nil, rejection(err)
	}

	hash, err := lie.hash(prepared, scheme)
	if err != nil {
		return nil, cantonerr.Invalid("FAILED_TO_PREPARE_TRANSACTION", "%s", err)
	}

	answer := &prepareResponse{
		Transaction: signing.Encode(prepared), Hash: hash[:], Scheme: scheme.String(),
	}

	if !lie.isTold() {
		v.handed.put(preparedBytes{raw: answer.Transaction, prepared: prepared, scheme: scheme, hash: hash})
	}

	if v.cfg.Version.atLeast(V34) && (req.Estimate == nil || !req.Estimate.Disabled) {
		answer.Cost = &costJSON{
			At: instant(prepared.Metadata.PreparationTime.Time()), Request: cost, Response: responseCost,
			Total: cost + responseCost,
		}
	}

	return answer, nil
}

// scheme is the hashing scheme that a client asks for: V2 unless it says otherwise, V3 from protocol version 35 on.
func (v *Validator) scheme(name string) (signing.Scheme, error) {
	if name == "" || name == "HASHING_SCHEME_VERSION_UNSPECIFIED" {
		name = defaultHashing
	}

	scheme, err := signing.ParseScheme(name)
	if err != nil {
		return scheme, cantonerr.Field("hashing_scheme_version: %s", err)
	}

	if scheme != signing.V2 && !v.cfg.Version.atLeast(V35) {
		return scheme, cantonerr.Argument("Hashing scheme version %s is not supported on protocol version 34", scheme)
	}

	return scheme, nil
}

// interpret builds the transaction of a command without putting it on the ledger, bent if a lie bends it. It also tells
// what it would cost.
func (v *Validator) interpret(
	req *prepareRequest, cmd command, bend func(*transaction) error,
) (signing.Prepared, int64, error) {
	v.mu.Lock()
	defer v.mu.Unlock()

	if err := v.ready(); err != nil {
		return signing.Prepared{}, 0, err
	}

	at, err := v.preparationTime(req.MinLedgerTime)
	if err != nil {
		return signing.Prepared{}, 0, err
	}

	for _, party := range req.ActAs {
		if state, ok := v.parties[party]; !ok || len(state.keys.Keys) == 0 {
			return signing.Prepared{}, 0, cantonerr.NotFound("UNKNOWN_SUBMITTERS",
				"Submitters are unknown or not external parties: %s", party)
		}
	}

	t, err := v.attempt(&req.submissionHead, at, cmd)
	if err != nil {
		return signing.Prepared{}, 0, err
	}

	if bend != nil {
		if err := bend(t); err != nil {
			return signing.Prepared{}, 0, err
		}
	}

	meta := signing.Metadata{
		ActAs: t.submitters, CommandID: req.CommandID, SynchronizerID: t.home.physical(v.cfg.Version),
		TransactionUUID: v.newUUID(), PreparationTime: signing.TimestampOf(at), MediatorGroup: mediatorGroup,
	}

	if req.MaxRecordTime != nil {
		meta.MaxRecordTime = optionalStamp(micros(*req.MaxRecordTime))
	}

	prepared, err := t.prepared(meta)

	return prepared, t.trafficCost(), err
}

func (s *Sandbox) newUUID() string {
	raw := s.newSeed()

	id, err := uuid.FromBytes(raw[:16])
	if err != nil {
		return "" // 16 bytes are always one
	}

	// Version 4, variant 1 (RFC 9562).
	const version, versionMask, variant, variantMask = 0x40, 0x0f, 0x80, 0x3f
	id[6], id[8] = id[6]&versionMask|version, id[8]&variantMask|variant

	return id.String()
}

// ready brings the network up to date before anything is built on it.
func (v *Validator) ready() error {
	switch {
	case v.replay:
		return ErrReplay
	case v.stopped:
		return ErrClosed
	}

	if len(v.lost) > 0 {
		v.advance()
	}

	return v.rotate()
}
