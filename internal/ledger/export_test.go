package ledger

import (
	"time"

	"github.com/canton-exchange/suite/internal/ledger/ledgerapi"
)

// Names of the inside for tests.
var (
	ScalaDuration = scalaDuration
	ParseVersion  = parseVersion
)

// Rhythm makes streams beat fast, so that tests wait little.
func (c *Client) Rhythm(ping, pong time.Duration) {
	c.timing.pingEvery, c.timing.pingWait = ping, pong
	c.timing.listIdle = 10 * time.Second
	c.timing.pollIdle, c.timing.pollPause = 20*time.Millisecond, 5*time.Millisecond
}

// Stall sets how long a list of active contracts may stall.
func (c *Client) Stall(d time.Duration) { c.timing.listIdle = d }

// StatusError is the error of a completion's status with one detail.
func StatusError(message string, info []byte) *Error {
	return statusError(&ledgerapi.Status{
		Code: 1, Message: message, Details: &[]ledgerapi.StatusDetail{{TypeUrl: errorInfoType, Value: info}},
	})
}
