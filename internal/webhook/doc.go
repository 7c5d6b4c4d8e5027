// Package webhook tells subscribers of events: each subscription is in the hands of one worker at a time over all
// instances, which reads the events that follow its cursor, chooses those that it wants, and posts them to its
// receiver, signed as Standard Webhooks has it (https://www.standardwebhooks.com).
//
// An event is delivered at least once. A receiver that is slow, broken or hostile costs its own subscription's time and
// nobody else's; what it does not take is kept and tried again, and in the end is a dead letter or a disabled
// subscription, never lost in silence.
package webhook
