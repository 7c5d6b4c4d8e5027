package intake_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/canton-exchange/suite/internal/intake"
	"github.com/canton-exchange/suite/internal/sandbox"
)

// BenchmarkDecide is the time of deciding 100,000 new offers, of which one in four has a memo that is known:
//
//	go test ./internal/intake -run '^$' -bench Decide -benchtime 3x
func BenchmarkDecide(b *testing.B) {
	w := newWorld(b, sandbox.Config{})
	offer := w.offer(w.AcmeToken(), "1", new("ACC-9"))
	w.until("the offer is there", func() bool { return w.verdict(offer).Open })

	for _, statement := range []string{
		`INSERT INTO transfer_instructions SELECT (t).* FROM (SELECT jsonb_populate_record(i, jsonb_build_object(
			'contract_id', i.contract_id || lpad(g::text, 6, '0'), 'correlation_id', i.contract_id || lpad(g::text, 6, '0'))) AS t
			FROM transfer_instructions i, generate_series(1, 99999) AS g) AS x`,
		`INSERT INTO deposits SELECT (t).* FROM (SELECT jsonb_populate_record(d, jsonb_build_object('deposit_id', gen_random_uuid(),
			'correlation_id', d.correlation_id || lpad(g::text, 6, '0'), 'memo', CASE WHEN g % 4 = 0 THEN 'ACC-1' ELSE 'ACC-9' END)) AS t
			FROM deposits d, generate_series(1, 99999) AS g) AS x`,
		`INSERT INTO offer_verdicts (treasury_id, deposit_id, instrument_no, sender, memo_key, decided_at)
			SELECT v.treasury_id, d.deposit_id, v.instrument_no, v.sender, CASE d.memo WHEN 'ACC-1' THEN a.memo_key ELSE v.memo_key END, v.decided_at
			FROM offer_verdicts v, deposits d, deposit_accounts a WHERE d.deposit_id <> v.deposit_id`,
		`VACUUM ANALYZE`,
	} {
		_, err := w.pool.Exec(b.Context(), statement)
		require.NoError(b, err)
	}

	undecided := func() (count int) {
		require.NoError(b, w.pool.QueryRow(b.Context(), "SELECT count(*) FROM offer_verdicts WHERE open AND changes > decided_changes").Scan(&count))

		return count
	}

	for b.Loop() {
		b.StopTimer()

		_, err := w.pool.Exec(b.Context(), "UPDATE offer_verdicts SET changes = changes + 1, work = 'none'")
		require.NoError(b, err)
		require.Equal(b, 100_000, undecided())

		s := w.instance(func(c *intake.Config, _ *intake.Parts) { c.PerMinute = 1 }) // next to nothing is accepted

		b.StartTimer()

		stop := w.run(s.Run)

		for undecided() > 0 {
			<-time.After(100 * time.Millisecond) // counting is work too
		}

		b.StopTimer()
		stop()
		b.StartTimer()
	}

	b.ReportMetric(100_000*float64(b.N)/b.Elapsed().Seconds(), "offers/s")
}
