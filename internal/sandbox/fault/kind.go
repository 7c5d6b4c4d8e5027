package fault

import (
	"slices"
	"strings"
	"time"
)

// Kind names one way to fail. The Catalogue says what each one does.
type Kind string

// Kinds between a client and the node.
const (
	ReplyLost      Kind = "reply-lost"
	ReplyDelayed   Kind = "reply-delayed"
	StreamCut      Kind = "stream-cut"
	Status503      Kind = "status-503"
	Status429      Kind = "status-429"
	GarbledAnswer  Kind = "garbled-answer"
	NodeDown       Kind = "node-down"
	NodeRestart    Kind = "node-restart"
	TokensRejected Kind = "tokens-rejected"
	RegistryDown   Kind = "registry-down"
	RegistryStale  Kind = "registry-stale"
)

// Kinds between the node and its network.
const (
	SequencerBackpressure Kind = "sequencer-backpressure"
	TrafficExhausted      Kind = "traffic-exhausted"
	NotSequenced          Kind = "not-sequenced"
	SequencingDelayed     Kind = "sequencing-delayed"
	DuplicateSubmission   Kind = "duplicate-submission"
	UpgradePause          Kind = "upgrade-pause"
	ClockJump             Kind = "clock-jump"
	Prune                 Kind = "prune"
)

// Kinds of a node that lies: in what it prepares, and in what it streams.
const (
	LieReceiver          Kind = "lie-receiver"
	LieAmount            Kind = "lie-amount"
	LieMemo              Kind = "lie-memo"
	LieInput             Kind = "lie-input"
	LieExtraNode         Kind = "lie-extra-node"
	LieHash              Kind = "lie-hash"
	LieRecipientOfChange Kind = "lie-recipient-of-change"
	LieDeadline          Kind = "lie-deadline"
	LieMetadata          Kind = "lie-metadata"
	ForgedHolding        Kind = "forged-holding"
	ForgedAmount         Kind = "forged-amount"
	ForgedArchive        Kind = "forged-archive"
)

// Trigger is what makes a kind strike.
type Trigger string

// Triggers.
const (
	// ByChance strikes when somebody asks with Take.
	ByChance Trigger = "chance"
	// ByTime strikes when it is Due: again and again with Rule.Every, at once and once without.
	ByTime Trigger = "time"
	// ByEither strikes by time when the rule has an Every, else by chance.
	ByEither Trigger = "either"
)

// What a delay is when a rule names none.
const (
	defaultReplyDelay      = 5 * time.Second
	defaultRetryAfter      = time.Second
	defaultDowntime        = 2 * time.Second
	defaultSequencingDelay = 5 * time.Second
	defaultUpgradePause    = 30 * time.Second
	defaultClockJump       = time.Hour
	defaultDeadlineShift   = time.Hour
)

// Entry is what the catalogue tells of one kind.
type Entry struct {
	Kind Kind
	// Does is the kind in one line.
	Does string
	// Strikes is what makes it strike.
	Strikes Trigger
	// Delay and Size say what a rule's member of that name means; a kind without the text refuses the member.
	Delay, Size string
	// DefaultDelay is used when a rule names none.
	DefaultDelay time.Duration
}

// Catalogue tells every kind that there is.
func Catalogue() []Entry {
	return slices.Concat(clientKinds(), networkKinds(), preparedLies(), streamLies())
}

func clientKinds() []Entry {
	return []Entry{
		{
			Kind: ReplyLost, Strikes: ByChance,
			Does: "the request is carried out and committed, then the connection is closed without an answer",
		},
		{
			Kind: ReplyDelayed, Strikes: ByChance, Does: "the request is carried out, its answer is held back",
			Delay: "how long the answer is held back", DefaultDelay: defaultReplyDelay,
		},
		{
			Kind: StreamCut, Strikes: ByEither,
			Does: "a websocket is cut after some messages; by time, every open one at once",
			Size: "how many messages a stream may send before it is cut, when it strikes by chance",
		},
		{
			Kind: Status503, Strikes: ByChance, Does: "the request is refused with 503 before anything is done",
			Delay: "the answer's Retry-After", DefaultDelay: defaultRetryAfter,
		},
		{
			Kind: Status429, Strikes: ByChance, Does: "the request is refused with 429 before anything is done",
			Delay: "the answer's Retry-After", DefaultDelay: defaultRetryAfter,
		},
		{Kind: GarbledAnswer, Strikes: ByEither, Does: "an answer, or a stream's message, is half a JSON text"},
		{
			Kind: NodeDown, Strikes: ByEither,
			Does:  "the connection ends before anything is done; by time, all of them for a while",
			Delay: "how long the node is down, when it strikes by time", DefaultDelay: defaultDowntime,
		},
		{
			Kind: NodeRestart, Strikes: ByTime,
			Does:  "streams end with ABORTED_DUE_TO_SHUTDOWN, and requests get 503 for a while",
			Delay: "how long requests get 503", DefaultDelay: defaultDowntime,
		},
		{Kind: TokensRejected, Strikes: ByChance, Does: "the bearer token is refused, as after a change of keys"},
		{Kind: RegistryDown, Strikes: ByChance, Does: "the token's registry does not answer"},
		{Kind: RegistryStale, Strikes: ByChance, Does: "the registry's contexts name contracts that are archived"},
	}
}

