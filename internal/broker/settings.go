package broker

import (
	"regexp"
	"slices"

	"github.com/canton-exchange/suite/internal/service"
)

// Settings are what operators decide for all brokers.
type Settings struct {
	GoOn []string `env:"CES_EVENTS_BROKER_GO_ON" help:"Where publishing to a broker may go on although events are missing there, or differ. Take the value from the error that asks for it, which names broker, treasury and place: it holds for that place alone. Several are separated by commas."`
}

// Validate wants what errors show.
func (c *Settings) Validate() error {
	shown := regexp.MustCompile(`^[a-z]+:[A-Za-z0-9-]+:\d+$`)

	for _, one := range c.GoOn {
		if !shown.MatchString(one) {
			return service.Invalid("CES_EVENTS_BROKER_GO_ON", one, "broker:treasury:number, as the error shows it")
		}
	}

	return nil
}

func (c *Settings) goesOn(place string) bool { return slices.Contains(c.GoOn, place) }
