package admin_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/sandbox/admin"
)

func vet(refs ...obj) obj { return obj{"operation": obj{"Vet": obj{"value": obj{"packages": refs}}}} }
func unvet(refs ...obj) obj {
	return obj{"operation": obj{"Unvet": obj{"value": obj{"packages": refs}}}}
}

func (n *node) prefer(change obj, names ...string) reply {
	n.t.Helper()

	requirements := []obj{}
	for _, name := range names {
		requirements = append(requirements, obj{"parties": []ident.Party{alice}, "packageName": name})
	}

	body := obj{"packageVettingRequirements": requirements}
	maps.Copy(body, change)

	return n.call(http.MethodPost, "/v2/interactive-submission/preferred-packages", body)
}

func TestVettedPackagesAreSorted(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	list := n.ok(http.MethodPost, "/v2/package-vetting/list", obj{})["vettedPackages"].([]any)

	require.Equal(t, []any{obj{
		"participantId": string(participant), "synchronizerId": string(global), "topologySerial": 1.0,
		"packages": []any{
			obj{"packageId": packageID("c"), "packageName": "acme-token", "packageVersion": "1.0.0"},
			obj{"packageId": packageID("a"), "packageName": "splice-amulet", "packageVersion": "0.1.9"},
			obj{"packageId": packageID("b"), "packageName": "splice-amulet", "packageVersion": "0.1.10"},
		},
	}}, list)
}

func TestFiltersAndPagesOfVettedPackages(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Synchronizers: []ident.SynchronizerID{second, global}})
	ids := func(metadata, topology obj) (found []string) {
		answer := n.ok(http.MethodPost, "/v2/package-vetting/list",
			obj{"packageMetadataFilter": metadata, "topologyStateFilter": topology})

		for _, at := range answer["vettedPackages"].([]any) {
			for _, p := range at.(obj)["packages"].([]any) {
				found = append(found, p.(obj)["packageId"].(string)[:1]+at.(obj)["synchronizerId"].(string)[:1])
			}
		}

		return found
	}

	require.Equal(t, []string{"cg", "ag", "bg", "cs", "as", "bs"}, ids(nil, nil))
	require.Equal(t, []string{"ag", "as"}, ids(obj{"packageIds": []string{packageID("a")}}, nil))
	require.Equal(t, []string{"cg", "ag", "cs", "as"},
		ids(obj{"packageIds": []string{packageID("a")}, "packageNamePrefixes": []string{"acme"}}, nil))
	require.Equal(t, []string{"cs", "as", "bs"}, ids(nil, obj{"synchronizerIds": []string{string(second)}}))
	require.Empty(t, ids(nil, obj{"participantIds": []string{"other"}}))
	require.Empty(t, ids(obj{"packageNamePrefixes": []string{"none"}}, nil))

	first := n.ok(http.MethodPost, "/v2/package-vetting/list", obj{"pageSize": 1})
	require.Len(t, first["vettedPackages"], 1)

	rest := n.ok(http.MethodPost, "/v2/package-vetting/list", obj{"pageSize": 1, "pageToken": first["nextPageToken"]})
	require.Equal(t, string(second), rest["vettedPackages"].([]any)[0].(obj)["synchronizerId"])
	require.Empty(t, rest["nextPageToken"])

	n.refused(http.MethodPost, "/v2/package-vetting/list", obj{"pageSize": 101}, 400, "INVALID_ARGUMENT")
}

func TestUpdatesOfVettedPackages(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{})
	path := "/v2/package-vetting/update"
	now := n.clock.Now()
	prior := func(serial int) obj { return obj{"serial": obj{"Prior": obj{"value": serial}}} }
	acme, amulet := obj{"packageName": "acme-token"}, obj{"packageName": "splice-amulet"}

	dry := n.ok(http.MethodPost, path, obj{"changes": []obj{unvet(amulet)}, "dryRun": true})
	require.Len(t, dry["pastVettedPackages"].(obj)["packages"], 3)
	require.Len(t, dry["newVettedPackages"].(obj)["packages"], 1)
	require.True(t, n.Vetted(global, packageID("a"), now), "nothing happened")

	for _, c := range []struct {
		name    string
		changes []obj
		serial  obj
		status  int
		code    string
	}{
		{"ambiguous", []obj{vet(amulet)}, nil, 400, "AMBIGUOUS_VETTING_REFERENCE"},
		{"unresolved", []obj{unvet(acme), unvet(obj{"packageName": "x"})}, nil, 404, "UNRESOLVED_VETTING_REFERENCE"},
		{"no reference", []obj{unvet(obj{"packageVersion": "1.0.0"})}, nil, 400, "INVALID_ARGUMENT"},
		{"no references", []obj{unvet()}, nil, 400, "MISSING_FIELD"},
		{"no operation", []obj{{}}, nil, 400, "MISSING_FIELD"},
		{"no changes", []obj{}, nil, 400, "MISSING_FIELD"},
		{"serial", []obj{unvet(acme)}, prior(2), 400, "TOPOLOGY_SERIAL_MISMATCH"},
		{"no serial", []obj{unvet(acme)}, obj{"serial": obj{"NoPrior": obj{}}}, 400, "TOPOLOGY_SERIAL_MISMATCH"},
		{"bounds", []obj{{"operation": obj{"Vet": obj{"value": obj{
			"packages": []obj{acme}, "newValidFromInclusive": now, "newValidUntilExclusive": now,
		}}}}}, nil, 400, "INVALID_ARGUMENT"},
	} {
		body := obj{"changes": c.changes}
		if c.serial != nil {
			body["expectedTopologySerial"] = c.serial
		}

		n.refused(http.MethodPost, path, body, c.status, c.code)
		require.True(t, n.Vetted(global, packageID("c"), now), "%s: all or nothing", c.name)
	}

	n.ok(http.MethodPost, path, obj{"changes": []obj{unvet(amulet), vet(acme)}, "expectedTopologySerial": prior(1)})
	require.False(t, n.Vetted(global, packageID("a"), now))
	require.False(t, n.Vetted(global, packageID("b"), now))
	require.True(t, n.Vetted(global, packageID("c"), now))
}

