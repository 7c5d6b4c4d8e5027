package store

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/canton-exchange/suite/internal/amount"
)

// numeric lets pgx write an amount in PostgreSQL's binary format; reading goes through amount.Scan.
type numeric amount.Amount

// NumericValue implements pgtype.NumericValuer.
func (n numeric) NumericValue() (pgtype.Numeric, error) {
	return pgtype.Numeric{Int: amount.Amount(n).Scaled(), Exp: -amount.Scale, Valid: true}, nil
}

type wrapAmount struct{ next pgtype.EncodePlan }

// SetNext implements pgtype.WrappedEncodePlanNextSetter.
func (w *wrapAmount) SetNext(next pgtype.EncodePlan) { w.next = next }

// Encode implements pgtype.EncodePlan.
func (w *wrapAmount) Encode(value any, buf []byte) ([]byte, error) {
	a, ok := value.(amount.Amount)
	if !ok {
		return nil, fmt.Errorf("encode %T as an amount", value)
	}

	encoded, err := w.next.Encode(numeric(a), buf)
	if err != nil {
		return nil, fmt.Errorf("encode amount: %w", err)
	}

	return encoded, nil
}

// registerAmounts teaches a connection to write amount.Amount.
func registerAmounts(_ context.Context, conn *pgx.Conn) error {
	types := conn.TypeMap()
	types.TryWrapEncodePlanFuncs = append([]pgtype.TryWrapEncodePlanFunc{
		func(value any) (pgtype.WrappedEncodePlanNextSetter, any, bool) {
			if a, ok := value.(amount.Amount); ok {
				return &wrapAmount{}, numeric(a), true
			}

			return nil, nil, false
		},
	}, types.TryWrapEncodePlanFuncs...)

	return nil
}
