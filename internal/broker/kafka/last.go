package kafka

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/canton-exchange/suite/internal/broker"
	"github.com/canton-exchange/suite/internal/event"
	"github.com/canton-exchange/suite/internal/ident"
)

// How much is read at most to find the treasury's last event, from the end of its partition, and once more from the
// ends of all others together.
const (
	mostRecords = 10_000
	leastEach   = 64
	mostBytes   = 32 << 20
	mostTime    = 5 * time.Second

	firstStep  = 64
	stepGrowth = 4
)

// errBudget means that more would have to be read than may be.
var errBudget = errors.New("too far back")

// budget is how much may be read.
type budget struct{ records, bytes int64 }

// found is what was found at the end of a partition.
type found struct {
	last event.Place // the zero place where none of the treasury's was found
	// whole says that the partition was read from its first record on, and that nothing of it is gone.
	whole bool
}

// Last looks for the treasury's last event at the end of the partition that its key goes to, with others' records
// before and after it. Where that partition has none, or has it too far back, the other ones are looked at: in a topic
// that was given more partitions the last event is in another one than the next would go to. Only a topic that was read
// from its very beginning, and whole, is known to have held none.
func (s *sink) Last(ctx context.Context) (broker.Place, error) {
	all, err := s.partitions(ctx)
	if err != nil {
		return broker.Place{}, err
	}

	if len(all) == 0 {
		return broker.Place{}, fmt.Errorf("topic %s has no partition: %w", s.topic, errTorn)
	}

	s.count, s.partition = len(all), s.partitioner.Partition(&kgo.Record{Key: s.key}, len(all))

	looking, cancel := context.WithTimeout(ctx, mostTime)
	defer cancel()

	here, err := s.search(looking, &all[s.partition], &budget{records: mostRecords, bytes: mostBytes})
	if err != nil && (looking.Err() == nil || ctx.Err() != nil) { // otherwise it takes too long
		return broker.Place{}, fmt.Errorf("read the end of topic %s: %w", s.topic, s.settings.explain(err))
	}

	if here.last.Seq > 0 {
		return broker.Place{Known: true, Last: here.last}, nil
	}

	others := slices.Delete(slices.Clone(all), s.partition, s.partition+1)
	there := s.searchAll(looking, others)

	switch {
	case !here.whole:
		return broker.Place{Elsewhere: there.last}, nil
	case there.last.Seq > 0:
		return broker.Place{Known: true, Last: there.last, Moved: true}, nil
	default:
		return broker.Place{Known: there.whole, Moved: !there.whole}, nil
	}
}

// searchAll looks for the last event in several partitions. One that cannot be read may hold anything.
func (s *sink) searchAll(ctx context.Context, all []partition) found {
	sum, left := found{whole: true}, int64(mostBytes)

	for i := range all {
		b := budget{records: max(leastEach, mostRecords/int64(len(all))), bytes: left}

		one, err := s.search(ctx, &all[i], &b)
		if err != nil {
			one = found{}
		}

		left, sum.whole = b.bytes, sum.whole && one.whole
		if one.last.Seq > sum.last.Seq {
			sum.last = one.last
		}
	}

	return sum
}

// search reads back from the end of a partition, in ever larger steps.
func (s *sink) search(ctx context.Context, p *partition, b *budget) (found, error) {
	begin, err := s.offset(ctx, p, earliest)
	if err != nil {
		return found{}, fmt.Errorf("where partition %d begins: %w", p.number, err)
	}

	end, err := s.offset(ctx, p, latest)
	if err != nil {
		return found{}, fmt.Errorf("where partition %d ends: %w", p.number, err)
	}

	if begin == end { // whoever may not read is told so before there is something to be read
		if _, _, _, err := s.fetch(ctx, p, end); err != nil {
			return found{}, fmt.Errorf("partition %d: %w", p.number, err)
		}
	}

	for step := int64(firstStep); end > begin && b.records > 0; step *= stepGrowth {
		from := max(begin, end-min(step, b.records))
		b.records -= end - from

		last, err := s.between(ctx, p, from, end, b)
		if errors.Is(err, errBudget) {
			return found{}, nil
		}

		if err != nil || last.Seq > 0 {
			return found{last: last}, err
		}

		end = from
	}

	return found{whole: end == 0}, nil
}

// between finds the treasury's last event from an offset on, before another one. A part that was read of that says
// nothing: what is last comes last.
func (s *sink) between(ctx context.Context, p *partition, from, end int64, b *budget) (event.Place, error) {
	var last event.Place

	for from < end {
		if b.bytes <= 0 {
			return event.Place{}, errBudget
		}

		records, next, size, err := s.fetch(ctx, p, from)
		if err == nil && next <= from {
			err = errTorn
		}

		if err != nil {
			return event.Place{}, fmt.Errorf("partition %d, offset %d: %w", p.number, from, err)
		}

		b.bytes -= int64(size)
		from = next

		for _, r := range records {
			if place, ok := s.ours(r); ok {
				last = place
			}
		}
	}

	return last, nil
}

// ours gives the place of a record that is an event of the treasury. We use no transactions, so that nothing of one is
// ours; and what has our key, but not our headers and an event that says the same, is somebody else's.
func (s *sink) ours(r *kgo.Record) (event.Place, bool) {
	if !bytes.Equal(r.Key, s.key) || r.Attrs.IsTransactional() {
		return event.Place{}, false
	}

	said := map[string]string{}
	for _, h := range r.Headers {
		said[h.Key] = string(h.Value)
	}

	place, err := broker.Held(ident.Party(s.key), said[idHeader], said[sequenceHeader], r.Value)

	return place, err == nil
}
