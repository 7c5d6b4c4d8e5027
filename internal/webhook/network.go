package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// Bounds of the transport. The idle time is below what servers and proxies commonly allow.
const (
	dialTimeout = 5 * time.Second
	idleTimeout = 45 * time.Second
	maxHeader   = 64 << 10
	// idlePerHost is how many connections wait for a receiver's next event.
	idlePerHost = 8
	maxIdle     = 1024
)

// errAddress is an address that is not on the public internet and not in CES_EVENTS_ALLOW_NETWORKS.
var errAddress = errors.New("the address is not public, and in none of CES_EVENTS_ALLOW_NETWORKS")

// closedNetworks are those of IPv4 that are not the public internet, and those in IPv6's public part that are not, or
// that lead to others: IANA's special-purpose address registries.
func closedNetworks() []netip.Prefix {
	texts := []string{
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
		"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
	}

	networks := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		networks = append(networks, netip.MustParsePrefix(text))
	}

	return networks
}

// publicIPv6 is all of IPv6 that is given out. What is outside reaches a machine of ours, or IPv4 by another way.
const publicIPv6 = "2000::/3"

// guard says which addresses may be reached.
type guard struct {
	allowed, closed []netip.Prefix
	public          netip.Prefix
}

func newGuard(allowed []netip.Prefix) *guard {
	return &guard{allowed: allowed, closed: closedNetworks(), public: netip.MustParsePrefix(publicIPv6)}
}

func (g *guard) check(address netip.Addr) error {
	within := func(network netip.Prefix) bool { return network.Contains(address) }
	address = address.Unmap()

	switch {
	case slices.ContainsFunc(g.allowed, within):
		return nil
	case address.Zone() != "" || slices.ContainsFunc(g.closed, within):
		return errAddress
	case address.Is6() && !g.public.Contains(address):
		return errAddress
	default:
		return nil
	}
}

// control is asked for the very address that is about to be connected to, whatever a name has led to before: a name
// that leads elsewhere the second time gains nothing.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errAddress
	}

	return g.check(to.Addr())
}

// newHTTPClient makes a client for addresses that strangers chose. It follows no redirect, and uses no proxy, not even
// that of the environment: a proxy would connect to addresses that nobody checks. It does not decompress. It speaks
// HTTP/1.1 alone, so that no receiver's requests wait for another's on one connection.
func newHTTPClient(g *guard, roots *x509.CertPool, resolver *net.Resolver) *http.Client {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)

	dialer := &net.Dialer{Timeout: dialTimeout, ControlContext: g.control, Resolver: resolver}

	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil,
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
			TLSHandshakeTimeout:    dialTimeout,
			DisableCompression:     true,
			MaxIdleConns:           maxIdle,
			MaxIdleConnsPerHost:    idlePerHost,
			IdleConnTimeout:        idleTimeout,
			MaxResponseHeaderBytes: maxHeader,
			Protocols:              protocols,
		},
	}
}
