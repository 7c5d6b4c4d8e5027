package ledger

import (
	"context"
	"net/http"
	"time"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// PackageRequirement is a package that the nodes of some parties must be able to use.
type PackageRequirement struct {
	Name    string
	Parties []ident.Party
}

// PackageReference is one version of a package.
type PackageReference struct {
	ID, Name, Version string
}

// PreferredPackages are versions of packages that suit everybody concerned, and where.
type PreferredPackages struct {
	Synchronizer ident.SynchronizerID
	Packages     []PackageReference
}

// PreferredPackages asks for the latest version of each package that the nodes of all its parties have vetted, for
// PrepareRequest.PackageIDs. The node chooses the synchronizer if it is empty, and takes its own now if validAt is
// zero.
func (c *Client) PreferredPackages(
	ctx context.Context, required []PackageRequirement, synchronizer ident.SynchronizerID, validAt time.Time,
) (PreferredPackages, error) {
	const op = "read preferred packages"

	body := ledgerapi.PreferredPackagesRequest{
		PackageVettingRequirements: make([]ledgerapi.PackageRequirement, 0, len(required)),
		SynchronizerId:             string(synchronizer), VettingValidAt: optionalTime(validAt),
	}

	for _, r := range required {
		body.PackageVettingRequirements = append(body.PackageVettingRequirements,
			ledgerapi.PackageRequirement{Parties: texts(r.Parties), PackageName: r.Name})
	}

	a, err := read[ledgerapi.PreferredPackagesAnswer](ctx, c, request{
		op: op, method: http.MethodPost, path: "/v2/interactive-submission/preferred-packages", body: body,
	})
	if err != nil {
		return PreferredPackages{}, err
	}

	var out PreferredPackages

	if out.Synchronizer, err = ident.ParseSynchronizerID(a.SynchronizerId); err != nil {
		return PreferredPackages{}, malformed(op, "synchronizer", err)
	}

	if a.PackageReferences == nil {
		return out, nil
	}

	for _, p := range *a.PackageReferences {
		if p.PackageId == "" || len(p.PackageId) > maxID {
			return PreferredPackages{}, malformed(op, "package id of "+bounded(p.PackageName), nil)
		}

		out.Packages = append(out.Packages,
			PackageReference{ID: p.PackageId, Name: bounded(p.PackageName), Version: bounded(p.PackageVersion)})
	}

	return out, nil
}
