package utxo

import (
	"cmp"
	"encoding/binary"
	"math/big"
	"math/bits"
	"strings"

	"github.com/canton-exchange/suite/internal/amount"
)

const (
	wordBits  = 64
	wordBytes = 8
	allBytes  = 3 * wordBytes
)

// units counts 10^-10 of a token, never negative. 192 bits hold the sum of 2^63 of the largest amounts, so no sum of
// holdings overflows, whatever a stranger's token says. It exists for speed: sums over 100,000 holdings are looked up
// for every withdrawal. Money comes in and goes out as amount.Amount and amount.Total.
type units struct{ high, middle, low uint64 }

// unitsOf reads an amount that is not negative.
func unitsOf(a amount.Amount) units {
	middle, low := a.Words()

	return units{middle: middle, low: low}
}

func (u units) plus(v units) units {
	low, carry := bits.Add64(u.low, v.low, 0)
	middle, carry := bits.Add64(u.middle, v.middle, carry)
	high, _ := bits.Add64(u.high, v.high, carry)

	return units{high: high, middle: middle, low: low}
}

// minus is u−v, and zero where v is the larger.
func (u units) minus(v units) units {
	low, borrow := bits.Sub64(u.low, v.low, 0)
	middle, borrow := bits.Sub64(u.middle, v.middle, borrow)
	high, borrow := bits.Sub64(u.high, v.high, borrow)

	if borrow != 0 {
		return units{}
	}

	return units{high: high, middle: middle, low: low}
}

// half is u/2, rounded down.
func (u units) half() units {
	return units{
		high:   u.high >> 1,
		middle: u.middle>>1 | u.high<<(wordBits-1),
		low:    u.low>>1 | u.middle<<(wordBits-1),
	}
}

func (u units) cmp(v units) int {
	switch {
	case u.high != v.high:
		return cmp.Compare(u.high, v.high)
	case u.middle != v.middle:
		return cmp.Compare(u.middle, v.middle)
	default:
		return cmp.Compare(u.low, v.low)
	}
}

func (u units) less(v units) bool { return u.cmp(v) < 0 }

func (u units) isZero() bool { return u == units{} }

// bitLen is how many bits the number takes.
func (u units) bitLen() int {
	switch {
	case u.high != 0:
		return 2*wordBits + bits.Len64(u.high)
	case u.middle != 0:
		return wordBits + bits.Len64(u.middle)
	default:
		return bits.Len64(u.low)
	}
}

// above is the low 64 bits of u/2^shift, for a shift below 128.
func (u units) above(shift int) uint64 {
	if shift >= wordBits {
		shift -= wordBits

		return u.middle>>shift | u.high<<(wordBits-shift)
	}

	return u.low>>shift | u.middle<<(wordBits-shift)
}

func (u units) scaled() *big.Int {
	var raw [allBytes]byte

	binary.BigEndian.PutUint64(raw[:], u.high)
	binary.BigEndian.PutUint64(raw[wordBytes:], u.middle)
	binary.BigEndian.PutUint64(raw[2*wordBytes:], u.low)

	return new(big.Int).SetBytes(raw[:])
}

// amount is u as money; false if it is beyond an amount's range.
func (u units) amount() (amount.Amount, bool) {
	a, err := amount.FromScaled(u.scaled())

	return a, err == nil
}

// total is u as a sum of money.
func (u units) total() amount.Total {
	digits := u.scaled().String()
	if len(digits) <= amount.Scale {
		digits = strings.Repeat("0", amount.Scale+1-len(digits)) + digits
	}

	point := len(digits) - amount.Scale
	total, _ := amount.ParseTotal(digits[:point] + "." + digits[point:]) // at most 58 digits: always a total

	return total
}
