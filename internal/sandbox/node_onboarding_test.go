package sandbox_test

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox"
	"github.com/canton-exchange/suite/internal/sandbox/topology"
	"github.com/canton-exchange/suite/internal/signing"
)

const (
	generatePath = "/v2/parties/external/generate-topology"
	allocatePath = "/v2/parties/external/allocate"
)

// generated is an answer of generate-topology.
type generated struct {
	Party        ident.Party         `json:"partyId"`
	Fingerprint  signing.Fingerprint `json:"publicKeyFingerprint"`
	Transactions [][]byte            `json:"topologyTransactions"`
	MultiHash    []byte              `json:"multiHash"`
}

func keyOf(hint string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(hint))

	return ed25519.NewKeyFromSeed(seed[:])
}

func (n *network) generateRequest(hint string) map[string]any {
	public, _ := keyOf(hint).Public().(ed25519.PublicKey)

	return map[string]any{
		"synchronizer": n.synchronizer(), "partyHint": hint, "confirmationThreshold": 1,
		"publicKey": map[string]any{
			"format": "CRYPTO_KEY_FORMAT_RAW", "keyData": []byte(public), "keySpec": "SIGNING_KEY_SPEC_EC_CURVE25519",
		},
	}
}

// allocateRequest hands in what was generated, signed by the key of the hint.
func (n *network) allocateRequest(hint string) (map[string]any, generated) {
	n.t.Helper()

	g := ok[generated](n, http.MethodPost, generatePath, n.generateRequest(hint))

	return allocation(n, g, signature(keyOf(hint), g.MultiHash, g.Fingerprint)), g
}

func allocation(n *network, g generated, signatures ...any) map[string]any {
	transactions := []any{}
	for _, raw := range g.Transactions {
		transactions = append(transactions, map[string]any{"transaction": raw})
	}

	return map[string]any{
		"synchronizer": n.synchronizer(), "identityProviderId": "", "onboardingTransactions": transactions,
		"multiHashSignatures": signatures,
	}
}

func TestTopologyIsGeneratedInTheStyleOfTheRelease(t *testing.T) {
	t.Parallel()

	for version, count := range map[sandbox.Version]int{sandbox.V33: 3, sandbox.V34: 1, sandbox.V35: 1, sandbox.V36: 1} {
		n := newBare(t, sandbox.Config{Version: version})
		request, g := n.allocateRequest("alice")
		require.Len(t, g.Transactions, count, version)

		own, err := signing.TopologyMultiHash(g.Transactions)
		require.NoError(t, err)
		require.Equal(t, own[:], g.MultiHash, version)
		require.Equal(t, "alice::"+string(g.Fingerprint), string(g.Party), version)

		n.must(http.MethodPost, allocatePath, request, nil)
		n.refusedWith(allocatePath, request, outcome{http.StatusConflict, "EXTERNAL_PARTY_ALREADY_EXISTS"})

		// It is a party like any other, and its key is good for its submissions.
		alice := &external{n: n, party: g.Party, key: keyOf("alice")}
		alice.tap("5")
		require.Equal(t, "5", n.total(g.Party, n.Amulet()), version)

		details := ok[map[string]any](n, http.MethodGet, "/v2/parties/"+url.PathEscape(string(g.Party)), nil)
		require.Equal(t, true, details["partyDetails"].([]any)[0].(map[string]any)["isLocal"])
	}
}

