package api

import (
	"net/url"
	"time"

	"github.com/canton-exchange/suite/internal/strictjson"
)

// checkTimes refuses times that could not be told any more in UTC, whose years have four digits. In another time zone
// they still have.
func (o *operation) checkTimes(query url.Values, body []byte) error {
	for _, name := range o.timesInQuery {
		if query.Has(name) && !tellable(query.Get(name)) {
			return invalid("query: " + name + ": " + wantedTime + " Nothing was done.")
		}
	}

	if len(o.timesInBody) == 0 {
		return nil
	}

	var members map[string]any
	if err := strictjson.Decode(body, &members); err != nil {
		return invalid("body: is not as the document says. Nothing was done.")
	}

	for _, name := range o.timesInBody {
		if text, ok := members[name].(string); ok && !tellable(text) {
			return invalid("body: " + name + ": " + wantedTime + " Nothing was done.")
		}
	}

	return nil
}

const wantedTime = "must be a date-time of the years 1 to 9999 in UTC, such as 2026-03-01T12:00:00Z."

func tellable(text string) bool {
	const last = 9999

	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return false
	}

	year := at.UTC().Year()

	return year >= 1 && year <= last
}