func networkKinds() []Entry {
	return []Entry{
		{Kind: SequencerBackpressure, Strikes: ByChance, Does: "the submission is refused: SEQUENCER_BACKPRESSURE"},
		{
			Kind: TrafficExhausted, Strikes: ByChance,
			Does: "the submission is refused: the node has no traffic credit left",
		},
		{
			Kind: NotSequenced, Strikes: ByChance,
			Does: "the submission is taken and silently dropped; it times out at its maximum record time",
		},
		{
			Kind: SequencingDelayed, Strikes: ByChance, Does: "the submission is sequenced late",
			Delay: "how late", DefaultDelay: defaultSequencingDelay,
		},
		{Kind: DuplicateSubmission, Strikes: ByChance, Does: "the submission reaches the network twice"},
		{
			Kind: UpgradePause, Strikes: ByTime,
			Does: "nothing can be submitted for a while; then the physical synchronizer has a new id, " +
				"and what was prepared before is void",
			Delay: "how long nothing can be submitted", DefaultDelay: defaultUpgradePause,
		},
		{
			Kind: ClockJump, Strikes: ByTime, Does: "the network's clock jumps",
			Delay: "how far; a negative delay jumps back", DefaultDelay: defaultClockJump,
		},
		{Kind: Prune, Strikes: ByTime, Does: "the node's history is pruned up to the present"},
	}
}

func preparedLies() []Entry {
	return []Entry{
		{Kind: LieReceiver, Strikes: ByChance, Does: "the prepared transaction pays somebody else"},
		{Kind: LieAmount, Strikes: ByChance, Does: "the prepared transaction moves another amount"},
		{Kind: LieMemo, Strikes: ByChance, Does: "the prepared transaction carries another memo"},
		{Kind: LieInput, Strikes: ByChance, Does: "the prepared transaction spends a holding that was not named"},
		{Kind: LieExtraNode, Strikes: ByChance, Does: "the prepared transaction does something more"},
		{Kind: LieHash, Strikes: ByChance, Does: "the hash to sign is not the prepared transaction's"},
		{Kind: LieRecipientOfChange, Strikes: ByChance, Does: "the prepared transaction gives the change to a stranger"},
		{
			Kind: LieDeadline, Strikes: ByChance, Does: "the prepared transaction may be executed until later than asked",
			Delay: "how much later", DefaultDelay: defaultDeadlineShift,
		},
		{Kind: LieMetadata, Strikes: ByChance, Does: "the prepared transaction's metadata is not what was asked for"},
	}
}

func streamLies() []Entry {
	return []Entry{
		{Kind: ForgedHolding, Strikes: ByChance, Does: "the stream tells of a holding that is not on the ledger"},
		{Kind: ForgedAmount, Strikes: ByChance, Does: "the stream tells another amount than the ledger has"},
		{Kind: ForgedArchive, Strikes: ByChance, Does: "the stream tells that a holding is gone which is not"},
	}
}

func (k Kind) entry() (Entry, bool) {
	all := Catalogue()

	at := slices.IndexFunc(all, func(e Entry) bool { return e.Kind == k })
	if at < 0 {
		return Entry{}, false
	}

	return all[at], true
}

// known lists the kinds, for error texts.
func known() string {
	var names []string
	for _, e := range Catalogue() {
		names = append(names, string(e.Kind))
	}

	return strings.Join(names, ", ")
}
