package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

const (
	ownPages  = "/.auth/"
	pageLimit = 1 << 20
	stepsMost = 8
)

// signUp walks through the pages as a browser without scripts would: it fills the
// page's form with what it knows, sends it, and goes where it is sent, until it is
// let into the application. The session is in the client's jar afterwards.
func signUp(ctx context.Context, client *http.Client, origin, email string) error {
	at, page, err := browse(ctx, client, http.MethodGet, origin+ownPages+"sign-up?return_to=%2Fseen", nil)
	for range stepsMost {
		if err != nil {
			return err
		}
		if !strings.HasPrefix(at.Path, ownPages) {
			return nil
		}
		form, ok := mainForm(page)
		if !ok {
			return fmt.Errorf("%s has no form", at.Path)
		}
		if form.fields.Has("email") {
			form.fields.Set("email", email)
		}
		if form.fields.Has("code") {
			code, err := newestCode(ctx, client, origin, email)
			if err != nil {
				return err
			}
			form.fields.Set("code", code)
		}
		action, err := at.Parse(form.action)
		if err != nil {
			return fmt.Errorf("reading the form's action: %w", err)
		}
		at, page, err = browse(ctx, client, http.MethodPost, action.String(), form.fields)
		if err != nil {
			return err
		}
	}
	return fmt.Errorf("still at %s after %d steps", at.Path, stepsMost)
}

func browse(ctx context.Context, client *http.Client, method, target string, form url.Values) (*url.URL, string, error) {
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", req.URL.Scheme+"://"+req.URL.Host)
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, pageLimit))
	if err != nil {
		return nil, "", fmt.Errorf("reading %s: %w", res.Request.URL.Path, err)
	}
	if res.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s answered %d", res.Request.URL.Path, res.StatusCode)
	}
	return res.Request.URL, string(body), nil
}

type pageForm struct {
	action string
	fields url.Values
}

var (
	formTag   = regexp.MustCompile(`(?s)<form([^>]*)>(.*?)</form>`)
	inputTag  = regexp.MustCompile(`<input([^>]*)>`)
	attribute = regexp.MustCompile(`([a-z-]+)="([^"]*)"`)
)

// mainForm is the page's first form that is sent by POST. It knows the markup of
// Stepgate's own pages, not of the web.
func mainForm(page string) (pageForm, bool) {
	for _, m := range formTag.FindAllStringSubmatch(page, -1) {
		attrs := attributes(m[1])
		if !strings.EqualFold(attrs["method"], "post") {
			continue
		}
		form := pageForm{action: attrs["action"], fields: url.Values{}}
		for _, in := range inputTag.FindAllStringSubmatch(m[2], -1) {
			a := attributes(in[1])
			if a["name"] != "" && a["type"] != "checkbox" {
				form.fields.Set(a["name"], a["value"])
			}
		}
		return form, true
	}
	return pageForm{}, false
}

func attributes(tag string) map[string]string {
	all := map[string]string{}
	for _, m := range attribute.FindAllStringSubmatch(tag, -1) {
		all[m[1]] = html.UnescapeString(m[2])
	}
	return all
}

// newestCode asks the inbox until the message has come: it is queued, not sent by
// the page.
func newestCode(ctx context.Context, client *http.Client, origin, to string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	for {
		code, err := inboxCode(ctx, client, origin, to)
		if code != "" || err != nil {
			return code, err
		}
		select {
		case <-ctx.Done():
			return "", errors.New("no code arrived in the inbox")
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func inboxCode(ctx context.Context, client *http.Client, origin, to string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, origin+ownPages+"inbox.json?to="+url.QueryEscape(to), nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the inbox answered %d", res.StatusCode)
	}
	var messages []struct {
		Code string `json:"code"`
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, pageLimit)).Decode(&messages); err != nil {
		return "", fmt.Errorf("reading the inbox: %w", err)
	}
	if len(messages) == 0 {
		return "", nil
	}
	return messages[0].Code, nil
}

func cookiesFor(jar http.CookieJar, origin string) string {
	u, err := url.Parse(origin)
	if err != nil {
		return ""
	}
	var pairs []string
	for _, c := range jar.Cookies(u) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}
