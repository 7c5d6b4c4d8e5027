package memo

// Match is what a text would be as the memo of a transfer to the treasury. The database decides it, by the comparison
// that ingestion makes.
type Match string

// What a text may be.
const (
	// Matched belongs to an account, and money with it is credited.
	Matched Match = "matched"
	// Disabled belongs to an account, and money with it waits for a person.
	Disabled Match = "disabled"
	// Unknown belongs to nobody.
	Unknown Match = "unknown"
	// Mistyped belongs to nobody, and has the form of a memo of ours with a wrong check digit.
	Mistyped Match = "mistyped"
	// Empty is none, or white space.
	Empty Match = "empty"
	// TooLong is more than MaxKey bytes.
	TooLong Match = "too_long"
	// Unreadable holds U+FFFD, which stands for what was damaged on its way.
	Unreadable Match = "unreadable"
)

// Matches are all of them.
func Matches() []Match {
	return []Match{Matched, Disabled, Unknown, Mistyped, Empty, TooLong, Unreadable}
}