func TestTopologyThatIsNotGenerated(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	own := ok[map[string]string](n, http.MethodGet, "/v2/parties/participant-id", nil)["participantId"]
	invalid, unread := bad("INVALID_ARGUMENT"), bad("")

	set := func(key string, value any) func(map[string]any) {
		return func(r map[string]any) { r[key] = value }
	}
	key := func(name string, value any) func(map[string]any) {
		return func(r map[string]any) { at(r, "publicKey")[name] = value }
	}

	for name, c := range map[string]trial{
		"unknown synchronizer":    {set("synchronizer", "other::1220aa"), bad("NOT_CONNECTED_TO_SYNCHRONIZER")},
		"no synchronizer":         {set("synchronizer", ""), invalid},
		"no hint":                 {set("partyHint", ""), invalid},
		"hint with a fingerprint": {set("partyHint", "alice::1220aa"), invalid},
		"long hint":               {set("partyHint", strings.Repeat("a", 186)), invalid},
		"number as hint":          {set("partyHint", 5), unread},
		"no key":                  {set("publicKey", map[string]any{}), invalid},
		"short key":               {key("keyData", []byte("short")), invalid},
		"key of another curve":    {key("keySpec", "SIGNING_KEY_SPEC_EC_P256"), invalid},
		"unknown spec":            {key("keySpec", "SIGNING_KEY_SPEC_NONE"), invalid},
		"unknown format":          {key("format", "CRYPTO_KEY_FORMAT_PEM"), invalid},
		"negative threshold":      {set("confirmationThreshold", -1), invalid},
		"too high a threshold":    {set("confirmationThreshold", 2), invalid},
		"the node itself again":   {set("otherConfirmingParticipantUids", []any{own}), invalid},
		"a node twice":            {set("observingParticipantUids", []any{"p2::1220" + strings.Repeat("a", 64), "p2::1220" + strings.Repeat("a", 64)}), invalid},
		"no node's name":          {set("observingParticipantUids", []any{"p2"}), invalid},
		"nobody confirms":         {set("localParticipantObservationOnly", true), invalid},
	} {
		request := copied(t, n.generateRequest("alice"))
		c.change(request)

		status, kind, raw := n.call(http.MethodPost, generatePath, request)
		require.Equal(t, c.want.status, status, "%s: %s", name, raw)

		if c.want.code == "" {
			require.Contains(t, kind, "text/plain", "%s: %s", name, raw)

			continue
		}

		var r refusal

		require.NoError(t, json.Unmarshal(raw, &r), name)
		require.Equal(t, c.want.code, r.Code, "%s: %s", name, raw)
	}

	for _, body := range []string{"", "{", "[]", `{"partyHint":"a","partyHint":"b"}`, strings.Repeat("[", 20_000)} {
		status, kind, raw := n.call(http.MethodPost, generatePath, body)
		require.Equal(t, http.StatusBadRequest, status, "%s", raw)
		require.Contains(t, kind, "text/plain")
	}

	status, _, _ := n.call(http.MethodPost, generatePath, `"`+strings.Repeat("x", 11<<20)+`"`)
	require.Equal(t, http.StatusRequestEntityTooLarge, status)
}