func TestPreferredPackages(t *testing.T) {
	t.Parallel()

	n := newNode(t, admin.Config{Synchronizers: []ident.SynchronizerID{second, global}})
	now := n.clock.Now()
	best := func(answer reply) string {
		require.Equal(t, http.StatusOK, answer.status, "%s", answer.raw)

		return string(answer.raw)
	}

	require.Contains(t, best(n.prefer(nil, "splice-amulet")), packageID("b"), "0.1.10 is more than 0.1.9")
	require.Contains(t, best(n.prefer(nil, "splice-amulet")), string(second), "the first synchronizer")

	soon := obj{"operation": obj{"Vet": obj{"value": obj{
		"packages": []obj{{"packageId": packageID("b")}}, "newValidFromInclusive": now.Add(time.Hour),
	}}}}
	n.ok(http.MethodPost, "/v2/package-vetting/update", obj{"changes": []obj{soon}, "synchronizerId": second})
	require.Contains(t, best(n.prefer(nil, "splice-amulet")), packageID("a"), "not vetted yet")

	later := obj{"vettingValidAt": now.Add(time.Hour)}
	require.Contains(t, best(n.prefer(later, "splice-amulet")), packageID("b"))

	n.clock.Advance(time.Hour)
	require.Contains(t, best(n.prefer(nil, "splice-amulet")), packageID("b"))

	none := obj{"changes": []obj{unvet(obj{"packageName": "acme-token"})}, "synchronizerId": second}
	n.ok(http.MethodPost, "/v2/package-vetting/update", none)
	require.Contains(t, best(n.prefer(nil, "splice-amulet", "acme-token")), string(global), "the first that has both")

	for name, c := range map[string]struct {
		change obj
		names  []string
		status int
		code   string
	}{
		"not there":       {obj{"synchronizerId": second}, []string{"acme-token"}, 400, "PACKAGE_SELECTION_FAILED"},
		"no synchronizer": {obj{"synchronizerId": "x"}, []string{"acme-token"}, 400, "PACKAGE_SELECTION_FAILED"},
		"unknown":         {nil, []string{"x"}, 404, "PACKAGE_NAMES_NOT_FOUND"},
		"twice":           {nil, []string{"acme-token", "acme-token"}, 400, "INVALID_ARGUMENT"},
		"none":            {nil, nil, 400, "MISSING_FIELD"},
		"no name":         {nil, []string{""}, 400, "MISSING_FIELD"},
	} {
		answer := n.prefer(c.change, c.names...)
		require.Equal(t, c.status, answer.status, name)
		require.Contains(t, string(answer.raw), `"code":"`+c.code+`"`, name)
	}

	single := "/v2/interactive-submission/preferred-package-version?parties=a&parties=b&package-name="
	require.Equal(t, obj{"synchronizerId": string(global), "packageReference": obj{
		"packageId": packageID("a"), "packageName": "splice-amulet", "packageVersion": "0.1.9",
	}}, func() any {
		n.ok(http.MethodPost, "/v2/package-vetting/update", obj{
			"changes": []obj{unvet(obj{"packageId": packageID("b")})}, "synchronizerId": global,
		})

		return n.ok(http.MethodGet, single+"splice-amulet&synchronizer-id="+string(global), nil)["packagePreference"]
	}())

	require.Empty(t, n.ok(http.MethodGet, single+"acme-token&synchronizer-id="+string(second), nil))
	require.Equal(t, http.StatusBadRequest, n.call(http.MethodGet, single+"acme-token&vetting_valid_at=x", nil).status)
}
