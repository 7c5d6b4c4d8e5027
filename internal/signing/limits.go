package signing

// Bounds on what a node can make us read. Transactions recorded from the network have up to 40 kB; one that spends
// 100 holdings would have about 700 kB. A node cannot submit more than a sequencer takes (10 MB by default).
const (
	// MaxBytes bounds a prepared transaction.
	MaxBytes = 8 << 20
	// MaxTopologyBytes bounds one topology transaction.
	MaxTopologyBytes = 1 << 20
	// MaxTopologyTransactions bounds the topology transactions of one onboarding; Canton generates one or three.
	MaxTopologyTransactions = 50
	// maxElements bounds the messages and list items inside one message, and with them what reading it allocates.
	maxElements = 1 << 18
	// maxValueDepth is how deep a Daml value nests (Value.MAXIMUM_NESTING of Daml-LF).
	maxValueDepth = 100
	// maxNodeDepth bounds how deep exercises nest. Ours, far above what token workflows do.
	maxNodeDepth = 250

	maxPartyBytes      = 255
	maxContractIDBytes = 255
	maxNameBytes       = 1000
	maxShortText       = 1000 // command id, transaction id, package name, choice, label, constructor, version
)

// Ranges of Daml-LF: dates and times from year 1 to 9999.
const (
	minTimestamp = -62135596800000000
	maxTimestamp = 253402300799999999
	minDate      = -719162
	maxDate      = 2932896

	// maxNumericDigits is 38 and the zero before the decimal point of a number below one.
	maxNumericDigits = 39
)

const (
	hashBytes = 32
	seedBytes = 32
)