func TestOnboardingsThatAreNotAuthorized(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	request, g := n.allocateRequest("alice")
	_, of := n.allocateRequest("bob")
	invalid := bad("INVALID_ARGUMENT")

	for name, c := range map[string]trial{
		"unknown synchronizer": {func(r map[string]any) { r["synchronizer"] = "other::1220aa" }, bad("NOT_CONNECTED_TO_SYNCHRONIZER")},
		"no transaction":       {func(r map[string]any) { r["onboardingTransactions"] = []any{} }, invalid},
		"too many":             {func(r map[string]any) { r["onboardingTransactions"] = make([]any, 51) }, invalid},
		"not a transaction":    {func(r map[string]any) { r["onboardingTransactions"] = []any{map[string]any{"transaction": "AAAA"}} }, invalid},
		"signed by a stranger": {func(r map[string]any) {
			r["multiHashSignatures"] = []any{signature(keyOf("bob"), g.MultiHash, of.Fingerprint)}
		}, invalid},
		"signed in another's name": {func(r map[string]any) {
			r["multiHashSignatures"] = []any{signature(keyOf("bob"), g.MultiHash, g.Fingerprint)}
		}, invalid},
		"another hash": {func(r map[string]any) {
			r["multiHashSignatures"] = []any{signature(keyOf("alice"), of.MultiHash, g.Fingerprint)}
		}, invalid},
		"the hash without its prefix": {func(r map[string]any) {
			r["multiHashSignatures"] = []any{signature(keyOf("alice"), g.MultiHash[2:], g.Fingerprint)}
		}, invalid},
		"a good signature and a bad one": {func(r map[string]any) {
			r["multiHashSignatures"] = append(r["multiHashSignatures"].([]any), signature(keyOf("bob"), g.MultiHash, g.Fingerprint))
		}, invalid},
		"another's transaction": {func(r map[string]any) {
			r["onboardingTransactions"] = []any{map[string]any{"transaction": of.Transactions[0]}}
		}, invalid},
		"a user that is not there": {func(r map[string]any) { r["userId"] = "nobody" }, missing("USER_NOT_FOUND")},
	} {
		changed := copied(t, request)
		c.change(changed)

		status, _, raw := n.call(http.MethodPost, allocatePath, changed)
		require.Equal(t, c.want.status, status, "%s: %s", name, raw)
		require.Contains(t, string(raw), c.want.code, name)
	}

	parties := ok[map[string]any](n, http.MethodGet, "/v2/parties?filter-party=alice", nil)["partyDetails"]
	require.Empty(t, parties)

	// Without any signature nobody says no, and nobody yes: the party does not come to be.
	unsigned := copied(t, request)
	unsigned["multiHashSignatures"] = []any{}
	n.must(http.MethodPost, allocatePath, unsigned, nil)
	require.Empty(t, ok[map[string]any](n, http.MethodGet, "/v2/parties?filter-party=alice", nil)["partyDetails"])

	// A transaction may be signed by itself too.
	hash := signing.TopologyTransactionHash(g.Transactions[0])
	each := copied(t, unsigned)
	each["onboardingTransactions"] = []any{map[string]any{
		"transaction": g.Transactions[0], "signatures": []any{signature(keyOf("alice"), hash[:], g.Fingerprint)},
	}}
	n.must(http.MethodPost, allocatePath, each, nil)
	require.Len(t, ok[map[string]any](n, http.MethodGet, "/v2/parties?filter-party=alice", nil)["partyDetails"], 1)
}

func TestPartiesOfOtherCurves(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)

	public, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)

	request := n.generateRequest("carol")
	request["publicKey"] = map[string]any{
		"format": "CRYPTO_KEY_FORMAT_DER_X509_SUBJECT_PUBLIC_KEY_INFO", "keyData": public,
		"keySpec": "SIGNING_KEY_SPEC_EC_P256",
	}
	g := ok[generated](n, http.MethodPost, generatePath, request)

	sign := func(message []byte) map[string]any {
		digest := sha256.Sum256(message)
		der, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
		require.NoError(t, err)

		return map[string]any{
			"format": "SIGNATURE_FORMAT_DER", "signature": der, "signedBy": g.Fingerprint,
			"signingAlgorithmSpec": "SIGNING_ALGORITHM_SPEC_EC_DSA_SHA_256",
		}
	}
	n.must(http.MethodPost, allocatePath, allocation(n, g, sign(g.MultiHash)), nil)

	carol := &external{n: n, party: g.Party, key: keyOf("carol")}
	p := carol.prepare(pingCommand(carol.party, n.DSO()), []any{})
	executed := carol.executeRequest(p)
	n.refusedWith(waitPath, executed, bad("INVALID_EXTERNAL_SIGNATURE"))

	list, _ := executed["partySignatures"].(map[string]any)["signatures"].([]any)
	list[0].(map[string]any)["signatures"] = []any{sign(p.Hash)}
	n.must(http.MethodPost, waitPath, executed, nil)
	require.Len(t, pings(n, n.DSO()), 1)
}

