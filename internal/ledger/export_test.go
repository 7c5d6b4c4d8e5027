package ledger

import "time"

// Names of the inside for tests.
var (
	ScalaDuration = scalaDuration
	ParseVersion  = parseVersion
)

// Rhythm makes streams beat fast, so that tests wait little.
func (c *Client) Rhythm(ping, pong time.Duration) {
	c.timing.pingEvery, c.timing.pingWait = ping, pong
	c.timing.pollIdle, c.timing.pollPause = 20*time.Millisecond, 5*time.Millisecond
}
