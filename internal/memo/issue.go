package memo

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// The memos that we make ourselves are nine characters that people can read out, type and compare: no O, I, L and U,
// which are taken for other characters or make words. The last one is a check digit, by which a single wrong character
// and two that changed places are always found.
const (
	alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	// keyAlphabet is the alphabet as Key folds it.
	keyAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"
	// issuedLength is what carries meaning: 32^8, which is 10^12 memos.
	issuedLength = 8
	// fieldBits and fieldPolynomial are those of GF(32): x^5 + x^2 + 1, of which x is a primitive element, so that the
	// powers of x are weights that are all different.
	fieldBits       = 5
	fieldPolynomial = 0b100101
)

// ErrMistyped is a text that looks like a memo of ours and has a wrong check digit.
var ErrMistyped = errors.New("a memo of ours with a wrong character")

// Issue makes a memo out of randomness. That it is free is for the caller to find out.
func Issue(random io.Reader) (string, error) {
	raw := make([]byte, issuedLength)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("make a memo: %w", err)
	}

	digits := make([]int, issuedLength)
	text := make([]byte, 0, issuedLength+1)

	for i, b := range raw {
		digits[i] = int(b) % len(alphabet)
		text = append(text, alphabet[digits[i]])
	}

	return string(append(text, alphabet[checkDigit(digits)])), nil
}

// Check reads a text as a memo of ours. Ours says that it has the form of one; then the error says whether it has been
// mistyped. What is not of this form may be a memo that the exchange chose itself.
func Check(text string) (ours bool, err error) {
	key := Key(text) // what it is compared by: nothing else is forgiven here either
	if len(key) != issuedLength+1 {
		return false, nil
	}

	digits := make([]int, len(key))

	for i := range len(key) {
		if digits[i] = strings.IndexByte(keyAlphabet, key[i]); digits[i] < 0 {
			return false, nil
		}
	}

	if checkDigit(digits[:issuedLength]) != digits[issuedLength] {
		return true, ErrMistyped
	}

	return true, nil
}

// checkDigit is chosen so that the sum of all digits, each times another power of x, is zero.
func checkDigit(digits []int) int {
	sum := 0
	for _, d := range digits {
		sum = timesX(sum ^ d)
	}

	return sum
}

// timesX multiplies by x in GF(32).
func timesX(n int) int {
	n <<= 1
	if n>>fieldBits != 0 {
		n ^= fieldPolynomial
	}

	return n
}
