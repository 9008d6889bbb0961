package nativeapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"golang.org/x/text/language"

	"github.com/stepgate/stepgate/flows"
	"github.com/stepgate/stepgate/flows/store"
	"github.com/stepgate/stepgate/policy"
)

// call is one request on its way through the face.
type call struct {
	face        *Face
	w           http.ResponseWriter
	r           *http.Request
	now         time.Time
	correlation string
	endpoint    *Endpoint
	client      *Client
	form        form
	engine      Engine
	sealer      Sealer

	// at is what the continuation token of the request says, and view where its flow
	// stands. What the call itself asks for is added to at, and so remembered.
	at   continuation
	view flows.View
}

// serve reads the request, and runs the one action that it can mean.
func (c *call) serve() (any, error) {
	var p *problem
	if c.form, p = readForm(c.w, c.r, c.endpoint); p != nil {
		return nil, p
	}
	if p = c.form.need([]string{"client_id"}); p != nil {
		return nil, p
	}
	if c.client = c.face.clients[c.form["client_id"]]; c.client == nil {
		return nil, newProblem("unauthorized_client", "", codeClient, "No client of this site has this client_id: compare it with `client` in the Caddyfile.")
	}
	if p = c.face.checkClientOrigin(c.w, c.r, c.client); p != nil {
		return nil, p
	}
	var err error
	if c.engine, err = c.face.cfg.Engine(); err != nil {
		return nil, fmt.Errorf("asking for the engine: %w", err)
	}
	if c.sealer, err = c.face.cfg.Sealer(); err != nil {
		return nil, fmt.Errorf("asking for the keys: %w", err)
	}
	action, p := c.choose()
	if p != nil {
		return nil, p
	}
	if p = c.form.need(action.Required); p != nil {
		return nil, p
	}
	if action.redeems {
		if p = c.wanted(); p != nil {
			return nil, p
		}
	}
	if action.Accepts != nil {
		if err = c.resume(); err != nil {
			return nil, err
		}
	}
	return action.run(c)
}

// choose finds the action that the grant and the continuation token's stage stand for.
func (c *call) choose() (*Action, *problem) {
	actions := c.endpoint.Actions
	if c.endpoint.granted() {
		if p := c.form.need([]string{"grant_type"}); p != nil {
			return nil, p
		}
		i := slices.IndexFunc(actions, func(a Action) bool { return a.Grant == c.form["grant_type"] })
		if i < 0 {
			return nil, newProblem("unsupported_grant_type", "", codeGrant, "The grant type is not one of this endpoint.")
		}
		actions = actions[i : i+1]
	}
	if actions[0].Accepts == nil {
		return &actions[0], nil
	}
	if p := c.form.need([]string{"continuation_token"}); p != nil {
		return nil, p
	}
	at, ours := openToken(c.sealer, c.form["continuation_token"], c.bond())
	if !ours {
		return nil, badToken()
	}
	i := slices.IndexFunc(actions, func(a Action) bool { return slices.Contains(a.Accepts, at.Stage) })
	if i < 0 {
		return nil, badToken()
	}
	if at.expired(c.now) {
		return nil, expiredToken()
	}
	c.at = at
	return &actions[i], nil
}

// resume finds the token's flow, and refuses a token of a phase that the flow has left.
func (c *call) resume() (err error) {
	c.view, err = c.engine.Look(c.r.Context(), c.caller(), c.at.Flow)
	if err != nil {
		return err
	}
	switch phaseOf(c.view) {
	case phases[c.at.Stage]:
		return nil
	case over:
		return expiredToken()
	default:
		return badToken()
	}
}

func (c *call) bond() string { return bond(c.face.cfg.Site.Origin, c.client.ID) }