func TestUsersGetTheirPartyWithItsAllocation(t *testing.T) {
	t.Parallel()

	rights := func(n *network, user string) []any {
		answer := ok[map[string]any](n, http.MethodGet, "/v2/users/"+user+"/rights", nil)
		list, _ := answer["rights"].([]any)

		return list
	}

	for version, granted := range map[sandbox.Version]int{sandbox.V34: 0, sandbox.V35: 1} {
		n := newBare(t, sandbox.Config{Version: version})
		n.must(http.MethodPost, "/v2/users", map[string]any{
			"user": map[string]any{
				"id": "ann", "primaryParty": "", "isDeactivated": false, "identityProviderId": "",
				"metadata": map[string]any{"resourceVersion": "", "annotations": map[string]any{}},
			}, "rights": []any{},
		}, nil)

		request, _ := n.allocateRequest("alice")
		request["userId"] = "ann"
		n.must(http.MethodPost, allocatePath, request, nil)
		require.Len(t, rights(n, "ann"), granted, version)

		n.must(http.MethodPost, "/v2/parties", map[string]any{
			"partyIdHint": "local", "identityProviderId": "", "synchronizerId": "", "userId": "ann",
		}, nil)
		require.Len(t, rights(n, "ann"), granted+1, version)

		n.refusedWith("/v2/parties", map[string]any{
			"partyIdHint": "other", "identityProviderId": "", "synchronizerId": "", "userId": "nobody",
		}, missing("USER_NOT_FOUND"))
		require.Empty(t, ok[map[string]any](n, http.MethodGet, "/v2/parties?filter-party=other", nil)["partyDetails"])
	}
}

func TestLocalPartiesAndTheirAnnotations(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	allocate := func(hint string, annotations any) map[string]any {
		return map[string]any{
			"partyIdHint": hint, "identityProviderId": "", "synchronizerId": "", "userId": "",
			"localMetadata": map[string]any{"resourceVersion": "", "annotations": annotations},
		}
	}

	type answer struct {
		Details struct {
			Party    string `json:"party"`
			Local    bool   `json:"isLocal"`
			Metadata struct {
				Version     string            `json:"resourceVersion"`
				Annotations map[string]string `json:"annotations"`
			} `json:"localMetadata"`
		} `json:"partyDetails"`
	}

	made := ok[answer](n, http.MethodPost, "/v2/parties", allocate("shop", map[string]any{"a": "1"})).Details
	require.True(t, made.Local)
	require.Equal(t, map[string]string{"a": "1"}, made.Metadata.Annotations)
	require.NotEmpty(t, ok[answer](n, http.MethodPost, "/v2/parties", allocate("", nil)).Details.Party)

	n.refusedWith("/v2/parties", allocate("shop", nil), outcome{http.StatusConflict, "PARTY_ALREADY_EXISTS"})
	n.refusedWith("/v2/parties", allocate("a::b", nil), bad("INVALID_ARGUMENT"))
	n.refusedWith("/v2/parties", allocate("x", map[string]any{"big": strings.Repeat("x", 300<<10)}), bad("INVALID_ARGUMENT"))

	path := "/v2/parties/" + url.PathEscape(made.Party)
	patch := func(party, version string, annotations map[string]any, paths ...any) map[string]any {
		return map[string]any{
			"partyDetails": map[string]any{
				"party": party, "isLocal": true, "identityProviderId": "",
				"localMetadata": map[string]any{"resourceVersion": version, "annotations": annotations},
			},
			"updateMask": map[string]any{"paths": paths, "unknownFields": map[string]any{"fields": map[string]any{}}},
		}
	}

	changed := ok[answer](n, http.MethodPatch, path,
		patch(made.Party, made.Metadata.Version, map[string]any{"a": "", "b": "2"}, "local_metadata.annotations")).Details
	require.Equal(t, map[string]string{"b": "2"}, changed.Metadata.Annotations)
	require.NotEqual(t, made.Metadata.Version, changed.Metadata.Version)

	for name, c := range map[string]struct {
		path string
		body map[string]any
		want outcome
	}{
		"stale":         {path, patch(made.Party, made.Metadata.Version, nil, "local_metadata"), outcome{http.StatusConflict, "CONCURRENT_PARTY_DETAILS_UPDATE_DETECTED"}},
		"without mask":  {path, patch(made.Party, "", nil), bad("INVALID_PARTY_DETAILS_UPDATE_REQUEST")},
		"other mask":    {path, patch(made.Party, "", nil, "is_local"), bad("INVALID_PARTY_DETAILS_UPDATE_REQUEST")},
		"other party":   {path, patch(string(n.DSO()), "", nil, "local_metadata"), bad("INVALID_ARGUMENT")},
		"unknown party": {"/v2/parties/nobody::1220aa", patch("nobody::1220aa", "", nil, "local_metadata"), missing("PARTY_NOT_FOUND")},
	} {
		status, _, raw := n.call(http.MethodPatch, c.path, c.body)
		require.Equal(t, c.want.status, status, "%s: %s", name, raw)
		require.Contains(t, string(raw), c.want.code, name)
	}
}

