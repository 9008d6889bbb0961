package caddymodule

import (
	"errors"
	"net/http"
	"time"

	"github.com/stepgate/stepgate/flows"
)

// AccountView is what the admin API and `caddy stepgate users show` tell of an account.
type AccountView struct {
	ID     string   `json:"id"`
	Email  string   `json:"email"`
	Groups []string `json:"groups"`
	// Factors are what the account can be proved with: password, email_code, sms_code.
	Factors []string `json:"factors"`
	// Sessions is how many sign-ins live, on all sites and applications.
	Sessions int       `json:"sessions"`
	Disabled bool      `json:"disabled"`
	Created  time.Time `json:"created"`
}

func viewOf(account flows.Account) AccountView {
	view := AccountView{
		ID: account.ID, Email: account.Email, Groups: append([]string{}, account.Groups...), Factors: []string{},
		Sessions: account.Sessions, Disabled: account.Disabled, Created: account.Created.UTC(),
	}
	for _, f := range account.Factors.Slice() {
		view.Factors = append(view.Factors, f.String())
	}
	return view
}

func showUser(r *running, request *http.Request) (any, error) {
	return r.user(request, "", func(*flows.Engine, string) error { return nil })
}

// unlock forgets the wrong tries at an account.
func unlock(r *running, request *http.Request) (any, error) {
	return r.user(request, "an operator unlocked an account", func(e *flows.Engine, email string) error {
		return e.Unlock(request.Context(), email)
	})
}

func setGroups(r *running, request *http.Request) (any, error) {
	var wanted struct {
		Groups []string `json:"groups"`
	}
	if err := readJSON(request, &wanted); err != nil {
		return nil, err
	}
	if wanted.Groups == nil {
		return nil, badQuestion(errors.New("no groups are given: write an empty list for none"))
	}
	if len(wanted.Groups) > flows.MaxGroups {
		return nil, badQuestion(errors.New("an account cannot be in so many groups"))
	}
	for _, group := range wanted.Groups {
		if err := flows.CheckGroup(group); err != nil {
			return nil, badQuestion(err)
		}
	}
	return r.user(request, "an operator changed the groups of an account", func(e *flows.Engine, email string) error {
		return e.SetGroups(request.Context(), email, wanted.Groups)
	})
}

// user changes the account that a request names, writes down what was done, and shows it.
func (r *running) user(request *http.Request, done string, change func(*flows.Engine, string) error) (any, error) {
	email := request.PathValue("email")
	var account flows.Account
	err := r.open(func(e *flows.Engine) (err error) {
		if err = change(e, email); err == nil {
			account, err = e.Account(request.Context(), email)
		}
		return err
	})
	if errors.Is(err, flows.ErrNoAccount) {
		return nil, notFound("there is no account %s", email)
	}
	if err != nil {
		return nil, err
	}
	if done != "" {
		r.app.log.Info(done, "user", account.ID, "groups", account.Groups)
	}
	return viewOf(account), nil
}
