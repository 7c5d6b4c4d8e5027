// Package driver makes a signer of a program's configuration: CES_SIGNER chooses where the key is kept, and each keeper
// has variables of its own, CES_SIGNER_FILE_… to CES_SIGNER_MANUAL_…
//
// A program puts Settings into its configuration and calls Complete when it needs a signer, which finds the operator's
// mistakes before anything is reached, and then Open. What Open returns is the program's to close.
//
// Variables of a keeper that was not chosen are refused: whoever sets them believes that they do something.
package driver