// TestSeveralKeysMustSign onboards a party that registered three keys, two of which must sign.
func TestSeveralKeysMustSign(t *testing.T) {
	t.Parallel()

	n := newBare(t, sandbox.Config{})
	names := []string{"dave", "second", "third"}
	g := ok[generated](n, http.MethodPost, generatePath, n.generateRequest("dave"))

	decoded, err := signing.DecodeTopology(g.Transactions[0])
	require.NoError(t, err)

	hosting, _ := decoded.Mapping.(signing.PartyToParticipant)
	fingerprints := map[string]signing.Fingerprint{"dave": g.Fingerprint}

	for _, name := range names[1:] {
		public, _ := keyOf(name).Public().(ed25519.PublicKey)

		key, err := signing.ParsePublicKey("SIGNING_KEY_SPEC_EC_CURVE25519", "CRYPTO_KEY_FORMAT_RAW", public)
		require.NoError(t, err)

		fingerprints[name] = key.Fingerprint()
		hosting.Keys = append(hosting.Keys, signing.TopologyKey{Key: key, Usage: hosting.Keys[0].Usage})
	}

	hosting.KeysThreshold = 2
	decoded.Mapping = hosting
	g.Transactions = [][]byte{topology.Encode(decoded)}

	hash, err := signing.TopologyMultiHash(g.Transactions)
	require.NoError(t, err)

	sign := func(message []byte, by ...string) []any {
		list := []any{}
		for _, name := range by {
			list = append(list, signature(keyOf(name), message, fingerprints[name]))
		}

		return list
	}

	// Who registers keys shows that it has them all.
	n.refusedWith(allocatePath, allocation(n, g, sign(hash[:], "dave", "second")...), bad("INVALID_ARGUMENT"))
	n.must(http.MethodPost, allocatePath, allocation(n, g, sign(hash[:], names...)...), nil)

	dave := &external{n: n, party: g.Party, key: keyOf("dave")}

	for _, c := range []struct {
		by   []string
		good bool
	}{
		{[]string{"dave"}, false},
		{[]string{"dave", "dave"}, false},
		{[]string{"dave", "stranger"}, false},
		{[]string{"third", "second"}, true},
		{names, true},
	} {
		p := dave.prepare(pingCommand(dave.party, n.DSO()), []any{})
		request := dave.executeRequest(p)
		list, _ := request["partySignatures"].(map[string]any)["signatures"].([]any)
		list[0].(map[string]any)["signatures"] = sign(p.Hash, c.by...)

		if c.good {
			n.must(http.MethodPost, waitPath, request, nil)
		} else {
			n.refusedWith(waitPath, request, bad("INVALID_EXTERNAL_SIGNATURE"))
		}
	}
}
