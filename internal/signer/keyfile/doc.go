// Package keyfile keeps a signing key in a file that a passphrase opens.
//
// The file is one JSON object. What it says in the clear (kind of key, public key, fingerprint, how the passphrase is
// stretched) is authenticated together with the encrypted private key:
//
//	file key     Argon2id(passphrase, salt), 32 bytes; time, memory and threads as the file says
//	check        HKDF-SHA256(file key, "check"), 32 bytes: tells a wrong passphrase from an altered file
//	encryption   XChaCha20-Poly1305 of the key's PKCS#8 under HKDF-SHA256(file key, "encrypt"), 32 bytes, with a random
//	             nonce and everything in the clear as additional data
//	checksum     SHA-256 of all of it: tells damage, which anything can do, before the passphrase is tried
//
// Whoever can alter the file on purpose can make a right passphrase look wrong, and no more than that.
//
// A key that lies on the machine that uses it is the least that can be done: it suits tests, small treasuries and the
// cold machine of package manual. The decrypted key is in the program's memory as long as it runs.
package keyfile
