package api

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/routers"
	"github.com/go-chi/chi/v5"

	"github.com/canton-exchange/suite/internal/ident"
	"github.com/canton-exchange/suite/openapi"
)

const treasuryParam = "treasury"

// Scopes are all that there are.
func Scopes() []string {
	return []string{"read", "accounts", "withdrawals", "approvals", "webhooks", "admin"}
}

// operation is what the document says of one thing that can be asked for.
type operation struct {
	id, scope string
	// also is a scope that it needs besides; empty for none.
	also  string
	route routers.Route
	// changes says that it runs in a transaction of its own, once for an Idempotency-Key.
	changes bool
	// streams says that its answer goes on until somebody ends it.
	streams bool
	// tagged says that its answer has an ETag.
	tagged bool
	// takesBody says that the document has a body for it.
	takesBody bool
	// action is what the audit log calls it; empty where the database function that it calls, or the store, writes its
	// own.
	action string
	// query are the parameters that it knows.
	query []string
	// timesInQuery and timesInBody are what holds times there.
	timesInQuery, timesInBody []string
}

// operations are those of the document, and the router of the generated server that knows their paths.
type operations struct {
	document *openapi3.T
	byRoute  map[string]*operation // by method and pattern
	router   chi.Router
}

// actions are the names in the audit log of operations for which nothing below writes a row. Their paths say all of it.
func actions() map[string]string {
	return map[string]string{
		"retryOffer": "offer.retry", "deleteSubscription": "subscription.delete", "testSubscription": "subscription.test",
	}
}

// noteTheirOwn are operations whose database function, or store, writes the audit log itself.
func noteTheirOwn() []string {
	return []string{
		"createMemo", "requestWithdrawal", "cancelWithdrawal",
		"assignDeposit", "returnDeposit", "confirmDeposit", "declineDeposit", "disableMemo", "enableMemo",
		"approveWithdrawal", "rejectWithdrawal", "addDestination", "removeDestination", "setOfferVerdict",
		"createKey", "rotateKey", "revokeKey", "createSubscription", "updateSubscription",
		"rotateSubscriptionSecret", "replaySubscription",
	}
}

// newOperations reads the document. An operation that does not say who may use it, or that nothing would write the
// audit log for, is a mistake that must not be served.
func newOperations(router chi.Router) (*operations, error) {
	document, err := openapi3.NewLoader().LoadFromData(openapi.Exchange)
	if err != nil {
		return nil, fmt.Errorf("read the API's document: %w", err)
	}

	all := &operations{document: document, byRoute: map[string]*operation{}, router: router}

	for path, item := range document.Paths.Map() {
		for method, described := range item.Operations() {
			o, err := newOperation(routers.Route{
				Spec: document, Path: path, PathItem: item, Method: method, Operation: described,
			})
			if err != nil {
				return nil, fmt.Errorf("the API's document: %s %s: %w", method, path, err)
			}

			all.byRoute[method+" "+path] = o
		}
	}

	return all, nil
}

func newOperation(route routers.Route) (*operation, error) {
	described := route.Operation
	scope, _ := described.Extensions["x-scope"].(string)
	also, _ := described.Extensions["x-scope-also"].(string)

	o := &operation{
		id: described.OperationID, scope: scope, also: also, route: route, changes: route.Method != http.MethodGet,
		takesBody: described.RequestBody != nil, action: actions()[described.OperationID],
	}

	switch {
	case !slices.Contains(Scopes(), scope):
		return nil, fmt.Errorf("x-scope %q: want one of %v", scope, Scopes())
	case also != "" && !slices.Contains(Scopes(), also):
		return nil, fmt.Errorf("x-scope-also %q: want one of %v", also, Scopes())
	case !slices.Contains(methods(), route.Method):
		return nil, fmt.Errorf("only %v are served", methods())
	case o.action != "" && o.takesBody:
		return nil, fmt.Errorf("operation %s: its row in the audit log would not say what was asked for", o.id)
	case o.changes && (o.action != "") == slices.Contains(noteTheirOwn(), o.id):
		return nil, fmt.Errorf("operation %s: either it writes the audit log itself, or it has a name there", o.id)
	}

	if ok := described.Responses.Status(http.StatusOK); ok != nil {
		_, o.tagged = ok.Value.Headers["ETag"]
		o.streams = ok.Value.Content.Get(streamType) != nil
	}

	o.know(described)

	return o, nil
}

// know notes the parameters that it knows, and what of it holds times.
func (o *operation) know(described *openapi3.Operation) {
	for _, parameter := range described.Parameters {
		if parameter.Value.In == openapi3.ParameterInQuery {
			o.query = append(o.query, parameter.Value.Name)

			if isTime(parameter.Value.Schema) {
				o.timesInQuery = append(o.timesInQuery, parameter.Value.Name)
			}
		}
	}

	if o.takesBody {
		for name, member := range described.RequestBody.Value.Content["application/json"].Schema.Value.Properties {
			if isTime(member) {
				o.timesInBody = append(o.timesInBody, name)
			}
		}
	}
}

func isTime(schema *openapi3.SchemaRef) bool { return schema.Value.Format == "date-time" }

// find is the operation that a request is for, and what its path says.
func (all *operations) find(r *http.Request) (*operation, map[string]string, error) {
	// The router matches what was sent, escapes and all, so that a slash within a name stays within it.
	r.URL.RawPath = r.URL.EscapedPath()

	matched := chi.NewRouteContext()
	if !all.router.Match(matched, r.Method, r.URL.RawPath) {
		return nil, nil, all.missing(r)
	}

	o, ok := all.byRoute[r.Method+" "+matched.RoutePattern()]
	if !ok {
		return nil, nil, all.missing(r)
	}

	inPath := make(map[string]string, len(matched.URLParams.Keys))

	for i, name := range matched.URLParams.Keys {
		value, err := url.PathUnescape(matched.URLParams.Values[i])
		if err != nil {
			return nil, nil, invalid("path: " + name + ": not well escaped")
		}

		inPath[name] = value
	}

	return o, inPath, nil
}

// methods are those that are served.
func methods() []string {
	return []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete}
}

func (all *operations) missing(r *http.Request) error {
	for _, method := range methods() {
		if all.router.Match(chi.NewRouteContext(), method, r.URL.RawPath) {
			return problem(http.StatusMethodNotAllowed, "method_not_allowed",
				"There is another method for this path: see the document. Nothing was done.")
		}
	}

	return problem(http.StatusNotFound, "unknown_path", "There is nothing at this path: see the document.")
}

// authorize refuses what the caller may not.
func (o *operation) authorize(c *caller, inPath map[string]string) error {
	for _, scope := range []string{o.scope, o.also} {
		if scope != "" && !c.has(scope) {
			return problem(http.StatusForbidden, codeScope,
				"This needs the scope "+scope+", which the key does not have. Nothing was done.")
		}
	}

	if treasury, ok := inPath[treasuryParam]; ok && !c.sees(ident.Party(treasury)) {
		return problem(http.StatusForbidden, "treasury_not_allowed",
			"The key is not for this treasury. Nothing was done.")
	}

	return nil
}

// subject is what an operation is about, for the audit log: what its path names last.
func (o *operation) subject(inPath map[string]string) string {
	segments := strings.Split(o.route.Path, "/")
	for _, segment := range slices.Backward(segments) {
		name := strings.Trim(segment, "{}")
		if value, ok := inPath[name]; ok && name != treasuryParam {
			return value
		}
	}

	return ""
}
