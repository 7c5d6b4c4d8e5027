// Package walletsdk holds the test that lets the official TypeScript wallet SDK, as it is published, work against the
// sandbox. What the SDK does is in run.mjs and suites; README.md says how to run it against any sandbox.
package walletsdk
