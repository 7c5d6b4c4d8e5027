package admin

// CompareVersions for tests.
var CompareVersions = compareVersions

// PackagesOf reads a DAR without a node.
func PackagesOf(raw []byte) ([]Package, error) {
	list, err := parseDar(raw)

	var packages []Package
	for _, p := range list {
		packages = append(packages, p.Package)
	}

	return packages, err
}
