package caddymodule

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
)

func init() {
	caddy.RegisterModule(new(adminAPI))
}

// adminAPI is what operators may ask the running server, below /stepgate/ on Caddy's admin
// endpoint, which Caddy keeps other machines and other origins away from:
//
//	POST /stepgate/explain                 a [Question]; answers an [Explanation]
//	GET  /stepgate/decisions/{id}          the [Explanation] of a recorded decision
//	GET  /stepgate/report                  a [Report]
//	GET  /stepgate/users/{email}           an [AccountView]
//	PUT  /stepgate/users/{email}/groups    {"groups": […]}; answers the [AccountView]
//	POST /stepgate/users/{email}/unlock    forgets wrong tries; answers the [AccountView]
//	POST /stepgate/send-test               {"to": …, "sender": …}; answers a [SendTest]
//
// Nothing in it is a secret: no hash, code, key, token or phone number.
type adminAPI struct {
	// active is the running configuration. The one by which the endpoint itself was made
	// may never have started.
	active func() caddy.Context
}

// CaddyModule returns the Caddy module information.
func (*adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.stepgate", New: func() caddy.Module { return &adminAPI{active: caddy.ActiveContext} }}
}

// Routes implements caddy.AdminRouter.
func (a *adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		a.route(http.MethodPost, "/stepgate/explain", explainQuestion),
		a.route(http.MethodGet, "/stepgate/decisions/{id}", explainDecision),
		a.route(http.MethodGet, "/stepgate/report", func(r *running, _ *http.Request) (any, error) { return r.app.report(), nil }),
		a.route(http.MethodGet, "/stepgate/users/{email}", showUser),
		a.route(http.MethodPut, "/stepgate/users/{email}/groups", setGroups),
		a.route(http.MethodPost, "/stepgate/users/{email}/unlock", unlock),
		a.route(http.MethodPost, "/stepgate/send-test", sendTest),
	}
}

// running is the configuration that runs.
type running struct {
	app  *App
	http *caddyhttp.App
}

// open gives work to the engine, as long as it may be used.
func (r *running) open(work func(*flows.Engine) error) error {
	live, release, err := r.app.acquire()
	if err != nil {
		return err
	}
	defer release()
	return work(live.engine)
}

func (a *adminAPI) route(method, pattern string, answer func(*running, *http.Request) (any, error)) caddy.AdminRoute {
	return caddy.AdminRoute{Pattern: pattern, Handler: caddy.AdminHandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if r.Method != method {
			w.Header().Set("Allow", method)
			return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: fmt.Errorf("only %s is understood here, not %s", method, r.Method)}
		}
		running, err := a.running()
		if err != nil {
			return apiError(err)
		}
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		out, err := answer(running, r)
		if err != nil {
			return apiError(err)
		}
		w.Header().Set("Content-Type", "application/json")
		return json.NewEncoder(w).Encode(out)
	})}
}

// running finds the apps of the running configuration.
func (a *adminAPI) running() (*running, error) {
	ctx := a.active()
	app, err := ctx.AppIfConfigured("stepgate")
	if err != nil {
		return nil, notFound("no stepgate is configured on the running server")
	}
	server, err := ctx.AppIfConfigured("http")
	if err != nil {
		return nil, notFound("the running server has no sites")
	}
	return &running{app.(*App), server.(*caddyhttp.App)}, nil
}

// A complaint is an error that is the operator's to mend.
type complaint struct {
	status int
	text   string
}

func (c *complaint) Error() string { return c.text }

func notFound(format string, args ...any) error {
	return &complaint{http.StatusNotFound, fmt.Sprintf(format, args...)}
}

func badQuestion(err error) error { return &complaint{http.StatusBadRequest, err.Error()} }

func apiError(err error) error {
	status := http.StatusInternalServerError
	var mine *complaint
	switch {
	case errors.As(err, &mine):
		status = mine.status
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded):
		status = http.StatusServiceUnavailable
	}
	return caddy.APIError{HTTPStatus: status, Err: err}
}

// readJSON reads the one JSON value that a request is about.
func readJSON(r *http.Request, into any) error {
	decoder := json.NewDecoder(r.Body)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(into); err != nil {
		return badQuestion(fmt.Errorf("reading the request: %w", err))
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return badQuestion(errors.New("reading the request: there is more than one value"))
	}
	return nil
}

func explainDecision(r *running, request *http.Request) (any, error) {
	id := request.PathValue("id")
	d := r.app.logbook.find(id)
	if d == nil {
		return nil, notFound("no decision %q is remembered: the newest %d are, since the server started", id, keptDecisions)
	}
	return d.explanation(), nil
}

func explainQuestion(r *running, request *http.Request) (any, error) {
	x := new(imagined)
	if err := readJSON(request, &x.Question); err != nil {
		return nil, err
	}
	if err := x.check(); err != nil {
		return nil, badQuestion(err)
	}
	ctx := request.Context()
	switch {
	case x.Session != "":
		err := r.open(func(e *flows.Engine) (err error) {
			x.session, err = e.SessionNamed(ctx, x.Session)
			return err
		})
		if err != nil {
			return nil, err
		}
		if x.session == nil {
			return nil, notFound("no sign-in of the name %q lives", x.Session)
		}
	case x.User != "":
		err := r.open(func(e *flows.Engine) error {
			account, err := e.Account(ctx, x.User)
			if err == nil {
				x.account = &account
			}
			return err
		})
		if err != nil && !errors.Is(err, flows.ErrNoAccount) {
			return nil, err
		}
	}
	x.running = true
	e, err := imagine(ctx, r.http, x)
	if err != nil {
		return nil, badQuestion(err)
	}
	return e, nil
}

// Interface guards
var _ caddy.AdminRouter = (*adminAPI)(nil)
