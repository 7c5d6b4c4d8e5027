package sandbox

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/canton-exchange/suite/internal/sandbox/fault"
	"github.com/canton-exchange/suite/internal/signing"
)

// lie is what a node that lies makes of one prepared transaction. Without rules it tells the truth.
type lie struct {
	v     *Validator
	rules map[fault.Kind]fault.Rule
}

// Lies of a node. The first change the command before it is interpreted: what comes of them is a transaction like any
// other, which commits when it is signed. The others change the transaction, which other nodes then refuse.
func commandLies() []fault.Kind {
	return []fault.Kind{
		fault.LieReceiver, fault.LieAmount, fault.LieMemo, fault.LieMetadata, fault.LieDeadline, fault.LieInput,
	}
}

func transactionLies() []fault.Kind {
	return []fault.Kind{fault.LieExtraNode, fault.LieRecipientOfChange}
}

// choiceTransfer is the choice that most lies are about.
const choiceTransfer = "TransferFactory_Transfer"

// errUntold is a lie for which there is nothing in the transaction to lie about.
var errUntold = errors.New("there is nothing to lie about")

// lieFor asks the plan for lies about a command: most of them need a transfer.
func (v *Validator) lieFor(r *http.Request, req *prepareRequest, cmd command) lie {
	note(r.Context(), req.ActAs[0])

	out := lie{v: v}
	if !v.plan.Armed() {
		return out
	}

	kinds := append(transactionLies(), fault.LieHash)

	switch {
	case cmd.choice == choiceTransfer:
		kinds = append(kinds, commandLies()...)
	case req.MaxRecordTime != nil:
		kinds = append(kinds, fault.LieMetadata, fault.LieDeadline)
	default:
		kinds = append(kinds, fault.LieMetadata)
	}

	out.rules = make(map[fault.Kind]fault.Rule, len(kinds))

	for _, kind := range kinds {
		if rule, strikes := v.plan.Take(kind, fault.Chance{Path: r.URL.Path, Party: req.ActAs[0]}); strikes {
			out.rules[kind] = rule
		}
	}

	return out
}

// isTold reports whether there is any lie.
func (l lie) isTold() bool { return len(l.rules) > 0 }

func (l lie) tells(kinds ...fault.Kind) bool {
	for _, kind := range kinds {
		if _, struck := l.rules[kind]; struck {
			return true
		}
	}

	return false
}

// interpret builds the transaction to lie about. A lie that the ledger's rules do not allow is not told: an error would
// give it away.
func (l lie) interpret(req *prepareRequest, cmd command) (signing.Prepared, int64, error) {
	if !l.tells(append(commandLies(), transactionLies()...)...) {
		return l.v.interpret(req, cmd, nil)
	}

	told, toldCommand, err := l.alter(req, cmd)
	if err == nil {
		var (
			prepared signing.Prepared
			cost     int64
		)

		if prepared, cost, err = l.v.interpret(&told, toldCommand, l.bend); err == nil {
			return prepared, cost, nil
		}
	}

	l.v.cfg.Logger.Info("fault: a lie that could not be told", slog.Any("error", err))

	return l.v.interpret(req, cmd, nil)
}

// hash is the hash to sign: when the node lies about it, that of another transaction.
func (l lie) hash(p signing.Prepared, scheme signing.Scheme) (signing.Hash, error) {
	if l.tells(fault.LieHash) {
		p.Metadata.TransactionUUID = l.v.anyUUID()
	}

	return p.Hash(scheme)
}

func (v *Validator) anyUUID() string {
	v.mu.Lock()
	defer v.mu.Unlock()

	return v.newUUID()
}
