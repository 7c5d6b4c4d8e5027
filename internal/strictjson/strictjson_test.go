package strictjson_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/strictjson"
)

type payment struct {
	Amount string `json:"amount"`
}

func TestDecode(t *testing.T) {
	t.Parallel()

	for _, tc := range []struct {
		name, raw, want string
		ok              bool
	}{
		{"plain", `{"amount":"1"}`, "1", true},
		{"unknown member", `{"amount":"1","more":[1,{}]}`, "1", true},
		{"other case is another member", `{"amount":"1","AMOUNT":"999"}`, "1", true},
		{"duplicate member", `{"amount":"1","amount":"999"}`, "", false},
		{"duplicate in an ignored part", `{"amount":"1","x":{"a":1,"a":2}}`, "", false},
		{"invalid UTF-8", "{\"amount\":\"\xff\"}", "", false},
		{"lone surrogate", `{"amount":"\ud800"}`, "", false},
		{"number for text", `{"amount":1}`, "", false},
		{"trailing value", `{"amount":"1"}{"amount":"2"}`, "", false},
		{"control character", "{\"amount\":\"a\nb\"}", "", false},
		{"empty", ``, "", false},
		{"deep", strings.Repeat("[", 200_000), "", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()

			var p payment
			err := strictjson.Decode([]byte(tc.raw), &p)
			if !tc.ok {
				require.ErrorIs(t, err, strictjson.ErrJSON)
				return
			}

			require.NoError(t, err)
			require.Equal(t, tc.want, p.Amount)
		})
	}

	var p payment
	require.ErrorIs(t, strictjson.DecodeKnown([]byte(`{"amount":"1","more":1}`), &p), strictjson.ErrJSON)
}
