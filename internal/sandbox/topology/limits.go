package topology

// Bounds of Canton.
const (
	// MaxHint is Canton's bound on the name part of a party id, in characters.
	MaxHint = 185
	// MaxSignatures bounds the signatures of one party on one transaction (Canton 3.5). It bounds each list of
	// signatures of an onboarding as well.
	MaxSignatures = 50
	// maxUserID is Canton's bound on the id of a user.
	maxUserID = 128
)

// Bounds of ours, far above what occurs, on what a stranger can make us keep.
const (
	// maxHosts bounds the nodes that host one party.
	maxHosts = 100
	// maxKeys bounds the keys that a party registers; more could not all sign.
	maxKeys = MaxSignatures
	// maxIdentityProvider bounds the id of an identity provider, which the sandbox does not look at.
	maxIdentityProvider = 255
)

// onboardingSerial is the serial of a mapping that is put for the first time.
const onboardingSerial = 1