// caller is who acts, for the engine. The policy is asked about what this very call is
// for.
func (c *call) caller() flows.Caller {
	return flows.Caller{
		Site: c.face.cfg.Site, Browser: c.at.Secret, Client: &c.client.Client, Can: c.at.Can.factors(),
		Device: c.deviceName(), Network: c.face.cfg.Network(c.r), Lang: c.language(),
		Demand: func(ctx context.Context, _ flows.Target, who *flows.Session) (policy.Demand, error) {
			return c.face.cfg.Demand(c.r.WithContext(ctx), who, c.client.ID, c.at.Scopes, c.at.Contexts)
		},
	}
}

// deviceName is what people see in the list of their sessions.
func (c *call) deviceName() string {
	if c.client.Name != "" {
		return c.client.Name
	}
	return c.client.ID
}

// language is what the application's user reads best, if it says so.
func (c *call) language() string {
	header := c.r.Header.Get("Accept-Language")
	if len(header) > 256 {
		return ""
	}
	tags, _, err := language.ParseAcceptLanguage(header)
	if err != nil || len(tags) == 0 {
		return ""
	}
	return tags[0].String()
}

func (c *call) submit(in flows.Input) (flows.View, error) {
	return c.engine.Submit(c.r.Context(), c.caller(), c.at.Flow, in)
}

// next is the continuation token of a stage of the flow.
func (c *call) next(stage Stage, v flows.View) (string, error) {
	at := c.at
	at.Stage, at.Flow = stage, v.Flow
	return at.seal(c.sealer, c.bond())
}

// strayed is the error for a step that the action does not lead to. A flow that is
// stuck says why; one that is over has been finished by another call.
func (c *call) strayed(v flows.View) error {
	switch {
	case v.Step == flows.Stuck:
		r := &flows.Refusal{Code: v.Why}
		if !v.MailboxBack.IsZero() {
			r.Wait = v.MailboxBack.Sub(c.now)
		}
		return r
	case v.Step == flows.Done || v.Flow == "":
		return expiredToken()
	default:
		return fmt.Errorf("answering a native call: step %q of a %s is not expected here", v.Step, v.Kind)
	}
}

// reply sends the answer of an action.
func (c *call) reply(answer any, err error) {
	if refusal := (*flows.Refusal)(nil); errors.As(err, &refusal) {
		if refusal.Code == flows.NeedsBrowser {
			answer, err = needsBrowser("This cannot be done in the application."), nil
		} else if p, known := refused(refusal); known {
			err = p
		}
	}
	if err != nil {
		c.refuse(err)
		return
	}
	c.write(http.StatusOK, answer)
}

// refuse sends an error; what is not a problem already is a fault of ours.
func (c *call) refuse(err error) {
	p, trace := (*problem)(nil), newUUID()
	switch {
	case errors.As(err, &p):
		c.log().Debug("native call refused", "trace", trace, "error", p.body.Error, "code", p.body.Codes[0])
	case c.r.Context().Err() != nil: // nobody is waiting for the answer any more
		p = serverError(codeUnavailable)
	case errors.Is(err, store.ErrUnavailable):
		c.log().Error("answering a native call", "trace", trace, "err", err)
		p = serverError(codeUnavailable)
	default:
		c.log().Error("answering a native call", "trace", trace, "err", err)
		p = serverError(codeFault)
	}
	if p.allow != "" {
		c.w.Header().Set("Allow", p.allow)
	}
	c.write(max(p.status, http.StatusBadRequest), p.stamped(c.now, trace, c.correlation))
}

func (c *call) log() *slog.Logger {
	log := c.face.cfg.Log.With("correlation", c.correlation)
	if c.endpoint != nil {
		log = log.With("endpoint", c.endpoint.Path)
	}
	return log
}

func (c *call) write(status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil {
		c.log().Error("writing an answer", "err", err)
		c.w.WriteHeader(http.StatusInternalServerError)
		return
	}
	c.w.WriteHeader(status)
	_, _ = c.w.Write(append(body, '\n')) // whoever has hung up needs no answer
}
