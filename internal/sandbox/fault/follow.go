package fault

// Strike is one decision to fail.
type Strike struct {
	ID   ID
	Rule Rule
	// Chance that was taken; zero when the rule struck by time.
	Chance Chance
}

// Follow has seen told of every strike, and timed called whenever there are rules that may strike by time, so that
// somebody looks what is Due. Both are called while the plan decides: they must be quick, and must not ask it for
// anything but Armed and Timed. Follow is called before the plan is shared.
func (p *Plan) Follow(seen func(Strike), timed func()) {
	p.mu.Lock()
	defer p.mu.Unlock()

	p.seen, p.timed = seen, timed
}

// Armed reports whether any rule may still strike by chance. It spares those the work who would first have to find out
// whether there is a chance.
func (p *Plan) Armed() bool { return p.chances.Load() > 0 }

// Timed reports whether any rule may still strike by time.
func (p *Plan) Timed() bool { return p.timers.Load() > 0 }
